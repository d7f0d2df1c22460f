package budget

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tollgate.dev/platform/errs"
)

// maxSet bounds the budgets that are set together.
const maxSet = 100

// PutBudget creates a budget or changes one. A budget with an id is changed, or made
// under that id; without one, the scope's budget for the window is. A new limit counts
// for the current window at once, also when less than what is spent. Another window or
// time zone begins anew with nothing spent, unless it holds from the same moment to the same
// as the one before: then it is that window in other words. A budget counts the calls that began after
// it was made. Errors: invalid_request; not_found for a tenant or a key that does not
// exist; conflict when the scope has another budget for that window, or the id is that of
// another scope's budget.
func (s *Service) PutBudget(ctx context.Context, b Budget) (State, error) {
	if err := b.check(); err != nil {
		return State{}, err
	}
	if err := s.checkHolder(ctx, b.Scope); err != nil {
		return State{}, err
	}
	var state State
	err := s.update(ctx, Footprint{Scopes: []Scope{b.Scope}, BudgetIDs: nonEmpty(b.ID)}, func(snap *Snapshot) (*Mutation, error) {
		m := &Mutation{Changed: []Scope{b.Scope}}
		var err error
		state, err = s.place(m, snap, b, nil)
		return m, err
	})
	if err != nil {
		return State{}, err
	}
	s.passOn(ctx)
	return state, nil
}

// SetBudgets makes several budgets of one scope, each as PutBudget does, and removes its
// others unless they are kept: all at once or nothing. Errors: those of PutBudget, whose
// params begin with the budget's place, `budgets[0].`; invalid_request for two over one
// window. dry changes nothing: it says what would stand, or fail, as things are.
func (s *Service) SetBudgets(ctx context.Context, scope Scope, budgets []Budget, keepOthers, dry bool) ([]State, error) {
	if err := scope.check("scope"); err != nil {
		return nil, err
	}
	if len(budgets) > maxSet {
		return nil, errs.Newf(errs.InvalidRequest, "a scope is given at most %d budgets", maxSet).WithParam("budgets")
	}
	budgets = slices.Clone(budgets)
	var ids []string
	for i := range budgets {
		b := &budgets[i]
		if b.Scope == (Scope{}) {
			b.Scope = scope
		}
		if err := b.check(); err != nil {
			return nil, placed(err, i)
		}
		same := func(other Budget) bool {
			return sameWindow(other.Window, b.Window) || other.ID != "" && other.ID == b.ID
		}
		if b.Scope != scope {
			return nil, placed(errs.New(errs.InvalidRequest, "the budget is another scope's").WithParam("budget.scope"), i)
		}
		if slices.ContainsFunc(budgets[:i], same) {
			return nil, placed(errs.New(errs.InvalidRequest, "two budgets are one, or over one window").WithParam("budget.window"), i)
		}
		ids = append(ids, nonEmpty(b.ID)...)
	}
	if len(budgets) > 0 {
		if err := s.checkHolder(ctx, scope); err != nil {
			e := errs.Of(err)
			return nil, e.WithParam(strings.TrimPrefix(e.Param, "budget."))
		}
	}
	var states []State
	err := s.update(ctx, Footprint{Scopes: []Scope{scope}, BudgetIDs: ids}, func(snap *Snapshot) (*Mutation, error) {
		states = make([]State, len(budgets))
		m := &Mutation{Changed: []Scope{scope}}
		gone := map[string]bool{}
		for i := range snap.Budgets {
			have := &snap.Budgets[i]
			named := func(b Budget) bool { return b.ID == have.ID || b.ID == "" && sameWindow(b.Window, have.Window) }
			if have.Scope == scope && !keepOthers && !slices.ContainsFunc(budgets, named) {
				gone[have.ID] = true
				m.DeleteBudgets = append(m.DeleteBudgets, have.ID)
			}
		}
		for i, b := range budgets {
			var err error
			if states[i], err = s.place(m, snap, b, gone); err != nil {
				return nil, placed(err, i)
			}
		}
		if dry {
			return nil, nil
		}
		return m, nil
	})
	if err != nil {
		return nil, err
	}
	if !dry {
		s.passOn(ctx)
	}
	return states, nil
}

// placed blames the i-th of several budgets.
func placed(err error, i int) error {
	e := errs.Of(err)
	return e.WithParam(fmt.Sprintf("budgets[%d]", i) + strings.TrimPrefix(e.Param, "budget"))
}

// place puts a budget in its place: that of its id, or of its scope and window. gone are
// budgets that the same mutation removes.
func (s *Service) place(m *Mutation, snap *Snapshot, b Budget, gone map[string]bool) (State, error) {
	var old *Budget
	for i := range snap.Budgets {
		have := &snap.Budgets[i]
		switch {
		case gone[have.ID]:
		case b.ID != "" && have.ID == b.ID:
			old = have
		case have.Scope == b.Scope && sameWindow(have.Window, b.Window):
			if b.ID != "" {
				return State{}, errs.New(errs.Conflict, "the scope has another budget for this window").
					WithParam("budget.window").WithDetail("budget", have.ID)
			}
			old = have
		}
	}
	fresh, now := WindowState{}, time.UnixMilli(snap.Now)
	switch {
	case old == nil:
		if b.ID == "" {
			b.ID = s.ids.NewString()
		}
	case old.Scope != b.Scope:
		// What was spent there would be free to be spent again.
		return State{}, errs.New(errs.Conflict, "the budget is another scope's: delete it there").WithParam("budget.id")
	default:
		b.ID = old.ID
		if latest := snap.Latest(old.ID); !sameNow(*old, latest, b, now) {
			// What was counted is no part of the new window: the budget begins anew.
			m.DeleteBudgets = append(m.DeleteBudgets, old.ID)
		} else if latest != nil {
			fresh = *latest
			fresh.Told = min(fresh.Told, reached(fresh.Spent, b.Limit)) // a raised limit is told of anew
		}
	}
	current := currentWindow(b, &fresh, now)
	m.PutBudgets = append(m.PutBudgets, b)
	m.Windows = append(m.Windows, current)
	return State{Budget: b, WindowState: current}, nil
}

// sameWindow reports whether two windows are one, however they are written.
func sameWindow(a, b string) bool {
	one, err := ParseWindow(a, "")
	other, fault := ParseWindow(b, "")
	return a == b || err == nil && fault == nil && one == other
}

// sameNow reports whether a budget that was changed still is in the window that it was in.
func sameNow(old Budget, latest *WindowState, changed Budget, now time.Time) bool {
	if old.Window == changed.Window && old.TimeZone == changed.TimeZone {
		return true
	}
	was, is := currentWindow(old, latest, now), currentWindow(changed, nil, now)
	return was.Start == is.Start && was.End == is.End
}
