// Package postgres keeps a consumer's positions in the PostgreSQL in which its effects are.
package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tollgate.dev/platform/postgres"
	"tollgate.dev/platform/quota"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Effect is what an event does to the consumer's own tables. It writes through tx alone; its
// error undoes everything and is tried again. It may run again, then, and must have no
// effect elsewhere.
type Effect func(ctx context.Context, tx pgx.Tx, e *quota.Event) error

// Handler is a quota.Handler.
type Handler struct {
	pool     *pgxpool.Pool
	consumer string
	effect   Effect
}

var _ quota.Handler = (*Handler)(nil)

// New makes the table quota_positions, if it is missing, and returns a handler. The name
// tells consumers of one database apart: those of one name share the work.
func New(ctx context.Context, pool *pgxpool.Pool, consumer string, effect Effect) (*Handler, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("quota: %w", err)
	}
	if _, err := postgres.Migrate(ctx, pool, "quota", files); err != nil {
		return nil, fmt.Errorf("quota: %w", err)
	}
	return &Handler{pool: pool, consumer: consumer, effect: effect}, nil
}

// Last is quota.Handler's.
func (h *Handler) Last(ctx context.Context, tenantID string) (sequence int64, err error) {
	err = h.pool.QueryRow(ctx, "SELECT sequence FROM quota_positions WHERE consumer = $1 AND tenant_id = $2", h.consumer, tenantID).Scan(&sequence)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return sequence, err
}

// Positions are how far the consumer came, by tenant: where [quota.FromWatch] goes on.
func (h *Handler) Positions(ctx context.Context) (map[string]int64, error) {
	rows, err := h.pool.Query(ctx, "SELECT tenant_id, sequence FROM quota_positions WHERE consumer = $1", h.consumer)
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	var tenant string
	var sequence int64
	_, err = pgx.ForEachRow(rows, []any{&tenant, &sequence}, func() error { out[tenant] = sequence; return nil })
	return out, err
}

// Apply is quota.Handler's.
func (h *Handler) Apply(ctx context.Context, e *quota.Event, at quota.Position) error {
	return pgx.BeginFunc(ctx, h.pool, func(tx pgx.Tx) error {
		move := "UPDATE quota_positions SET sequence = $3 WHERE consumer = $1 AND tenant_id = $2 AND sequence = $4"
		if at.Previous == 0 {
			// The last parameter is there for both.
			move = "INSERT INTO quota_positions (consumer, tenant_id, sequence) SELECT $1, $2, $3 WHERE $4::bigint = 0 ON CONFLICT DO NOTHING"
		}
		tag, err := tx.Exec(ctx, move, h.consumer, at.TenantID, at.Sequence, at.Previous)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return quota.ErrMoved
		}
		return h.effect(ctx, tx, e)
	})
}
