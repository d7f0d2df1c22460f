package tokens

import (
	"unicode"
	"unicode/utf8"
)

// class is a set of kinds of characters, as the splitting expressions tell them apart. Each
// character has one kind.
type class uint8

const (
	upper   class = 1 << iota // \p{Lu}, \p{Lt}
	lower                     // \p{Ll}
	other                     // \p{Lm}, \p{Lo}
	mark                      // \p{M}
	number                    // \p{N}
	space                     // \s, but for the next
	newline                   // \r, \n
	symbol                    // the rest, bytes that are not UTF-8 included

	letter  = upper | lower | other
	capital = upper | other | mark // what a word of o200k_base may begin with
	small   = lower | other | mark // and what it may end in
	lead    = symbol | mark | space
	punct   = symbol | mark
	blank   = space | newline
)

// classes are the characters' kinds up to the last plane that has anything but ideographs.
type classes [0x20000]class

func newClasses() *classes {
	t := new(classes)
	for r := range t {
		t[r] = symbol
	}
	for _, of := range []struct {
		table *unicode.RangeTable
		class class
	}{
		{unicode.Lu, upper},
		{unicode.Lt, upper},
		{unicode.Ll, lower},
		{unicode.Lm, other},
		{unicode.Lo, other},
		{unicode.M, mark},
		{unicode.N, number},
		{unicode.White_Space, space},
	} {
		for _, r := range of.table.R16 {
			t.fill(uint32(r.Lo), uint32(r.Hi), uint32(r.Stride), of.class)
		}
		for _, r := range of.table.R32 {
			t.fill(r.Lo, r.Hi, r.Stride, of.class)
		}
	}
	t['\r'], t['\n'] = newline, newline
	return t
}

func (t *classes) fill(lo, hi, stride uint32, c class) {
	for r := lo; r <= hi && r < uint32(len(t)); r += stride {
		t[r] = c
	}
}

// at returns the kind of the character at text[i], and its length in bytes.
func (t *classes) at(text string, i int) (class, int) {
	if b := text[i]; b < utf8.RuneSelf {
		return t[b], 1
	}
	return t.wide(text[i:])
}

// wide is at for characters beyond ASCII.
func (t *classes) wide(text string) (class, int) {
	// Most are of two bytes, or three without those whose second byte has a narrower range.
	switch b := text[0]; {
	case b-0xC2 < 0xE0-0xC2:
		if len(text) >= 2 && text[1]&0xC0 == 0x80 {
			return t[uint32(b&0x1F)<<6|uint32(text[1]&0x3F)], 2
		}
	case b-0xE1 < 0xED-0xE1:
		if len(text) >= 3 && text[1]&0xC0 == 0x80 && text[2]&0xC0 == 0x80 {
			return t[uint32(b&0xF)<<12|uint32(text[1]&0x3F)<<6|uint32(text[2]&0x3F)], 3
		}
	}
	r, size := utf8.DecodeRuneInString(text)
	if int(r) < len(t) {
		return t[r], size
	}
	switch {
	case unicode.Is(unicode.Lo, r):
		return other, size
	case unicode.Is(unicode.M, r): // variation selectors
		return mark, size
	default:
		return symbol, size
	}
}

// run returns where the characters of some kinds end that begin at text[i].
func (t *classes) run(text string, i int, of class) int {
	for i < len(text) {
		if b := text[i]; b < utf8.RuneSelf {
			if t[b]&of == 0 {
				return i
			}
			i++
			continue
		}
		c, size := t.wide(text[i:])
		if c&of == 0 {
			return i
		}
		i += size
	}
	return i
}
