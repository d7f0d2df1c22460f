package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/budget"
)

func repeatsChangeNothing(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 100})
	s := f.lease(t, "a", acme, 100)
	r := f.usage("acme", 30, draw(s.Lease.ID, 30))
	if n := f.record(t, r, r); n != 1 {
		t.Fatalf("%d recorded of one twice", n)
	}
	if n := f.record(t, r); n != 0 {
		t.Fatalf("%d recorded of a repeat", n)
	}
	if r.Sequence != 0 || r.Window != nil {
		t.Fatal("the sender's record was written to")
	}
	f.giveBack(t, "a", s.Lease.ID, 50)
	f.giveBack(t, "a", s.Lease.ID, 50)
	f.giveBack(t, "a", s.Lease.ID, 20) // late
	f.balance(t, acme, 30, 20)
	f.giveBack(t, "a", s.Lease.ID, 1000) // more than there is
	f.giveBack(t, "a", "no such lease", 10)
	f.balance(t, acme, 30, 0)
	f.record(t, f.usage("acme", 5, draw("no such lease", 5)))
	f.balance(t, acme, 30, 0)
	if got := f.ledger(t, "acme"); len(got) != 2 {
		t.Fatalf("%d entries", len(got))
	}
}

func overdraw(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 100})
	s := f.lease(t, "a", acme, 20)
	f.record(t, f.usage("acme", 50, draw(s.Lease.ID, 50)))
	f.balance(t, acme, 50, 0)
	if f.seen.overdrawn != 1 {
		t.Errorf("%d overdrawn records were counted", f.seen.overdrawn)
	}
	// The replica owes 30: a grant pays that first.
	f.lease(t, "a", acme, 40)
	f.balance(t, acme, 50, 10)
}

func lostLease(t *testing.T, f *fixture) {
	t.Helper()
	state := f.put(t, budget.Budget{Scope: acme, Limit: 100})
	s := f.lease(t, "a", acme, 60)
	f.lease(t, "b", acme, 10)
	f.record(t, f.usage("acme", 20, draw(s.Lease.ID, 20)))
	if n := f.hear(t, time.Minute); n != 0 {
		t.Fatalf("charged %d within the term", n)
	}
	f.lease(t, "b", acme, 0) // renews
	if n := f.hear(t, 30*time.Second); n != 0 {
		t.Fatalf("charged %d within the grace", n)
	}
	f.clock.Advance(time.Millisecond)
	for _, want := range []int{1, 0} {
		if n, err := f.svc.Expire(t.Context()); err != nil || n != want {
			t.Fatalf("charged %d, %v; want %d", n, err, want)
		}
	}
	f.balance(t, acme, 60, 10)
	if f.seen.lost != 40 {
		t.Errorf("%d counted as lost", f.seen.lost)
	}
	entry := f.ledger(t, "acme")[1]
	if entry.GetError() != budget.LeaseLostError || entry.GetCostNanos() != 40 || entry.GetDraws()[0].GetLeaseId() != s.Lease.ID ||
		entry.GetWindow().GetBudgetId() != state.ID || entry.GetWindow().GetSpentNanos() != 60 {
		t.Fatalf("the charge is %v", entry)
	}
	// What the replica's log still knew comes late, and replaces its part of the charge.
	late := f.usage("acme", 15, draw(s.Lease.ID, 15))
	f.record(t, late)
	f.record(t, late)
	f.balance(t, acme, 60, 10)
	f.giveBack(t, "a2", s.Lease.ID, 20)
	f.giveBack(t, "a2", s.Lease.ID, 20)
	f.balance(t, acme, 40, 10)
	// 5 stay charged; a record beyond them is spent on top.
	f.record(t, f.usage("acme", 8, draw(s.Lease.ID, 8)))
	f.balance(t, acme, 43, 10)
	var sum money.Nano
	for _, r := range f.ledger(t, "acme") {
		sum += money.Nano(r.GetCostNanos())
	}
	if sum != 43 {
		t.Fatalf("the ledger explains %d of 43", sum)
	}
	spend, err := f.svc.GetSpend(t.Context(), budget.SpendQuery{Scopes: []budget.Scope{acme}})
	if err != nil || len(spend) != 1 || spend[0].Cost != 43 || spend[0].Records != 3 {
		t.Fatalf("spend is %+v, %v", spend, err)
	}
	f.explain(t)
}

// The service, or its database, was away for long, or could not write: its replicas, which all
// live, have the term and the grace to be heard of before any is lost. Those that are not are
// lost then.
func outage(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 1000})
	alive, lost := f.lease(t, "alive", acme, 500).Lease.Granted, f.lease(t, "lost", acme, 100).Lease.Granted
	charged := func(svc *budget.Service, want int) {
		t.Helper()
		if n, err := svc.Expire(t.Context()); err != nil || n != want {
			t.Fatalf("charged %d, %v; want %d", n, err, want)
		}
	}
	f.hear(t, 30*time.Second)
	f.clock.Advance(time.Hour) // it hangs
	charged(f.svc, 0)
	f.clock.Advance(time.Hour) // and its process is another one's after that
	f.svc = budget.New(f.store, budget.Options{Clock: f.clock})
	charged(f.svc, 0)
	if n := f.hear(t, time.Minute); n != 0 {
		t.Fatalf("charged %d a minute after the outage", n)
	}
	// What could not be written could not be heard either.
	away := budget.New(readOnly{f.store}, budget.Options{Clock: f.clock})
	for range 40 {
		f.clock.Advance(5 * time.Second)
		if n, err := away.Expire(t.Context()); err == nil || n != 0 {
			t.Fatalf("charged %d, %v", n, err)
		}
	}
	charged(f.svc, 0)
	if n := f.hear(t, 85*time.Second); n != 0 {
		t.Fatalf("charged %d before replicas were heard for the term and the grace", n)
	}
	if got, err := f.svc.Lease(t.Context(), "alive", nil, nil); err != nil || got.Reset {
		t.Fatalf("the replica that lives was lost: %+v, %v", got, err)
	}
	f.balance(t, acme, 0, alive+lost)
	if n := f.hear(t, 5*time.Second); n != 1 {
		t.Fatalf("charged %d, want the one that is lost", n)
	}
	f.balance(t, acme, lost, alive)
}

// readOnly is a store that can be read and not written to.
type readOnly struct{ budget.Store }

func (r readOnly) Update(ctx context.Context, f budget.Footprint, decide func(*budget.Snapshot) (*budget.Mutation, error)) error {
	return r.Store.Update(ctx, f, func(snap *budget.Snapshot) (*budget.Mutation, error) {
		m, err := decide(snap)
		if err == nil && m != nil {
			err = errors.New("the disk is full") //nolint:err113 // a fault of this test's
		}
		return m, err
	})
}

func replicaReturns(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 100})
	first, err := f.svc.Lease(t.Context(), "a", []budget.Ask{{Scope: acme, Need: 60}}, nil)
	if err != nil || !first.Reset || !first.Term.Equal(f.clock.Now().Add(time.Minute)) {
		t.Fatalf("got %+v, %v", first, err)
	}
	again, err := f.svc.Lease(t.Context(), "a", nil, nil)
	if err != nil || again.Reset {
		t.Fatalf("got %+v, %v", again, err)
	}
	f.hear(t, 10*time.Minute)
	back, err := f.svc.Lease(t.Context(), "a", []budget.Ask{{Scope: acme, Need: 30}}, nil)
	if err != nil || !back.Reset || back.Grants[0][0].Lease.ID == first.Grants[0][0].Lease.ID {
		t.Fatalf("got %+v, %v", back, err)
	}
	f.balance(t, acme, 60, 30)
}

func endedReplica(t *testing.T, f *fixture) {
	t.Helper()
	key := budget.Scope{Kind: budget.Key, ID: "k1"}
	f.put(t, budget.Budget{Scope: acme, Limit: 1000})
	f.put(t, budget.Budget{Scope: key, Limit: 1000, Window: "1h"})
	first, other := f.lease(t, "a", acme, 200), f.lease(t, "b", acme, 100)
	f.record(t, f.usage("acme", 30, draw(first.Lease.ID, 30)))
	old := f.lease(t, "a", key, 300)
	f.clock.Advance(time.Hour) // the key's lease is of a window that is over
	f.lease(t, "a", key, 400)
	end := func(replica string, want money.Nano) {
		t.Helper()
		if got, err := f.svc.EndReplica(t.Context(), replica); err != nil || got != want {
			t.Fatalf("%d came back of %s's leases, %v; want %d", got, replica, err, want)
		}
	}
	end("a", 170+300+400)
	end("a", 0)
	f.balance(t, acme, 30, other.Lease.Granted)
	f.balance(t, key, 0, 0)
	// A call that comes late is spent in full, a late ask gets nothing.
	f.record(t, f.usage("acme", 5, draw(old.Lease.ID, 5), draw(first.Lease.ID, 5)))
	f.balance(t, acme, 35, other.Lease.Granted)
	_, err := f.svc.Lease(t.Context(), "a", []budget.Ask{{Scope: acme, Need: 1}}, nil)
	wantReason(t, err, errs.Conflict, "replica_id")

	// What a lost replica was charged comes back, but for what it recorded.
	if n := f.hear(t, 2*time.Minute); n != 1 {
		t.Fatalf("charged %d", n)
	}
	f.balance(t, acme, 35+other.Lease.Granted, 0)
	f.record(t, f.usage("acme", 60, draw(other.Lease.ID, 60)))
	end("b", other.Lease.Granted-60)
	f.balance(t, acme, 95, 0)
	var sum money.Nano
	for _, r := range f.ledger(t, "acme") {
		sum += money.Nano(r.GetCostNanos())
	}
	if sum != 95 {
		t.Errorf("the ledger explains %d of 95", sum)
	}
	end("nobody", 0)
	_, err = f.svc.EndReplica(t.Context(), "")
	wantReason(t, err, errs.InvalidRequest, "replica_id")

	// It is remembered as long as the ledger's leases are.
	for range 6 {
		f.clock.Advance(24 * time.Hour)
		if _, err := f.svc.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err = f.svc.Lease(t.Context(), "a", []budget.Ask{{Scope: acme, Need: 1}}, nil)
		wantReason(t, err, errs.Conflict, "replica_id")
	}
	f.clock.Advance(2 * 24 * time.Hour)
	if _, err := f.svc.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.lease(t, "a", acme, 10)
}

// What is remembered of replicas that have ended hides no lost one, and no lease: whoever
// ended a replica may have died before all its leases were taken back.
func endedReplicasHideNothing(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 1000})
	for i := range 40 {
		if _, err := f.svc.EndReplica(t.Context(), fmt.Sprintf("ended%02d", i)); err != nil {
			t.Fatal(err)
		}
	}
	half, lost := f.lease(t, "half ended", acme, 100).Lease.Granted, f.lease(t, "lost", acme, 10).Lease.Granted
	end := budget.Mutation{SeenReplica: "half ended", SeenAt: f.clock.Now().UnixMilli(), Ended: true}
	if err := f.store.Update(t.Context(), budget.Footprint{}, func(*budget.Snapshot) (*budget.Mutation, error) { return &end, nil }); err != nil {
		t.Fatal(err)
	}
	f.balance(t, acme, 0, half+lost)
	if n := f.hear(t, 2*time.Minute); n != 2 {
		t.Fatalf("charged %d", n)
	}
	f.balance(t, acme, half+lost, 0)
	_, err := f.svc.Lease(t.Context(), "half ended", nil, nil)
	wantReason(t, err, errs.Conflict, "replica_id")
	if got, err := f.svc.EndReplica(t.Context(), "half ended"); err != nil || got != half {
		t.Fatalf("%d came back, %v", got, err)
	}
	f.balance(t, acme, lost, 0)
}

// More leases than one transaction takes back.
func endManyLeases(t *testing.T, f *fixture) {
	t.Helper()
	const budgets = 1100
	var asks []budget.Ask
	var made budget.Mutation
	for i := range budgets {
		scope := budget.Scope{Kind: budget.Key, ID: fmt.Sprint("k", i)}
		made.PutBudgets = append(made.PutBudgets, budget.Budget{ID: fmt.Sprint("b", i), Scope: scope, Limit: 10})
		asks = append(asks, budget.Ask{Scope: scope, Need: 3})
	}
	if err := f.store.Update(t.Context(), budget.Footprint{}, func(*budget.Snapshot) (*budget.Mutation, error) { return &made, nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := f.svc.Lease(t.Context(), "a", asks, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := f.svc.EndReplica(t.Context(), "a"); err != nil || got != 3*budgets {
		t.Fatalf("%d came back, %v", got, err)
	}
	f.balance(t, asks[budgets-1].Scope, 0, 0)
}

func slicesFollowUse(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 8000})
	granted := money.Nano(0)
	for _, c := range []struct{ need, want, ahead, grown money.Nano }{
		{10, 0, 0, 10},        // nothing is expected: the need alone
		{10, 0, 300, 300},     // what is expected
		{10, 400, 300, 400},   // what is useful at once
		{10, 0, 5000, 911},    // an eighth of the 7290 that remain
		{2000, 0, 5000, 2000}, // one call's need may be more
	} {
		got, err := f.svc.Lease(t.Context(), "a", []budget.Ask{{Scope: acme, Need: c.need, Want: c.want, Ahead: c.ahead}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if grown := got.Grants[0][0].Lease.Granted - granted; grown != c.grown {
			t.Errorf("%+v: granted %d", c, grown)
		}
		granted = got.Grants[0][0].Lease.Granted
	}
}

func concurrentRecords(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 1_000_000})
	s := f.lease(t, "a", acme, 100_000)
	const callers, each = 8, 20
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for range each {
				tenants := []string{"acme", "zeta"}
				if c%2 == 0 {
					tenants[0], tenants[1] = tenants[1], tenants[0]
				}
				r := []*eventv1.UsageRecord{f.usage(tenants[0], 3, draw(s.Lease.ID, 3)), f.usage(tenants[1], 2, draw(s.Lease.ID, 2))}
				for range 2 { // a retry
					if _, err := f.svc.Record(t.Context(), r); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if a, z := len(f.ledger(t, "acme")), len(f.ledger(t, "zeta")); a != callers*each || z != callers*each {
		t.Fatalf("%d and %d entries", a, z)
	}
	f.balance(t, acme, 5*callers*each, s.Lease.Granted-5*callers*each)
	f.explain(t)
}

func concurrentLeases(t *testing.T, f *fixture) {
	t.Helper()
	key := budget.Scope{Kind: budget.Key, ID: "k1"}
	f.put(t, budget.Budget{Scope: acme, Limit: 1000})
	f.put(t, budget.Budget{Scope: key, Limit: 1100})
	var wg sync.WaitGroup
	var mu sync.Mutex
	var total money.Nano
	for c := range 8 {
		wg.Go(func() {
			scopes := []budget.Scope{acme, key}
			if c%2 == 0 {
				scopes[0], scopes[1] = scopes[1], scopes[0]
			}
			replica := fmt.Sprint("replica", c)
			var held money.Nano
			for range 40 {
				got, err := f.svc.Lease(t.Context(), replica, []budget.Ask{{Scope: scopes[0], Need: 7}, {Scope: scopes[1], Need: 7}}, nil)
				if err != nil {
					t.Error(err)
					return
				}
				for _, g := range got.Grants {
					if g[0].Budget.Scope == acme {
						held = g[0].Lease.Granted
					}
				}
			}
			mu.Lock()
			defer mu.Unlock()
			total += held
		})
	}
	wg.Wait()
	if total > 1000 || total < 994 {
		t.Fatalf("granted %d of 1000", total)
	}
	f.balance(t, acme, 0, total)
}
