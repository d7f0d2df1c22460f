package tokens

import "sync/atomic"

const (
	// recentSlots is how many short pieces are at hand: 64 KiB, which stay in a processor's
	// near caches, where a vocabulary of megabytes does not.
	recentSlots = 1 << 13
	// recentBytes is how long such a piece may be: with its length and its tokens it is one
	// word.
	recentBytes = 7
)

// recent has the tokens of short pieces that were counted a while ago, whether they are one
// token or several. A slot is a piece, its length and its tokens in one word, so that
// readers and writers wait for nobody, and what is found is what was asked for. Most pieces
// of text in the Latin script are short.
type recent struct {
	slots [recentSlots]atomic.Uint64
}

// short packs a piece of 2 to recentBytes bytes, and its length, into a word whose lowest
// five bits are free.
func short(piece string) uint64 {
	n := len(piece)
	var w uint64
	switch {
	case n >= 4:
		w = word32(piece) | word32(piece[n-4:])<<(8*(n-4))
	case n == 3:
		w = uint64(piece[0]) | uint64(piece[1])<<8 | uint64(piece[2])<<16
	default:
		w = uint64(piece[0]) | uint64(piece[1])<<8
	}
	return w<<8 | uint64(n)<<5
}

// slot is where a packed piece may be.
func (r *recent) slot(packed uint64) *atomic.Uint64 {
	const k = 0x9E3779B97F4A7C15 // Fibonacci hashing: Knuth, "The Art of Computer Programming", vol. 3, section 6.4
	return &r.slots[packed*k>>(64-13)%recentSlots]
}

// tokensMask has the bits of a slot that are a piece's tokens, at most as many as its bytes.
const tokensMask = 1<<5 - 1
