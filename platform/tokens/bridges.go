package tokens

import "unicode/utf8"

// bridges are the pairs of neighbouring characters beyond ASCII that are within some token.
// Where no token bridges two characters, a piece may be cut without changing its count: the
// first merge over that place would make a token that has both sides of it, and until then
// what is merged on one side knows nothing of the other. A clause of a script that puts no
// spaces between words is a piece as a whole, hundreds of bytes long and never seen again;
// the parts that it is cut into are mostly short, and come again.
//
// A token may begin or end within a character. Of such a one only the byte next to the other
// character counts, so that a pair is looked for with either or both as that byte.
//
// It is a Bloom filter (64 KiB, two bits a pair, some 20,000 pairs): a pair that it has by
// chance is a cut less, and changes no count.
type bridges [1 << bridgesBits]uint64

const bridgesBits = 13

// cut returns where a piece may be cut first, and the pair of characters there; or its length.
func (b *bridges) cut(piece string) (end int, pair uint64) {
	before := uint64(0)
	for i := 0; i < len(piece); {
		if piece[i] < utf8.RuneSelf {
			before = 0
			i++
			continue
		}
		after, size := wide(piece[i:])
		if before != 0 {
			pair, last, first := before<<32|after, uint64(piece[i-1])<<32, uint64(piece[i])
			if !b.has(pair) && !b.has(before<<32|first) && !b.has(last|after) && !b.has(last|first) {
				return i, pair
			}
		}
		before = after
		i += size
	}
	return len(piece), 0
}

// wide returns the character beyond ASCII that a text begins with, and its length in bytes. A
// byte that is none, or only a part of one, stands for itself.
func wide(text string) (character uint64, size int) {
	r, size := utf8.DecodeRuneInString(text)
	if size == 1 {
		return uint64(text[0]), 1
	}
	return uint64(uint32(r)), size //nolint:gosec // a character is not negative
}

// add has a token cut nowhere.
func (b *bridges) add(token string) {
	for end, pair := b.cut(token); end < len(token); end, pair = b.cut(token) {
		at, mask := place(pair)
		b[at] |= mask
	}
}

func (b *bridges) has(pair uint64) bool {
	at, mask := place(pair)
	return b[at]&mask == mask
}

// place returns which word has a pair's bits, and the bits.
func place(pair uint64) (at, mask uint64) {
	h := pair * fibonacci
	return h >> (64 - bridgesBits), 1<<(h>>(58-bridgesBits)%64) | 1<<(h>>(52-bridgesBits)%64)
}
