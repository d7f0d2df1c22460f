package cache

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/priority"
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
	largest priority.Queue[*barredOf]
}

// barredOf are a tenant's.
type barredOf struct {
	tenant  string
	bars    map[barredKey]*bar
	endings priority.Queue[*bar]
	place   int
}

// Before is [priority.Item]'s: who has most is the first.
func (o *barredOf) Before(other *barredOf) bool { return len(o.bars) > len(other.bars) }

// Place is [priority.Item]'s.
func (o *barredOf) Place() *int { return &o.place }

// bar is one question's.
type bar struct {
	key   barredKey
	end   int64 // Unix time, ms
	place int
}

// Before is [priority.Item]'s: what ends first is the first.
func (b *bar) Before(other *bar) bool { return b.end < other.end }

// Place is [priority.Item]'s.
func (b *bar) Place() *int { return &b.place }

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
// ends first, which may be the new one; where there is none in all, that of the tenant with most.
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
		of.endings.Fix(known)
		return
	}
	from := of
	if len(of.bars) < MaxBarredOfTenant {
		from = b.whoMakesRoom(of)
	}
	if from != nil {
		if from == of && until <= of.endings.First().end {
			return
		}
		b.removeFirst(from)
	}
	one := &bar{key: k, end: until}
	of.bars[k] = one
	of.endings.Push(one)
	if b.count.Add(1); b.tenants[q.Tenant] == of {
		b.largest.Fix(of)
		return
	}
	b.tenants[q.Tenant] = of // the first of it, or the last but this made room
	b.largest.Push(of)
}

// whoMakesRoom is a tenant that has most, where there is no room in all; the given one if it does.
func (b *barred) whoMakesRoom(of *barredOf) *barredOf {
	if b.count.Load() < MaxBarred {
		return nil
	}
	if b.largest.Len() > 0 && b.largest.First().Before(of) {
		return b.largest.First()
	}
	return of
}

// removeFirst takes out the one of a tenant that ends first.
func (b *barred) removeFirst(of *barredOf) {
	one := of.endings.First()
	of.endings.Remove(one)
	delete(of.bars, one.key)
	b.count.Add(-1)
	if len(of.bars) > 0 {
		b.largest.Fix(of)
		return
	}
	b.largest.Remove(of)
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
		for of.endings.Len() > 0 && of.endings.First().end <= now {
			b.removeFirst(of)
		}
	}
}
