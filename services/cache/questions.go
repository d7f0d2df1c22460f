package cache

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"unique"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache/index"
)

// questions are those whose answers are in the store, as far as this process knows, found by
// their canonical forms and by their vectors. They are candidates: whether an answer is still
// there, the store says.
type questions struct {
	index  *index.Index
	seed   maphash.Seed
	handle atomic.Uint64
	shards [questionShards]questionShard
}

const questionShards = 64

// questionShard holds the questions that the index knows by handle. Handles are never used
// twice, so that who found a question just before it went can't come to another one.
type questionShard struct {
	mu sync.RWMutex
	m  map[uint64]*answered
	_  [96]byte // keeps the locks of neighbours off each other's cache lines
}

// answered is a question that was answered.
type answered struct {
	namespace   unique.Handle[Namespace] // of which there are few
	fingerprint Fingerprint
	text        string
	expires     int64       // Unix time, ms
	plain       index.Group // its group without an embedder
	beyond      bool        // it came from beyond the index
}

// answeredBytes is what an [answered] takes beside its text, with its place in the map.
const answeredBytes = 136

// newQuestions has none. evicted is told of each that makes room for another.
func newQuestions(maxBytes int64, clk clock.Clock, evicted func(*answered)) *questions {
	q := &questions{seed: maphash.MakeSeed()}
	for i := range q.shards {
		q.shards[i].m = make(map[uint64]*answered)
	}
	q.index = index.New(index.Options{
		MaxBytes: maxBytes, Clock: clk, Dropped: q.dropped, Evicted: func(handle uint64) { evicted(q.get(handle)) },
	})
	return q
}

func (q *questions) shard(handle uint64) *questionShard { return &q.shards[handle%questionShards] }

func (q *questions) dropped(handle uint64) {
	sh := q.shard(handle)
	sh.mu.Lock()
	delete(sh.m, handle)
	sh.mu.Unlock()
}

// get returns the question with a handle; nil when it has gone.
func (q *questions) get(handle uint64) *answered {
	sh := q.shard(handle)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.m[handle]
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
	handle := q.handle.Add(1)
	sh := q.shard(handle)
	// The text may be a part of a whole request.
	kept := &answered{
		namespace: unique.Make(k.Key.Namespace), fingerprint: k.Key.Fingerprint,
		text: strings.Clone(k.Question.Text), expires: k.Expires.UnixMilli(), plain: plainGroup(k.Key.Namespace, &k.Question),
		beyond: k.beyond,
	}
	sh.mu.Lock()
	sh.m[handle] = kept
	sh.mu.Unlock()
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

// purge takes out what is selected.
func (q *questions) purge(sel Selector) {
	q.index.Purge(func(m index.Member) bool { return q.selected(sel, m) != nil })
}

// selects returns the questions that are selected.
func (q *questions) selects(sel Selector) (all []*answered) {
	q.index.Purge(func(m index.Member) bool {
		if a := q.selected(sel, m); a != nil {
			all = append(all, a)
		}
		return false // nothing goes
	})
	return all
}

// selected is the question of a member of the index if it is selected, else nil.
func (q *questions) selected(sel Selector, m index.Member) *answered {
	if m.Tenant != q.tenant(sel.Tenant) {
		return nil
	}
	a := q.get(m.Handle)
	if a == nil || !sel.Selects(Key{Namespace: a.namespace.Value(), Fingerprint: a.fingerprint}) {
		return nil
	}
	return a
}
