package cache

import (
	"sync"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache/index"
)

// mostBarred bounds the questions that a process remembers as barred; they take some 100 bytes each.
const mostBarred = 4096

// barred are questions whose answer somebody called wrong for another one. Who reports does not
// say what was asked, so the question is kept from all others: until the answer would have ended,
// nothing but the exact tier serves an answer to it, or serves it another's. Otherwise the next
// answer to either question would be served for the other again.
type barred struct {
	clock clock.Clock

	count atomic.Int64 // of ends, for look-ups: mostly there is none

	mu   sync.RWMutex
	ends map[barredKey]int64 // Unix time, ms
}

// barredKey is a question by its canonical form.
type barredKey struct {
	group index.Group // without an embedder's version
	form  index.Key
}

func newBarred(clk clock.Clock) *barred {
	return &barred{clock: clk, ends: make(map[barredKey]int64)}
}

// add bars a question up to a time. Where there is no room, the one goes that ends first.
func (b *barred) add(k barredKey, until int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, there := b.ends[k]; !there && len(b.ends) >= mostBarred {
		b.makeRoom()
	}
	b.ends[k] = max(b.ends[k], until)
	b.count.Store(int64(len(b.ends)))
}

func (b *barred) makeRoom() {
	var first barredKey
	for k, end := range b.ends {
		if at, ok := b.ends[first]; !ok || end < at {
			first = k
		}
	}
	delete(b.ends, first)
}

// has tells whether a question is barred.
func (b *barred) has(k barredKey) bool {
	b.mu.RLock()
	end, ok := b.ends[k]
	b.mu.RUnlock()
	return ok && b.clock.Now().Before(time.UnixMilli(end))
}

// empty tells, for little, that nothing is barred.
func (b *barred) empty() bool { return b.count.Load() == 0 }

// expire takes out what has ended.
func (b *barred) expire() {
	now := b.clock.Now().UnixMilli()
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, end := range b.ends {
		if end <= now {
			delete(b.ends, k)
		}
	}
	b.count.Store(int64(len(b.ends)))
}
