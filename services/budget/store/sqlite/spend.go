package sqlite

import (
	"context"
	"database/sql"
	"strings"

	"tollgate.dev/platform/money"
	"tollgate.dev/services/budget"
)

// Spend is budget.Store's.
func (s *Store) Spend(ctx context.Context, q budget.SpendQuery) ([]budget.Spend, error) {
	var out []budget.Spend
	query, args := spendQuery(q)
	err := each(ctx, s.db.Read, func(r *sql.Rows) error {
		var sum budget.Spend
		var cost int64
		err := r.Scan(&sum.Group, &cost, &sum.Records, &sum.Tokens)
		sum.Cost = money.Nano(cost)
		out = append(out, sum)
		return err
	}, query, args...)
	return out, wrap("spend", err)
}

// spendQuery is the statement that answers a query: from the running totals where they do.
func spendQuery(q budget.SpendQuery) (query string, args []any) {
	if kind, ids, ok := q.Totals(); ok {
		return totalsQuery(q.Group, kind, ids)
	}
	group := "''"
	switch q.Group {
	case budget.ByKey:
		group = "key_id"
	case budget.ByTenant:
		group = "tenant_id"
	case budget.ByModel:
		group = "model"
	case budget.ByUser:
		group = "user_id"
	case budget.ByDay:
		group = "strftime('%Y-%m-%d', occurred_millis / 1000, 'unixepoch')"
	case budget.ByNothing:
	}
	var w where
	w.add("kind = 0")
	w.equal("tenant_id", q.TenantID)
	w.equal("key_id", q.KeyID)
	w.equal("user_id", q.UserID)
	w.during(q.From, q.To)
	var anyOf where
	for _, scope := range q.Scopes {
		switch scope.Kind {
		case budget.Platform:
			anyOf.add("platform_id = ?", scope.ID)
		case budget.Tenant:
			anyOf.add("tenant_id = ?", scope.ID)
		case budget.Key:
			anyOf.add("key_id = ?", scope.ID)
		case budget.User:
			tenant, user, _ := strings.Cut(scope.ID, "/")
			anyOf.add("(tenant_id = ? AND user_id = ?)", tenant, user)
		}
	}
	if len(anyOf.terms) > 0 {
		w.add("("+strings.Join(anyOf.terms, " OR ")+")", anyOf.args...)
	}
	return "SELECT " + group + " AS g, sum(cost_nanos) AS cost, count(*), sum(tokens) FROM ledger WHERE " + w.String() +
		" GROUP BY g ORDER BY cost DESC, g", w.args
}

func totalsQuery(by budget.SpendGroup, kind budget.ScopeKind, ids []string) (query string, args []any) {
	group := "scope_id"
	if by == budget.ByNothing {
		group = "''"
	}
	query, args = "SELECT "+group+" AS g, sum(cost_nanos) AS cost, sum(records), sum(tokens) FROM spend_totals WHERE scope_kind = ?", []any{kind}
	if ids != nil {
		query, args = query+" AND scope_id IN (SELECT value FROM json_each(?))", append(args, list(ids))
	}
	return query + " GROUP BY g ORDER BY cost DESC, g", args
}
