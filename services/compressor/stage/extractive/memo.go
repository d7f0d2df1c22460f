package extractive

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/extract"
	"tollgate.dev/services/compressor/prompt"
)

// memoBytes bounds what is remembered of selections, in bytes of text.
const memoBytes = 16 << 20

// memo remembers selections. A conversation comes again with each turn, and what becomes of
// its earlier texts is the same each time: to find it takes a hash of them, a hundredth of
// what choosing again would. What is remembered depends on nothing but what was asked, so
// that it says nothing of who asked.
type memo struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]*remembered
	used  *list.List // of keys, the last one used in front
	bytes int
}

type remembered struct {
	at   *list.Element
	size int
	res  extract.Result
}

func newMemo() *memo {
	return &memo{known: map[[sha256.Size]byte]*remembered{}, used: list.New()}
}

// keyOf is the hash of everything that a selection depends on. No two selections run into
// the same bytes, because lengths stand before texts. A hash never fails.
func keyOf(question string, encoding tokens.Encoding, budget int64, texts []*prompt.Text) (key [sha256.Size]byte) {
	h := sha256.New()
	var b [8]byte
	number := func(n int64) {
		binary.LittleEndian.PutUint64(b[:], uint64(n)) //nolint:gosec // any bits will do
		_, _ = h.Write(b[:])
	}
	text := func(s string) {
		number(int64(len(s)))
		_, _ = h.Write([]byte(s))
	}
	number(int64(encoding))
	number(budget)
	text(question)
	for _, t := range texts {
		text(t.Current())
	}
	h.Sum(key[:0])
	return key
}

func (m *memo) get(key [sha256.Size]byte) (extract.Result, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.known[key]
	if !ok {
		return extract.Result{}, false
	}
	m.used.MoveToFront(r.at)
	return r.res, true
}

// put remembers a selection, which nobody writes to any more. One that would take a quarter
// of the room is not.
func (m *memo) put(key [sha256.Size]byte, res extract.Result) {
	r := &remembered{res: res, size: sha256.Size}
	for i := range res.Texts {
		r.size += len(res.Texts[i]) + 16*len(res.Omitted[i])
	}
	if r.size > memoBytes/4 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known[key] != nil {
		return
	}
	r.at = m.used.PushFront(key)
	m.known[key] = r
	for m.bytes += r.size; m.bytes > memoBytes; {
		oldest, _ := m.used.Remove(m.used.Back()).([sha256.Size]byte) // nothing else is in the list
		m.bytes -= m.known[oldest].size
		delete(m.known, oldest)
	}
}
