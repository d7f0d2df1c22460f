package spend

import (
	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/money"
)

// BudgetState is what the Meter knows of one budget.
type BudgetState struct {
	// Kind is the scope's; ID is the budget's.
	Kind budgetv1.ScopeKind
	ID   string
	// Limit is the budget's. Spent is settled spend, as the budget service last said and with
	// what was settled here since. Remaining is their difference.
	Limit, Spent, Remaining money.Nano
	// Soft budgets only report.
	Soft bool
	// Start and End are the window's bounds, in Unix milliseconds; End is 0 without one.
	Start, End int64
}

// State returns what is known of the budgets that apply to some scopes, the key's first,
// without asking the budget service: nothing for scopes that no call named yet.
func (m *Meter) State(scopes Scopes) []BudgetState {
	var out []BudgetState
	now := m.now()
	var buf [4]scopeKey
	for _, key := range scopes.keys(&buf) {
		a := m.find(&key)
		if a == nil {
			continue
		}
		a.mu.Lock()
		for _, p := range a.pools {
			if now >= p.ends {
				continue
			}
			limit, spent := p.limit, p.spentNow()
			out = append(out, BudgetState{
				Kind: key.kind, ID: p.budget, Limit: limit, Spent: spent, Remaining: limit - spent, Soft: p.soft,
				Start: p.start, End: p.end,
			})
		}
		a.mu.Unlock()
	}
	return out
}
