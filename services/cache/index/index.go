package index

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/money"
)

// ID names an entry within its group.
type ID [16]byte

// Group is a hash of all that must be equal for one entry to answer another's prompt:
// namespace, context, embedder and its version. Nothing is ever found from another group.
type Group [16]byte

// Key is a hash by which an entry is found exactly.
type Key [16]byte

// Entry is what is indexed of an answer.
type Entry struct {
	ID     ID
	Group  Group
	Tenant uint64 // a hash, to purge by; entries of a group have one

	// Vector is the prompt's embedding, of 1 to 512 dimensions, as many as the group's
	// others have, and not zero. Its length doesn't count. Add copies it.
	Vector []int8
	// Keys are at most MaxKeys; equal ones may repeat.
	Keys []Key

	Expires time.Time  // the zero time is never
	Size    int64      // bytes that the answer takes elsewhere, at least 0
	Value   money.Nano // what a hit is expected to save
	Handle  uint64     // leads the caller to the answer
}

// MaxKeys is how many keys an entry may have.
const MaxKeys = 64

// Options of an index.
type Options struct {
	// MaxBytes bounds what the entries take, here and by their Size.
	MaxBytes int64
	// HalfLife is how long it takes an entry's value to halve while nobody uses it; an hour
	// if it is 0.
	HalfLife time.Duration
	// Evicted, unless nil, gets the handle of each entry that lives and is about to go because
	// others need the room, before Dropped does, and in the same way; twice at worst, where
	// two who need room choose the same.
	Evicted func(handle uint64)
	// Dropped, unless nil, gets the handle of each entry that goes, for whatever reason, once
	// and after no search can begin to find it. It is called without a lock held, by the
	// goroutine whose call made the entry go.
	Dropped func(handle uint64)
	Clock   clock.Clock
}

const shardCount = 64

// Index is safe for concurrent use. It has no goroutine.
type Index struct {
	options Options
	seed    maphash.Seed
	epoch   time.Time
	bytes   atomic.Int64
	draws   atomic.Uint64
	shards  [shardCount]shard
}

// New returns an empty index.
func New(o Options) *Index {
	if o.HalfLife <= 0 {
		o.HalfLife = time.Hour
	}
	if o.Evicted == nil {
		o.Evicted = func(uint64) {}
	}
	if o.Dropped == nil {
		o.Dropped = func(uint64) {}
	}
	ix := &Index{options: o, seed: maphash.MakeSeed(), epoch: o.Clock.Now()}
	for i := range ix.shards {
		ix.shards[i].groups, ix.shards[i].tenants = map[Group]*group{}, map[uint64]*group{}
	}
	return ix
}

var (
	// ErrFull says that an entry is larger than the whole index may be, or that others who
	// add at the same time have taken all room.
	ErrFull = errors.New("no room in the index")
	// ErrVector says that a vector is zero, or of the wrong number of dimensions.
	ErrVector = errors.New("vector does not fit")
	// ErrKeys says that an entry has more than MaxKeys keys.
	ErrKeys = errors.New("too many keys")
)

// What an entry and a group are charged beside vector, keys and Size: what they take, rounded
// up for the room that segments keep free.
const (
	entryBytes = 208
	keyBytes   = 30
	groupBytes = 512
)

func charge(e *Entry) int64 {
	return int64(entryBytes+keyBytes*len(e.Keys)+len(e.Vector)) + e.Size
}

func (ix *Index) shard(g *Group) *shard {
	return &ix.shards[maphash.Bytes(ix.seed, g[:])%shardCount]
}

// now returns the time in Unix nanoseconds, and in half-lives since the index was made.
func (ix *Index) now() (unix int64, age float64) {
	now := ix.options.Clock.Now()
	return now.UnixNano(), float64(now.Sub(ix.epoch)) / float64(ix.options.HalfLife)
}

// Add puts an entry in, in the place of the one with its group and id, if any. Others go when
// there is no room: of 16 drawn at random an expired one, or the one that is expected to save
// the least per byte. The errors are ErrFull, ErrVector and ErrKeys.
func (ix *Index) Add(e Entry) error {
	square := squareOf(e.Vector)
	switch {
	case square == 0:
		return fmt.Errorf("%w: %d dimensions, or zero", ErrVector, len(e.Vector))
	case len(e.Keys) > MaxKeys:
		return fmt.Errorf("%w: %d", ErrKeys, len(e.Keys))
	case e.Size < 0 || e.Size > ix.options.MaxBytes:
		return ErrFull
	}
	bytes := charge(&e)
	// A group that may be new is charged as well, and given back if it isn't.
	if !ix.reserve(bytes + groupBytes) {
		return ErrFull
	}
	_, age := ix.now()
	r := row{id: e.ID, handle: e.Handle, expires: math.MaxInt64, square: square}
	if !e.Expires.IsZero() {
		r.expires = e.Expires.UnixNano()
	}
	rec := record{charge: bytes, priority: weigh(int64(e.Value), bytes, age)}
	c := encode(e.Vector)
	hashes := ix.hashes(&e)

	sh := ix.shard(&e.Group)
	sh.mu.Lock()
	g := sh.groups[e.Group]
	if g != nil && g.dims != len(e.Vector) {
		sh.mu.Unlock()
		ix.bytes.Add(-bytes - groupBytes)
		return fmt.Errorf("%w: %d dimensions in a group of %d", ErrVector, len(e.Vector), g.dims)
	}
	freed := int64(groupBytes)
	old, replaced := sh.find(hashes[0], &e.Group, &e.ID)
	var handle uint64
	if replaced {
		var more int64
		more, handle = sh.remove(old)
		freed += more
		g = sh.groups[e.Group]
	}
	if g == nil {
		g = &group{key: e.Group, tenant: e.Tenant, dims: len(e.Vector)}
		sh.know(g)
		freed -= groupBytes
	}
	sh.insert(g, &e, &c, r, rec, hashes)
	sh.mu.Unlock()

	ix.bytes.Add(-freed)
	if replaced {
		ix.options.Dropped(handle)
	}
	return nil
}

// squareOf returns the square of the vector's length; 0 if it isn't one.
func squareOf(v []int8) (sum int32) {
	if len(v) > codeBits {
		return 0
	}
	for _, a := range v {
		sum += int32(a) * int32(a)
	}
	return sum
}

// hashes of the entry's id and of its keys, each once.
func (ix *Index) hashes(e *Entry) []uint64 {
	hashes := make([]uint64, 1, 1+len(e.Keys))
	hashes[0] = hash(ix.seed, ofID, &e.Group, e.ID)
next:
	for _, k := range e.Keys {
		h := hash(ix.seed, ofKey, &e.Group, k)
		for _, other := range hashes[1:] {
			if h == other {
				continue next
			}
		}
		hashes = append(hashes, h)
	}
	return hashes
}

// Used tells that an entry has answered a prompt and what that saved: it will stay longer.
func (ix *Index) Used(g Group, id ID, saved money.Nano) {
	_, age := ix.now()
	sh := ix.shard(&g)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if slot, ok := sh.find(hash(ix.seed, ofID, &g, id), &g, &id); ok {
		r := sh.records.at(slot)
		r.priority = reweigh(r.priority, int64(saved), r.charge, age)
	}
}

// Find returns the handle of an entry, whether it has expired or not.
func (ix *Index) Find(g Group, id ID) (handle uint64, ok bool) {
	sh := ix.shard(&g)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	slot, ok := sh.find(hash(ix.seed, ofID, &g, id), &g, &id)
	if !ok {
		return 0, false
	}
	_, r := sh.rowOf(slot)
	return r.handle, true
}

// Delete takes an entry out, and reports whether it was there.
func (ix *Index) Delete(g Group, id ID) bool {
	sh := ix.shard(&g)
	sh.mu.Lock()
	slot, ok := sh.find(hash(ix.seed, ofID, &g, id), &g, &id)
	if !ok {
		sh.mu.Unlock()
		return false
	}
	freed, handle := sh.remove(slot)
	sh.mu.Unlock()
	ix.bytes.Add(-freed)
	ix.options.Dropped(handle)
	return true
}

// Full tells whether entries go to make room for others, or are about to.
func (ix *Index) Full() bool { return ix.bytes.Load() > ix.options.MaxBytes-ix.options.MaxBytes/16 }

// Stats are the sizes of an index.
type Stats struct {
	Entries, Groups int
	// Bytes are what the entries are charged, their Size included.
	Bytes int64
}

// Stats counts, shard by shard; expired entries count until they are taken out.
func (ix *Index) Stats() (s Stats) {
	for i := range ix.shards {
		sh := &ix.shards[i]
		sh.mu.RLock()
		s.Entries += int(sh.records.n)
		s.Groups += len(sh.groups)
		sh.mu.RUnlock()
	}
	s.Bytes = ix.bytes.Load()
	return s
}
