package storetest

import (
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/budget"
)

func budgetLife(t *testing.T, f *fixture) {
	t.Helper()
	made := f.put(t, budget.Budget{Scope: acme, Limit: 100, Window: "month", TimeZone: "Europe/Berlin"})
	if made.ID == "" || made.Window != "1mo" || made.End <= made.Start {
		t.Fatalf("made %+v", made)
	}
	again := f.put(t, budget.Budget{Scope: acme, Limit: 200, Window: "1mo", TimeZone: "Europe/Berlin"})
	if again.ID != made.ID || again.Limit != 200 {
		t.Fatalf("a scope has one budget for a window; got %+v", again)
	}
	other := f.put(t, budget.Budget{ID: "mine", Scope: acme, Limit: 5, Window: "1d", Soft: true})
	if other.ID != "mine" {
		t.Fatalf("got id %q", other.ID)
	}
	_, err := f.svc.PutBudget(t.Context(), budget.Budget{ID: "mine", Scope: acme, Limit: 5, Window: "1mo"})
	wantReason(t, err, errs.Conflict, "budget.window")
	key := budget.Scope{Kind: budget.Key, ID: "k1"}
	f.put(t, budget.Budget{Scope: key, Limit: 7})
	states, err := f.svc.ListBudgets(t.Context(), []budget.Scope{key, {Kind: budget.User, ID: "acme"}, acme})
	if err != nil || len(states) != 3 || states[0].Scope != key || states[1].Scope != acme || states[0].End != 0 {
		t.Fatalf("listed %+v, %v", states, err)
	}
	f.put(t, budget.Budget{Scope: key, Limit: 7, ManagedBy: "configuration"})
	for _, manager := range []string{"configuration", ""} {
		if states, err = f.svc.ListBudgets(t.Context(), []budget.Scope{key}); err != nil || len(states) != 1 || states[0].ManagedBy != manager {
			t.Fatalf("listed %+v, %v; want the manager %q", states, err, manager)
		}
		f.put(t, budget.Budget{Scope: key, Limit: 8}) // takes it over
	}
	gone, err := f.svc.DeleteBudgets(t.Context(), []string{"mine", "no such"}, []budget.Scope{key})
	if err != nil || len(gone) != 2 {
		t.Fatalf("removed %v, %v", gone, err)
	}
	f.balance(t, acme, 0, 0)
	if gone, err = f.svc.DeleteBudgets(t.Context(), []string{"mine"}, nil); err != nil || len(gone) != 0 {
		t.Fatalf("removed %v again, %v", gone, err)
	}
}

func badBudgets(t *testing.T, f *fixture) {
	t.Helper()
	for _, c := range []struct {
		b     budget.Budget
		param string
	}{
		{budget.Budget{Scope: acme, Limit: -1}, "budget.limit_nanos"},
		{budget.Budget{Scope: acme, Limit: money.Max}, "budget.limit_nanos"},
		{budget.Budget{Scope: acme, ManagedBy: "a\x00b"}, "budget.managed_by"},
		{budget.Budget{Scope: acme, Window: "fortnight"}, "budget.window"},
		{budget.Budget{Scope: acme, Window: "1d", TimeZone: "Mars/Base"}, "budget.time_zone"},
		{budget.Budget{Limit: 1}, "budget.scope.kind"},
		{budget.Budget{Scope: budget.Scope{Kind: 9, ID: "x"}}, "budget.scope.kind"},
		{budget.Budget{Scope: budget.Scope{Kind: budget.Key}}, "budget.scope.id"},
		{budget.Budget{Scope: budget.Scope{Kind: budget.Key, ID: "a\x00b"}}, "budget.scope.id"},
	} {
		_, err := f.svc.PutBudget(t.Context(), c.b)
		wantReason(t, err, errs.InvalidRequest, c.param)
	}
}

func leaseLife(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 800})
	s := f.lease(t, "a", acme, 10)
	if s.Lease.Granted != 100 || s.Remaining() != 700 { // an eighth for the one replica
		t.Fatalf("granted %d, remaining %d", s.Lease.Granted, s.Remaining())
	}
	f.balance(t, acme, 0, 100)
	f.record(t, f.usage("acme", 30, draw(s.Lease.ID, 30)))
	f.balance(t, acme, 30, 70)
	f.giveBack(t, "a", s.Lease.ID, 70)
	f.balance(t, acme, 30, 0)
	again := f.lease(t, "a", acme, 500)
	if again.Lease.ID != s.Lease.ID || again.Lease.Granted != 600 || again.Lease.Drawn != 30 {
		t.Fatalf("the lease did not grow: %+v", again.Lease)
	}
	if none := f.lease(t, "b", acme, 271); none.Lease.Granted != 0 {
		t.Fatalf("granted %d of 270 that remain", none.Lease.Granted)
	}
	if exact := f.lease(t, "b", acme, 270); exact.Lease.Granted != 270 || exact.Remaining() != 0 {
		t.Fatalf("granted %d, remaining %d", exact.Lease.Granted, exact.Remaining())
	}
	r := f.ledger(t, "acme")[0]
	if w := r.GetWindow(); w.GetSpentNanos() != 30 || w.GetLimitNanos() != 800 || w.GetEndMillis() != 0 {
		t.Fatalf("the entry's window is %v", w)
	}
}

// windowOfTenant has calls that the platform's budget pays for as well, or alone. It is the
// tightest, and what it says of all tenants is in no tenant's entries.
func windowOfTenant(t *testing.T, f *fixture) {
	t.Helper()
	r1 := budget.Scope{Kind: budget.Platform, ID: "r1"}
	f.put(t, budget.Budget{Scope: r1, Limit: 100})
	platform := f.lease(t, "a", r1, 100)
	f.record(t, f.usage("acme", 10, draw(platform.Lease.ID, 10)))
	own := f.put(t, budget.Budget{Scope: acme, Limit: 800})
	tenant := f.lease(t, "a", acme, 10)
	f.record(t, f.usage("acme", 20, draw(tenant.Lease.ID, 20), draw(platform.Lease.ID, 20)))
	f.balance(t, r1, 30, 70)
	entries := f.ledger(t, "acme")
	if w := entries[0].GetWindow(); w != nil {
		t.Errorf("the window of a call without a budget of its tenant's is %v", w)
	}
	if w := entries[1].GetWindow(); w.GetBudgetId() != own.ID || w.GetSpentNanos() != 20 {
		t.Errorf("the window is %v, want the tenant's", w)
	}
}

func slicesShrink(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 16_000})
	f.lease(t, "other", acme, 0)
	last := f.lease(t, "a", acme, 10)
	if last.Lease.Granted != 1000 { // 1/(8·2)
		t.Fatalf("granted %d", last.Lease.Granted)
	}
	step := last.Lease.Granted
	for last.Remaining() >= 10 {
		next := f.lease(t, "a", acme, 10)
		grown := next.Lease.Granted - last.Lease.Granted
		if grown > step || grown < 10 {
			t.Fatalf("a slice of %d after one of %d", grown, step)
		}
		step, last = grown, next
	}
	if step != 10 {
		t.Fatalf("the last slice was %d, not the need", step)
	}
}

func softBudgets(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 10, Soft: true})
	s := f.lease(t, "a", acme, 1_000_000)
	if s.Lease.ID == "" || s.Lease.Granted != 0 {
		t.Fatalf("got %+v", s.Lease)
	}
	f.record(t, f.usage("acme", 50, draw(s.Lease.ID, 50)))
	f.balance(t, acme, 50, 0)
	// What was spent while the budget was soft is not to be paid again when it is strict.
	f.put(t, budget.Budget{Scope: acme, Limit: 60})
	f.lease(t, "a", acme, 60) // the 50 that the replica owes, and 10
	f.balance(t, acme, 50, 10)
}

func windowRollsOver(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 100, Window: "1h"})
	old := f.lease(t, "a", acme, 60)
	f.record(t, f.usage("acme", 20, draw(old.Lease.ID, 20)))
	f.clock.Advance(time.Hour)
	f.balance(t, acme, 0, 0)
	next := f.lease(t, "a", acme, 100) // the whole limit is there again
	if next.Lease.ID == old.Lease.ID || next.Lease.Granted != 100 || next.Window.Start != old.Window.End {
		t.Fatalf("got %+v after %+v", next, old)
	}
	// A call that began in the old window is paid by it.
	f.record(t, f.usage("acme", 30, draw(old.Lease.ID, 30)))
	f.giveBack(t, "a", old.Lease.ID, 10)
	f.balance(t, acme, 0, 100)
	// A clock that goes back does not bring the old window back.
	back := budget.New(f.store, budget.Options{Clock: clocktest.NewAt(f.clock.Now().Add(-2 * time.Hour))})
	got, err := back.Lease(t.Context(), "b", []budget.Ask{{Scope: acme, Need: 1}}, nil)
	if err != nil || got.Grants[0][0].Lease.Granted != 0 || got.Grants[0][0].Window.Start != next.Window.Start {
		t.Fatalf("with a slow clock: %+v, %v", got, err)
	}
}

func lowerLimit(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 100})
	s := f.lease(t, "a", acme, 50)
	f.record(t, f.usage("acme", 40, draw(s.Lease.ID, 40)))
	f.put(t, budget.Budget{Scope: acme, Limit: 20})
	f.balance(t, acme, 40, 10)
	if none := f.lease(t, "a", acme, 1); none.Lease.Granted != 50 || none.Remaining() != -30 {
		t.Fatalf("got %+v", none)
	}
	f.put(t, budget.Budget{Scope: acme, Limit: 60})
	if more := f.lease(t, "a", acme, 10); more.Lease.Granted != 60 {
		t.Fatalf("got %+v", more)
	}
}
