package tokens

import (
	"math/bits"
	"unicode/utf8"
)

// Most pieces of most texts are a word of ASCII letters, at most one capital in front of small
// ones, with a space or a mark before it or without. They are found eight bytes at a time.

// front is what may be in front of a plain word's small letters (of its letters, in
// cl100k_base), by the piece's first byte.
type front uint8

const (
	notPlain    front = iota
	frontLetter       // the run itself begins
	frontOne          // one byte, then the run
	frontLead         // one byte, then a capital perhaps, then the run
)

// fronts are those of an encoding.
func fronts(t *classes, o200k bool) (f [256]front) {
	for b := range utf8.RuneSelf {
		switch c := t[b]; {
		case c == lower, c == upper && !o200k:
			f[b] = frontLetter
		case c == upper:
			f[b] = frontOne
		case c&lead != 0 && o200k:
			f[b] = frontLead
		case c&lead != 0 && b != '\'': // which may be a contraction's
			f[b] = frontOne
		}
	}
	return f
}

const ones = 0x0101010101010101

// run8 returns how many of the bytes of a word, from its lowest on, are letters that a plain
// word goes on with: small ones, or any with fold = 0x20 in each byte.
func run8(x, fold uint64) int {
	low := x&^highBits | fold
	in := (low + (0x80-'a')*ones) &^ (low + (0x7f-'z')*ones) &^ x
	return bits.TrailingZeros64(^in&highBits) / 8
}

// goesOn tells whether a plain word may go on with the lowest byte of a word: a letter beyond
// ASCII, or a contraction.
func goesOn(x uint64) bool { return x&0x80 != 0 || x&0xFF == '\'' }

// plain counts the piece that begins at text[i] if it is a plain word of at most midBytes, and
// returns where it ends; i if it is not plain, or within sixteen bytes of the text's end.
func (e *encoder) plain(text string, i int) (end, tokens int) {
	if len(text)-i < 16 {
		return i, 0
	}
	x := word64(text[i:])
	skip, fold := uint(0), uint64(0)
	switch e.fronts[x&0xFF] {
	case notPlain:
		return i, 0
	case frontLetter:
	case frontOne:
		skip = 1
	case frontLead:
		skip = 1
		if second := x >> 8 & 0xFF; second-'A' < 26 {
			skip = 2
		}
	}
	if !e.o200k {
		fold = 0x20 * ones
	}
	run := run8(x>>(8*skip), fold)
	if run == 0 {
		return i, 0
	}
	n := int(skip) + run
	if n < 8 {
		if goesOn(x >> (8 * n)) {
			return i, 0
		}
		if n == 1 {
			return i + 1, 1
		}
		return i + n, e.brief(x<<(64-8*n)>>(56-8*n)|uint64(n)<<5, text[i:i+n]) //nolint:gosec // at most seven
	}
	y := word64(text[i+8:])
	more := run8(y, fold)
	if more == 8 {
		return i, 0
	}
	if goesOn(y >> (8 * more)) {
		return i, 0
	}
	n = 8 + more
	return i + n, e.middle(x, y<<(56-8*more)<<8>>(56-8*more)|uint64(more)<<5, text[i:i+n]) //nolint:gosec // at most seven
}
