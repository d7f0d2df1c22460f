package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"tollgate.dev/services/budget"
)

// pruneLimit is how many rows of a table one transaction removes.
const pruneLimit = 5000

// apply writes a mutation in one round trip: removals first, so that a budget can be made
// anew.
func apply(ctx context.Context, tx pgx.Tx, m *budget.Mutation) error {
	var b pgx.Batch
	if m.SeenReplica != "" {
		b.Queue(`INSERT INTO replicas (id, seen_millis, ended) VALUES ($1, $2, $3)
			ON CONFLICT (id) DO UPDATE SET seen_millis = greatest(replicas.seen_millis, excluded.seen_millis),
				ended = replicas.ended OR excluded.ended`, m.SeenReplica, m.SeenAt, m.Ended)
	}
	if m.HeardAt != 0 {
		b.Queue("UPDATE budget_heard SET heard_millis = $1", m.HeardAt)
	}
	if len(m.ForgetReplicas) > 0 {
		b.Queue("DELETE FROM replicas WHERE NOT ended AND id = ANY ($1::text[])", m.ForgetReplicas)
	}
	if m.PruneBefore != 0 { // before all else, for the order of locks
		b.Queue(`DELETE FROM replicas WHERE seen_millis < $1 AND id IN (SELECT id FROM replicas r WHERE ended AND seen_millis < $1
			AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.replica = r.id AND l.status = 0) LIMIT $2)`, m.PruneBefore, pruneLimit)
	}
	queueBudgets(&b, m)
	queueBalanceChanges(&b, m)
	if err := queueEntries(&b, m); err != nil {
		return err
	}
	for _, scope := range m.Changed {
		b.Queue("UPDATE budget_revision SET revision = revision + 1")
		b.Queue(`INSERT INTO budget_changes (revision, scope_kind, scope_id, changed_millis)
			SELECT revision, $1, $2, (extract(epoch FROM now()) * 1000)::bigint FROM budget_revision`, int16(scope.Kind), scope.ID)
	}
	queueRejected(&b, m.Rejected)
	if len(m.Recalled) > 0 {
		kinds, ids := scopeArrays(m.Recalled)
		b.Queue("UPDATE budget_revision SET revision = revision + 1")
		b.Queue(`INSERT INTO budget_recalls (revision, scope_kind, scope_id, changed_millis)
			SELECT r.revision, s.kind, s.id, (extract(epoch FROM now()) * 1000)::bigint
			FROM budget_revision r, (SELECT DISTINCT * FROM unnest($1::smallint[], $2::text[]) AS s (kind, id)) s
			ON CONFLICT (scope_kind, scope_id) DO UPDATE SET revision = excluded.revision, changed_millis = excluded.changed_millis`,
			kinds, ids)
	}
	if m.PruneBefore != 0 {
		// The outer conditions are the ones that are looked at again when the row was
		// changed in the meantime: a lease that has just grown must stay.
		b.Queue(`DELETE FROM leases WHERE updated_millis < $1 AND (status = 1 OR granted_nanos - returned_nanos - drawn_nanos <= 0)
			AND id IN (SELECT id FROM leases WHERE updated_millis < $1
				AND (status = 1 OR granted_nanos - returned_nanos - drawn_nanos <= 0) LIMIT $2)`, m.PruneBefore, pruneLimit)
		b.Queue(`DELETE FROM budget_windows WHERE (budget_id, start_millis) IN (
			SELECT budget_id, start_millis FROM budget_windows w WHERE end_millis <> 0 AND end_millis < $1
			AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.budget_id = w.budget_id AND l.start_millis = w.start_millis)
			AND EXISTS (SELECT 1 FROM budget_windows n WHERE n.budget_id = w.budget_id AND n.start_millis > w.start_millis) LIMIT $2)`,
			m.PruneBefore, pruneLimit)
		b.Queue("DELETE FROM budget_changes WHERE changed_millis < $1", m.PruneBefore)
		b.Queue("DELETE FROM budget_recalls WHERE changed_millis < $1", m.PruneBefore)
	}
	if b.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, &b).Close()
}

func queueBudgets(b *pgx.Batch, m *budget.Mutation) {
	if len(m.DeleteBudgets) > 0 {
		b.Queue("DELETE FROM budgets WHERE id = ANY ($1::text[])", m.DeleteBudgets)
		b.Queue("DELETE FROM budget_windows WHERE budget_id = ANY ($1::text[])", m.DeleteBudgets)
		b.Queue("DELETE FROM leases WHERE budget_id = ANY ($1::text[])", m.DeleteBudgets)
	}
	for _, x := range m.PutBudgets {
		b.Queue(`INSERT INTO budgets (id, scope_kind, scope_id, limit_nanos, period, time_zone, soft, managed_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (id) DO UPDATE SET scope_kind = excluded.scope_kind, scope_id = excluded.scope_id,
				limit_nanos = excluded.limit_nanos, period = excluded.period, time_zone = excluded.time_zone, soft = excluded.soft,
				managed_by = excluded.managed_by`,
			x.ID, int16(x.Scope.Kind), x.Scope.ID, int64(x.Limit), x.Window, x.TimeZone, x.Soft, x.ManagedBy)
	}
}

func queueBalanceChanges(b *pgx.Batch, m *budget.Mutation) {
	if n := len(m.Windows); n > 0 {
		ids, starts, ends := make([]string, n), make([]int64, n), make([]int64, n)
		spent, leased := make([]int64, n), make([]int64, n)
		told, closed, counted := make([]int16, n), make([]bool, n), make([]int64, n)
		tenants, platforms := make([]string, n), make([]string, n)
		for i, w := range m.Windows {
			ids[i], starts[i], ends[i], spent[i], leased[i] = w.BudgetID, w.Start, w.End, int64(w.Spent), int64(w.Leased)
			told[i], closed[i], counted[i], tenants[i], platforms[i] = int16(w.Told), w.Closed, w.CountedFrom, w.TenantID, w.PlatformID
		}
		b.Queue(`INSERT INTO budget_windows (budget_id, start_millis, end_millis, spent_nanos, leased_nanos,
				told, closed, counted_from_millis, tenant_id, platform_id)
			SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
				$6::smallint[], $7::boolean[], $8::bigint[], $9::text[], $10::text[])
			ON CONFLICT (budget_id, start_millis) DO UPDATE SET end_millis = excluded.end_millis,
				spent_nanos = excluded.spent_nanos, leased_nanos = excluded.leased_nanos, told = excluded.told, closed = excluded.closed,
				counted_from_millis = excluded.counted_from_millis, tenant_id = excluded.tenant_id, platform_id = excluded.platform_id`,
			ids, starts, ends, spent, leased, told, closed, counted, tenants, platforms)
	}
	n := len(m.Leases)
	if n == 0 {
		return
	}
	var text [5][]string
	var numbers [6][]int64
	for i := range text {
		text[i] = make([]string, n)
	}
	for i := range numbers {
		numbers[i] = make([]int64, n)
	}
	status := make([]int16, n)
	for i, l := range m.Leases {
		for c, v := range [...]string{l.ID, l.BudgetID, l.Replica, l.TenantID, l.PlatformID} {
			text[c][i] = v
		}
		for c, v := range [...]int64{l.Start, int64(l.Granted), int64(l.Returned), int64(l.Drawn), int64(l.Lost), l.Updated} {
			numbers[c][i] = v
		}
		status[i] = int16(l.Status)
	}
	b.Queue(`INSERT INTO leases (id, budget_id, replica, tenant_id, platform_id, start_millis,
			granted_nanos, returned_nanos, drawn_nanos, lost_nanos, updated_millis, status)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[],
			$7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::smallint[])
		ON CONFLICT (id) DO UPDATE SET granted_nanos = excluded.granted_nanos, returned_nanos = excluded.returned_nanos,
			drawn_nanos = excluded.drawn_nanos, lost_nanos = excluded.lost_nanos, status = excluded.status,
			updated_millis = excluded.updated_millis`,
		text[0], text[1], text[2], text[3], text[4], numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], status)
}

func queueEntries(b *pgx.Batch, m *budget.Mutation) error {
	if len(m.Sequences) > 0 {
		tenants, last := make([]string, 0, len(m.Sequences)), make([]int64, 0, len(m.Sequences))
		for tenant := range m.Sequences {
			tenants = append(tenants, tenant)
		}
		slices.Sort(tenants)
		for _, tenant := range tenants {
			last = append(last, m.Sequences[tenant])
		}
		b.Queue(`UPDATE tenant_sequences s SET last = n.last FROM unnest($1::text[], $2::bigint[]) AS n (tenant_id, last)
			WHERE s.tenant_id = n.tenant_id`, tenants, last)
	}
	n := len(m.Entries)
	if n == 0 {
		return nil
	}
	queueTotals(b, budget.Totals(m.Entries))
	var text [7][]string
	var numbers [4][]int64
	for i := range text {
		text[i] = make([]string, n)
	}
	for i := range numbers {
		numbers[i] = make([]int64, n)
	}
	kinds, raw := make([]int16, n), make([][]byte, n)
	for i, e := range m.Entries {
		r := e.Record
		for c, v := range [...]string{
			r.GetEventId(), r.GetTenantId(), r.GetPlatformId(), r.GetKeyId(), r.GetUserId(), r.GetRequestId(), r.GetModel(),
		} {
			text[c][i] = v
		}
		for c, v := range [...]int64{r.GetSequence(), r.GetOccurredMillis(), r.GetCostNanos(), e.Tokens} {
			numbers[c][i] = v
		}
		encoded, err := proto.Marshal(r)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", r.GetEventId(), err)
		}
		kinds[i], raw[i] = int16(e.Kind), encoded
	}
	b.Queue(`INSERT INTO ledger (event_id, tenant_id, platform_id, key_id, user_id, request_id, model,
			sequence, occurred_millis, cost_nanos, tokens, kind, record)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
			$8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::smallint[], $13::bytea[])`,
		text[0], text[1], text[2], text[3], text[4], text[5], text[6], numbers[0], numbers[1], numbers[2], numbers[3], kinds, raw)
	// Positions follow the order of the records, and with it that of the sequences.
	b.Queue(`INSERT INTO outbox (tenant_id, sequence, event_id)
		SELECT tenant_id, sequence, event_id
		FROM unnest($1::text[], $2::bigint[], $3::text[]) WITH ORDINALITY AS o (tenant_id, sequence, event_id, n) ORDER BY n`,
		text[1], numbers[0], text[0])
	return nil
}

func queueTotals(b *pgx.Batch, totals []budget.Total) {
	n := len(totals)
	kinds, ids := make([]int16, n), make([]string, n)
	costs, records, tokens := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, t := range totals {
		kinds[i], ids[i], costs[i], records[i], tokens[i] = int16(t.Scope.Kind), t.Scope.ID, int64(t.Cost), t.Records, t.Tokens
	}
	// Rows are locked in the order in which they come.
	b.Queue(`INSERT INTO spend_totals (scope_kind, scope_id, cost_nanos, records, tokens)
		SELECT * FROM unnest($1::smallint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
		ON CONFLICT (scope_kind, scope_id) DO UPDATE SET cost_nanos = spend_totals.cost_nanos + excluded.cost_nanos,
			records = spend_totals.records + excluded.records, tokens = spend_totals.tokens + excluded.tokens`,
		kinds, ids, costs, records, tokens)
}

func queueRejected(b *pgx.Batch, rejected []budget.Rejection) {
	for _, r := range rejected {
		b.Queue(`INSERT INTO budget_rejected (digest, reason, tenant_id, request_id, cost_nanos, rejected_millis, record)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (digest) DO NOTHING`,
			r.Digest, r.Reason, r.TenantID, r.RequestID, int64(r.Cost), r.At, r.Record)
	}
}
