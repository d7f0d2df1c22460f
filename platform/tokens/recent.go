package tokens

import "sync/atomic"

const (
	// recentSlots is how many short pieces are at hand: 256 KiB, of which those that come again
	// and again stay in a processor's near caches, where a vocabulary of megabytes does not.
	recentSlots = 1 << 15
	// recentBytes is how long such a piece may be: with its length and its tokens it is one
	// word.
	recentBytes = 7
	// midSlots is how many longer pieces are at hand, of up to midBytes: 1 MiB.
	midSlots = 1 << 15
	midBytes = 15
)

// recent has the tokens of short pieces that were counted a while ago, whether they are one
// token or several. A slot is a piece, its length and its tokens in one word, so that
// readers and writers wait for nobody, and what is found is what was asked for. Most pieces
// of text in the Latin script are short.
type recent struct {
	slots [recentSlots]atomic.Uint64
	mid   [midSlots]midSlot
}

// short packs a piece of 1 to recentBytes bytes, and its length, into a word whose lowest
// five bits are free.
func short(piece string) uint64 {
	n := len(piece)
	var w uint64
	switch {
	case n >= 4:
		w = word32(piece) | word32(piece[n-4:])<<(8*(n-4))
	case n == 3:
		w = uint64(piece[0]) | uint64(piece[1])<<8 | uint64(piece[2])<<16
	case n == 2:
		w = uint64(piece[0]) | uint64(piece[1])<<8
	case n == 1:
		w = uint64(piece[0])
	}
	return w<<8 | uint64(n)<<5
}

// fibonacci is what a packed piece is multiplied by to find its slot: Knuth, "The Art of
// Computer Programming", vol. 3, section 6.4.
const fibonacci = 0x9E3779B97F4A7C15

// slot is where a packed piece may be.
func (r *recent) slot(packed uint64) *atomic.Uint64 {
	return &r.slots[packed*fibonacci>>(64-15)%recentSlots]
}

// tokensMask has the bits of a slot that are a piece's tokens, at most as many as its bytes.
const tokensMask = 1<<5 - 1

// midSlot is a piece of 8 to midBytes bytes: the first eight, then the rest with its length
// and tokens. Two words are not read at once, so version is odd while they are written, and
// another one afterwards. A reader who finds it odd or changed has found nothing, and a writer
// who finds it odd writes nothing: nobody waits.
type midSlot struct {
	version, first, rest atomic.Uint64
	_                    uint64 // so that no slot is in two cache lines
}

// middle packs what follows the first eight bytes of a piece of 8 to midBytes bytes, and its
// length, into a word whose lowest five bits are free.
func middle(piece string) uint64 {
	n := len(piece)
	return word64(piece[n-8:])>>(8*(16-n))<<8 | uint64(n-8)<<5 //nolint:gosec // a length
}

// middleSlot is where a piece may be.
func (r *recent) middleSlot(first, rest uint64) *midSlot {
	return &r.mid[(first*fibonacci^rest)*fibonacci>>(64-15)%midSlots]
}

// get finds a piece's tokens.
func (s *midSlot) get(first, rest uint64) (tokens int, ok bool) {
	version := s.version.Load()
	a, b := s.first.Load(), s.rest.Load()
	if a != first || b&^tokensMask != rest || version&1 != 0 || s.version.Load() != version {
		return 0, false
	}
	return int(b & tokensMask), b&tokensMask != 0
}

// put keeps a piece's tokens, unless another writer is at it.
func (s *midSlot) put(first, rest uint64, tokens int) {
	version := s.version.Load()
	if version&1 != 0 || !s.version.CompareAndSwap(version, version+1) {
		return
	}
	s.first.Store(first)
	s.rest.Store(rest | uint64(tokens)) //nolint:gosec // at most midBytes
	s.version.Store(version + 2)
}
