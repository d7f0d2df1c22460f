package spend

import budgetv1 "tollgate.dev/gen/tollgate/budget/v1"

// LockKey keeps everybody from the money of a key that the meter knows, until unlock is called.
func (m *Meter) LockKey(id string) (unlock func()) {
	a := m.find(&scopeKey{kind: budgetv1.ScopeKind_SCOPE_KIND_KEY, id: id})
	a.mu.Lock()
	return a.mu.Unlock
}
