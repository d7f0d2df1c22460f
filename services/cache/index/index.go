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
	// MaxBytes bounds what the entries take, here and by their Size, and what is held for them.
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

// What is charged beside vectors, keys and Size: what each takes of the heap, with its share of the maps and
// lists that it stands in.
const (
	entryBytes   = 64  // its record, and the cell of its id
	keyBytes     = 29  // a cell, and its share of the buckets
	rowBytes     = 40  // beside code and vector
	segmentBytes = 168 // without rows
	groupBytes   = 200 // without segments
	tenantBytes  = 32  // in a shard
)

// bytesOfRow is what a row of a segment takes, used or not.
func bytesOfRow(dims int) int64 { return int64(rowBytes + codeBits/8 + dims) }

// bytesOfSegment is what a segment of so many rows takes.
func bytesOfSegment(dims, rows int) int64 {
	n := int64(rows)
	return segmentBytes + onHeap(n*8*leadWords) + onHeap(n*8*restWords) + onHeap(n*rowBytes) + onHeap(n*int64(dims))
}

// onHeap is what an array of so many bytes takes there, in the mean: sizes come in classes, and large ones
// are whole pages. Two arrays never take less than one of both sizes, so that a group whose segments become
// one takes no more.
func onHeap(bytes int64) int64 { return bytes + min(bytes/16, 4096) }

// charge is what an entry with so many different keys takes beside its row.
func charge(e *Entry, keys int) int64 { return int64(entryBytes+keyBytes*keys) + e.Size }

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
	_, age := ix.now()
	r := row{id: e.ID, handle: e.Handle, expires: math.MaxInt64, square: square}
	if !e.Expires.IsZero() {
		r.expires = e.Expires.UnixNano()
	}
	hashes := ix.hashes(&e)
	rec := record{charge: charge(&e, len(hashes)-1)}
	rec.priority = weigh(int64(e.Value), rec.charge+bytesOfRow(len(e.Vector)), age)
	c := encode(e.Vector)

	sh := ix.shard(&e.Group)
	g, reserved, err := ix.open(sh, &e, rec.charge)
	if err != nil {
		return err
	}
	held := sh.held
	var freed int64
	var handle uint64
	old, replaced := sh.find(hashes[0], &e.Group, &e.ID)
	if replaced {
		freed, handle = sh.overwrite(old, &e, &c, r, rec, hashes)
	} else {
		if g == nil {
			g = &group{key: e.Group, tenant: e.Tenant, dims: len(e.Vector)}
			sh.know(g)
		}
		s, taken := g.room(sh, ix)
		reserved += taken
		sh.insert(g, s, &e, &c, r, rec, hashes)
	}
	held = sh.held - held
	sh.mu.Unlock()

	ix.bytes.Add(rec.charge + held - freed - reserved)
	if replaced {
		ix.options.Dropped(handle)
	}
	return nil
}

// open locks the entry's shard with as many bytes reserved as the entry needs at least there, its charge and
// what its group grows by, and returns the group, if there is one. How much that is can only be seen under the lock, and to make room others'
// are taken: at first it is what an entry of a new group needs.
func (ix *Index) open(sh *shard, e *Entry, charge int64) (g *group, reserved int64, err error) {
	dims := len(e.Vector)
	for need := groupBytes + tenantBytes + bytesOfSegment(dims, 1); ; {
		need += charge
		if !ix.reserve(need - reserved) {
			ix.bytes.Add(-reserved)
			return nil, 0, ErrFull
		}
		reserved = need
		sh.mu.Lock()
		g = sh.groups[e.Group]
		switch {
		case g == nil:
			return nil, reserved, nil
		case g.dims != dims:
			sh.mu.Unlock()
			ix.bytes.Add(-reserved)
			return nil, 0, fmt.Errorf("%w: %d dimensions in a group of %d", ErrVector, dims, g.dims)
		}
		if need = g.growth(); charge+need <= reserved {
			return g, reserved, nil
		}
		sh.mu.Unlock()
	}
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
		s, _ := sh.rowOf(slot)
		r.priority = reweigh(r.priority, int64(saved), r.charge+bytesOfRow(s.group.dims), age)
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

// Hold charges bytes that the caller keeps for entries, and for more than one of them, until Release; others
// go as for an entry. There is no room for them when it returns false.
func (ix *Index) Hold(bytes int64) bool { return ix.reserve(bytes) }

// Release gives back what was held.
func (ix *Index) Release(bytes int64) { ix.bytes.Add(-bytes) }

// Full tells whether entries go to make room for others, or are about to.
func (ix *Index) Full() bool { return ix.bytes.Load() > ix.options.MaxBytes-ix.options.MaxBytes/16 }

// Stats are the sizes of an index.
type Stats struct {
	Entries, Groups int
	// Bytes are what is charged: what entries and groups take, the entries' Size, and what is held.
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
