// Package storetest is the conformance suite of budget stores: it runs the service over a
// store and holds the money to account.
package storetest

import (
	"sync"
	"testing"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/budget"
)

// Run holds the stores that open makes, each empty, to the contract of budget.Store.
func Run(t *testing.T, open func(t *testing.T) budget.Store) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, *fixture)
	}{
		{"budgets are made, changed, listed and removed", budgetLife},
		{"bad budgets are refused", badBudgets},
		{"budgets are set together or not at all", setBudgets},
		{"a lease is granted, drawn and returned", leaseLife},
		{"an entry's window is the tenant's own", windowOfTenant},
		{"slices shrink to the need near the limit", slicesShrink},
		{"soft budgets only report", softBudgets},
		{"a window rolls over", windowRollsOver},
		{"windows roll over by the calendar", calendarWindows},
		{"a lower limit stops spending", lowerLimit},
		{"repeats change nothing", repeatsChangeNothing},
		{"a cost above its lease is spent in full", overdraw},
		{"lost leases are charged and corrected", lostLease},
		{"an outage of the service loses no replica", outage},
		{"a returned replica begins anew", replicaReturns},
		{"a replica that has ended holds nothing", endedReplica},
		{"replicas that have ended hide no others", endedReplicasHideNothing},
		{"a replica that has ended gives many leases back", endManyLeases},
		{"slices follow what a replica expects to use", slicesFollowUse},
		{"sequences have no gaps under concurrency", concurrentRecords},
		{"concurrent leases never pass the limit", concurrentLeases},
		{"pages, filters and sums", usageQueries},
		{"hits of the cache are kept", cacheHits},
		{"running totals are the ledger's sums", runningTotals},
		{"changes are passed on", changes},
		{"leases are called back in every process", recalls},
		{"bad leases are refused", badCalls},
		{"records that cannot be settled are set aside", rejected},
		{"old rows are forgotten", prune},
		{"a failed decision changes nothing", failedDecision},
		{"a budget that is made anew has no old leases", budgetAnew},
		{"a window in other words is the same one", windowInOtherWords},
		{"hostile text is kept", hostileText},
		{"thresholds are told of", thresholds},
		{"thresholds are told of once", thresholdsOnce},
		{"thresholds that a lost lease reached are told of again", thresholdsOfLost},
		{"ends of windows are told of", windowResets},
		{"heads of sequences", heads},
		{"the ledger is watched", usageWatches},
		{"watches see what many write", usageWatchesOfMany},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, newFixture(t, open(t))) })
	}
}

type fixture struct {
	store budget.Store
	books budget.Books // nil but in RunBooks
	clock *clocktest.Fake
	svc   *budget.Service
	ids   *id.Generator
	seen  observer
}

type observer struct {
	mu        sync.Mutex
	overdrawn int
	rejected  int
	lost      money.Nano
}

func (o *observer) Recorded(_, overdrawn int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.overdrawn += overdrawn
}

func (o *observer) Rejected() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rejected++
}

func (o *observer) LeaseLost(amount money.Nano) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lost += amount
}

func newFixture(t *testing.T, store budget.Store) *fixture {
	t.Helper()
	f := &fixture{store: store, clock: clocktest.New()}
	f.svc = budget.New(store, budget.Options{Clock: f.clock, Observer: &f.seen})
	f.ids = id.NewGenerator(f.clock)
	return f
}

// hear lets time pass in which the service could hear of replicas, and returns how many amounts
// it charged.
func (f *fixture) hear(t *testing.T, d time.Duration) (charged int) {
	t.Helper()
	for {
		n, err := f.svc.Expire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if charged += n; d <= 0 {
			return charged
		}
		f.clock.Advance(min(d, 5*time.Second))
		d -= 5 * time.Second
	}
}

var acme = budget.Scope{Kind: budget.Tenant, ID: "acme"}

func (f *fixture) put(t *testing.T, b budget.Budget) budget.State {
	t.Helper()
	state, err := f.svc.PutBudget(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func (f *fixture) lease(t *testing.T, replica string, scope budget.Scope, need money.Nano) budget.Slice {
	t.Helper()
	got, err := f.svc.Lease(t.Context(), replica, []budget.Ask{{Scope: scope, Need: need, Ahead: money.Max, TenantID: "acme"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Grants) != 1 || len(got.Grants[0]) != 1 {
		t.Fatalf("want one slice, got %+v", got.Grants)
	}
	return got.Grants[0][0]
}

func (f *fixture) giveBack(t *testing.T, replica, lease string, total money.Nano) {
	t.Helper()
	if _, err := f.svc.Lease(t.Context(), replica, nil, []budget.Return{{LeaseID: lease, Total: total}}); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) usage(tenant string, cost money.Nano, draws ...*eventv1.LeaseDraw) *eventv1.UsageRecord {
	return &eventv1.UsageRecord{
		EventId: f.ids.NewString(), OccurredMillis: f.clock.Now().UnixMilli(), TenantId: tenant, PlatformId: "r1",
		KeyId: "k1", UserId: "u1", RequestId: "req", Model: "m", Provider: "p", CostNanos: int64(cost),
		Usage: &usagev1.Usage{Input: 10, Output: 5}, Cache: "miss", Draws: draws,
	}
}

func draw(lease string, amount money.Nano) *eventv1.LeaseDraw {
	return &eventv1.LeaseDraw{LeaseId: lease, Nanos: int64(amount)}
}

func (f *fixture) record(t *testing.T, records ...*eventv1.UsageRecord) int {
	t.Helper()
	got, err := f.svc.Record(t.Context(), records)
	if err != nil || got.Rejected != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	return got.New
}

// balance holds the one budget of a scope to what is spent and leased.
func (f *fixture) balance(t *testing.T, scope budget.Scope, spent, leased money.Nano) {
	t.Helper()
	states, err := f.svc.ListBudgets(t.Context(), []budget.Scope{scope})
	if err != nil {
		t.Fatal(err)
	}
	if len(states) != 1 {
		t.Fatalf("want one budget, got %+v", states)
	}
	if st := states[0]; st.Spent != spent || st.Leased != leased {
		t.Fatalf("spent %d and leased %d, want %d and %d", st.Spent, st.Leased, spent, leased)
	}
}

// ledger reads a tenant's whole ledger and holds its sequence to be without gaps.
func (f *fixture) ledger(t *testing.T, tenant string) []*eventv1.UsageRecord {
	t.Helper()
	records, err := f.store.Usage(t.Context(), budget.UsageQuery{TenantID: tenant, AfterTenant: tenant, Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range records {
		if r.GetSequence() != int64(i+1) {
			t.Fatalf("entry %d has sequence %d", i, r.GetSequence())
		}
	}
	return records
}

func wantReason(t *testing.T, err error, reason errs.Reason, param string) {
	t.Helper()
	if e := errs.Of(err); e == nil || e.Reason != reason || (param != "" && e.Param != param) {
		t.Errorf("error is %v (%+v), want %s of %s", err, e, reason, param)
	}
}
