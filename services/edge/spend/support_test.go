package spend_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/rpc"
	platform "tollgate.dev/platform/sqlite"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/budget/store/sqlite"
	"tollgate.dev/services/edge/spend"
)

// world is a store and a budget service over it, for the test's own questions and for the
// meters of its process.
type world struct {
	store  budget.Store
	opts   budget.Options
	svc    *budget.Service
	client *faulty
}

func newWorld(t testing.TB, opts budget.Options) *world {
	t.Helper()
	db, err := platform.Open(t.Context(), filepath.Join(t.TempDir(), "budget.db"), platform.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	store, err := sqlite.New(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return worldOver(t, store, opts)
}

func worldOver(t testing.TB, store budget.Store, opts budget.Options) *world {
	t.Helper()
	w := &world{store: store, opts: opts}
	var end func()
	w.svc, w.client, end = serve(t, store, opts, &faults{})
	t.Cleanup(end)
	return w
}

// serve runs a budget service over the transport that the program uses in one process, until
// end is called.
func serve(t testing.TB, store budget.Store, opts budget.Options, f *faults) (svc *budget.Service, client *faulty, end func()) {
	t.Helper()
	svc = budget.New(store, opts)
	server := rpc.NewServer()
	budgetv1connect.RegisterBudgetServiceHandler(server, budget.Handler(svc))
	client = &faulty{BudgetServiceClient: budgetv1connect.NewBudgetServiceClient(rpc.InProcess(server)), faults: f}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := svc.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return svc, client, func() { cancel(); wg.Wait() }
}

// process is what a process of the program has: a meter and a budget service of its own, over
// the store that all share. Both end together.
func (w *world) process(t testing.TB, opts spend.Options) *running {
	t.Helper()
	_, client, end := serve(t, w.store, w.opts, w.client.faults)
	r := run(t, client, opts)
	r.end = end
	return r
}

func (w *world) put(t testing.TB, b budget.Budget) budget.State {
	t.Helper()
	state, err := w.svc.PutBudget(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func (w *world) state(t testing.TB, scope budget.Scope) budget.State {
	t.Helper()
	states, err := w.svc.ListBudgets(context.Background(), []budget.Scope{scope})
	if err != nil || len(states) != 1 {
		t.Fatalf("%+v, %v", states, err)
	}
	return states[0]
}

// ledger adds a tenant's ledger up and holds its sequence to be without gaps.
func (w *world) ledger(t testing.TB, tenant string) (cost money.Nano, entries int) {
	t.Helper()
	records, err := w.store.Usage(context.Background(), budget.UsageQuery{TenantID: tenant, AfterTenant: tenant, Limit: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range records {
		if r.GetSequence() != int64(i+1) {
			t.Fatalf("entry %d has sequence %d", i, r.GetSequence())
		}
		cost += money.Nano(r.GetCostNanos())
	}
	return cost, len(records)
}

// start runs a meter until the test ends, and closes it.
func (w *world) start(t testing.TB, opts spend.Options) *running {
	t.Helper()
	return run(t, w.client, opts)
}

// run runs a meter until the test ends, and closes it.
func run(t testing.TB, client budgetv1connect.BudgetServiceClient, opts spend.Options) *running {
	t.Helper()
	r := &running{Meter: spend.New(client, opts), done: make(chan error, 1), end: func() {}}
	var ctx context.Context
	ctx, r.kill = context.WithCancel(context.Background())
	go func() { r.done <- r.Run(ctx) }()
	t.Cleanup(func() { r.close(t) })
	return r
}

type running struct {
	*spend.Meter
	kill context.CancelFunc
	done chan error
	end  func()
	once sync.Once
}

// crash ends the meter as the end of its process would: nothing is flushed or returned.
func (r *running) crash(t testing.TB) {
	t.Helper()
	r.once.Do(func() {
		r.kill()
		if err := <-r.done; err != nil {
			t.Error(err)
		}
		r.end()
	})
}

func (r *running) close(t testing.TB) {
	t.Helper()
	r.once.Do(func() {
		defer r.kill()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("closing the meter: %v", err)
		}
		if err := <-r.done; err != nil {
			t.Error(err)
		}
		r.end()
	})
}

// faulty is a client whose calls can be made to fail, before or after the service saw them.
type faulty struct {
	budgetv1connect.BudgetServiceClient
	*faults
}

// faults are what fails, in the clients of all processes.
type faults struct {
	mu     sync.Mutex
	before func(call string) error
	after  func(call string) error
	calls  map[string]int
}

func (f *faults) fail(before, after func(call string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after = before, after
}

func (f *faults) count(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[call]
}

func (f *faults) hook(call string, after bool) error {
	f.mu.Lock()
	hook := f.before
	if after {
		hook = f.after
	} else {
		if f.calls == nil {
			f.calls = map[string]int{}
		}
		f.calls[call]++
	}
	f.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(call)
}

var errDown = errs.New(errs.ServiceUnavailable, "down for the test")

func down(string) error { return errDown }

func (f *faulty) Lease(ctx context.Context, req *budgetv1.LeaseRequest) (*budgetv1.LeaseResponse, error) {
	if err := f.hook("lease", false); err != nil {
		return nil, err
	}
	res, err := f.BudgetServiceClient.Lease(ctx, req)
	if err == nil {
		err = f.hook("lease", true)
	}
	return res, err
}

func (f *faulty) Record(ctx context.Context, req *budgetv1.RecordRequest) (*budgetv1.RecordResponse, error) {
	if err := f.hook("record", false); err != nil {
		return nil, err
	}
	res, err := f.BudgetServiceClient.Record(ctx, req)
	if err == nil {
		err = f.hook("record", true)
	}
	return res, err
}

func (f *faulty) EndReplica(ctx context.Context, req *budgetv1.EndReplicaRequest) (*budgetv1.EndReplicaResponse, error) {
	if err := f.hook("end", false); err != nil {
		return nil, err
	}
	res, err := f.BudgetServiceClient.EndReplica(ctx, req)
	if err == nil {
		err = f.hook("end", true)
	}
	return res, err
}

// dice returns a number from 0 up to n.
func dice(n int64) int64 {
	return rand.Int64N(n) //nolint:gosec // keeps no secret
}

// eventually waits for a condition that other goroutines bring about.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("%s did not come about", what)
		case <-tick.C:
		}
	}
}

var (
	scopes = spend.Scopes{Platform: "r1", Tenant: "acme", User: "u1", Key: "k1"}
	caller = spend.Call{Scopes: scopes, PlatformID: "r1", UserID: "u1", RequestID: "req", Model: "m", CallType: "chat.completions", StartedMillis: 1}
	acme   = budget.Scope{Kind: budget.Tenant, ID: "acme"}
	user   = budget.Scope{Kind: budget.User, ID: "acme/u1"}
	key    = budget.Scope{Kind: budget.Key, ID: "k1"}
	r1     = budget.Scope{Kind: budget.Platform, ID: "r1"}
)

func call(cost money.Nano) *eventv1.UsageRecord {
	return &eventv1.UsageRecord{
		TenantId: "acme", PlatformId: "r1", KeyId: "k1", UserId: "u1", RequestId: "req", Model: "m", CallType: "chat.completions", StartedMillis: 1,
		CostNanos: int64(cost),
	}
}

func reserve(t testing.TB, m *running, upper money.Nano) spend.Reservation {
	t.Helper()
	// By a clock that nobody turns, a refused call would wait for ever.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	res, err := m.Reserve(ctx, caller, upper)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func exceeded(t testing.TB, err error) *errs.Error {
	t.Helper()
	if !errs.Is(err, errs.BudgetExceeded) {
		t.Fatalf("error is %v, want budget_exceeded", err)
	}
	return errs.Of(err)
}
