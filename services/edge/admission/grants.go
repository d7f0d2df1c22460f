package admission

import (
	"crypto/sha256"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"tollgate.dev/platform/errs"
)

// handle is the SHA-256 of a secret.
type handle [sha256.Size]byte

// entry is a key as it was resolved for one of its secrets. What every call looks at
// comes first, so that it shares a cache line: most entries are cold when they are met.
type entry struct {
	// refusal is why the key does not work; nil when it does.
	refusal *errs.Error
	// expires is when the secret stops working, in Unix milliseconds; 0 is never.
	expires int64
	stamp   stamp
	// tenant is shared by the tenant's keys; nil without one.
	tenant *tenantState

	principal Principal
	handle    handle
	// next is another secret of the same key.
	next *entry
}

// stamp is when and under which watch something was learned.
type stamp struct {
	generation *generation
	// at is in Unix nanoseconds.
	at int64
}

// verified is until when what was learned is known to have held, in Unix nanoseconds.
func (s stamp) verified(now int64) int64 { return max(s.at, s.generation.vouched(now)) }

const (
	shardCount = 256
	// maxNegatives bounds the unknown secrets of one shard that are remembered.
	maxNegatives = 64
)

// grants are the resolved keys, by secret and by key id.
type grants struct {
	max     int64
	count   atomic.Int64
	seed    maphash.Seed
	shards  [shardCount]grantShard
	indexes [shardCount]indexShard
}

type grantShard struct {
	mu      sync.RWMutex
	entries map[handle]*entry
	// unknown are secrets that the keystore did not know.
	unknown map[handle]negative
	flights flights[handle, *entry]
}

// negative holds until a time, and until the next change of any key: one that was
// issued just now must work.
type negative struct {
	until int64
	seq   uint64
}

type indexShard struct {
	mu    sync.Mutex
	byKey map[string]*entry
}

func newGrants(maxKeys int64) *grants {
	g := &grants{max: maxKeys, seed: maphash.MakeSeed()}
	for i := range shardCount {
		g.shards[i].entries = make(map[handle]*entry)
		g.indexes[i].byKey = make(map[string]*entry)
	}
	return g
}

// shard picks by a byte of a hash, which spreads evenly by itself.
func (g *grants) shard(h *handle) *grantShard { return &g.shards[h[0]] }

func (g *grants) index(keyID string) *indexShard {
	return &g.indexes[maphash.String(g.seed, keyID)%shardCount]
}

// get returns the entry, or nil.
func (g *grants) get(h *handle) *entry {
	s := g.shard(h)
	s.mu.RLock()
	e := s.entries[*h]
	s.mu.RUnlock()
	return e
}

// put keeps an entry in place of an older one of the same secret. When there are too
// many it drops another, whichever comes first in the map's own random order. One that does
// not hold any more is not kept, nor is the older one: a change either finds the entry here,
// or is found by holds.
func (g *grants) put(e *entry, holds func() bool) (kept bool) {
	g.link(e)
	s := g.shard(&e.handle)
	s.mu.Lock()
	old := s.entries[e.handle]
	if !holds() {
		if old != nil {
			delete(s.entries, e.handle)
			g.count.Add(-1)
		}
		s.mu.Unlock()
		g.unlink(e)
		return false
	}
	s.entries[e.handle] = e
	delete(s.unknown, e.handle)
	var evicted *entry
	if old == nil && g.count.Add(1) > g.max {
		for _, other := range s.entries {
			if other != e {
				evicted = other
				break
			}
		}
		if evicted != nil {
			delete(s.entries, evicted.handle)
			g.count.Add(-1)
		}
	}
	s.mu.Unlock()
	if evicted != nil {
		g.unlink(evicted)
	}
	return true
}

// remove drops the entry if it is still the one that is kept.
func (g *grants) remove(e *entry) {
	g.forget(e)
	g.unlink(e)
}

func (g *grants) forget(e *entry) {
	s := g.shard(&e.handle)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[e.handle] == e {
		delete(s.entries, e.handle)
		g.count.Add(-1)
	}
}

// removeKey drops every secret of the key.
func (g *grants) removeKey(keyID string) {
	x := g.index(keyID)
	x.mu.Lock()
	first := x.byKey[keyID]
	delete(x.byKey, keyID)
	var all []*entry
	for e := first; e != nil; e = e.next {
		all = append(all, e)
	}
	x.mu.Unlock()
	for _, e := range all {
		g.forget(e)
	}
}

// link files the entry under its key, in place of an older one of the same secret.
func (g *grants) link(e *entry) {
	x := g.index(e.principal.KeyID)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cut(e.principal.KeyID, func(other *entry) bool { return other.handle == e.handle })
	e.next = x.byKey[e.principal.KeyID]
	x.byKey[e.principal.KeyID] = e
}

func (g *grants) unlink(e *entry) {
	x := g.index(e.principal.KeyID)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cut(e.principal.KeyID, func(other *entry) bool { return other == e })
	if x.byKey[e.principal.KeyID] == nil {
		delete(x.byKey, e.principal.KeyID)
	}
}

// cut takes entries out of a key's chain. The caller holds mu.
func (x *indexShard) cut(keyID string, gone func(*entry) bool) {
	var kept, last *entry
	for e := x.byKey[keyID]; e != nil; e = e.next {
		if gone(e) {
			continue
		}
		if last == nil {
			kept = e
		} else {
			last.next = e
		}
		last = e
	}
	if last != nil {
		last.next = nil
	}
	if kept != nil {
		x.byKey[keyID] = kept
	} else {
		delete(x.byKey, keyID)
	}
}

// isUnknown reports whether the keystore said of late that it does not know the secret.
func (g *grants) isUnknown(h *handle, now int64, seq uint64) bool {
	s := g.shard(h)
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, ok := s.unknown[*h]
	return ok && n.seq == seq && now < n.until
}

// setUnknown remembers that, for a while. A full shard forgets any one of them: they only
// save calls.
func (g *grants) setUnknown(h *handle, n negative) {
	s := g.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unknown == nil {
		s.unknown = make(map[handle]negative)
	}
	if len(s.unknown) >= maxNegatives {
		for other := range s.unknown {
			delete(s.unknown, other)
			break
		}
	}
	s.unknown[*h] = n
}
