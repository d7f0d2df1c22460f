package memory

import (
	"math"
	"math/rand/v2"
	"strings"
	"sync/atomic"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/services/cache"
)

// shard is a part of the entries. Its methods want its lock held.
type shard struct {
	mu      padded
	spaces  map[cache.Namespace]*space
	tenants map[string]map[*space]struct{}
	items   map[itemKey]*item
	// all are the items in no order, to draw from; count is how many, to be read without the lock.
	all   []*item
	count atomic.Int32
	// The queue by age.
	newest, oldest *item
}

type itemKey struct {
	space       *space
	fingerprint cache.Fingerprint
}

// space is one namespace's entries in one shard.
type space struct {
	name  cache.Namespace
	first *item
}

type item struct {
	entry       *cachev1.Entry
	expires     int64 // Unix milliseconds
	size        int64 // bytes
	worth       float64
	priority    atomic.Uint64 // a float64 of at least 0, as of its last use
	uses        atomic.Uint32
	fingerprint cache.Fingerprint
	space       *space
	at          int   // in the shard's list of all
	newer       *item // the queue
	older       *item
	next        *item // the space's list
	prev        *item
}

func (sh *shard) init() {
	sh.spaces = make(map[cache.Namespace]*space)
	sh.tenants = make(map[string]map[*space]struct{})
	sh.items = make(map[itemKey]*item)
}

func (sh *shard) find(key *cache.Key) *item {
	sp := sh.spaces[key.Namespace]
	if sp == nil {
		return nil
	}
	return sh.items[itemKey{sp, key.Fingerprint}]
}

// add puts an item, whose key is free, at the new end.
func (sh *shard) add(key *cache.Key, it *item) {
	sp := sh.spaces[key.Namespace]
	if sp == nil {
		sp = sh.open(key.Namespace)
	}
	it.space = sp
	sh.items[itemKey{sp, it.fingerprint}] = it
	it.next = sp.first
	if sp.first != nil {
		sp.first.prev = it
	}
	sp.first = it
	it.older = sh.newest
	if sh.newest != nil {
		sh.newest.newer = it
	} else {
		sh.oldest = it
	}
	sh.newest = it
	it.at = len(sh.all)
	sh.all = append(sh.all, it)
	sh.count.Store(int32(len(sh.all))) //nolint:gosec // each takes a kilobyte
}

// open makes a namespace's space. Its strings may be parts of a request's body, which
// they would keep alive, so they are copied.
func (sh *shard) open(n cache.Namespace) *space {
	n = cache.Namespace{
		Tenant: strings.Clone(n.Tenant), Provider: strings.Clone(n.Provider),
		Model: strings.Clone(n.Model), Partition: strings.Clone(n.Partition),
	}
	sp := &space{name: n}
	sh.spaces[n] = sp
	if sh.tenants[n.Tenant] == nil {
		sh.tenants[n.Tenant] = make(map[*space]struct{}, 1)
	}
	sh.tenants[n.Tenant][sp] = struct{}{}
	return sp
}

// remove takes an item out and returns its size.
func (sh *shard) remove(it *item) int64 {
	end := len(sh.all) - 1
	last := sh.all[end]
	sh.all[it.at], last.at = last, it.at
	sh.all[end] = nil
	sh.all = sh.all[:end]
	sh.count.Store(int32(end)) //nolint:gosec // as in add
	if it.newer != nil {
		it.newer.older = it.older
	} else {
		sh.newest = it.older
	}
	if it.older != nil {
		it.older.newer = it.newer
	} else {
		sh.oldest = it.newer
	}
	sp := it.space
	if it.next != nil {
		it.next.prev = it.prev
	}
	if it.prev != nil {
		it.prev.next = it.next
	} else {
		sp.first = it.next
	}
	delete(sh.items, itemKey{sp, it.fingerprint})
	if sp.first == nil {
		delete(sh.spaces, sp.name)
		of := sh.tenants[sp.name.Tenant]
		delete(of, sp)
		if len(of) == 0 {
			delete(sh.tenants, sp.name.Tenant)
		}
	}
	return it.size
}

const (
	// maxUses bounds the count of an item's uses: what was asked for often is not kept long
	// when it no longer is, and a popular item is read without being written to.
	maxUses = 8
	// leastCost is what a hit is worth whose answer cost less, in nano-dollars: it saves time
	// as well.
	leastCost = 10_000
)

// worth is what a hit is worth for each byte that the entry takes, in nano-dollars.
func worth(e *cachev1.Entry, size int64) float64 {
	return float64(max(e.GetCostNanos(), leastCost)) / float64(size)
}

// use notes that an item was put or asked for, at the store's age. The shard's lock may be
// held for reading.
func (it *item) use(age uint64) {
	// Two at a time may count once. A line that every reader writes to is slow to share, so
	// nothing is written that stands there.
	uses := it.uses.Load()
	if uses < maxUses {
		uses++
		it.uses.Store(uses)
	}
	priority := math.Float64bits(math.Float64frombits(age) + float64(uses)*it.worth)
	if it.priority.Load() != priority {
		it.priority.Store(priority)
	}
}

// draw returns the one of a few items that is worth least, and its priority: -1 for one that
// has expired. It is nil when there is none. The lock may be held for reading.
func (sh *shard) draw(now int64) (least *item, lowest float64) {
	if len(sh.all) == 0 {
		return nil, 0
	}
	if sh.oldest.expires <= now {
		return sh.oldest, -1
	}
	for range drawItems {
		it := sh.all[rand.IntN(len(sh.all))] //nolint:gosec // which entry goes is no secret
		if it.expires <= now {
			return it, -1
		}
		if p := math.Float64frombits(it.priority.Load()); least == nil || p < lowest {
			least, lowest = it, p
		}
	}
	return least, lowest
}

// has tells whether an item is still in the shard.
func (sh *shard) has(it *item) bool { return it.at < len(sh.all) && sh.all[it.at] == it }

// reapSteps bounds what a Put spends on expired entries; two a Put clear them faster
// than Puts make them.
const reapSteps = 2

// reap removes the oldest items while they have expired, and returns their size. Most
// have the same life, so the oldest are those that expired.
func (sh *shard) reap(now int64) (freed int64) {
	for range reapSteps {
		if sh.oldest == nil || sh.oldest.expires > now {
			break
		}
		freed += sh.remove(sh.oldest)
	}
	return freed
}

// invalidate ends the selected items at end, and counts those that it ended earlier.
func (sh *shard) invalidate(sel cache.Selector, end, now int64) (entries, freed int64) {
	one := sel.Entry != cache.Fingerprint{}
	for sp := range sh.tenants[sel.Tenant] {
		if !sel.Matches(sp.name) {
			continue
		}
		it := sp.first
		if one {
			it = sh.items[itemKey{sp, sel.Entry}]
		}
		for it != nil {
			next := it.next
			ended, size := sh.end(it, end, now)
			if ended {
				entries++
			}
			freed += size
			if one {
				break
			}
			it = next
		}
	}
	return entries, freed
}

// end ends an item's life at end, unless it ends earlier anyway; freed is its size when it
// is taken out.
func (sh *shard) end(it *item, end, now int64) (ended bool, freed int64) {
	switch {
	case it.expires <= now:
		return false, sh.remove(it)
	case end <= now:
		return true, sh.remove(it)
	case it.expires > end:
		it.expires = end
		return true, 0
	}
	return false, 0
}

// overhead is what an entry takes beside its bytes: the item, its place in the maps, the
// two messages, and a share of its namespace's space, in bytes. The test of the memory
// that a full store takes holds it to the truth.
const overhead = 1024

// sizeOf is what an entry is counted as, in bytes. A namespace is counted with each of
// its entries: a caller may use one partition for each.
func sizeOf(key *cache.Key, e *cachev1.Entry) int64 {
	n := &key.Namespace
	size := overhead + 2*(len(n.Tenant)+len(n.Provider)+len(n.Model)+len(n.Partition)) +
		taken(e.GetBody()) + len(e.GetProvider()) + len(e.GetUpstreamModel()) + len(e.GetDeploymentId()) +
		len(e.GetUsage().GetServiceTier()) + len(e.ProtoReflect().GetUnknown())
	for _, c := range e.GetChunks() {
		size += taken(c) + 24 // the slice's header
	}
	for _, name := range e.GetDroppedParams() {
		size += len(name) + 16 // the string's header
	}
	return int64(size)
}

// taken is what a slice's array takes. Go's allocator rounds up to its size classes, by an
// eighth at most and less on average (runtime/sizeclasses.go, Go 1.26).
func taken(b []byte) int { return cap(b) + cap(b)/8 }
