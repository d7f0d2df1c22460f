package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tollgate.dev/platform/id"
	"tollgate.dev/services/budget/relay"
)

// Outbox is a relay.Outbox over the same database.
type Outbox struct{ pool *pgxpool.Pool }

var _ relay.Outbox = (*Outbox)(nil)

// Outbox returns the store's outbox.
func (s *Store) Outbox() *Outbox { return &Outbox{pool: s.pool} }

const dbMillis = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

// Claim is relay.Outbox's.
func (o *Outbox) Claim(ctx context.Context, holder string, term time.Duration) (epoch int64, err error) {
	err = o.pool.QueryRow(ctx, `UPDATE outbox_relay SET holder = $1, expires_millis = `+dbMillis+` + $2,
			epoch = epoch + CASE WHEN holder = $1 THEN 0 ELSE 1 END
		WHERE id = 1 AND (holder = $1 OR expires_millis <= `+dbMillis+`) RETURNING epoch`, holder, term.Milliseconds()).Scan(&epoch)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return epoch, wrap("claiming the outbox", err)
}

// Release is relay.Outbox's.
func (o *Outbox) Release(ctx context.Context, epoch int64) error {
	_, err := o.pool.Exec(ctx, "UPDATE outbox_relay SET holder = '', expires_millis = 0 WHERE id = 1 AND epoch = $1", epoch)
	return wrap("releasing the outbox", err)
}

// Pending is relay.Outbox's. There is no cursor: a transaction may commit positions below
// those of one that came before it. Within a tenant they commit in order, because
// whoever takes one holds the lock of its sequence.
func (o *Outbox) Pending(ctx context.Context, epoch int64, skip []string, limit int) (out []relay.Row, err error) {
	if skip == nil {
		skip = []string{}
	}
	err = o.held(ctx, epoch, func(tx pgx.Tx) error {
		// The rows come first, so that no plan reads the whole ledger.
		rows, err := tx.Query(ctx, `SELECT o.position, o.tenant_id, o.sequence, o.event_id, l.record, l.record IS NOT NULL FROM
			(SELECT position, tenant_id, sequence, event_id FROM outbox WHERE tenant_id <> ALL ($1::text[]) ORDER BY position LIMIT $2) o
			LEFT JOIN LATERAL (SELECT record FROM ledger WHERE event_id = o.event_id LIMIT 1) l ON true ORDER BY o.position`, skip, limit)
		return eachRow(rows, err, func(r pgx.Rows) error {
			var row relay.Row
			var raw []byte
			var inLedger bool
			if err := r.Scan(&row.Position, &row.TenantID, &row.Sequence, &row.EventID, &raw, &inLedger); err != nil {
				return err
			}
			row.Read(raw, inLedger)
			out = append(out, row)
			return nil
		})
	})
	return out, wrap("reading the outbox", err)
}

// Remove is relay.Outbox's.
func (o *Outbox) Remove(ctx context.Context, epoch int64, positions []int64) error {
	return wrap("removing from the outbox", o.held(ctx, epoch, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM outbox WHERE position = ANY ($1::bigint[])", positions)
		return err
	}))
}

// SetAside is relay.Outbox's.
func (o *Outbox) SetAside(ctx context.Context, epoch int64, rows []relay.Aside) error {
	positions, reasons := make([]int64, len(rows)), make([]string, len(rows))
	for i, row := range rows {
		positions[i], reasons[i] = row.Position, string(row.Reason)
	}
	return wrap("setting aside", o.held(ctx, epoch, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `WITH aside AS (
				DELETE FROM outbox o USING unnest($1::bigint[], $2::text[]) AS a (position, reason)
				WHERE o.position = a.position RETURNING o.position, o.tenant_id, o.sequence, o.event_id, a.reason)
			INSERT INTO outbox_set_aside (position, tenant_id, sequence, event_id, reason, set_aside_millis)
			SELECT position, tenant_id, sequence, event_id, reason, `+dbMillis+` FROM aside`, positions, reasons)
		return err
	}))
}

// held runs f while nobody can take the lease.
func (o *Outbox) held(ctx context.Context, epoch int64, f func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, o.pool, func(tx pgx.Tx) error {
		var one int
		err := tx.QueryRow(ctx, "SELECT 1 FROM outbox_relay WHERE id = 1 AND epoch = $1 FOR SHARE", epoch).Scan(&one)
		if errors.Is(err, pgx.ErrNoRows) {
			return relay.ErrFenced
		}
		if err != nil {
			return err
		}
		return f(tx)
	})
}

// Backlog is relay.Outbox's.
func (o *Outbox) Backlog(ctx context.Context) (out relay.Backlog, err error) {
	var span int64
	err = o.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT $1) o),
		coalesce((SELECT max(position) - min(position) + 1 FROM outbox), 0),
		coalesce((SELECT event_id FROM outbox ORDER BY position LIMIT 1), '')`, countLimit).Scan(&out.Rows, &span, &out.OldestEventID)
	if out.Rows == countLimit {
		out.Rows = span // counting would take long
	}
	return out, wrap("measuring the outbox", err)
}

// countLimit is up to how many rows are counted one by one.
const countLimit = 100_000

// Trim is relay.Outbox's.
func (o *Outbox) Trim(ctx context.Context, before time.Time, limit int) (int, error) {
	tag, err := o.pool.Exec(ctx, `DELETE FROM outbox WHERE position IN (
		SELECT position FROM (SELECT position, event_id FROM outbox ORDER BY position LIMIT $2) o WHERE event_id < $1)`, id.Floor(before), limit)
	return int(tag.RowsAffected()), wrap("trimming the outbox", err)
}
