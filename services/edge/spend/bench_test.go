package spend_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/edge/spend"
	"tollgate.dev/services/edge/spend/journal"
)

// BenchmarkReserveSettle is what a call costs of the hot path: a reservation in every budget
// that applies, its settlement, and both in the log. The record that the caller makes is
// in it. The key is another one each time, so that its memory is cold where many are known.
// thread-ns/op is the processor time of the calling thread alone, and process-ns/op that of
// the whole process, with delivery, syncing and garbage collection: on a machine that does
// other work as well, they tell more than the time on the wall. They are of a second round:
// a goroutine that is held to its thread waits longer for its turn.
func BenchmarkReserveSettle(b *testing.B) {
	for _, c := range []struct {
		name                string
		keys, busy, tenants int
		budgets             []budgetv1.ScopeKind
		logged              bool
	}{
		{"no budgets", 1, 1, 1, nil, true},
		{"key", 1, 1, 1, []budgetv1.ScopeKind{budgetv1.ScopeKind_SCOPE_KIND_KEY}, true},
		{"four scopes, no log", 1, 1, 1, everyKind, false},
		{"four scopes", 1, 1, 1, everyKind, true},
		{"a million keys, a thousand busy", 1_000_000, 1000, 10_000, everyKind, true},
		{"a million keys, two scopes", 1_000_000, 1_000_000, 10_000, keyAndTenant, true},
		{"a million keys", 1_000_000, 1_000_000, 10_000, everyKind, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			reserveSettle(b, c.keys, c.busy, c.tenants, c.budgets, c.logged)
		})
	}
}

var (
	keyAndTenant = []budgetv1.ScopeKind{budgetv1.ScopeKind_SCOPE_KIND_KEY, budgetv1.ScopeKind_SCOPE_KIND_TENANT}
	everyKind    = append([]budgetv1.ScopeKind{budgetv1.ScopeKind_SCOPE_KIND_USER, budgetv1.ScopeKind_SCOPE_KIND_PLATFORM}, keyAndTenant...)
)

func reserveSettle(b *testing.B, keys, busy, tenants int, budgets []budgetv1.ScopeKind, logged bool) {
	b.Helper()
	names := newNames(keys, tenants)
	before := heap()
	opts := spend.Options{IdleAfter: 100 * time.Hour, FlushEvery: 100 * time.Millisecond}
	if logged {
		log, err := journal.Open(journal.Options{Dir: filepath.Join(b.TempDir(), "wal"), Name: "a"})
		if err != nil {
			b.Fatal(err)
		}
		opts.Journal = log
	}
	server := rpc.NewServer()
	budgetv1connect.RegisterBudgetServiceHandler(server, &generous{budgets: budgets})
	m := run(b, budgetv1connect.NewBudgetServiceClient(rpc.InProcess(server)), opts)
	know(b, m, names)
	known := heap() - before
	collecting := time.Now()
	runtime.GC()
	collected := time.Since(collecting)
	usage := &usagev1.Usage{Input: 1200, Output: 300}
	next := 0
	reserveAndSettle := func() {
		call := names.call(next)
		if next += 7919; next >= busy { // a prime: all busy keys have their turn
			next %= busy
		}
		res, err := m.Reserve(context.Background(), call, 1000)
		if err != nil {
			b.Fatal(err)
		}
		m.Settle(res, &eventv1.UsageRecord{
			OccurredMillis: 1_764_000_000_800, TenantId: call.Tenant, PlatformId: call.PlatformID, KeyId: call.Key, UserId: call.UserID,
			RequestId: call.RequestID, CorrelationId: call.CorrelationID, Provider: "openai", Model: call.Model,
			UpstreamModel: "gpt-4o-mini-2024-07-18", DeploymentId: "5d41402abc4b2a76", Usage: usage, CostNanos: 900, LatencyMillis: 800,
			Cache: "miss", CallType: call.CallType, StartedMillis: call.StartedMillis, FirstByteMillis: 1_764_000_000_400,
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		reserveAndSettle()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread, process := cpu()
	for range b.N {
		reserveAndSettle()
	}
	threadNow, processNow := cpu()
	b.ReportMetric(float64(threadNow-thread)/float64(b.N), "thread-ns/op")
	b.ReportMetric(float64(processNow-process)/float64(b.N), "process-ns/op")
	b.ReportMetric(float64(known)/(1<<20), "MB")
	b.ReportMetric(float64(collected.Microseconds())/1000, "ms/gc")
	if st := m.Stats(); st.Unlogged != 0 || st.Rejected != 0 {
		b.Errorf("ended with %+v", st)
	}
	m.close(b)
}

// names are those of the callers, each once in memory, as the edge has them. Ten keys are a
// user's.
type names struct{ keys, users, tenants []string }

func newNames(keys, tenants int) *names {
	n := &names{keys: make([]string, keys), users: make([]string, keys/10+1), tenants: make([]string, tenants)}
	for i := range n.keys {
		n.keys[i] = fmt.Sprintf("01a20acd-7d7b-7a75-bb6a-%012d", i)
	}
	for i := range n.users {
		n.users[i] = fmt.Sprintf("user-%06d", i)
	}
	for i := range n.tenants {
		n.tenants[i] = fmt.Sprintf("tenant-%05d", i)
	}
	return n
}

func (n *names) call(i int) spend.Call {
	user := n.users[i/10]
	return spend.Call{
		Scopes:     spend.Scopes{Platform: "default", Tenant: n.tenants[i/10%len(n.tenants)], User: user, Key: n.keys[i]},
		PlatformID: "default", UserID: user, RequestID: "req_01a20acd-7d7b-7a75-bb6a-5fdd5ca4107f",
		CorrelationID: "req_01a20acd-7d7b-7a75-bb6a-5fdd5ca4107f", Model: "gpt-4o-mini", CallType: "chat.completions",
		StartedMillis: 1_764_000_000_000,
	}
}

// know has every scope loaded.
func know(tb testing.TB, m *running, names *names) {
	tb.Helper()
	var wg sync.WaitGroup
	var next atomic.Int64
	for range min(512, len(names.keys)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(names.keys)); i = next.Add(1) - 1 {
				res, err := m.Reserve(context.Background(), names.call(int(i)), 1000)
				if err != nil {
					tb.Error(err)
					return
				}
				m.Release(res)
			}
		})
	}
	wg.Wait()
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // the first one leaves what pools held
	var st runtime.MemStats
	runtime.ReadMemStats(&st)
	return int64(st.HeapAlloc)
}

// generous is a budget service that keeps no books: it grants whatever is asked for and
// takes every record.
type generous struct {
	budgetv1connect.BudgetServiceHandler

	budgets []budgetv1.ScopeKind
	leases  atomic.Int64
}

func (g *generous) Lease(_ context.Context, req *budgetv1.LeaseRequest) (*budgetv1.LeaseResponse, error) {
	res := &budgetv1.LeaseResponse{NowMillis: 1, TermMillis: 1 + time.Hour.Milliseconds()}
	for _, ask := range req.GetAsks() {
		grant := &budgetv1.LeaseGrant{}
		for _, kind := range g.budgets {
			if ask.GetScope().GetKind() != kind {
				continue
			}
			id := fmt.Sprintf("01a20acd-7d7b-7a75-bb6b-%012d", g.leases.Add(1))
			grant.Slices = append(grant.Slices, &budgetv1.Slice{
				LeaseId: id, GrantedNanos: int64(money.Max / 8), RemainingNanos: int64(money.Max / 2),
				Budget: &budgetv1.Budget{Id: "b" + id[1:], LimitNanos: int64(money.Max)},
			})
		}
		res.Grants = append(res.Grants, grant)
	}
	return res, nil
}

func (g *generous) Record(_ context.Context, req *budgetv1.RecordRequest) (*budgetv1.RecordResponse, error) {
	return &budgetv1.RecordResponse{Recorded: int32(len(req.GetRecords()))}, nil
}

func (g *generous) EndReplica(context.Context, *budgetv1.EndReplicaRequest) (*budgetv1.EndReplicaResponse, error) {
	return &budgetv1.EndReplicaResponse{}, nil
}

func (g *generous) WatchBudgets(ctx context.Context, _ *budgetv1.WatchBudgetsRequest, _ budgetv1connect.BudgetServiceWatchBudgetsServerStream) error {
	<-ctx.Done()
	return nil
}
