package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"tollgate.dev/platform/id"
	"tollgate.dev/platform/sqlite"
	"tollgate.dev/services/budget/relay"
)

// Outbox is a relay.Outbox over the same database.
type Outbox struct{ db *sqlite.DB }

var _ relay.Outbox = (*Outbox)(nil)

// Outbox returns the store's outbox.
func (s *Store) Outbox() *Outbox { return &Outbox{db: s.db} }

const dbMillis = "CAST(unixepoch('subsec') * 1000 AS INTEGER)"

// Claim is relay.Outbox's.
func (o *Outbox) Claim(ctx context.Context, holder string, term time.Duration) (epoch int64, err error) {
	err = o.db.Update(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `UPDATE outbox_relay SET holder = ?1, expires_millis = `+dbMillis+` + ?2,
				epoch = epoch + CASE WHEN holder = ?1 THEN 0 ELSE 1 END
			WHERE id = 1 AND (holder = ?1 OR expires_millis <= `+dbMillis+`) RETURNING epoch`, holder, term.Milliseconds()).Scan(&epoch)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return epoch, wrap("claiming the outbox", err)
}

// Release is relay.Outbox's.
func (o *Outbox) Release(ctx context.Context, epoch int64) error {
	return wrap("releasing the outbox", o.db.Update(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE outbox_relay SET holder = '', expires_millis = 0 WHERE id = 1 AND epoch = ?", epoch)
		return err
	}))
}

// Pending is relay.Outbox's.
func (o *Outbox) Pending(ctx context.Context, epoch int64, skip []string, limit int) (out []relay.Row, err error) {
	tx, err := o.db.Read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, wrap("reading the outbox", err)
	}
	defer func() { _ = tx.Rollback() }() // it only reads
	if err := held(ctx, tx, epoch); err != nil {
		return nil, wrap("reading the outbox", err)
	}
	err = each(ctx, tx, func(r *sql.Rows) error {
		var row relay.Row
		var raw sql.RawBytes
		var inLedger bool
		if err := r.Scan(&row.Position, &row.TenantID, &row.Sequence, &row.EventID, &raw, &inLedger); err != nil {
			return err
		}
		row.Read(raw, inLedger)
		out = append(out, row)
		return nil
	}, `SELECT o.position, o.tenant_id, o.sequence, o.event_id, l.record, l.event_id IS NOT NULL
		FROM outbox o LEFT JOIN ledger l ON l.event_id = o.event_id
		WHERE o.tenant_id NOT IN (SELECT value FROM json_each(?)) ORDER BY o.position LIMIT ?`, list(skip), limit)
	return out, wrap("reading the outbox", err)
}

// Remove is relay.Outbox's.
func (o *Outbox) Remove(ctx context.Context, epoch int64, positions []int64) error {
	return wrap("removing from the outbox", o.db.Update(ctx, func(tx *sql.Tx) error {
		if err := held(ctx, tx, epoch); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM outbox WHERE position IN (SELECT value FROM json_each(?))", list(positions))
		return err
	}))
}

// SetAside is relay.Outbox's.
func (o *Outbox) SetAside(ctx context.Context, epoch int64, rows []relay.Aside) error {
	return wrap("setting aside", o.db.Update(ctx, func(tx *sql.Tx) error {
		if err := held(ctx, tx, epoch); err != nil {
			return err
		}
		for _, row := range rows {
			_, err := tx.ExecContext(ctx, `INSERT INTO outbox_set_aside (position, tenant_id, sequence, event_id, reason, set_aside_millis)
				SELECT position, tenant_id, sequence, event_id, ?2, `+dbMillis+` FROM outbox WHERE position = ?1`, row.Position, string(row.Reason))
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM outbox WHERE position = ?", row.Position); err != nil {
				return err
			}
		}
		return nil
	}))
}

func held(ctx context.Context, tx *sql.Tx, epoch int64) error {
	var one int
	err := tx.QueryRowContext(ctx, "SELECT 1 FROM outbox_relay WHERE id = 1 AND epoch = ?", epoch).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return relay.ErrFenced
	}
	return err
}

// countLimit is up to how many rows are counted one by one.
const countLimit = 100_000

// Backlog is relay.Outbox's.
func (o *Outbox) Backlog(ctx context.Context) (out relay.Backlog, err error) {
	var span int64
	err = o.db.Read.QueryRowContext(ctx, `SELECT coalesce((SELECT max(position) FROM outbox) - (SELECT min(position) FROM outbox) + 1, 0),
		coalesce((SELECT event_id FROM outbox ORDER BY position LIMIT 1), '')`).Scan(&span, &out.OldestEventID)
	out.Rows = span
	if err == nil && span <= countLimit {
		// Counting reads the rows; their positions alone tell enough of a long backlog.
		err = o.db.Read.QueryRowContext(ctx, "SELECT count(*) FROM outbox").Scan(&out.Rows)
	}
	return out, wrap("measuring the outbox", err)
}

// Trim is relay.Outbox's.
func (o *Outbox) Trim(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = o.db.Update(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM outbox WHERE position IN (
			SELECT position FROM (SELECT position, event_id FROM outbox ORDER BY position LIMIT ?2) WHERE event_id < ?1)`, id.Floor(before), limit)
		if err != nil {
			return err
		}
		affected, err := res.RowsAffected()
		n = int(affected)
		return err
	})
	return n, wrap("trimming the outbox", err)
}
