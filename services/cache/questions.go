package cache

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache/index"
)

// questions are those whose answers are in the store, as far as this process knows, found by
// their canonical forms and by their vectors. They are candidates: whether an answer is still
// there, the store says.
type questions struct {
	index      *index.Index
	seed       maphash.Seed
	count      atomic.Uint32
	shards     [questionShards]questionShard
	namespaces namespaces
}

const questionShards = 64

// A handle is by what the index knows a question: half a hash of the question's key, by which it is
// found for that as well, and half a count. So handles are not used twice, and who found a question
// just before it went can't come to another one.
const countBits = 32

// questionShard holds the questions whose key's hash leads to it, by that hash.
type questionShard struct {
	mu sync.RWMutex
	m  map[uint32]*answered
	_  [96]byte // keeps the locks of neighbours off each other's cache lines
}

// answered is a question that was answered.
type answered struct {
	next        *answered // with the same hash
	count       uint32    // its handle's
	namespace   *heldNamespace
	fingerprint Fingerprint
	text        string
	expires     int64       // Unix time, ms
	plain       index.Group // its group without an embedder
	bare        bool        // nothing else was told to the model
	beyond      bool        // it came from beyond the index
	met         atomic.Bool // a threshold that learns has decided about a would-be hit of its entry
}

// meet reports whether this would-be hit is the first of the entry about which a threshold that learns decides, as
// far as this process knows. Its coin says whether the entry is evidence, whatever comes of it.
func (a *answered) meet() (first bool) { return !a.met.Load() && !a.met.Swap(true) }

// answeredBytes is what an [answered] takes beside its text, with its place in the map.
const answeredBytes = 152

// newQuestions has none. evicted is told of each that makes room for another.
func newQuestions(maxBytes int64, clk clock.Clock, evicted func(*answered)) *questions {
	q := &questions{seed: maphash.MakeSeed()}
	for i := range q.shards {
		q.shards[i].m = make(map[uint32]*answered)
	}
	q.index = index.New(index.Options{
		MaxBytes: maxBytes, Clock: clk, Dropped: q.dropped, Evicted: func(handle uint64) { evicted(q.get(handle)) },
	})
	q.namespaces = namespaces{index: q.index, m: make(map[Namespace]*heldNamespace)}
	return q
}

func (q *questions) hash(key *Key) uint32 { return uint32(maphash.Comparable(q.seed, *key)) } //nolint:gosec // a part will do

func (q *questions) shard(hash uint32) *questionShard { return &q.shards[hash%questionShards] }

func partsOf(handle uint64) (hash, count uint32) {
	return uint32(handle >> countBits), uint32(handle) //nolint:gosec // its halves
}

// hold keeps a question under the hash of its key, and returns its handle.
func (q *questions) hold(a *answered, hash uint32) (handle uint64) {
	a.count = q.count.Add(1)
	sh := q.shard(hash)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	a.next, sh.m[hash] = sh.m[hash], a
	return uint64(hash)<<countBits | uint64(a.count)
}

func (q *questions) dropped(handle uint64) {
	if a := q.take(handle); a != nil {
		q.namespaces.release(a.namespace)
	}
}

// take returns the question with a handle, which it has no longer.
func (q *questions) take(handle uint64) *answered {
	hash, count := partsOf(handle)
	sh := q.shard(hash)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	first := sh.m[hash]
	at := &first
	for *at != nil && (*at).count != count {
		at = &(*at).next
	}
	a := *at
	if a == nil {
		return nil
	}
	*at = a.next
	if first == nil {
		delete(sh.m, hash)
	} else {
		sh.m[hash] = first
	}
	return a
}

// get returns the question with a handle; nil when it has gone.
func (q *questions) get(handle uint64) *answered {
	hash, count := partsOf(handle)
	sh := q.shard(hash)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	a := sh.m[hash]
	for a != nil && a.count != count {
		a = a.next
	}
	return a
}

// of returns the question of the entry under a key; more than one where it was kept in several
// contexts.
func (q *questions) of(key *Key) (all []*answered) {
	hash := q.hash(key)
	sh := q.shard(hash)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	for a := sh.m[hash]; a != nil; a = a.next {
		if a.fingerprint == key.Fingerprint && a.namespace.Namespace == key.Namespace {
			all = append(all, a)
		}
	}
	return all
}

// bare is the vector of a question that has none: the index wants one.
var bare = []int8{1}

// home returns the group of a record's question, and the vector that it has there: one of the
// process's embedder, whose version is given, or the bare one. other is the group where the
// question is if it is not at home.
func home(k *Kept, embedder string) (g, other index.Group, vector []int8) {
	without, with := scopeOf(k.Key.Namespace, &k.Question, ""), scopeOf(k.Key.Namespace, &k.Question, embedder)
	if embedder == "" || len(k.Vector) == 0 || k.Embedder != embedder {
		return without.group(), with.group(), bare
	}
	return with.group(), without.group(), k.Vector
}

// knows reports whether the record's question is there already, with the same end.
func (q *questions) knows(k *Kept, embedder string) bool {
	g, _, _ := home(k, embedder)
	handle, ok := q.index.Find(g, idOf(k.Key.Fingerprint))
	if !ok {
		return false
	}
	a := q.get(handle)
	return a != nil && a.expires == k.Expires.UnixMilli()
}

// add puts a question in, in the place of the one with its key. A question that doesn't fit
// in is left out.
func (q *questions) add(k *Kept, a *asked, embedder string) error {
	group, other, vector := home(k, embedder)
	ns := q.namespaces.hold(k.Key.Namespace)
	if ns == nil {
		return index.ErrFull
	}
	// The text may be a part of a whole request.
	kept := &answered{
		namespace: ns, fingerprint: k.Key.Fingerprint,
		text: strings.Clone(k.Question.Text), expires: k.Expires.UnixMilli(), plain: plainGroup(k.Key.Namespace, &k.Question),
		bare: k.Question.Bare, beyond: k.beyond,
	}
	kept.met.Store(k.met)
	handle := q.hold(kept, q.hash(&k.Key))
	var room [index.MaxKeys]index.Key
	err := q.index.Add(index.Entry{
		ID: idOf(k.Key.Fingerprint), Group: group, Tenant: q.tenant(k.Key.Namespace.Tenant),
		Vector: vector, Keys: nearKeys(room[:0], a.canonical()),
		Expires: k.Expires, Size: answeredBytes + int64(len(kept.text)), Value: k.Value, Handle: handle,
	})
	if err != nil {
		q.dropped(handle)
	}
	// What was kept before under the key may have had a vector where this has none.
	if other != group {
		q.index.Delete(other, idOf(k.Key.Fingerprint))
	}
	return err
}

// idOf is a question's within its group.
func idOf(f Fingerprint) index.ID { return index.ID(f[:len(index.ID{})]) }

func (q *questions) tenant(id string) uint64 { return maphash.String(q.seed, id) }

// plainGroup is the group of a question that has no vector.
func plainGroup(ns Namespace, of *Question) index.Group {
	without := scopeOf(ns, of, "")
	return without.group()
}

// purge takes out what is selected. Of one entry the question is in a group with the process's embedder, of which
// the version is given, or without; of more it goes through the tenant's groups, each of which is of one namespace, and
// takes out whole ones.
func (q *questions) purge(sel Selector, embedder string) {
	if key, ok := sel.Key(); ok {
		for _, a := range q.of(&key) {
			q.index.Delete(a.plain, idOf(a.fingerprint))
			q.index.Delete(withEmbedder(a.plain, embedder), idOf(a.fingerprint))
		}
		return
	}
	groups := q.index.Groups(q.tenant(sel.Tenant), func(handle uint64) bool {
		a := q.get(handle)
		return a != nil && sel.Matches(a.namespace.Namespace)
	})
	for _, g := range groups {
		if sel.Entry != (Fingerprint{}) {
			q.index.Delete(g, idOf(sel.Entry))
		} else {
			q.index.DeleteGroup(g)
		}
	}
}
