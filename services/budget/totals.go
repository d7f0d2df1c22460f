package budget

import (
	"cmp"
	"slices"
	"strings"

	"tollgate.dev/platform/money"
)

// Total is all that a key, a tenant or a user has ever spent: what the ledger's usage entries
// of the scope add up to. Stores keep it beside the ledger, in the same transactions, so that
// a look at a key does not read all that it did.
type Total struct {
	// Scope is a key, a tenant or a user; its id is empty for calls without a key or tenant.
	Scope Scope
	// Cost is the entries' sum.
	Cost money.Nano
	// Records and Tokens count them.
	Records, Tokens int64
}

// Totals are what entries add to the running totals, by scope in one order, so that two
// transactions that add to the same ones cannot wait for each other.
func Totals(entries []Entry) []Total {
	sums := make(map[Scope]*Total)
	for i := range entries {
		e := &entries[i]
		if e.Kind != EntryUsage {
			continue
		}
		scopes := [3]Scope{{Tenant, e.Record.GetTenantId()}, {Key, e.Record.GetKeyId()}}
		of := scopes[:2]
		if user := e.Record.GetUserId(); user != "" {
			scopes[2] = Scope{User, e.Record.GetTenantId() + "/" + user}
			of = scopes[:3]
		}
		for _, scope := range of {
			sum := sums[scope]
			if sum == nil {
				sum = &Total{Scope: scope}
				sums[scope] = sum
			}
			sum.Cost += money.Nano(e.Record.GetCostNanos())
			sum.Records++
			sum.Tokens += e.Tokens
		}
	}
	out := make([]Total, 0, len(sums))
	for _, sum := range sums {
		out = append(out, *sum)
	}
	slices.SortFunc(out, func(a, b Total) int {
		return cmp.Or(cmp.Compare(a.Scope.Kind, b.Scope.Kind), strings.Compare(a.Scope.ID, b.Scope.ID))
	})
	return out
}

// Totals says which running totals answer the query: those of a kind, of all its scopes or of
// some by their ids. Not ok, the ledger has to be added up: a part of the time, or of what the
// scopes did, is asked for.
func (q SpendQuery) Totals() (kind ScopeKind, ids []string, ok bool) {
	if q.From != 0 || q.To != 0 || q.TenantID != "" || q.KeyID != "" || q.UserID != "" {
		return 0, nil, false
	}
	switch q.Group {
	case ByNothing:
		kind = Tenant // all of them are everything
		if len(q.Scopes) > 0 {
			kind = q.Scopes[0].Kind
		}
	case ByKey:
		kind = Key
	case ByTenant:
		kind = Tenant
	case ByModel, ByUser, ByDay:
		return 0, nil, false
	}
	for _, scope := range q.Scopes {
		if scope.Kind != kind || kind == Platform {
			return 0, nil, false
		}
		ids = append(ids, scope.ID)
	}
	return kind, ids, kind != 0
}
