package sqlite

import (
	"context"
	"database/sql"

	"google.golang.org/protobuf/proto"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/services/budget"
)

var _ budget.Books = (*Store)(nil)

// Snapshot is budget.Books': one transaction that sees one moment and waits for no writer.
func (s *Store) Snapshot(ctx context.Context, tenantID string, visit func(*eventv1.UsageRecord) error) (budget.Standing, error) {
	out := budget.Standing{Heads: map[string]int64{}, Waiting: map[string]budget.Waiting{}, SetAside: map[string][]budget.SetAside{}}
	tx, err := s.db.Read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return out, wrap("audit", err)
	}
	defer func() { _ = tx.Rollback() }() // it only reads
	query, args := "SELECT record FROM ledger ORDER BY tenant_id, sequence", []any{}
	if tenantID != "" {
		query, args = "SELECT record FROM ledger WHERE tenant_id = ? ORDER BY sequence", []any{tenantID}
	}
	err = each(ctx, tx, func(r *sql.Rows) error {
		var raw sql.RawBytes
		if err := r.Scan(&raw); err != nil {
			return err
		}
		record := &eventv1.UsageRecord{}
		if err := proto.Unmarshal(raw, record); err != nil {
			return err
		}
		return visit(record)
	}, query, args...)
	if err != nil {
		return out, wrap("audit", err)
	}
	err = each(ctx, tx, func(r *sql.Rows) error {
		var st budget.State
		err := r.Scan(append(scanBudget(&st.Budget), &st.BudgetID, &st.Start, &st.End, &st.Spent, &st.Leased, &st.CountedFrom)...)
		out.Windows = append(out.Windows, st)
		return err
	}, "SELECT "+budgetColumns+`, w.budget_id, w.start_millis, w.end_millis, w.spent_nanos, w.leased_nanos, w.counted_from_millis
		FROM budget_windows w JOIN budgets b ON b.id = w.budget_id`)
	if err != nil {
		return out, wrap("audit", err)
	}
	err = each(ctx, tx, func(r *sql.Rows) error {
		var tenant string
		var last int64
		err := r.Scan(&tenant, &last)
		out.Heads[tenant] = last
		return err
	}, "SELECT tenant_id, last FROM tenant_sequences WHERE ?1 = '' OR tenant_id = ?1", tenantID)
	if err != nil {
		return out, wrap("audit", err)
	}
	err = each(ctx, tx, func(r *sql.Rows) error {
		var tenant string
		var w budget.Waiting
		err := r.Scan(&tenant, &w.First, &w.Rows)
		out.Waiting[tenant] = w
		return err
	}, "SELECT tenant_id, min(sequence), count(*) FROM outbox WHERE ?1 = '' OR tenant_id = ?1 GROUP BY tenant_id", tenantID)
	if err != nil {
		return out, wrap("audit", err)
	}
	err = each(ctx, tx, func(r *sql.Rows) error {
		var tenant string
		var e budget.SetAside
		err := r.Scan(&tenant, &e.Sequence, &e.EventID, &e.Reason, &e.At)
		out.SetAside[tenant] = append(out.SetAside[tenant], e)
		return err
	}, `SELECT tenant_id, sequence, event_id, reason, set_aside_millis FROM outbox_set_aside WHERE ?1 = '' OR tenant_id = ?1
		ORDER BY tenant_id, sequence LIMIT ?2`, tenantID, budget.MaxSetAside)
	return out, wrap("audit", err)
}
