package spend_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/budget/store/postgres"
	"tollgate.dev/services/edge/spend"
)

// 4 processes, 200 callers, a budget worth 1,000 calls of random cost that cost less than they
// reserved: not a nano-dollar is overspent, and less than 1 % is left when the first call is
// refused, however the slices lie.
func TestStrictAcrossProcesses(t *testing.T) {
	for name, world := range map[string]func(*testing.T) *world{
		"PostgreSQL": func(t *testing.T) *world {
			t.Helper()
			store, err := postgres.New(t.Context(), postgrestest.New(t))
			if err != nil {
				t.Fatal(err)
			}
			return worldOver(t, store, budget.Options{})
		},
		"SQLite": func(t *testing.T) *world {
			t.Helper()
			return newWorld(t, budget.Options{})
		},
	} {
		t.Run(name+", all at work", func(t *testing.T) { strict(t, world(t), 4) })
		// The others have used the budget, hold slices of it, and have nothing to do.
		t.Run(name+", two of them idle", func(t *testing.T) { strict(t, world(t), 2) })
		t.Run(name+", all but one idle", func(t *testing.T) { strict(t, world(t), 1) })
	}
}

// strict spends a budget by the callers of some of four processes.
func strict(t *testing.T, w *world, atWork int) {
	t.Helper()
	const (
		processes, callers = 4, 200
		calls              = 1000
		upper              = 2000 // a call reserves up to so much, and costs half as much on average
		limit              = calls * upper / 2
	)
	w.put(t, budget.Budget{Scope: key, Limit: limit})
	w.put(t, budget.Budget{Scope: acme, Limit: 10 * limit})
	var settled, first atomic.Int64
	spendOne := func(m *running) error {
		wanted := money.Nano(1 + dice(upper))
		res, err := m.Reserve(context.Background(), caller, wanted)
		if err != nil {
			return err
		}
		cost := wanted
		if dice(4) == 0 {
			cost = money.Nano(1 + dice(int64(wanted)))
		}
		settled.Add(int64(cost))
		m.Settle(res, call(cost))
		return nil
	}
	meters := make([]*running, processes)
	for i := range meters {
		meters[i] = w.process(t, spend.Options{})
	}
	for _, m := range meters { // each holds a slice
		if err := spendOne(m); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			for {
				err := spendOne(meters[i%atWork])
				if err == nil {
					continue
				}
				if !errs.Is(err, errs.BudgetExceeded) {
					t.Error(err)
				}
				first.CompareAndSwap(0, settled.Load())
				return
			}
		})
	}
	group.Wait()
	for _, m := range meters {
		m.close(t)
	}
	if settled.Load() > limit {
		t.Errorf("overspent by %d", settled.Load()-limit)
	}
	if used := first.Load(); used < limit*99/100 {
		t.Errorf("the first refusal came at %d of %d", used, limit)
	}
	st := w.state(t, key)
	if int64(st.Spent) != settled.Load() || st.Leased != 0 {
		t.Errorf("spent %d and leased %d, settled %d", st.Spent, st.Leased, settled.Load())
	}
	if cost, _ := w.ledger(t, "acme"); int64(cost) != settled.Load() {
		t.Errorf("the ledger has %d, settled %d", cost, settled.Load())
	}
}

// Random replicas that come and crash, scopes that rest and are forgotten, calls that cost less than they reserved, answers that
// are lost, limits that rise: at no moment do spend and leases pass a limit, and in the end
// each balance is the sum of its ledger entries.
func TestModel(t *testing.T) { model(t, newWorld(t, modelOptions())) }

func TestModelOnPostgreSQL(t *testing.T) {
	store, err := postgres.New(t.Context(), postgrestest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	model(t, worldOver(t, store, modelOptions()))
}

// modelOptions make a lost replica's leases be charged within the test.
func modelOptions() budget.Options {
	return budget.Options{Term: time.Second, Grace: 100 * time.Millisecond, ExpireEvery: 50 * time.Millisecond}
}

func model(t *testing.T, w *world) {
	t.Helper()
	seed := rand.Uint64() //nolint:gosec // chance, no secrets
	t.Logf("the seed is %d", seed)
	all := []budget.Scope{r1, acme, user, key}
	limits := map[budget.Scope]money.Nano{r1: 3_000_000, acme: 2_000_000, user: 2_500_000, key: 1_000_000}
	for scope, limit := range limits {
		w.put(t, budget.Budget{Scope: scope, Limit: limit})
	}
	flaky := func(string) error {
		if dice(20) == 0 {
			return errDown
		}
		return nil
	}
	w.client.fail(flaky, flaky)
	var settled atomic.Int64
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var actors sync.WaitGroup
	for i := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, i)) //nolint:gosec // as above
		actors.Go(func() { replicaLife(ctx, t, w, random, &settled) })
	}
	actors.Go(func() { // budgets change under load
		for ctx.Err() == nil {
			scope := all[dice(int64(len(all)))]
			limits[scope] += money.Nano(dice(50_000))
			w.put(t, budget.Budget{Scope: scope, Limit: limits[scope]}) //nolint:contextcheck // outlives ctx's end
			pause(ctx, 100*time.Millisecond)
		}
	})
	actors.Go(func() { // the invariant holds at every moment
		for ctx.Err() == nil {
			for _, scope := range all {
				if st := w.state(t, scope); st.Spent+st.Leased > st.Limit || st.Leased < 0 { //nolint:contextcheck // outlives ctx's end
					t.Errorf("%v: spent %d and leased %d of %d", scope, st.Spent, st.Leased, st.Limit)
				}
			}
			pause(ctx, 5*time.Millisecond)
		}
	})
	actors.Wait()
	w.client.fail(nil, nil)
	// Those that crashed were last heard of at the time of a clock that was ahead.
	opts := w.opts
	opts.Clock = wrongClock{Clock: clock.Real(), since: time.Now(), off: time.Hour, pace: 1}
	late := budget.New(w.store, opts)
	eventually(t, "the charge of what crashed replicas held", func() bool {
		if _, err := late.Expire(context.Background()); err != nil {
			t.Error(err)
		}
		for _, scope := range all {
			if w.state(t, scope).Leased != 0 {
				return false
			}
		}
		return true
	})
	explained := w.explained(t, all...)
	for _, scope := range all {
		st := w.state(t, scope)
		if int64(st.Spent) < settled.Load() || st.Spent > st.Limit {
			t.Errorf("%v: spent %d, settled %d, limit %d", scope, st.Spent, settled.Load(), st.Limit)
		}
		if explained[st.Budget.ID] != st.Spent {
			t.Errorf("%v: spent %d, of which the ledger explains %d", scope, st.Spent, explained[st.Budget.ID])
		}
	}
	if settled.Load() < 100 {
		t.Errorf("only %d were settled", settled.Load())
	}
	t.Logf("settled %d of %d", settled.Load(), w.state(t, key).Limit)
}

// maxOff is how far off a clock is at most. Were it much more, the service with the fastest
// clock would charge the leases of all others as soon as they have them.
const maxOff = 600 * time.Millisecond

// wrongClock is a clock that is off, and runs at another pace.
type wrongClock struct {
	clock.Clock
	since time.Time
	off   time.Duration
	pace  float64
}

func newWrongClock(random *rand.Rand) wrongClock {
	return wrongClock{
		Clock: clock.Real(), since: time.Now(), off: time.Duration(random.Int64N(int64(2*maxOff))) - maxOff,
		pace: 0.8 + 0.4*random.Float64(),
	}
}

func (c wrongClock) Now() time.Time {
	return c.since.Add(c.off + time.Duration(c.pace*float64(time.Since(c.since))))
}

// wrongProcess is a process whose clock is wrong, and whose network is cut while cut says so.
func (w *world) wrongProcess(t testing.TB, random *rand.Rand, cut *atomic.Bool) *running {
	t.Helper()
	opts := w.opts
	opts.Clock = newWrongClock(random)
	network := &faults{}
	reach := func(after bool) func(string) error {
		return func(call string) error {
			if cut.Load() {
				return errDown
			}
			return w.client.hook(call, after)
		}
	}
	network.fail(reach(false), reach(true))
	_, client, end := serve(t, w.store, opts, network)
	r := run(t, client, spend.Options{Clock: opts.Clock, Patience: 10 * time.Millisecond, RecallPatience: 20 * time.Millisecond})
	r.end = end
	return r
}

// replicaLife runs replicas one after the other; some crash in the middle of their calls, and
// some are cut off for a while.
func replicaLife(ctx context.Context, t *testing.T, w *world, random *rand.Rand, settled *atomic.Int64) {
	t.Helper()
	for ctx.Err() == nil {
		var cut atomic.Bool
		m := w.wrongProcess(t, random, &cut) //nolint:contextcheck // ends by crash or close
		life, end := context.WithTimeout(ctx, time.Duration(500+random.Int64N(2500))*time.Millisecond)
		crash, away := random.IntN(2) == 0, time.Duration(random.Int64N(int64(2*time.Second)))
		var actors sync.WaitGroup
		for range 10 {
			actors.Go(func() { spendAtRandom(life, m, settled) })
		}
		if random.IntN(2) == 0 {
			actors.Go(func() {
				pause(life, 200*time.Millisecond)
				cut.Store(true)
				pause(life, away) // a lease lasts 1.1 s
				cut.Store(false)
			})
		}
		if crash {
			pause(life, 500*time.Millisecond)
			m.crash(t)
			end()
			actors.Wait()
			continue
		}
		actors.Wait()
		end()
		m.close(t) //nolint:contextcheck // flushes after ctx's end
	}
}

// spendAtRandom makes calls until ctx ends.
func spendAtRandom(ctx context.Context, m *running, settled *atomic.Int64) {
	for ctx.Err() == nil {
		if dice(4) == 0 { // an answer from the cache needs no money
			hit := call(0)
			hit.Cache, hit.SavedCacheNanos = "semantic", 1+dice(400)
			hit.CacheHit = &eventv1.CacheHit{Tier: "semantic", Score: 0.97, AgeMillis: dice(1000), EntryId: "entry"}
			m.Settle(spend.Reservation{}, hit)
		}
		upper := money.Nano(1 + dice(400))
		res, err := m.ReserveUpTo(ctx, caller, upper, upper+money.Nano(dice(100)))
		if err != nil {
			pause(ctx, time.Millisecond)
			continue
		}
		if dice(10) == 0 {
			m.Release(res)
			continue
		}
		cost := money.Nano(dice(int64(res.Amount) + 1))
		m.Settle(res, call(cost))
		settled.Add(int64(cost))
	}
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// explained adds up, for each budget, the ledger entries that its balance consists of.
func (w *world) explained(t *testing.T, scopes ...budget.Scope) map[string]money.Nano {
	t.Helper()
	out := map[string]money.Nano{}
	var usage money.Nano
	for _, tenant := range []string{"acme", ""} {
		records, err := w.store.Usage(context.Background(), budget.UsageQuery{TenantID: tenant, AfterTenant: tenant, Limit: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		last := map[string]int64{}
		for _, r := range records {
			if r.GetSequence() != last[r.GetTenantId()]+1 && tenant != "" {
				t.Fatalf("a gap before sequence %d", r.GetSequence())
			}
			last[r.GetTenantId()] = r.GetSequence()
			switch {
			case r.GetError() == budget.LeaseLostError || r.GetError() == budget.LeaseCorrectedError:
				if tenant == r.GetTenantId() {
					out[r.GetWindow().GetBudgetId()] += money.Nano(r.GetCostNanos())
				}
			case tenant == r.GetTenantId():
				usage += money.Nano(r.GetCostNanos())
			}
		}
	}
	for _, scope := range scopes {
		out[w.state(t, scope).Budget.ID] += usage
	}
	return out
}
