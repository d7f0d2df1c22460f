package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/budget"
)

// notices reads what a tenant's ledger tells of budgets, as scope kind and threshold, or
// reset and what was spent.
func (f *fixture) notices(t *testing.T, tenant string) []string {
	t.Helper()
	out := []string{}
	for _, r := range f.ledger(t, tenant) {
		switch n := r.GetNotice(); n.GetKind() {
		case eventv1.BudgetNotice_KIND_THRESHOLD_REACHED:
			out = append(out, fmt.Sprint(n.GetScopeKind(), " ", n.GetThresholdPercent()))
		case eventv1.BudgetNotice_KIND_WINDOW_RESET:
			out = append(out, fmt.Sprint(n.GetScopeKind(), " reset ", n.GetEnded().GetSpentNanos()))
		case eventv1.BudgetNotice_KIND_UNSPECIFIED:
			continue
		}
		if r.GetCostNanos() != 0 || r.GetCallType() != "budget.notice" || r.GetWindow().GetBudgetId() == "" {
			t.Errorf("a notice is %v", r)
		}
	}
	return out
}

func (f *fixture) wantNotices(t *testing.T, tenant string, want ...string) {
	t.Helper()
	if got := f.notices(t, tenant); !slices.Equal(got, want) {
		t.Fatalf("told %q, want %q", got, want)
	}
}

func thresholds(t *testing.T, f *fixture) {
	t.Helper()
	key := budget.Scope{Kind: budget.Key, ID: "k1"}
	f.put(t, budget.Budget{Scope: acme, Limit: 1000})
	f.put(t, budget.Budget{Scope: key, Limit: 850, Soft: true})
	a, k := f.lease(t, "a", acme, 1000), f.lease(t, "a", key, 0)
	spend := func(cost money.Nano) {
		t.Helper()
		f.record(t, f.usage("acme", cost, draw(a.Lease.ID, cost), draw(k.Lease.ID, cost)))
	}
	spend(679)
	f.wantNotices(t, "acme")
	spend(1) // 680 of 850
	f.wantNotices(t, "acme", "key 80")
	spend(0)
	spend(119)
	f.wantNotices(t, "acme", "key 80", "key 90")
	spend(151) // 950: two at once
	f.wantNotices(t, "acme", "key 80", "key 90", "tenant 80", "tenant 90", "key 100")
	spend(50)
	spend(1)
	f.wantNotices(t, "acme", "key 80", "key 90", "tenant 80", "tenant 90", "key 100", "tenant 100")
	r := f.ledger(t, "acme")[2]
	if r.GetWindow().GetSpentNanos() != 680 || r.GetWindow().GetLimitNanos() != 850 || r.GetKeyId() != "k1" || r.GetRequestId() != "req" {
		t.Errorf("the notice is %v", r)
	}
	sums, err := f.svc.GetSpend(t.Context(), budget.SpendQuery{Scopes: []budget.Scope{acme}})
	if err != nil || len(sums) != 1 || sums[0].Records != 7 {
		t.Errorf("notices count as usage: %+v, %v", sums, err)
	}
	f.explain(t)
}

// What a lost lease was charged reaches thresholds. Where it turns out not to have been spent,
// they are told of again when they are really reached: by a return, and by a record that
// cost less than it drew.
func thresholdsOfLost(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 100})
	s := f.lease(t, "a", acme, 100)
	f.record(t, f.usage("acme", 5, draw(s.Lease.ID, 5)))
	f.hear(t, 2*time.Minute)
	told := []string{"tenant 80", "tenant 90", "tenant 100"}
	f.wantNotices(t, "acme", told...)
	f.record(t, f.usage("acme", 5, draw(s.Lease.ID, 18)))
	f.balance(t, acme, 87, 0)
	over := f.lease(t, "b", acme, 13)
	f.record(t, f.usage("acme", 3, draw(over.Lease.ID, 3)))
	told = append(told, "tenant 90")
	f.wantNotices(t, "acme", told...)
	f.giveBack(t, "b", s.Lease.ID, 77)
	f.balance(t, acme, 13, 10)
	f.giveBack(t, "b", over.Lease.ID, 10)
	s = f.lease(t, "b", acme, 87)
	f.record(t, f.usage("acme", 66, draw(s.Lease.ID, 66)))
	f.wantNotices(t, "acme", told...)
	f.record(t, f.usage("acme", 1, draw(s.Lease.ID, 1)))
	told = append(told, "tenant 80")
	f.wantNotices(t, "acme", told...)
	f.record(t, f.usage("acme", 20, draw(s.Lease.ID, 20)))
	f.wantNotices(t, "acme", append(told, "tenant 90", "tenant 100")...)
	f.explain(t)
}

// Once a window and threshold, also when a limit changes.
func thresholdsOnce(t *testing.T, f *fixture) {
	t.Helper()
	b := f.put(t, budget.Budget{Scope: acme, Limit: 100})
	s := f.lease(t, "a", acme, 100)
	f.record(t, f.usage("acme", 100, draw(s.Lease.ID, 99)))
	f.wantNotices(t, "acme", "tenant 80", "tenant 90", "tenant 100")
	f.record(t, f.usage("acme", 0, draw(s.Lease.ID, 0)))
	f.put(t, budget.Budget{ID: b.ID, Scope: acme, Limit: 90})
	f.record(t, f.usage("acme", 1, draw(s.Lease.ID, 1)))
	f.wantNotices(t, "acme", "tenant 80", "tenant 90", "tenant 100")

	// A lower limit is told of by the next call.
	other := budget.Scope{Kind: budget.Tenant, ID: "zeta"}
	f.put(t, budget.Budget{Scope: other, Limit: 2_000_000_000 * money.Dollar})
	s = f.lease(t, "b", other, 0)
	f.record(t, f.usage("zeta", 85, draw(s.Lease.ID, 85)))
	f.wantNotices(t, "zeta")
	f.put(t, budget.Budget{Scope: other, Limit: 100})
	f.record(t, f.usage("zeta", 0, draw(s.Lease.ID, 0)))
	f.wantNotices(t, "zeta", "tenant 80")
	f.put(t, budget.Budget{Scope: other, Limit: 0})
	f.record(t, f.usage("zeta", 1, draw(s.Lease.ID, 1)))
	f.wantNotices(t, "zeta", "tenant 80", "tenant 90", "tenant 100")

	// Of a raised limit it is told anew, as far as it was not reached before.
	f.put(t, budget.Budget{Scope: other, Limit: 104})
	f.record(t, f.usage("zeta", 4, draw(s.Lease.ID, 4)))
	f.wantNotices(t, "zeta", "tenant 80", "tenant 90", "tenant 100")
	f.record(t, f.usage("zeta", 4, draw(s.Lease.ID, 4)))
	f.wantNotices(t, "zeta", "tenant 80", "tenant 90", "tenant 100", "tenant 90")
	f.explain(t)
}

func windowResets(t *testing.T, f *fixture) {
	t.Helper()
	closes := func(want int) {
		t.Helper()
		if n, err := f.svc.CloseWindows(t.Context()); err != nil || n != want {
			t.Fatalf("told of %d windows, %v; want %d", n, err, want)
		}
	}
	key := budget.Scope{Kind: budget.Key, ID: "k1"}
	user := budget.Scope{Kind: budget.User, ID: "zeta/u1"}
	f.put(t, budget.Budget{Scope: acme, Limit: 100, Window: "1h"})
	f.put(t, budget.Budget{Scope: key, Limit: 100, Window: "1h"})
	f.put(t, budget.Budget{Scope: user, Limit: 100, Window: "1h"})
	f.put(t, budget.Budget{Scope: acme, Limit: 100}) // never ends
	got, err := f.svc.Lease(t.Context(), "a", []budget.Ask{{Scope: acme, Need: 10, TenantID: "acme"}, {Scope: key, Need: 10, TenantID: "acme", PlatformID: "r1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var draws []*eventv1.LeaseDraw
	for _, grant := range got.Grants {
		for _, s := range grant {
			draws = append(draws, draw(s.Lease.ID, 7))
		}
	}
	f.record(t, f.usage("acme", 7, draws...))
	closes(0)
	f.clock.Advance(time.Hour)
	// One of the budgets has rolled over before anybody tells.
	f.lease(t, "a", key, 1)
	closes(2)
	closes(0)
	got2 := f.notices(t, "acme")
	slices.Sort(got2)
	if !slices.Equal(got2, []string{"key reset 7", "tenant reset 7"}) {
		t.Fatalf("told %q", got2)
	}
	for _, r := range f.ledger(t, "acme")[1:] {
		w, ended := r.GetWindow(), r.GetNotice().GetEnded()
		if ended.GetEndMillis() != w.GetStartMillis() || w.GetSpentNanos() != 0 || w.GetBudgetId() != ended.GetBudgetId() {
			t.Errorf("%v after %v", w, ended)
		}
	}
	f.wantNotices(t, "zeta") // nothing was spent
	// A late call of the old window changes it, and tells nothing more.
	f.record(t, f.usage("acme", 1, draws[0]))
	for range 3 { // idle windows end in silence
		f.clock.Advance(time.Hour)
		closes(0)
	}
	s := f.lease(t, "a", key, 5)
	f.record(t, f.usage("acme", 5, draw(s.Lease.ID, 5)))
	f.clock.Advance(time.Hour)
	// Two processes see it end at the same time.
	var wg sync.WaitGroup
	told := make(chan int, 4)
	for range cap(told) {
		wg.Go(func() {
			n, err := budget.New(f.store, budget.Options{Clock: f.clock}).CloseWindows(t.Context())
			if err != nil {
				t.Error(err)
			}
			told <- n
		})
	}
	wg.Wait()
	close(told)
	sum := 0
	for n := range told {
		sum += n
	}
	if sum != 1 || len(f.notices(t, "acme")) != 3 {
		t.Errorf("told %d times: %q", sum, f.notices(t, "acme"))
	}
	f.explain(t)
}

// explain holds every balance to the ledger: what is spent in a window is the sum of the
// entries whose draws name it.
func (f *fixture) explain(t *testing.T) {
	t.Helper()
	type window struct {
		budget         string
		start, counted int64
	}
	explained := map[window]money.Nano{}
	records, err := f.store.Usage(t.Context(), budget.UsageQuery{AfterSequence: -1, Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	var budgets []string
	for _, r := range records {
		seen := map[window]bool{}
		for _, d := range r.GetDraws() {
			w := window{d.GetBudgetId(), d.GetStartMillis(), d.GetCountedFromMillis()}
			if !seen[w] {
				seen[w] = true
				explained[w] += money.Nano(r.GetCostNanos())
				budgets = append(budgets, w.budget)
			}
		}
	}
	checked := 0
	err = f.store.Update(t.Context(), budget.Footprint{BudgetIDs: budgets}, func(snap *budget.Snapshot) (*budget.Mutation, error) {
		for _, w := range snap.Windows {
			checked++
			if sum := explained[window{w.BudgetID, w.Start, w.CountedFrom}]; sum != w.Spent {
				t.Errorf("of budget %s from %d on %d are spent, and the ledger explains %d", w.BudgetID, w.Start, w.Spent, sum)
			}
		}
		return nil, nil
	})
	if err != nil || checked == 0 {
		t.Fatalf("%d windows, %v", checked, err)
	}
}
