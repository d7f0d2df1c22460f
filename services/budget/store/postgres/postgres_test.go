package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"google.golang.org/protobuf/proto"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/budget/relay"
	"tollgate.dev/services/budget/store/postgres"
	"tollgate.dev/services/budget/storetest"
)

func open(t testing.TB) *postgres.Store {
	t.Helper()
	store, err := postgres.New(t.Context(), postgrestest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	store.TakeCallersTime()
	return store
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) budget.Store {
		t.Helper()
		return open(t)
	})
}

func TestOutbox(t *testing.T) {
	storetest.RunOutbox(t, func(t *testing.T) (budget.Store, relay.Outbox, storetest.Tamper) {
		t.Helper()
		pool := postgrestest.New(t)
		store, err := postgres.New(t.Context(), pool)
		if err != nil {
			t.Fatal(err)
		}
		store.TakeCallersTime()
		return store, store.Outbox(), func(t *testing.T, eventID string, record []byte) {
			t.Helper()
			query, args := "UPDATE ledger SET record = $2 WHERE event_id = $1", []any{eventID, record}
			if record == nil {
				query, args = "DELETE FROM ledger WHERE event_id = $1", []any{eventID}
			}
			if _, err := pool.Exec(t.Context(), query, args...); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Several budget services share the database, and its clock: one whose own is off loses no
// replica, gives none a longer term, and begins no window.
func TestSkewDoesNothing(t *testing.T) {
	store, err := postgres.New(t.Context(), postgrestest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	service := func(off time.Duration) *budget.Service {
		return budget.New(store, budget.Options{
			Clock: clocktest.NewAt(time.Now().Add(off)), Term: 40 * time.Second, Grace: 20 * time.Second,
		})
	}
	right, ahead, behind := service(0), service(24*time.Hour), service(-24*time.Hour)
	scope := budget.Scope{Kind: budget.Tenant, ID: "acme"}
	made, err := ahead.PutBudget(t.Context(), budget.Budget{Scope: scope, Limit: 100, Window: "1h"})
	if err != nil {
		t.Fatal(err)
	}
	for _, svc := range []*budget.Service{right, ahead, behind} {
		before := time.Now()
		got, err := svc.Lease(t.Context(), "a", []budget.Ask{{Scope: scope, Need: 10}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if off := got.Now.Sub(before).Abs(); off > time.Hour || got.Term.Sub(got.Now) != 40*time.Second {
			t.Errorf("the time is %v, the term %v; it is %v", got.Now, got.Term, before)
		}
		if start := got.Grants[0][0].Window.Start; start-made.Start > time.Hour.Milliseconds() || made.Start > time.Now().UnixMilli() {
			t.Errorf("the window begins at %v, the first at %v", time.UnixMilli(start), time.UnixMilli(made.Start))
		}
		for range 3 {
			if n, err := svc.Expire(t.Context()); err != nil || n != 0 {
				t.Errorf("charged %d, %v", n, err)
			}
			if n, err := svc.CloseWindows(t.Context()); err != nil || n != 0 {
				t.Errorf("%d windows ended, %v", n, err)
			}
		}
	}
}

// By the database's clock a replica is lost as by any other.
func TestLostByTheDatabasesTime(t *testing.T) {
	store, err := postgres.New(t.Context(), postgrestest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	svc := budget.New(store, budget.Options{ // its own clock stands still
		Clock: clocktest.New(), Term: 100 * time.Millisecond, Grace: 100 * time.Millisecond, ExpireEvery: 10 * time.Second,
	})
	scope := budget.Scope{Kind: budget.Tenant, ID: "acme"}
	if _, err := svc.PutBudget(t.Context(), budget.Budget{Scope: scope, Limit: 100}); err != nil {
		t.Fatal(err)
	}
	if _, err := svc.Lease(t.Context(), "a", []budget.Ask{{Scope: scope, Need: 10}}, nil); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for charged := 0; charged == 0; {
		if charged, err = svc.Expire(t.Context()); err != nil || time.Now().After(deadline) {
			t.Fatalf("charged %d, %v", charged, err)
		}
	}
}

// A transaction that lost against another one is run again after a pause, a few times, and
// not beyond its caller's time.
func TestLostTransactionsPause(t *testing.T) {
	store := open(t)
	lost := &pgconn.PgError{Code: "40001"}
	runs := 0
	start := time.Now()
	err := store.Update(t.Context(), budget.Footprint{}, func(*budget.Snapshot) (*budget.Mutation, error) {
		runs++
		return nil, lost
	})
	if took := time.Since(start); !errors.Is(err, lost) || runs != 6 || took < 70*time.Millisecond {
		t.Errorf("run %d times in %v: %v", runs, took, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	runs = 0
	err = store.Update(ctx, budget.Footprint{}, func(*budget.Snapshot) (*budget.Mutation, error) {
		if runs++; runs == 2 {
			cancel()
		}
		return nil, lost
	})
	if !errors.Is(err, lost) || runs != 2 {
		t.Errorf("run %d times after its caller left: %v", runs, err)
	}
	runs = 0
	other := errors.New("no reason to try again")
	err = store.Update(t.Context(), budget.Footprint{}, func(*budget.Snapshot) (*budget.Mutation, error) { runs++; return nil, other })
	if !errors.Is(err, other) || runs != 1 {
		t.Errorf("run %d times: %v", runs, err)
	}
}

// What is set aside can be read by an operator, and settled by hand.
func TestRejectedRecordsAreKept(t *testing.T) {
	pool := postgrestest.New(t)
	store, err := postgres.New(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	record := &eventv1.UsageRecord{EventId: "no uuid", TenantId: "acme", RequestId: "req_1", CostNanos: 7, Model: "m"}
	if _, err := budget.New(store, budget.Options{}).Record(t.Context(), []*eventv1.UsageRecord{record}); err != nil {
		t.Fatal(err)
	}
	var reason, tenant, request string
	var cost int64
	var raw []byte
	row := pool.QueryRow(t.Context(), "SELECT reason, tenant_id, request_id, cost_nanos, record FROM budget_rejected")
	if err := row.Scan(&reason, &tenant, &request, &cost, &raw); err != nil {
		t.Fatal(err)
	}
	kept := new(eventv1.UsageRecord)
	if err := proto.Unmarshal(raw, kept); err != nil || !proto.Equal(kept, record) {
		t.Errorf("kept as %v, %v", kept, err)
	}
	if reason != "the event id is no UUID of version 7" || tenant != "acme" || request != "req_1" || cost != 7 {
		t.Errorf("%s, %s, %s, %d", reason, tenant, request, cost)
	}
}

func TestBooks(t *testing.T) {
	storetest.RunBooks(t, func(t *testing.T) (budget.Store, budget.Books) {
		t.Helper()
		store := open(t)
		return store, store
	})
}

func BenchmarkRecord(b *testing.B) { storetest.BenchmarkRecord(b, open(b)) }

func TestModel(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			store := open(t)
			storetest.Model(t, store, store, seed)
		})
	}
}
