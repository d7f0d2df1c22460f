package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/services/budget"
)

var _ budget.Books = (*Store)(nil)

// snapshotPage is how many records one statement reads: the whole ledger would take
// longer than a statement may.
const snapshotPage = 5000

// Snapshot is budget.Books': one transaction that sees one moment.
func (s *Store) Snapshot(ctx context.Context, tenantID string, visit func(*eventv1.UsageRecord) error) (budget.Standing, error) {
	out := budget.Standing{Heads: map[string]int64{}, Waiting: map[string]budget.Waiting{}, SetAside: map[string][]budget.SetAside{}}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error {
		if err := visitLedger(ctx, tx, tenantID, visit); err != nil {
			return err
		}
		all := reader{tx: tx}
		all.queue(func(r pgx.Rows) error {
			var st budget.State
			err := r.Scan(append(scanBudget(&st.Budget), &st.BudgetID, &st.Start, &st.End, &st.Spent, &st.Leased, &st.CountedFrom)...)
			out.Windows = append(out.Windows, st)
			return err
		}, "SELECT "+budgetColumns+`, w.budget_id, w.start_millis, w.end_millis, w.spent_nanos, w.leased_nanos, w.counted_from_millis
			FROM budget_windows w JOIN budgets b ON b.id = w.budget_id`)
		all.queue(func(r pgx.Rows) error {
			var tenant string
			var last int64
			err := r.Scan(&tenant, &last)
			out.Heads[tenant] = last
			return err
		}, "SELECT tenant_id, last FROM tenant_sequences WHERE $1 = '' OR tenant_id = $1", tenantID)
		all.queue(func(r pgx.Rows) error {
			var tenant string
			var w budget.Waiting
			err := r.Scan(&tenant, &w.First, &w.Rows)
			out.Waiting[tenant] = w
			return err
		}, "SELECT tenant_id, min(sequence), count(*) FROM outbox WHERE $1 = '' OR tenant_id = $1 GROUP BY tenant_id", tenantID)
		all.queue(func(r pgx.Rows) error {
			var tenant string
			var e budget.SetAside
			err := r.Scan(&tenant, &e.Sequence, &e.EventID, &e.Reason, &e.At)
			out.SetAside[tenant] = append(out.SetAside[tenant], e)
			return err
		}, `SELECT tenant_id, sequence, event_id, reason, set_aside_millis FROM outbox_set_aside WHERE $1 = '' OR tenant_id = $1
			ORDER BY tenant_id, sequence LIMIT $2`, tenantID, budget.MaxSetAside)
		return all.run(ctx)
	})
	return out, wrap("audit", err)
}

func visitLedger(ctx context.Context, tx pgx.Tx, tenantID string, visit func(*eventv1.UsageRecord) error) error {
	tenant, sequence := tenantID, int64(-1)
	for {
		n := 0
		rows, err := tx.Query(ctx, `SELECT record FROM ledger WHERE (tenant_id, sequence) > ($1, $2) AND ($3 = '' OR tenant_id = $3)
			ORDER BY tenant_id, sequence LIMIT $4`, tenant, sequence, tenantID, snapshotPage)
		err = eachRow(rows, err, func(r pgx.Rows) error {
			n++
			record := &eventv1.UsageRecord{}
			var raw []byte
			if err := r.Scan(&raw); err != nil {
				return err
			}
			if err := proto.Unmarshal(raw, record); err != nil {
				return err
			}
			tenant, sequence = record.GetTenantId(), record.GetSequence()
			return visit(record)
		})
		if err != nil || n < snapshotPage {
			return err
		}
	}
}
