package budget_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"go.uber.org/fx"
	"go.uber.org/goleak"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/background"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/rpc"
	platform "tollgate.dev/platform/sqlite"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/budget/relay"
	"tollgate.dev/services/budget/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newStore(t *testing.T) *sqlite.Store {
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
	return store
}

// The module serves the whole contract, in process and over HTTP alike.
func TestModuleServesTheContract(t *testing.T) {
	server, store := rpc.NewServer(), newStore(t)
	app := fx.New(
		fx.NopLogger,
		fx.Provide(func() (budget.Store, relay.Outbox) { return store, store.Outbox() }),
		fx.Supply(server, relay.Options{}, budget.Options{PollEvery: time.Millisecond, ExpireEvery: time.Millisecond}),
		fx.Provide(func() *slog.Logger { return slog.New(slog.DiscardHandler) }, background.NewWork),
		budget.Module(),
	)
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := app.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	mux := http.NewServeMux()
	rpc.Mount(mux, server)
	remote := httptest.NewServer(mux)
	defer remote.Close()
	for name, transport := range map[string]*connect.Client{
		"in process": rpc.InProcess(server), "HTTP": rpc.Remote(remote.Client(), remote.URL),
	} {
		t.Run(name, func(t *testing.T) {
			contract(t, budgetv1connect.NewBudgetServiceClient(transport), name)
		})
	}
}

func contract(t *testing.T, client budgetv1connect.BudgetServiceClient, name string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watch, err := client.WatchBudgets(ctx, &budgetv1.WatchBudgetsRequest{ReplicaId: name})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := watch.Receive(); err != nil || !first.GetReset_() {
		t.Fatalf("the first message is %v, %v", first, err)
	}
	scope := &budgetv1.Scope{Kind: budgetv1.ScopeKind_SCOPE_KIND_TENANT, Id: name}
	put, err := client.PutBudget(ctx, &budgetv1.PutBudgetRequest{Budget: &budgetv1.Budget{
		Scope: scope, LimitNanos: 1000, Window: "month", TimeZone: "Europe/Berlin", Enforcement: budgetv1.Enforcement_ENFORCEMENT_SOFT,
	}})
	if err != nil {
		t.Fatal(err)
	}
	made := put.GetState().GetBudget()
	if made.GetId() == "" || made.GetEnforcement() != budgetv1.Enforcement_ENFORCEMENT_SOFT || put.GetState().GetEndMillis() == 0 {
		t.Fatalf("made %v", put)
	}
	for told := false; !told; {
		res, err := watch.Receive()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range res.GetChanged() {
			told = told || s.GetId() == name
		}
		told = told || res.GetReset_()
	}
	made.Enforcement = budgetv1.Enforcement_ENFORCEMENT_STRICT
	if _, err := client.PutBudget(ctx, &budgetv1.PutBudgetRequest{Budget: made}); err != nil {
		t.Fatal(err)
	}
	lease, err := client.Lease(ctx, &budgetv1.LeaseRequest{ReplicaId: name, Asks: []*budgetv1.LeaseAsk{{Scope: scope, NeedNanos: 100, TenantId: name}}})
	if err != nil {
		t.Fatal(err)
	}
	slice := lease.GetGrants()[0].GetSlices()[0]
	if slice.GetGrantedNanos() < 100 || slice.GetRemainingNanos()+slice.GetGrantedNanos() != 1000 || lease.GetTermMillis() != lease.GetNowMillis()+60_000 || !lease.GetReset_() {
		t.Fatalf("leased %v", lease)
	}
	ids := id.NewGenerator(clock.Real())
	records := make([]*eventv1.UsageRecord, 3)
	for i := range records {
		records[i] = &eventv1.UsageRecord{
			EventId: ids.NewString(), TenantId: name, KeyId: "k", CostNanos: 10, RequestId: "r",
			Draws: []*eventv1.LeaseDraw{{LeaseId: slice.GetLeaseId(), Nanos: 10}},
		}
	}
	for _, want := range []int32{3, 0} {
		if res, err := client.Record(ctx, &budgetv1.RecordRequest{ReplicaId: name, Records: records}); err != nil || res.GetRecorded() != want {
			t.Fatalf("recorded %v, %v; want %d", res, err, want)
		}
	}
	page, err := client.ListUsage(ctx, &budgetv1.ListUsageRequest{TenantId: name, Limit: 2})
	if err != nil || len(page.GetRecords()) != 2 || page.GetNextCursor() == "" || page.GetRecords()[1].GetWindow().GetSpentNanos() != 20 {
		t.Fatalf("%v, %v", page, err)
	}
	page, err = client.ListUsage(ctx, &budgetv1.ListUsageRequest{TenantId: name, Cursor: page.GetNextCursor()})
	if err != nil || len(page.GetRecords()) != 1 || page.GetRecords()[0].GetSequence() != 3 || page.GetNextCursor() != "" {
		t.Fatalf("%v, %v", page, err)
	}
	following, err := client.WatchUsage(ctx, &budgetv1.WatchUsageRequest{TenantId: name, Positions: []*budgetv1.UsagePosition{{TenantId: name, Sequence: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	if there, err := following.Receive(); err != nil || len(there.GetRecords()) != 1 || there.GetRecords()[0].GetSequence() != 3 || there.GetCaughtUp() {
		t.Fatalf("%v, %v", there, err)
	}
	if told, err := following.Receive(); err != nil || !told.GetCaughtUp() || len(told.GetRecords()) != 0 {
		t.Fatalf("%v, %v", told, err)
	}
	spend, err := client.GetSpend(ctx, &budgetv1.GetSpendRequest{Group: budgetv1.SpendGroup_SPEND_GROUP_KEY, Scopes: []*budgetv1.Scope{scope}})
	if err != nil || len(spend.GetSpends()) != 1 || spend.GetSpends()[0].GetCostNanos() != 30 || spend.GetSpends()[0].GetGroup() != "k" {
		t.Fatalf("%v, %v", spend, err)
	}
	list, err := client.ListBudgets(ctx, &budgetv1.ListBudgetsRequest{Scopes: []*budgetv1.Scope{scope}})
	if err != nil || len(list.GetStates()) != 1 || list.GetStates()[0].GetSpentNanos() != 30 || list.GetStates()[0].GetLeasedNanos() != slice.GetGrantedNanos()-30 {
		t.Fatalf("%v, %v", list, err)
	}
	gone, err := client.DeleteBudgets(ctx, &budgetv1.DeleteBudgetsRequest{Scopes: []*budgetv1.Scope{scope}})
	if err != nil || len(gone.GetIds()) != 1 {
		t.Fatalf("%v, %v", gone, err)
	}
	_, err = client.PutBudget(ctx, &budgetv1.PutBudgetRequest{Budget: &budgetv1.Budget{Scope: scope, LimitNanos: -1}})
	if e := errs.Of(err); e.Reason != errs.InvalidRequest || e.Param != "budget.limit_nanos" {
		t.Fatalf("a negative limit: %v", err)
	}
	_, err = client.GetSpend(ctx, &budgetv1.GetSpendRequest{Group: -5})
	if !errs.Is(err, errs.InvalidRequest) {
		t.Fatalf("an unknown group: %v", err)
	}
	_, err = client.ListBudgets(ctx, &budgetv1.ListBudgetsRequest{Scopes: []*budgetv1.Scope{{Kind: 259, Id: "x"}}})
	if !errs.Is(err, errs.InvalidRequest) {
		t.Fatalf("an unknown kind: %v", err)
	}
	cancel()
	for err = nil; err == nil; {
		_, err = watch.Receive()
	}
	for err = nil; err == nil; {
		_, err = following.Receive()
	}
}
