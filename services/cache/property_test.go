package cache_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/store/memory"
)

// asks are what the random requests ask: few texts, so that a hit that crosses anything would be
// found at once. Those of a line differ in what the near tier sees through.
var asks = [...][]string{
	{"What is the capital of France?", "what is the capital of france", "Please tell me what's the capital of France."},
	{"What is the capital of Spain?", "what is  the capital of spain"},
	{"How can I learn to play the guitar?", "how can i learn to play the guitar"},
	{"How does a beginner learn guitar?"},
	{"Why is the sky blue?", "why is the sky blue??"},
	{"if (a == b) { return c; }"},
}

// scope is what no hit may cross. Contexts are a system prompt and tools.
type scope struct {
	ns      cache.Namespace
	context string
}

// place is where an answer is: a request's scope and text.
type place struct {
	scope
	text string
}

func (p place) key() cache.Key {
	return cache.Key{Namespace: p.ns, Fingerprint: sha256.Sum256([]byte(p.context + "\n" + p.text))}
}

func (p place) question() *cache.Question {
	return &cache.Question{Context: sha256.Sum256([]byte(p.context)), Text: p.text}
}

// stored is an answer that a model of the cache knows to be there.
type stored struct {
	body          string
	made, expires time.Time
	replica       int
	last          cachev1.Tier
}

// replica is a service with its own embedder, and what the test hands it of others' changes.
type replica struct {
	*cache.Service
	apply   chan func(cache.Change)
	changed func(cache.Change)
}

// Follow is [cache.Feed]'s.
func (r *replica) Follow(ctx context.Context, _ string, apply func(cache.Change), current func()) error {
	current()
	r.apply <- apply
	<-ctx.Done()
	return ctx.Err()
}

// Bar and Question are [cache.Feed]'s: nobody calls anything wrong here.
func (*replica) Bar(context.Context, cache.Barred) error { return nil }

func (*replica) Question(context.Context, cache.Key) (*cache.Kept, error) { return nil, nil }

// telling is a store that tells all replicas of changes before a call returns.
type telling struct {
	cache.Store
	replicas []*replica
}

func (s *telling) Put(ctx context.Context, key cache.Key, rec cache.Record) (bool, error) {
	ok, err := s.Store.Put(ctx, key, rec)
	if ok && rec.Announce != nil {
		for _, r := range s.replicas {
			kept := *rec.Announce
			r.changed(cache.Change{Kept: &kept})
		}
	}
	return ok, err
}

func (s *telling) Invalidate(ctx context.Context, sel cache.Selector, until time.Time) (int64, error) {
	n, err := s.Store.Invalidate(ctx, sel, until)
	for _, r := range s.replicas {
		r.changed(cache.Change{Purged: sel})
	}
	return n, err
}

// renamed is an embedder of another version.
type renamed struct {
	embed.Embedder
	version string
}

func (r renamed) Version() string { return r.version }

// universe is three replicas over one store, and what must be true of them.
type universe struct {
	t        *testing.T
	rng      *rand.Rand
	clock    *clocktest.Fake
	replicas []*replica
	versions []string // of the embedders
	model    map[place]stored
	serial   int
	hits     map[cachev1.HitKind]int
}

func newUniverse(t *testing.T, seed uint64, table embed.Embedder) *universe {
	t.Helper()
	u := &universe{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), clock: clocktest.New(), //nolint:gosec // the same requests for a seed
		versions: []string{"a", "b", ""}, model: map[place]stored{}, hits: map[cachev1.HitKind]int{},
	}
	store := &telling{Store: memory.New(memory.Options{MaxBytes: 256 << 20, Clock: u.clock})}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	for _, version := range u.versions {
		r := &replica{apply: make(chan func(cache.Change), 1)}
		opts := cache.Options{Timeout: -1, EmbedTimeout: -1, Clock: u.clock, Floor: 0.5, Feed: r}
		if version != "" {
			opts.Embedder = renamed{table, version}
		}
		var err error
		if r.Service, err = cache.New(store, opts); err != nil {
			t.Fatal(err)
		}
		running.Go(func() { _ = r.Run(ctx) })
		r.changed = <-r.apply
		store.replicas = append(store.replicas, r)
	}
	u.replicas = store.replicas
	return u
}

func one[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

func (u *universe) place() place {
	return place{scope{
		// Names that would be the same if they were only put together.
		cache.Namespace{
			Tenant: one(u.rng, "t", "to"), Provider: one(u.rng, "o", "oo"), Model: one(u.rng, "m", "om"),
			Partition: one(u.rng, "", "p"),
		},
		one(u.rng, "", "system", "tools", "system tools"),
	}, one(u.rng, one(u.rng, asks[:]...)...)}
}

func (u *universe) step() {
	switch n := u.rng.IntN(1000); {
	case n < 2:
		u.purge()
	case n < 20:
		u.clock.Advance(time.Duration(u.rng.IntN(2000)) * time.Millisecond)
	case n < 150:
		u.store()
	default:
		u.lookup()
	}
}

func (u *universe) store() {
	p, r := u.place(), u.rng.IntN(len(u.replicas))
	u.serial++
	s := stored{
		body: fmt.Sprintf("%d", u.serial), made: u.clock.Now(), replica: r,
		last: one(u.rng, upToExact, upToNear, upToSemantic, upToSemantic),
	}
	if old, ok := u.model[p]; ok && u.alive(old) && s.last == upToExact && old.last > s.last {
		return // the question of before is still known
	}
	ttl := time.Duration(1+u.rng.IntN(60_000)) * time.Millisecond
	s.expires = u.clock.Now().Add(ttl)
	ok, err := u.replicas[r].Store(u.t.Context(), cache.Answer{
		Key: p.key(), Entry: &cachev1.Entry{Body: []byte(s.body)}, TTL: ttl, Question: p.question(), Last: s.last,
	})
	if !ok || err != nil {
		u.t.Fatalf("not stored: %v", err)
	}
	u.model[p] = s
}

func (u *universe) alive(s stored) bool { return u.clock.Now().Before(s.expires) }

func (u *universe) purge() {
	p := u.place()
	sel := cache.Selector{Tenant: p.ns.Tenant}
	if u.rng.IntN(4) > 0 {
		sel.Provider, sel.Model = p.ns.Provider, p.ns.Model
	}
	if u.rng.IntN(3) == 0 {
		sel.Partition, sel.Common = p.ns.Partition, p.ns.Partition == ""
	}
	if u.rng.IntN(3) == 0 {
		sel.Entry = p.key().Fingerprint
	}
	if _, err := u.replicas[u.rng.IntN(len(u.replicas))].Invalidate(u.t.Context(), sel, 0); err != nil {
		u.t.Fatal(err)
	}
	for q := range u.model {
		if sel.Selects(q.key()) {
			delete(u.model, q)
		}
	}
}

func (u *universe) lookup() {
	p, r := u.place(), u.rng.IntN(len(u.replicas))
	last := one(u.rng, upToExact, upToNear, upToSemantic)
	threshold := one(u.rng, nil, new(0.0), new(0.5), new(1.0))
	maxAge := one(u.rng, cache.AnyAge, cache.AnyAge, time.Duration(u.rng.IntN(60))*time.Second)
	hit := u.replicas[r].Lookup(u.t.Context(), cache.Request{Key: p.key(), MaxAge: maxAge, Question: p.question(), Last: last, Threshold: threshold})
	u.hits[hit.Kind]++
	same, there := u.model[p]
	young := func(s stored) bool { return maxAge < 0 || u.clock.Now().Sub(s.made) <= maxAge }
	if there && u.alive(same) && young(same) && hit.Kind != exact {
		u.t.Fatalf("the same request is not found: %+v", p)
	}
	if hit.Kind == miss {
		u.missed(p, r, last, maxAge)
		return
	}
	// What was served stands in the asking scope, lives, and may be found so.
	from, s, ok := u.find(p.scope, string(hit.Entry.GetBody()))
	switch {
	case !ok:
		u.t.Fatalf("a %v hit crosses a scope, or is purged: %+v", hit.Kind, p)
	case !u.alive(s):
		u.t.Fatalf("a %v hit has expired: %+v", hit.Kind, p)
	case !young(s):
		u.t.Fatalf("a %v hit is too old: %+v", hit.Kind, p)
	case hit.ID != from.key().Fingerprint:
		u.t.Fatalf("a %v hit has another's id: %+v", hit.Kind, p)
	case hit.Kind == exact && (from != p || hit.Score != 1):
		u.t.Fatalf("an exact hit of another request: %+v", p)
	case hit.Kind != exact && threshold != nil && hit.Score < *threshold:
		u.t.Fatalf("a %v hit with a score of %v: %+v", hit.Kind, hit.Score, p)
	case hit.Kind != exact && (last == upToExact || s.last == upToExact),
		hit.Kind == semantic && (last != upToSemantic || s.last != upToSemantic):
		u.t.Fatalf("a %v hit in spite of its tier: %+v", hit.Kind, p)
	case hit.Kind == semantic && u.versions[s.replica] != u.versions[r]:
		u.t.Fatalf("a semantic hit crosses embedders: %+v", p)
	case hit.Kind == near && line(from.text) != line(p.text):
		u.t.Fatalf("%q serves %q", from.text, p.text)
	}
}

// missed holds a miss against what must be found: the same question in the same scope.
func (u *universe) missed(p place, r int, last cachev1.Tier, maxAge time.Duration) {
	if last == upToExact || maxAge >= 0 {
		return
	}
	for _, text := range asks[line(p.text)] {
		q := place{p.scope, text}
		if s, ok := u.model[q]; ok && u.alive(s) && s.last != upToExact {
			u.t.Fatalf("replica %d does not find %q for %q, kept by replica %d in %+v", r, text, p.text, s.replica, p.scope)
		}
	}
}

func (u *universe) find(in scope, body string) (place, stored, bool) {
	for _, texts := range asks {
		for _, text := range texts {
			p := place{in, text}
			if s, ok := u.model[p]; ok && s.body == body {
				return p, s, true
			}
		}
	}
	return place{}, stored{}, false
}

func line(text string) int {
	for i, texts := range asks {
		for _, t := range texts {
			if t == text {
				return i
			}
		}
	}
	panic(text)
}

// A million random requests to three replicas over one store, two with embedders of different
// versions: no hit crosses a tenant, provider, model, partition, system prompt, tools or an
// embedder's version; the same request is always found, and the same question as well; nothing
// is served that has expired, is too old, was purged, or is below the threshold.
func TestAMillionRandomRequests(t *testing.T) {
	t.Parallel()
	parts, requests := uint64(8), 1_000_000/8
	if raceEnabled { // which takes minutes for all; make test runs them without it as well
		parts, requests = 2, 10_000
	}
	table := staticEmbedder(t)
	for seed := range parts {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			u := newUniverse(t, seed, table)
			for range requests {
				u.step()
			}
			t.Log(u.hits)
			for _, kind := range []cachev1.HitKind{miss, exact, near, semantic} {
				if u.hits[kind] < requests/1000 {
					t.Errorf("only %d times %v: the requests try too little", u.hits[kind], kind)
				}
			}
		})
	}
}
