package cache

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache/index"
)

// What bounds the questions that a process remembers as barred. They take some 100 bytes each, and
// a tenant as much again.
const (
	mostBarredOfTenant = 4096
	mostBarred         = 16384
)

// barred are questions whose answer somebody called wrong for another one. Who reports does not
// say what was asked, so the question is kept from all others: until the answer would have ended,
// nothing but the exact tier serves an answer to it, or serves it another's. Otherwise the next
// answer to either question would be served for the other again. What a tenant's callers report
// makes no other tenant's be forgotten, unless that has more.
type barred struct {
	clock clock.Clock

	count atomic.Int64 // of all ends, for look-ups: mostly there is none

	mu   sync.RWMutex
	ends map[string]map[barredKey]int64 // by tenant; Unix time, ms
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
	return &barred{clock: clk, ends: make(map[string]map[barredKey]int64)}
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
	if end, there := b.ends[q.Tenant][k]; there {
		b.ends[q.Tenant][k] = max(end, until)
		return
	}
	switch {
	case len(b.ends[q.Tenant]) >= mostBarredOfTenant:
		b.makeRoom(q.Tenant)
	case b.count.Load() >= mostBarred:
		b.makeRoom(b.largest(q.Tenant))
	}
	if b.ends[q.Tenant] == nil {
		b.ends[q.Tenant] = make(map[barredKey]int64, 1)
	}
	b.ends[q.Tenant][k] = until
	b.count.Add(1)
}

// largest is a tenant that has most; the given one if it does.
func (b *barred) largest(tenant string) string {
	for t, ends := range b.ends {
		if len(ends) > len(b.ends[tenant]) {
			tenant = t
		}
	}
	return tenant
}

// makeRoom takes out the one of a tenant that ends first.
func (b *barred) makeRoom(tenant string) {
	var first barredKey
	ends := b.ends[tenant]
	for k, end := range ends {
		if at, ok := ends[first]; !ok || end < at {
			first = k
		}
	}
	b.remove(tenant, first)
}

// remove takes out one that is there.
func (b *barred) remove(tenant string, k barredKey) {
	delete(b.ends[tenant], k)
	b.count.Add(-1)
	if len(b.ends[tenant]) == 0 {
		delete(b.ends, tenant)
	}
}

// has tells whether a tenant's question is barred.
func (b *barred) has(tenant string, k barredKey) bool {
	b.mu.RLock()
	end, ok := b.ends[tenant][k]
	b.mu.RUnlock()
	return ok && b.clock.Now().Before(time.UnixMilli(end))
}

// any tells, for little, whether anything of a tenant's is barred.
func (b *barred) any(tenant string) bool {
	if b.count.Load() == 0 {
		return false
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.ends[tenant]) > 0
}

// expire takes out what has ended.
func (b *barred) expire() {
	now := b.clock.Now().UnixMilli()
	b.mu.Lock()
	defer b.mu.Unlock()
	for tenant, ends := range b.ends {
		for k, end := range ends {
			if end <= now {
				b.remove(tenant, k)
			}
		}
	}
}
