package cache

import (
	"container/heap"
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache/index"
)

// What bounds the questions that a process remembers as barred, and a [Feed] for those who come
// later. They take some 200 bytes each, and a tenant as much again.
const (
	// MaxBarredOfTenant is how many of one tenant's are remembered: those that end last.
	MaxBarredOfTenant = 4096
	// MaxBarred is how many of all tenants' a process remembers, and of how many tenants a feed does.
	MaxBarred = 16384
)

// barred are questions whose answer somebody called wrong for another one. Who reports does not
// say what was asked, so the question is kept from all others: until the answer would have ended,
// nothing but the exact tier serves an answer to it, or serves it another's. Otherwise the next
// answer to either question would be served for the other again. What a tenant's callers report
// makes no other tenant's be forgotten, unless that has more.
type barred struct {
	clock clock.Clock

	count atomic.Int64 // of all ends, for look-ups: mostly there is none

	mu      sync.RWMutex
	tenants map[string]*barredOf
	most    byCount
}

// barredOf are a tenant's.
type barredOf struct {
	tenant string
	at     int // its place in byCount
	bars   map[barredKey]*bar
	first  byEnd
}

// bar is one question's.
type bar struct {
	key barredKey
	end int64 // Unix time, ms
	at  int   // its place in byEnd
}

// byEnd is a heap of what ends first.
type byEnd []*bar

func (h byEnd) Len() int           { return len(h) }
func (h byEnd) Less(i, j int) bool { return h[i].end < h[j].end }
func (h byEnd) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push is [heap.Interface]'s.
func (h *byEnd) Push(x any) {
	one, _ := x.(*bar)
	one.at = len(*h)
	*h = append(*h, one)
}

// Pop is [heap.Interface]'s.
func (h *byEnd) Pop() any {
	all := *h
	last := all[len(all)-1]
	all[len(all)-1] = nil
	*h = all[:len(all)-1]
	return last
}

// byCount is a heap of the tenants that have most.
type byCount []*barredOf

func (h byCount) Len() int           { return len(h) }
func (h byCount) Less(i, j int) bool { return len(h[i].bars) > len(h[j].bars) }
func (h byCount) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push is [heap.Interface]'s.
func (h *byCount) Push(x any) {
	of, _ := x.(*barredOf)
	of.at = len(*h)
	*h = append(*h, of)
}

// Pop is [heap.Interface]'s.
func (h *byCount) Pop() any {
	all := *h
	last := all[len(all)-1]
	all[len(all)-1] = nil
	*h = all[:len(all)-1]
	return last
}

// barredKey is a question by a hash of all that must be equal for it to be the same. It is told to
// other replicas, so nothing of the question can be read from it.
type barredKey [16]byte

// barredKeyOf is a question in a group without an embedder's version.
func barredKeyOf(plain index.Group, a *asked) (k barredKey) {
	form := a.canonical().Key()
	sum := sha256.Sum256(append(append(make([]byte, 0, len(plain)+len(form)), plain[:]...), form[:]...))
	copy(k[:], sum[:])
	return k
}

func newBarred(clk clock.Clock) *barred {
	return &barred{clock: clk, tenants: make(map[string]*barredOf)}
}

// add bars a question, unless that has ended. Where there is no room, the tenant's own goes that
// ends first; where there is none in all, that of the tenant with most.
func (b *barred) add(q *Barred) {
	k, until := barredKey(q.Question), q.Until.UnixMilli()
	if until <= b.clock.Now().UnixMilli() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	of := b.tenants[q.Tenant]
	if of == nil {
		of = &barredOf{tenant: q.Tenant, bars: make(map[barredKey]*bar, 1)}
	}
	if known := of.bars[k]; known != nil {
		known.end = max(known.end, until)
		heap.Fix(&of.first, known.at)
		return
	}
	switch {
	case len(of.bars) >= MaxBarredOfTenant:
		b.removeFirst(of)
	case b.count.Load() >= MaxBarred:
		b.removeFirst(b.largest(of))
	}
	one := &bar{key: k, end: until}
	of.bars[k] = one
	heap.Push(&of.first, one)
	if b.count.Add(1); b.tenants[q.Tenant] == of {
		heap.Fix(&b.most, of.at)
		return
	}
	b.tenants[q.Tenant] = of // the first of it, or the last but this made room
	heap.Push(&b.most, of)
}

// largest is a tenant that has most; the given one if it does.
func (b *barred) largest(of *barredOf) *barredOf {
	if len(b.most) > 0 && len(b.most[0].bars) > len(of.bars) {
		return b.most[0]
	}
	return of
}

// removeFirst takes out the one of a tenant that ends first.
func (b *barred) removeFirst(of *barredOf) {
	one, _ := heap.Pop(&of.first).(*bar)
	delete(of.bars, one.key)
	b.count.Add(-1)
	if len(of.bars) > 0 {
		heap.Fix(&b.most, of.at)
		return
	}
	heap.Remove(&b.most, of.at)
	delete(b.tenants, of.tenant)
}

// has tells whether a tenant's question is barred.
func (b *barred) has(tenant string, k barredKey) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	of := b.tenants[tenant]
	if of == nil {
		return false
	}
	one := of.bars[k]
	return one != nil && b.clock.Now().Before(time.UnixMilli(one.end))
}

// any tells, for little, whether anything of a tenant's is barred.
func (b *barred) any(tenant string) bool {
	if b.count.Load() == 0 {
		return false
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.tenants[tenant] != nil
}

// expire takes out what has ended.
func (b *barred) expire() {
	now := b.clock.Now().UnixMilli()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, of := range b.tenants {
		for len(of.first) > 0 && of.first[0].end <= now {
			b.removeFirst(of)
		}
	}
}
