package spend_test

import (
	"testing"

	"tollgate.dev/services/budget"
	"tollgate.dev/services/edge/spend"
)

func TestAvailable(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: key, Limit: 1000})
	w.put(t, budget.Budget{Scope: acme, Limit: 700})
	w.put(t, budget.Budget{Scope: user, Limit: 10, Soft: true})
	m := w.start(t, spend.Options{})
	check := func(want int64) {
		t.Helper()
		left, limited, err := m.Available(t.Context(), scopes)
		if err != nil || !limited || int64(left) != want {
			t.Errorf("%d is left, limited %v, %v; want %d", left, limited, err, want)
		}
	}
	check(700)
	held := reserve(t, m, 100)
	check(600)
	m.Settle(held, call(40))
	check(660)
	m.Release(reserve(t, m, 660))
	check(660)
	if _, limited, err := m.Available(t.Context(), spend.Scopes{Tenant: "other", Key: "other"}); err != nil || limited {
		t.Errorf("scopes without budgets are limited: %v, %v", limited, err)
	}
}
