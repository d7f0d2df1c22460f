package cache_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/memory"
)

func TestCompareRefuses(t *testing.T) {
	s := newStudent(t, memory.New(memory.Options{}), learning("a", nil))
	ns := namespace()
	s.keep(t, ns)
	token := s.ask(t, ns).GetComparison()
	for name, req := range map[string]*cachev1.CompareRequest{
		"no namespace":    {Comparison: token},
		"no comparison":   {Namespace: ns},
		"a cut one":       {Namespace: ns, Comparison: token[:40]},
		"another version": {Namespace: ns, Comparison: append([]byte{9}, token[1:]...)},
		"a longer one":    {Namespace: ns, Comparison: append(token[:len(token):len(token)], 0)},
	} {
		if _, err := s.Compare(t.Context(), req); !errs.Is(errs.FromConnect(err), errs.InvalidRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An answer that is gone may have been purged for what it said: it counts as wrong. While the store is
// away nothing is learned.
func TestWhatIsGoneCountsAsWrong(t *testing.T) {
	how := learning("a", nil)
	coin := 0.999
	how.Coin = func() float64 { return coin }
	s := newStudent(t, memory.New(memory.Options{}), how)
	ns := namespace()
	s.keep(t, ns)
	if s.compare(t, ns, 200, agrees) == 0 {
		t.Fatal("nothing is served")
	}
	for range 40 {
		coin = 0
		token := s.ask(t, ns).GetComparison()
		if _, err := s.Invalidate(t.Context(), &cachev1.InvalidateRequest{TenantId: "t"}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Compare(t.Context(), &cachev1.CompareRequest{Namespace: ns, Comparison: token, Body: agrees}); err != nil {
			t.Fatal(err)
		}
		s.keep(t, ns)
	}
	coin = 0.999
	if got := s.ask(t, ns); got.GetHit() != miss || len(got.GetComparison()) == 0 {
		t.Errorf("%v", got)
	}
}

// Of the would-be hits of one entry one is compared while nothing is served, whoever asks at the same time: the
// others would teach nothing. Where it is served all may be, for the account.
func TestAnEntryIsComparedOnceWhileNothingIsServed(t *testing.T) {
	s := newStudent(t, memory.New(memory.Options{}), learning("a", nil))
	ns := namespace()
	s.keep(t, ns)
	q := question("c", asked)
	var wg sync.WaitGroup
	var comparisons atomic.Int32
	for range 16 {
		wg.Go(func() {
			got, err := s.Lookup(t.Context(), &cachev1.LookupRequest{Namespace: ns, Fingerprint: fingerprintOf(q), Question: q})
			if err != nil || got.GetHit() != miss {
				t.Error(got, err)
			}
			if len(got.GetComparison()) > 0 {
				comparisons.Add(1)
			}
		})
	}
	wg.Wait()
	if n := comparisons.Load(); n != 1 {
		t.Errorf("%d comparisons of one entry, want 1", n)
	}
	// A later answer to the same request is another entry.
	s.keep(t, ns)
	if got := s.ask(t, ns); len(got.GetComparison()) == 0 {
		t.Error("the next answer is not compared")
	}
	if got := s.ask(t, ns); len(got.GetComparison()) > 0 {
		t.Error("the next answer is compared twice")
	}
}

// However often one entry is hit, it proves no more than one does.
func TestOneEntryProvesNothing(t *testing.T) {
	how := learning("a", nil)
	coin := 0.0
	how.Coin = func() float64 { return coin }
	s := newStudent(t, memory.New(memory.Options{}), how)
	ns := namespace()
	s.keep(t, ns)
	for range 300 {
		got := s.ask(t, ns)
		if len(got.GetComparison()) == 0 {
			continue
		}
		if _, err := s.Compare(t.Context(), &cachev1.CompareRequest{Namespace: ns, Comparison: got.GetComparison(), Body: agrees}); err != nil {
			t.Fatal(err)
		}
	}
	if coin = 0.999; s.ask(t, ns).GetHit() != miss {
		t.Error("one entry proved a threshold")
	}
	if s.compare(t, ns, 200, agrees) == 0 {
		t.Fatal("nothing is served")
	}
	// While it is served it is compared again, and what is wrong is paid for.
	coin = 0
	for range 100 {
		got := s.ask(t, ns)
		if len(got.GetComparison()) == 0 {
			break // nothing is served any more
		}
		if _, err := s.Compare(t.Context(), &cachev1.CompareRequest{Namespace: ns, Comparison: got.GetComparison(), Body: contrasts}); err != nil {
			t.Fatal(err)
		}
	}
	if coin = 0.999; s.ask(t, ns).GetHit() != miss {
		t.Error("what one entry's comparisons find wrong is not paid for")
	}
}

// Serving begins however long the provider takes, if its answers agree: what has ended by the time of its
// comparison says nothing, and what was purged before its end is wrong.
func TestWhatHasEndedIsLeftOut(t *testing.T) {
	for name, c := range map[string]struct {
		ttl, latency time.Duration
		purged       bool
		body         []byte
		want         cachev1.HitKind
	}{
		"an hour, 30 s":             {time.Hour, 30 * time.Second, false, agrees, semantic},
		"10 minutes, 10 s":          {10 * time.Minute, 10 * time.Second, false, agrees, semantic},
		"a minute, 30 s":            {time.Minute, 30 * time.Second, false, agrees, semantic},
		"a minute, 30 s, wrong":     {time.Minute, 30 * time.Second, false, contrasts, miss},
		"a minute, 30 s, purged":    {time.Minute, 30 * time.Second, true, agrees, miss},
		"a minute, 30 s, no answer": {time.Minute, 30 * time.Second, false, nil, miss},
	} {
		t.Run(name, func(t *testing.T) {
			clk, seen, how := clocktest.New(), &counts{}, learning("a", nil)
			how.MaxWrongHitRate = 0.02
			_, client := serve(t, memory.New(memory.Options{Clock: clk}), cache.Options{
				Embedder: staticEmbedder(t), Last: upToSemantic, Floor: 0.5, Learning: how, Clock: clk, Observer: seen, TTL: c.ttl,
			})
			s, ns := &student{CacheServiceClient: client}, namespace()
			left := 0 // out
			most := 300
			if c.want == semantic {
				most = 2000
			}
			for i := range most {
				in := s.another(t, ns)
				// Would-be hits come evenly over an entry's life, and in no order.
				age := c.ttl * time.Duration(i*618%1000) / 1000
				clk.Advance(age)
				got := s.ask(t, in)
				if len(got.GetComparison()) == 0 {
					break // it is served
				}
				if c.purged {
					if _, err := s.Invalidate(t.Context(), &cachev1.InvalidateRequest{TenantId: "t"}); err != nil {
						t.Fatal(err)
					}
				}
				clk.Advance(c.latency)
				if age+c.latency >= c.ttl && c.body != nil {
					left++
				}
				if _, err := s.Compare(t.Context(), &cachev1.CompareRequest{Namespace: in, Comparison: got.GetComparison(), Body: c.body}); err != nil {
					t.Fatal(err)
				}
			}
			if got := s.ask(t, s.another(t, ns)).GetHit(); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
			if n := seen.of("compared unknown"); n != left || left == 0 && c.body != nil {
				t.Errorf("%d comparisons were left out, want %d", n, left)
			}
		})
	}
}
