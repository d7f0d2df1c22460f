package storetest

import (
	"fmt"
	"slices"
	"testing"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/budget"
)

// limits shows the budgets of acme: window, limit, and what is spent.
func (f *fixture) limits(t *testing.T) string {
	t.Helper()
	states, err := f.svc.ListBudgets(t.Context(), []budget.Scope{acme})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, st := range states {
		out = append(out, fmt.Sprintf("%s:%d:%d", st.Budget.Window, st.Budget.Limit, st.Spent))
	}
	slices.Sort(out)
	return fmt.Sprint(out)
}

// Several budgets are set in one step: a bad one among them leaves everything as it was, what
// is spent of those that stay goes on to count, and a dry run changes nothing.
func setBudgets(t *testing.T, f *fixture) {
	t.Helper()
	set := func(keep, dry bool, budgets ...budget.Budget) ([]budget.State, error) {
		return f.svc.SetBudgets(t.Context(), acme, budgets, keep, dry)
	}
	of := func(window string, limit money.Nano) budget.Budget {
		return budget.Budget{Limit: limit, Window: window}
	}
	made, err := set(false, false, of("1d", 100))
	if err != nil || len(made) != 1 || made[0].Budget.ID == "" || made[0].Budget.Scope != acme {
		t.Fatalf("%+v, %v", made, err)
	}
	day := made[0].Budget
	s := f.lease(t, "a", acme, 10)
	f.record(t, f.usage("acme", 7, draw(s.Lease.ID, 7)))

	const before = "[1d:100:7]"
	renamed := day
	renamed.Window = "1h"
	for name, c := range map[string]struct {
		budgets []budget.Budget
		param   string
		reason  errs.Reason
	}{
		"a bad window":        {[]budget.Budget{of("1d", 200), of("5x", 1)}, "budgets[1].window", errs.InvalidRequest},
		"a limit below 0":     {[]budget.Budget{of("30d", 1), of("1d", -1)}, "budgets[1].limit_nanos", errs.InvalidRequest},
		"one window twice":    {[]budget.Budget{of("month", 1), of("1mo", 2)}, "budgets[1].window", errs.InvalidRequest},
		"one budget twice":    {[]budget.Budget{day, renamed}, "budgets[1].window", errs.InvalidRequest},
		"another's":           {[]budget.Budget{{Scope: budget.Scope{Kind: budget.Key, ID: "k"}, Limit: 1}}, "budgets[0].scope", errs.InvalidRequest},
		"the other's window":  {[]budget.Budget{of("30d", 1), {ID: "new", Limit: 1, Window: "1d"}}, "budgets[1].window", errs.Conflict},
		"a zone that is none": {[]budget.Budget{{Limit: 1, Window: "1d", TimeZone: "Mars/Base"}}, "budgets[0].time_zone", errs.InvalidRequest},
	} {
		for _, dry := range []bool{true, false} {
			if _, err := set(true, dry, c.budgets...); err == nil {
				t.Errorf("%s is taken", name)
			} else {
				wantReason(t, err, c.reason, c.param)
			}
			if got := f.limits(t); got != before {
				t.Fatalf("%s leaves %s", name, got)
			}
		}
	}
	if states, err := set(false, true, of("1h", 5)); err != nil || len(states) != 1 || f.limits(t) != before {
		t.Fatalf("a dry run says %+v, %v, and leaves %s", states, err, f.limits(t))
	}
	for _, step := range []struct {
		keep    bool
		budgets []budget.Budget
		want    string
	}{
		{true, []budget.Budget{of("30d", 300)}, "[1d:100:7 30d:300:0]"},
		{false, []budget.Budget{of("30d", 400), of("1d", 50)}, "[1d:50:7 30d:400:0]"},
		{true, nil, "[1d:50:7 30d:400:0]"},
		// The window of a budget that goes is free for one that stays, and begins anew.
		{false, []budget.Budget{{ID: day.ID, Limit: 60, Window: "30d"}}, "[30d:60:0]"},
		{false, nil, "[]"},
	} {
		states, err := set(step.keep, false, step.budgets...)
		if err != nil || len(states) != len(step.budgets) {
			t.Fatalf("%+v: %+v, %v", step, states, err)
		}
		if got := f.limits(t); got != step.want {
			t.Fatalf("there is %s, want %s", got, step.want)
		}
	}
	_, err = f.svc.SetBudgets(t.Context(), budget.Scope{}, nil, false, false)
	wantReason(t, err, errs.InvalidRequest, "scope.kind")
	_, err = set(true, false, make([]budget.Budget, 101)...)
	wantReason(t, err, errs.InvalidRequest, "budgets")
}
