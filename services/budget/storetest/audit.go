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

// RunBooks holds the stores that open makes, each empty, to the contract of budget.Books.
func RunBooks(t *testing.T, open func(t *testing.T) (budget.Store, budget.Books)) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, *fixture)
	}{
		{"books that agree", auditAgrees},
		{"books that do not", auditDiffers},
		{"one tenant's books", auditOfOne},
		{"books agree at any moment", auditUnderLoad},
		{"an error ends the reading", auditEnds},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, books := open(t)
			f := newFixture(t, store)
			f.books = books
			f.svc = budget.New(store, budget.Options{Clock: f.clock, Books: books})
			c.test(t, f)
		})
	}
}

func (f *fixture) audit(t *testing.T, tenant string) *budget.Audit {
	t.Helper()
	a, err := f.svc.AuditLedger(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// disagreements of an audit, in words.
func disagreements(a *budget.Audit) (out []string) {
	for _, t := range a.Tenants {
		for _, gap := range t.Gaps {
			out = append(out, fmt.Sprintf("%s lacks what is between %d and %d", t.TenantID, gap[0], gap[1]))
		}
		if int64(len(t.Gaps)) == 0 && t.Records != t.Last {
			out = append(out, fmt.Sprintf("%s has %d of %d records", t.TenantID, t.Records, t.Last))
		}
	}
	for _, w := range a.Windows {
		if !w.Unknown && w.Spent != w.Explained {
			out = append(out, fmt.Sprintf("%s spent %d of which %d are explained", w.Scope.ID, w.Spent, w.Explained))
		}
	}
	return out
}

func auditAgrees(t *testing.T, f *fixture) {
	t.Helper()
	if a := f.audit(t, ""); len(a.Tenants)+len(a.Windows) != 0 {
		t.Errorf("empty books have %+v", a)
	}
	platform := budget.Scope{Kind: budget.Platform, ID: "r1"}
	f.put(t, budget.Budget{Scope: acme, Limit: 100, Window: "1h"})
	f.put(t, budget.Budget{Scope: platform, Limit: 1000})
	a, p := f.lease(t, "a", acme, 60), f.lease(t, "a", platform, 100)
	f.record(t, f.usage("acme", 30, draw(a.Lease.ID, 30), draw(p.Lease.ID, 30)), f.usage("zeta", 7, draw(p.Lease.ID, 7)))
	f.hear(t, 2*time.Minute) // loses both leases
	f.record(t, f.usage("acme", 5, draw(a.Lease.ID, 5), draw(p.Lease.ID, 5)), f.usage("", 1))
	f.clock.Advance(time.Hour)
	if _, err := f.svc.CloseWindows(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := f.audit(t, "")
	if d := disagreements(got); len(d) > 0 || len(got.Windows) != 3 || len(got.Tenants) != 3 {
		t.Fatalf("%q in %+v", d, got)
	}
	z := got.Tenants[2]
	if z.TenantID != "zeta" || z.Records != 1 || z.Last != 1 || z.Waiting != (budget.Waiting{First: 1, Rows: 1}) {
		t.Errorf("zeta: %+v", z)
	}
	if got.Windows[0].Spent+got.Windows[1].Spent+got.Windows[2].Spent != 60+1000/8 { // all that was leased
		t.Errorf("windows: %+v", got.Windows)
	}
}

func auditDiffers(t *testing.T, f *fixture) {
	t.Helper()
	state := f.put(t, budget.Budget{Scope: acme, Limit: 100})
	s := f.lease(t, "a", acme, 50)
	f.record(t, f.usage("acme", 10, draw(s.Lease.ID, 10)))
	spoil := func(f budget.Footprint, m *budget.Mutation, store budget.Store) {
		t.Helper()
		if err := store.Update(t.Context(), f, func(*budget.Snapshot) (*budget.Mutation, error) { return m, nil }); err != nil {
			t.Fatal(err)
		}
	}
	w := state.WindowState
	w.Spent, w.Leased = 11, 40
	spoil(budget.Footprint{BudgetIDs: []string{state.ID}}, &budget.Mutation{Windows: []budget.WindowState{w}}, f.store)
	if got := fmt.Sprint(disagreements(f.audit(t, ""))); got != "[acme spent 11 of which 10 are explained]" {
		t.Error(got)
	}
	w.Spent = 10
	spoil(budget.Footprint{BudgetIDs: []string{state.ID}}, &budget.Mutation{Windows: []budget.WindowState{w}}, f.store)
	lost := f.usage("acme", 0)
	lost.Sequence = 4
	spoil(budget.Footprint{Tenants: []string{"acme"}}, &budget.Mutation{
		Entries: []budget.Entry{{Record: lost}}, Sequences: map[string]int64{"acme": 6},
	}, f.store)
	if got := fmt.Sprint(disagreements(f.audit(t, ""))); got != "[acme lacks what is between 1 and 4 acme lacks what is between 4 and 7]" {
		t.Error(got)
	}
}

func auditOfOne(t *testing.T, f *fixture) {
	t.Helper()
	user, key := budget.Scope{Kind: budget.User, ID: "acme/u1"}, budget.Scope{Kind: budget.Key, ID: "k1"}
	f.put(t, budget.Budget{Scope: acme, Limit: 100})
	f.put(t, budget.Budget{Scope: user, Limit: 100})
	f.put(t, budget.Budget{Scope: key, Limit: 100})
	a, u, k := f.lease(t, "a", acme, 10), f.lease(t, "a", user, 10), f.lease(t, "a", key, 10)
	f.record(t, f.usage("acme", 3, draw(a.Lease.ID, 3), draw(u.Lease.ID, 3), draw(k.Lease.ID, 3)), f.usage("zeta", 4, draw(k.Lease.ID, 4)))
	got := f.audit(t, "acme")
	if d := disagreements(got); len(d) > 0 || len(got.Tenants) != 1 || len(got.Windows) != 2 {
		t.Errorf("%q in %+v", d, got)
	}
	if got := f.audit(t, "nobody"); len(got.Tenants)+len(got.Windows) != 0 {
		t.Errorf("nobody has %+v", got)
	}
	_, err := f.svc.AuditLedger(t.Context(), "a\x00b")
	wantReason(t, err, errs.InvalidRequest, "tenant_id")
	_, err = budget.New(f.store, budget.Options{}).AuditLedger(t.Context(), "")
	wantReason(t, err, errs.ServiceUnavailable, "")
}

func auditUnderLoad(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: money.Dollar})
	s := f.lease(t, "a", acme, 1_000_000)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			svc := budget.New(f.store, budget.Options{})
			for ctx.Err() == nil {
				records := []*eventv1.UsageRecord{f.usage(fmt.Sprint("t", w%2), 3, draw(s.Lease.ID, 3)), f.usage("acme", 2, draw(s.Lease.ID, 2))}
				if _, err := svc.Record(context.WithoutCancel(ctx), records); err != nil {
					t.Error(err)
				}
			}
		})
	}
	moved := money.Nano(0)
	for audits := 0; audits < 20 || moved < 50; audits++ {
		got := f.audit(t, "")
		if d := disagreements(got); len(d) > 0 {
			t.Errorf("%q in %+v", d, got)
			break
		}
		moved = got.Windows[0].Spent
	}
	cancel()
	wg.Wait()
}

func auditEnds(t *testing.T, f *fixture) {
	t.Helper()
	f.record(t, f.usage("acme", 1), f.usage("acme", 1))
	boom := errors.New("boom")
	seen := 0
	_, err := f.books.Snapshot(t.Context(), "", func(*eventv1.UsageRecord) error { seen++; return boom })
	if !errors.Is(err, boom) || seen != 1 {
		t.Errorf("%d records, %v", seen, err)
	}
	// One at a time.
	entered, leave := make(chan struct{}), make(chan struct{})
	slow := budget.New(f.store, budget.Options{Books: slowBooks{f.books, entered, leave}})
	done := make(chan error, 1)
	go func() {
		_, err := slow.AuditLedger(t.Context(), "")
		done <- err
	}()
	<-entered
	_, err = slow.AuditLedger(t.Context(), "")
	wantReason(t, err, errs.Conflict, "")
	close(leave)
	if err := await(t, done); err != nil {
		t.Error(err)
	}
}

type slowBooks struct {
	budget.Books
	entered, leave chan struct{}
}

func (b slowBooks) Snapshot(ctx context.Context, tenantID string, visit func(*eventv1.UsageRecord) error) (budget.Standing, error) {
	b.entered <- struct{}{}
	<-b.leave
	return b.Books.Snapshot(ctx, tenantID, visit)
}
