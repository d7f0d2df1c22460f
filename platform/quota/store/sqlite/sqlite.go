// Package sqlite keeps a consumer's positions in the SQLite file in which its effects are.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"tollgate.dev/platform/quota"
	"tollgate.dev/platform/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Effect is what an event does to the consumer's own tables. It writes through tx alone; its
// error undoes everything and is tried again. It may run again, then, and must have no
// effect elsewhere.
type Effect func(ctx context.Context, tx *sql.Tx, e *quota.Event) error

// Handler is a quota.Handler.
type Handler struct {
	db       *sqlite.DB
	consumer string
	effect   Effect
}

var _ quota.Handler = (*Handler)(nil)

// New makes the table quota_positions, if it is missing, and returns a handler. The name
// tells consumers of one database apart: those of one name share the work.
func New(ctx context.Context, db *sqlite.DB, consumer string, effect Effect) (*Handler, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("quota: %w", err)
	}
	if _, err := sqlite.Migrate(ctx, db, "quota", files); err != nil {
		return nil, fmt.Errorf("quota: %w", err)
	}
	return &Handler{db: db, consumer: consumer, effect: effect}, nil
}

// Last is quota.Handler's.
func (h *Handler) Last(ctx context.Context, tenantID string) (sequence int64, err error) {
	err = h.db.Read.QueryRowContext(ctx, "SELECT sequence FROM quota_positions WHERE consumer = ? AND tenant_id = ?", h.consumer, tenantID).Scan(&sequence)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return sequence, err
}

// Positions are how far the consumer came, by tenant: where [quota.FromWatch] goes on.
func (h *Handler) Positions(ctx context.Context) (out map[string]int64, err error) {
	rows, err := h.db.Read.QueryContext(ctx, "SELECT tenant_id, sequence FROM quota_positions WHERE consumer = ?", h.consumer)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	out = map[string]int64{}
	for rows.Next() {
		var tenant string
		var sequence int64
		if err := rows.Scan(&tenant, &sequence); err != nil {
			return nil, err
		}
		out[tenant] = sequence
	}
	return out, rows.Err()
}

// Apply is quota.Handler's.
func (h *Handler) Apply(ctx context.Context, e *quota.Event, at quota.Position) error {
	return h.db.Update(ctx, func(tx *sql.Tx) error {
		move := "UPDATE quota_positions SET sequence = ?3 WHERE consumer = ?1 AND tenant_id = ?2 AND sequence = ?4"
		if at.Previous == 0 {
			// The last parameter is there for both.
			move = "INSERT INTO quota_positions (consumer, tenant_id, sequence) SELECT ?1, ?2, ?3 WHERE ?4 = 0 ON CONFLICT DO NOTHING"
		}
		res, err := tx.ExecContext(ctx, move, h.consumer, at.TenantID, at.Sequence, at.Previous)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if n == 0 {
			return quota.ErrMoved
		}
		return h.effect(ctx, tx, e)
	})
}
