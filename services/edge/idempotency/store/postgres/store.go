// Package postgres keeps idempotency records in PostgreSQL, which any number of
// replicas share.
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
	"tollgate.dev/services/edge/idempotency"
)

//go:embed migrations/*.sql
var files embed.FS

// Store is an idempotency.Store. The pool stays its caller's.
type Store struct{ pool *pgxpool.Pool }

var _ idempotency.Store = (*Store)(nil)

// New brings the tables up to date and returns the store.
func New(ctx context.Context, pool *pgxpool.Pool) (*Store, error) {
	migrations, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, fmt.Errorf("idempotency: %w", err)
	}
	if _, err := postgres.Migrate(ctx, pool, "edge", migrations); err != nil {
		return nil, fmt.Errorf("idempotency: %w", err)
	}
	return &Store{pool: pool}, nil
}

// Claim stores the record or returns the one that holds its slot.
func (s *Store) Claim(ctx context.Context, rec idempotency.Record, nowMillis int64) (*idempotency.Record, error) {
	// The insert takes the row's lock, so that of many claims one wins. A row that is
	// freed between the two statements is claimed on another turn.
	for {
		tag, err := s.pool.Exec(ctx, `INSERT INTO idempotency AS held (slot, digest, owner, expires, answer) VALUES ($1, $2, $3, $4, NULL)
			ON CONFLICT (slot) DO UPDATE SET digest = excluded.digest, owner = excluded.owner, expires = excluded.expires, answer = NULL
			WHERE held.expires <= $5`,
			rec.Slot[:], rec.Digest[:], rec.Owner, rec.ExpiresMillis, nowMillis)
		if err != nil {
			return nil, fmt.Errorf("claim an idempotency slot: %w", err)
		}
		if tag.RowsAffected() > 0 {
			return nil, nil //nolint:nilnil // nil is the claimed slot, as Store says
		}
		there := idempotency.Record{Slot: rec.Slot}
		var digest []byte
		err = s.pool.QueryRow(ctx, `SELECT digest, owner, expires, answer FROM idempotency WHERE slot = $1`, rec.Slot[:]).
			Scan(&digest, &there.Owner, &there.ExpiresMillis, &there.Answer)
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read an idempotency slot: %w", err)
		}
		copy(there.Digest[:], digest)
		return &there, nil
	}
}

// Extend moves a running record's expiry.
func (s *Store) Extend(ctx context.Context, slot idempotency.Slot, owner string, expiresMillis int64) (bool, error) {
	return s.change(ctx, `UPDATE idempotency SET expires = $1 WHERE slot = $2 AND owner = $3 AND answer IS NULL`,
		expiresMillis, slot[:], owner)
}

// Finish keeps the answer.
func (s *Store) Finish(ctx context.Context, slot idempotency.Slot, owner string, expiresMillis int64, answer []byte) (bool, error) {
	return s.change(ctx, `UPDATE idempotency SET expires = $1, answer = $2 WHERE slot = $3 AND owner = $4`,
		expiresMillis, answer, slot[:], owner)
}

// Remove frees a slot.
func (s *Store) Remove(ctx context.Context, slot idempotency.Slot, owner string) error {
	_, err := s.change(ctx, `DELETE FROM idempotency WHERE slot = $1 AND owner = $2`, slot[:], owner)
	return err
}

// Purge removes expired records.
func (s *Store) Purge(ctx context.Context, nowMillis int64, limit int) (int, error) {
	tag, err := s.pool.Exec(ctx,
		`DELETE FROM idempotency WHERE slot IN (SELECT slot FROM idempotency WHERE expires <= $1 LIMIT $2)`, nowMillis, limit)
	if err != nil {
		return 0, fmt.Errorf("purge idempotency records: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

func (s *Store) change(ctx context.Context, statement string, args ...any) (bool, error) {
	tag, err := s.pool.Exec(ctx, statement, args...)
	if err != nil {
		return false, fmt.Errorf("change an idempotency record: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}
