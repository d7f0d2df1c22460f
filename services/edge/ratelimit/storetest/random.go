package storetest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/edge/ratelimit"
)

// However many ask at once, the limit is granted, all of it and no more.
func testConcurrentCallers(t *testing.T, g *rig) {
	t.Helper()
	const limit = 500
	var requestsGranted, slotsGranted atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := fmt.Sprint("replica", i)
			r := full(requests(limit, 0, 1, 1))
			r.Parallel = ratelimit.Slots{Limit: limit, Want: 1}
			for r.Seq = 1; ; r.Seq++ {
				answers, err := g.store.Sync(t.Context(), name, []ratelimit.Report{r})
				if err != nil || !answers[0].Known {
					t.Errorf("%+v, %v", answers, err)
					return
				}
				a := answers[0]
				requestsGranted.Add(a.Requests.Granted)
				slotsGranted.Add(a.Parallel.Granted)
				if a.Requests.Granted+a.Parallel.Granted == 0 {
					return
				}
				r.Full, r.Requests.Keep, r.Parallel.Keep = false, r.Requests.Keep+a.Requests.Granted, r.Parallel.Keep+a.Parallel.Granted
			}
		})
	}
	wg.Wait()
	if q, p := requestsGranted.Load(), slotsGranted.Load(); q != limit || p != limit {
		t.Errorf("granted %d requests and %d slots, want %d of each", q, p, limit)
	}
}

// simulated is a replica as it should be.
type simulated struct {
	name  string
	held  int64
	until time.Time
	spent map[int64]*mark
	told  map[int64]int64
}

type mark struct {
	at time.Time
	n  int64
}

// Draw makes random steps of several replicas at the store: they spend what they hold,
// report or fail to, lose answers, give back, and die. After each it checks that no window
// holds more than the limit, and in the end that the whole limit is free again.
func Draw(t *testing.T, clk *clocktest.Fake, store ratelimit.Shared, seed uint64, steps int) []ratelimit.Answer {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // the same draws for a seed
	limit := 5 + rng.Int64N(400)
	began, seq := clk.Now(), int64(0)
	type call struct {
		at time.Time
		n  int64
	}
	var calls []call
	var answers []ratelimit.Answer
	replicas := make([]*simulated, 1+rng.IntN(5))
	birth := func(i int) {
		replicas[i] = &simulated{name: fmt.Sprint("r", i, "-", seq), spent: map[int64]*mark{}, told: map[int64]int64{}}
	}
	for i := range replicas {
		birth(i)
	}
	ask := account
	ask.ID = fmt.Sprint("seed", seed)
	for range steps {
		i := rng.IntN(len(replicas))
		r := replicas[i]
		switch rng.IntN(12) {
		case 0, 1, 2:
			clk.Advance(time.Duration(rng.Int64N(3_000_000)) * time.Microsecond)
		case 3:
			if rng.IntN(10) == 0 {
				clk.Advance(time.Duration(rng.Int64N(40_000_000)) * time.Microsecond)
			}
		case 4:
			if rng.IntN(10) == 0 {
				birth(i)
			}
		case 5, 6, 7: // spend
			now := clk.Now()
			if r.held == 0 || !now.Before(r.until) {
				continue
			}
			n := 1 + rng.Int64N(r.held)
			r.held -= n
			q := int64(now.Sub(began) / time.Second)
			m := r.spent[q]
			if m == nil {
				m = &mark{}
				r.spent[q] = m
			}
			m.at, m.n = now, m.n+n
			calls = append(calls, call{now, n})
			sum := int64(0)
			for j := len(calls) - 1; j >= 0 && calls[j].at.After(now.Add(-ratelimit.Window)); j-- {
				sum += calls[j].n
			}
			if sum > limit {
				t.Fatalf("seed %d: %d within a window, the limit is %d", seed, sum, limit)
			}
		default:
			now := clk.Now()
			report := requests(limit, 0, 0, 0)
			report.Account = ask
			report.Full = !now.Before(r.until)
			if report.Full {
				r.held = 0
			}
			if r.held > 0 && rng.IntN(3) == 0 {
				r.held -= rng.Int64N(r.held + 1)
			}
			report.Requests.Keep = r.held
			if rng.IntN(4) > 0 {
				report.Requests.Need = rng.Int64N(limit/4 + 1)
				report.Requests.Want = report.Requests.Need + rng.Int64N(limit/2+1)
			}
			for q, m := range r.spent {
				if age := now.Sub(m.at); age < ratelimit.Window && (report.Full || r.told[q] != m.n) {
					report.Requests.Spent = append(report.Requests.Spent, spent(q, age, m.n))
				}
			}
			seq++
			report.Seq = seq
			got, err := store.Sync(t.Context(), r.name, []ratelimit.Report{report})
			if err != nil {
				t.Fatal(err)
			}
			a := got[0]
			answers = append(answers, a)
			if rng.IntN(8) == 0 {
				continue // it is lost on the way
			}
			if !a.Known {
				r.held, r.until = 0, time.Time{}
				continue
			}
			if g := a.Requests; g.Granted != 0 && g.Granted < report.Requests.Need || g.Free < 0 || g.Others < 0 {
				t.Fatalf("seed %d: %+v for %+v", seed, g, report.Requests)
			}
			for _, s := range report.Requests.Spent {
				r.told[s.Quantum] = s.N
			}
			r.held += a.Requests.Granted
			r.until = now.Add(Term)
		}
	}
	if len(calls) < steps/50 {
		t.Errorf("seed %d: only %d calls", seed, len(calls))
	}
	clk.Advance(ratelimit.Window + Term)
	last := full(requests(limit, 0, limit, limit))
	last.Account, last.Seq = ask, seq+1
	got, err := store.Sync(t.Context(), "last", []ratelimit.Report{last})
	if err != nil || got[0].Requests.Granted != limit {
		t.Errorf("seed %d: when all are gone, %+v of %d is granted, %v", seed, got, limit, err)
	}
	return answers
}

func testRandom(t *testing.T, g *rig) {
	t.Helper()
	for seed := range uint64(20) {
		Draw(t, g.clk, g.store, seed, 500)
	}
}
