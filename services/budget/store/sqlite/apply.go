package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"tollgate.dev/services/budget"
)

// pruneLimit is how many rows of a table one transaction removes.
const pruneLimit = 5000

// apply writes a mutation: removals first, so that a budget can be made anew.
func apply(ctx context.Context, tx *sql.Tx, m *budget.Mutation) error {
	a := applier{ctx: ctx, tx: tx}
	if m.SeenReplica != "" {
		a.exec(`INSERT INTO replicas (id, seen_millis, ended) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET
			seen_millis = max(seen_millis, excluded.seen_millis), ended = max(ended, excluded.ended)`,
			m.SeenReplica, m.SeenAt, m.Ended)
	}
	if m.HeardAt != 0 {
		a.exec("UPDATE budget_heard SET heard_millis = ?", m.HeardAt)
	}
	if len(m.ForgetReplicas) > 0 {
		a.exec("DELETE FROM replicas WHERE NOT ended AND id IN (SELECT value FROM json_each(?))", list(m.ForgetReplicas))
	}
	if m.PruneBefore != 0 {
		a.exec(`DELETE FROM replicas WHERE id IN (SELECT id FROM replicas r WHERE ended AND seen_millis < ?
			AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.replica = r.id AND l.status = 0) LIMIT ?)`, m.PruneBefore, pruneLimit)
	}
	if len(m.DeleteBudgets) > 0 {
		ids := list(m.DeleteBudgets)
		a.exec("DELETE FROM budgets WHERE id IN (SELECT value FROM json_each(?))", ids)
		a.exec("DELETE FROM budget_windows WHERE budget_id IN (SELECT value FROM json_each(?))", ids)
		a.exec("DELETE FROM leases WHERE budget_id IN (SELECT value FROM json_each(?))", ids)
	}
	for _, b := range m.PutBudgets {
		a.exec(`INSERT INTO budgets (id, scope_kind, scope_id, limit_nanos, period, time_zone, soft, managed_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET scope_kind = excluded.scope_kind, scope_id = excluded.scope_id,
				limit_nanos = excluded.limit_nanos, period = excluded.period, time_zone = excluded.time_zone, soft = excluded.soft,
				managed_by = excluded.managed_by`,
			b.ID, b.Scope.Kind, b.Scope.ID, b.Limit, b.Window, b.TimeZone, b.Soft, b.ManagedBy)
	}
	a.rows("INSERT INTO budget_windows ("+windowColumns+")",
		` ON CONFLICT (budget_id, start_millis) DO UPDATE SET end_millis = excluded.end_millis,
			spent_nanos = excluded.spent_nanos, leased_nanos = excluded.leased_nanos, told = excluded.told, closed = excluded.closed,
			counted_from_millis = excluded.counted_from_millis, tenant_id = excluded.tenant_id, platform_id = excluded.platform_id`,
		10, len(m.Windows), func(to []any, i int) []any {
			w := m.Windows[i]
			return append(to, w.BudgetID, w.Start, w.End, w.Spent, w.Leased, w.Told, w.Closed, w.CountedFrom, w.TenantID, w.PlatformID)
		})
	a.rows("INSERT INTO leases ("+leaseColumns+")",
		` ON CONFLICT (id) DO UPDATE SET granted_nanos = excluded.granted_nanos, returned_nanos = excluded.returned_nanos,
			drawn_nanos = excluded.drawn_nanos, lost_nanos = excluded.lost_nanos, status = excluded.status,
			updated_millis = excluded.updated_millis`,
		12, len(m.Leases), func(to []any, i int) []any {
			l := m.Leases[i]
			return append(to, l.ID, l.BudgetID, l.Start, l.Replica, l.TenantID, l.PlatformID, l.Granted, l.Returned, l.Drawn, l.Lost, l.Status, l.Updated)
		})
	for tenant, last := range m.Sequences {
		a.exec("INSERT INTO tenant_sequences (tenant_id, last) VALUES (?, ?) ON CONFLICT (tenant_id) DO UPDATE SET last = excluded.last", tenant, last)
	}
	a.entries(m.Entries)
	for _, scope := range m.Changed {
		a.exec("UPDATE budget_revision SET revision = revision + 1")
		a.exec("INSERT INTO budget_changes (revision, scope_kind, scope_id, changed_millis) SELECT revision, ?, ?, unixepoch() * 1000 FROM budget_revision",
			scope.Kind, scope.ID)
	}
	for _, r := range m.Rejected {
		a.exec(`INSERT INTO budget_rejected (digest, reason, tenant_id, request_id, cost_nanos, rejected_millis, record)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING`,
			r.Digest, r.Reason, r.TenantID, r.RequestID, int64(r.Cost), r.At, r.Record)
	}
	if len(m.Recalled) > 0 {
		a.exec("UPDATE budget_revision SET revision = revision + 1")
		a.exec(`INSERT INTO budget_recalls (revision, scope_kind, scope_id, changed_millis)
			SELECT r.revision, s.value->>0, s.value->>1, unixepoch() * 1000 FROM json_each(?) s, budget_revision r WHERE true
			ON CONFLICT (scope_kind, scope_id) DO UPDATE SET revision = excluded.revision, changed_millis = excluded.changed_millis`,
			scopeList(m.Recalled))
	}
	if m.PruneBefore != 0 {
		a.exec(`DELETE FROM leases WHERE id IN (SELECT id FROM leases WHERE updated_millis < ?
			AND (status = 1 OR granted_nanos - returned_nanos - drawn_nanos <= 0) LIMIT ?)`, m.PruneBefore, pruneLimit)
		a.exec(`DELETE FROM budget_windows WHERE (budget_id, start_millis) IN (
			SELECT budget_id, start_millis FROM budget_windows w WHERE end_millis <> 0 AND end_millis < ?
			AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.budget_id = w.budget_id AND l.start_millis = w.start_millis)
			AND EXISTS (SELECT 1 FROM budget_windows n WHERE n.budget_id = w.budget_id AND n.start_millis > w.start_millis) LIMIT ?)`,
			m.PruneBefore, pruneLimit)
		a.exec("DELETE FROM budget_changes WHERE changed_millis < ?", m.PruneBefore)
		a.exec("DELETE FROM budget_recalls WHERE changed_millis < ?", m.PruneBefore)
	}
	return a.err
}

// applier runs statements until the first error.
type applier struct {
	ctx context.Context //nolint:containedctx // lives for one transaction
	tx  *sql.Tx
	err error
}

func (a *applier) exec(query string, args ...any) {
	if a.err == nil {
		_, a.err = a.tx.ExecContext(a.ctx, query, args...)
	}
}

// together is how many rows one statement writes: what a statement costs apart from its
// rows is a good part of writing one.
const together = 32

// rows inserts n rows of as many columns as row appends values. The statement is insert,
// a list of rows, and then.
func (a *applier) rows(insert, then string, columns, n int, row func(values []any, i int) []any) {
	whole := n - n%together
	a.insert(insert+" VALUES "+placeholders(columns, together)+then, together, 0, whole, row)
	a.insert(insert+" VALUES "+placeholders(columns, 1)+then, 1, whole, n, row)
}

// insert runs a statement of size rows for the rows from one to before another.
func (a *applier) insert(query string, size, from, to int, row func(values []any, i int) []any) {
	if a.err != nil || from == to {
		return
	}
	stmt, err := a.tx.PrepareContext(a.ctx, query)
	if err != nil {
		a.err = err
		return
	}
	defer func() { a.err = errors.Join(a.err, stmt.Close()) }()
	var values []any
	for ; from < to && a.err == nil; from += size {
		values = values[:0]
		for i := range size {
			values = row(values, from+i)
		}
		_, a.err = stmt.ExecContext(a.ctx, values...)
	}
}

// placeholders lists rows of columns parameters.
func placeholders(columns, rows int) string {
	row := "(" + strings.Repeat("?, ", columns-1) + "?)"
	return row + strings.Repeat(", "+row, rows-1)
}

func (a *applier) entries(entries []budget.Entry) {
	totals := budget.Totals(entries)
	a.rows("INSERT INTO spend_totals (scope_kind, scope_id, cost_nanos, records, tokens)",
		` ON CONFLICT (scope_kind, scope_id) DO UPDATE SET cost_nanos = cost_nanos + excluded.cost_nanos,
			records = records + excluded.records, tokens = tokens + excluded.tokens`,
		5, len(totals), func(to []any, i int) []any {
			t := totals[i]
			return append(to, t.Scope.Kind, t.Scope.ID, int64(t.Cost), t.Records, t.Tokens)
		})
	raw := make([][]byte, len(entries))
	for i, e := range entries {
		b, err := proto.Marshal(e.Record)
		if err != nil {
			a.err = errors.Join(a.err, fmt.Errorf("encoding %s: %w", e.Record.GetEventId(), err))
			return
		}
		raw[i] = b
	}
	a.rows(`INSERT INTO ledger (event_id, tenant_id, sequence, platform_id, key_id, user_id, request_id, model, kind,
		occurred_millis, cost_nanos, tokens, record)`, "",
		13, len(entries), func(to []any, i int) []any {
			e := entries[i]
			r := e.Record
			return append(to,
				r.GetEventId(), r.GetTenantId(), r.GetSequence(), r.GetPlatformId(), r.GetKeyId(), r.GetUserId(),
				r.GetRequestId(), r.GetModel(), e.Kind, r.GetOccurredMillis(), r.GetCostNanos(), e.Tokens, raw[i])
		})
	a.rows("INSERT INTO outbox (tenant_id, sequence, event_id)", "",
		3, len(entries), func(to []any, i int) []any {
			r := entries[i].Record
			return append(to, r.GetTenantId(), r.GetSequence(), r.GetEventId())
		})
}
