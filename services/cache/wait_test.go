package cache_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/index"
	"tollgate.dev/services/cache/store/memory"
)

// slow is a store, with what it finds by vectors, that takes its time for each answer, and fails where
// it was given less.
type slow struct {
	cache.Store
	clock *clocktest.Fake
	found []*cache.Kept

	mu    sync.Mutex
	takes time.Duration
	given []time.Duration // to the calls since the last reset
}

func (s *slow) reset(takes time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes, s.given = takes, nil
}

func (s *slow) take(ctx context.Context) error {
	end, _ := ctx.Deadline()
	given := time.Until(end)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given = append(s.given, given)
	s.clock.Advance(min(s.takes, given))
	if s.takes > given {
		return context.DeadlineExceeded
	}
	return nil
}

func (s *slow) Get(ctx context.Context, key cache.Key) (cache.Record, bool, error) {
	if err := s.take(ctx); err != nil {
		return cache.Record{}, false, err
	}
	return s.Store.Get(ctx, key)
}

func (*slow) Keep(context.Context, []cache.Key) error { return nil }

func (s *slow) Near(ctx context.Context, _ cache.Scope, _ []int8, _ int, _ float64) ([]*cache.Kept, error) {
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	return s.found, nil
}

// ponderous is an embedder that takes its time as well.
type ponderous struct {
	embed.Embedder
	clock *clocktest.Fake
}

func (p *ponderous) Embed(ctx context.Context, text string, to []float32) (embed.Bill, error) {
	p.clock.Advance(50 * time.Minute)
	return p.Embedder.Embed(ctx, text, to)
}

// newSlow is a service that waits an hour for its store, which has the answer to a question. The index knows
// that, or is full of others, and vectors find it.
func newSlow(t *testing.T, beyond bool) (*slow, *fixture) {
	t.Helper()
	c := clocktest.New()
	e := &ponderous{staticEmbedder(t), c}
	s := &slow{Store: memory.New(memory.Options{Clock: c}), clock: c}
	f := newFixture(t, s, cache.Options{
		Timeout: time.Hour, TTL: 30 * 24 * time.Hour, Clock: c, Embedder: e, Vectors: s, IndexBytes: 64 << 10, Threshold: &half,
	})
	f.answer(t, guitar)
	if !beyond {
		return s, f
	}
	asks := question("c", guitar)
	key, err := cache.NewKey(namespace(), fingerprintOf(asks))
	if err != nil {
		t.Fatal(err)
	}
	q, err := cache.NewQuestion(asks)
	if err != nil {
		t.Fatal(err)
	}
	numbers := make([]float32, e.Dim())
	if _, err := e.Embedder.Embed(t.Context(), guitar, numbers); err != nil {
		t.Fatal(err)
	}
	s.found = []*cache.Kept{{
		Key: key, Question: *q, Vector: index.Quantise(numbers), Embedder: e.Version(), Expires: c.Now().Add(20 * 24 * time.Hour),
	}}
	for i := range 250 {
		q := question("c", fmt.Sprint("Which colours does the flag number ", i, " have?"))
		f.store(t, &cachev1.StoreRequest{
			Fingerprint: fingerprintOf(q), Question: q, Last: upToNear, Entry: &cachev1.Entry{Body: []byte("x"), CostNanos: 1_000_000_000},
		})
	}
	return s, f
}

// However often a look-up asks the store, it waits for it no longer than its time limit in all: each time for
// what is left. What the embedder takes is not the store's.
func TestALookUpWaitsForTheStoreOnce(t *testing.T) {
	const again, minute = "how can i learn to play the guitar", time.Minute
	for name, tc := range map[string]struct {
		beyond bool
		asks   string
		takes  time.Duration
		want   cachev1.HitKind
		given  []time.Duration
	}{
		"the same request":         {false, guitar, 45 * minute, exact, []time.Duration{60 * minute}},
		"near, in time":            {false, again, 25 * minute, near, []time.Duration{60 * minute, 35 * minute}},
		"near, too late":           {false, again, 45 * minute, miss, []time.Duration{60 * minute, 15 * minute}},
		"near, nothing is left":    {false, again, 60 * minute, miss, []time.Duration{60 * minute}},
		"semantic, in time":        {false, lute, 25 * minute, semantic, []time.Duration{60 * minute, 35 * minute}},
		"semantic, too late":       {false, lute, 45 * minute, miss, []time.Duration{60 * minute, 15 * minute}},
		"beyond, in time":          {true, lute, 15 * minute, semantic, []time.Duration{60 * minute, 45 * minute, 30 * minute}},
		"beyond, too late to read": {true, lute, 25 * minute, miss, []time.Duration{60 * minute, 35 * minute, 10 * minute}},
		"beyond, too late to find": {true, lute, 45 * minute, miss, []time.Duration{60 * minute, 15 * minute}},
	} {
		t.Run(name, func(t *testing.T) {
			s, f := newSlow(t, tc.beyond)
			s.reset(tc.takes)
			if got := f.ask(t, tc.asks, upToSemantic, nil).GetHit(); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			ok := len(s.given) == len(tc.given)
			for i := 0; ok && i < len(s.given); i++ {
				ok = s.given[i] <= tc.given[i] && s.given[i] > tc.given[i]-5*minute // which is the test's own
			}
			if !ok {
				t.Errorf("its calls are given %v, want %v", s.given, tc.given)
			}
		})
	}
}

// A caller with less time than the limit waits no longer than that.
func TestALookUpWaitsNoLongerThanItsCaller(t *testing.T) {
	s, f := newSlow(t, false)
	s.reset(time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	q := question("c", lute)
	if _, err := f.Lookup(ctx, &cachev1.LookupRequest{Namespace: namespace(), Fingerprint: fingerprintOf(q), Question: q, Last: upToSemantic}); err != nil {
		t.Fatal(err)
	}
	if len(s.given) != 2 || max(s.given[0], s.given[1]) > 10*time.Minute {
		t.Errorf("its calls are given %v", s.given)
	}
}
