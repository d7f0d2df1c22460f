package tokens

import (
	"strings"
	"sync/atomic"
)

const (
	// memoSlots is how many pieces a memo keeps at most, and memoBytes how long each may be:
	// two megabytes together.
	memoSlots = 1 << 14
	memoBytes = scanned
)

// memo keeps how many tokens pieces have that are no token themselves. Readers and writers
// wait for nobody: a slot points to what is never written to again. Its size is fixed. A piece
// has two slots that it may be in; a new one goes into the first, what was there into the
// second, and what was there is forgotten.
type memo struct {
	slots [memoSlots]atomic.Pointer[remembered]
}

type remembered struct {
	piece  string
	tokens int
}

// get finds a piece by its hash.
func (m *memo) get(piece string, h uint64) (tokens int, ok bool) {
	at := h % memoSlots &^ 1
	for i := range uint64(2) {
		if c := m.slots[at+i].Load(); c != nil && c.piece == piece {
			return c.tokens, true
		}
	}
	return 0, false
}

// put keeps a copy of a piece. Of two writers at a time one may be in vain.
func (m *memo) put(piece string, h uint64, tokens int) {
	at := h % memoSlots &^ 1
	if old := m.slots[at].Load(); old != nil {
		m.slots[at+1].Store(old)
	}
	m.slots[at].Store(&remembered{piece: strings.Clone(piece), tokens: tokens})
}
