package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"tollgate.dev/services/budget"
)

// Spend is budget.Store's.
func (s *Store) Spend(ctx context.Context, q budget.SpendQuery) ([]budget.Spend, error) {
	var out []budget.Spend
	query, args := spendQuery(q)
	err := s.each(ctx, func(r pgx.Rows) error {
		var sum budget.Spend
		err := r.Scan(&sum.Group, &sum.Cost, &sum.Records, &sum.Tokens)
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
		group = "to_char(to_timestamp(occurred_millis / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
	case budget.ByNothing:
	}
	var w where
	w.add("kind = 0")
	w.equal("tenant_id", q.TenantID)
	w.equal("key_id", q.KeyID)
	w.equal("user_id", q.UserID)
	w.during(q.From, q.To)
	var scopes []string
	for _, scope := range q.Scopes {
		switch scope.Kind {
		case budget.Platform:
			scopes = append(scopes, w.term("platform_id = ?", scope.ID))
		case budget.Tenant:
			scopes = append(scopes, w.term("tenant_id = ?", scope.ID))
		case budget.Key:
			scopes = append(scopes, w.term("key_id = ?", scope.ID))
		case budget.User:
			tenant, user, _ := strings.Cut(scope.ID, "/")
			scopes = append(scopes, w.term("(tenant_id = ? AND user_id = ?)", tenant, user))
		}
	}
	if len(scopes) > 0 {
		w.terms = append(w.terms, "("+strings.Join(scopes, " OR ")+")")
	}
	return "SELECT " + group + " AS g, sum(cost_nanos)::bigint AS cost, count(*), sum(tokens)::bigint FROM ledger WHERE " + w.String() +
		" GROUP BY g ORDER BY cost DESC, g", w.args
}

func totalsQuery(by budget.SpendGroup, kind budget.ScopeKind, ids []string) (query string, args []any) {
	group := "scope_id"
	if by == budget.ByNothing {
		group = "''"
	}
	query = "SELECT " + group + " AS g, sum(cost_nanos)::bigint AS cost, sum(records)::bigint, sum(tokens)::bigint FROM spend_totals WHERE scope_kind = $1"
	args = []any{int16(kind)}
	if ids != nil {
		query, args = query+" AND scope_id = ANY ($2::text[])", append(args, ids)
	}
	return query + " GROUP BY g ORDER BY cost DESC, g", args
}
