// Package memory keeps the cache in the process, bounded by bytes.
//
// # Structure
//
// Entries are spread over shards by their fingerprints, which are uniform. A shard has a
// lock of its own, an index of its entries, and each namespace's entries in a list, by
// which a namespace or a tenant is purged without a look at others. There is no lock over
// all: the count of bytes is atomic, and nobody holds two locks. Bodies are never copied.
//
// # Eviction
//
// Each shard evicts by SIEVE (Zhang et al., "SIEVE is Simpler than LRU: an Efficient
// Turn-Key Eviction Algorithm for Web Caches", NSDI 2024): a queue by age, and a hand that
// goes from the oldest to the newest, spares what was asked for since it last came by and
// evicts the first that was not. Most answers are never asked for again, and those leave first.
// A hit sets one bit under the shard's read lock. Room is made in one shard after the
// other, so that one large entry does not empty the shard that it falls into.
package memory

import (
	"context"
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
	next   atomic.Uint32 // the shard that makes room next
	shards [shardCount]shard
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
		// Asked for first: a line that every reader writes to is slow to share.
		if !it.visited.Load() {
			it.visited.Store(true)
		}
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
	freed := sh.reap(now)
	if old := sh.find(&key); old != nil {
		freed += sh.remove(old)
	}
	sh.add(&key, &item{entry: rec.Entry, expires: rec.Expires.UnixMilli(), size: size, fingerprint: key.Fingerprint})
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
		sh := &s.shards[s.next.Add(1)%shardCount]
		sh.mu.Lock()
		freed := sh.evict(now)
		sh.mu.Unlock()
		s.used.Add(-freed)
	}
}

// Invalidate is [cache.Store]'s.
func (s *Store) Invalidate(_ context.Context, sel cache.Selector, until time.Time) (int64, error) {
	now, end := s.clock.Now().UnixMilli(), until.UnixMilli()
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
