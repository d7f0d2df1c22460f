package edge

import (
	"context"
	"fmt"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/money"
)

// budgetSet are the budgets that a request gives a scope, with the request's names for what
// may be wrong with them. They are made together or not at all.
type budgetSet struct {
	req   *budgetv1.SetBudgetsRequest
	names map[string]string
}

// budgets are those that a request names; nil for none. max_budget or soft_budget means the
// scope's only budget, whose window it may change, or else the one of the same window.
// budget_limits, where it is given, is the whole list: budgets of other windows go.
func (e *Edge) budgets(ctx context.Context, scope *budgetv1.Scope, r *limitsRequest) (*budgetSet, error) {
	if !r.setsBudgets() {
		return nil, nil //nolint:nilnil // there is nothing to set
	}
	resp, err := e.Services.Budget.ListBudgets(ctx, &budgetv1.ListBudgetsRequest{Scopes: []*budgetv1.Scope{scope}})
	if err != nil {
		return nil, err
	}
	there := resp.GetStates()
	if err := r.complete(there); err != nil {
		return nil, err
	}
	zone := func(id, window string) string {
		if r.TimeZone != "" {
			return r.TimeZone
		}
		return zoneOf(there, id, window) // another one would begin anew
	}
	set := &budgetSet{
		req:   &budgetv1.SetBudgetsRequest{Scope: scope, KeepOthers: r.BudgetLimits == nil},
		names: make(map[string]string),
	}
	if r.MaxBudget != nil || r.SoftBudget != nil {
		only := &budgetv1.Budget{}
		if r.BudgetLimits == nil && len(there) == 1 {
			only.Id, only.Window = there[0].GetBudget().GetId(), there[0].GetBudget().GetWindow()
		}
		if r.BudgetDuration != nil {
			only.Window = *r.BudgetDuration
		}
		if r.MaxBudget != nil {
			set.add(only, *r.MaxBudget, budgetv1.Enforcement_ENFORCEMENT_STRICT, "max_budget", "budget_duration", zone(only.GetId(), only.GetWindow()))
		} else {
			set.add(only, *r.SoftBudget, budgetv1.Enforcement_ENFORCEMENT_SOFT, "soft_budget", "budget_duration", zone(only.GetId(), only.GetWindow()))
		}
	}
	for i, l := range r.BudgetLimits {
		at := fmt.Sprintf("budget_limits[%d].", i)
		set.add(&budgetv1.Budget{Window: l.Duration}, *l.MaxBudget, budgetv1.Enforcement_ENFORCEMENT_STRICT,
			at+"max_budget", at+"budget_duration", zone("", l.Duration))
	}
	return set, nil
}

// setsBudgets says that the request changes a budget.
func (r *limitsRequest) setsBudgets() bool {
	return r.MaxBudget != nil || r.SoftBudget != nil || r.BudgetLimits != nil || r.rewindow() != ""
}

// zoneOf is the time zone of the budget that a change is for: the one with the id, or
// without one that of the window.
func zoneOf(there []*budgetv1.BudgetState, id, window string) string {
	if window == "month" {
		window = "1mo"
	}
	for _, s := range there {
		if b := s.GetBudget(); b.GetId() == id || id == "" && b.GetWindow() == window {
			return b.GetTimeZone()
		}
	}
	return ""
}

func (s *budgetSet) add(b *budgetv1.Budget, limit money.Nano, e budgetv1.Enforcement, limitName, windowName, zone string) {
	at := fmt.Sprintf("budgets[%d].", len(s.req.GetBudgets()))
	s.names[at+"limit_nanos"], s.names[at+"window"], s.names[at+"time_zone"] = limitName, windowName, "time_zone"
	b.LimitNanos, b.Enforcement, b.TimeZone = int64(limit), e, zone
	s.req.Budgets = append(s.req.Budgets, b)
}

// checkBudgets says whether budgets could be set, and changes nothing.
func (e *Edge) checkBudgets(ctx context.Context, s *budgetSet) error {
	return e.setBudgets(ctx, s, true)
}

// setBudgets makes budgets, or only says whether it could.
func (e *Edge) setBudgets(ctx context.Context, s *budgetSet, dry bool) error {
	if s == nil {
		return nil
	}
	_, err := e.Services.Budget.SetBudgets(ctx, &budgetv1.SetBudgetsRequest{
		Scope: s.req.GetScope(), Budgets: s.req.GetBudgets(), KeepOthers: s.req.GetKeepOthers(), ValidateOnly: dry,
	})
	return renamed(err, s.names)
}

// putBudgets gives a new scope the budgets that a request names.
func (e *Edge) putBudgets(ctx context.Context, scope *budgetv1.Scope, r *limitsRequest) error {
	set, err := e.budgets(ctx, scope, r)
	if err != nil {
		return err
	}
	return e.setBudgets(ctx, set, false)
}

// unbroken is a context for writes that belong together: they end with the request's deadline,
// and not with a caller that hangs up.
func unbroken(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if ctx = context.WithoutCancel(ctx); !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline)
}

// undoing is a context for taking back what a request that failed has left, whatever became of
// its caller and its time.
func (e *Edge) undoing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), e.opts.ManagementTimeout)
}
