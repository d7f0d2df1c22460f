// Package sqlite keeps idempotency records in an SQLite database.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"tollgate.dev/platform/sqlite"
	"tollgate.dev/services/edge/idempotency"
)

//go:embed migrations/*.sql
var files embed.FS

// Store is an idempotency.Store. The database stays its caller's.
type Store struct{ db *sqlite.DB }

var _ idempotency.Store = (*Store)(nil)

// New brings the tables up to date and returns the store.
func New(ctx context.Context, db *sqlite.DB) (*Store, error) {
	migrations, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, fmt.Errorf("idempotency: %w", err)
	}
	if _, err := sqlite.Migrate(ctx, db, "edge", migrations); err != nil {
		return nil, fmt.Errorf("idempotency: %w", err)
	}
	return &Store{db: db}, nil
}

// Claim stores the record or returns the one that holds its slot.
func (s *Store) Claim(ctx context.Context, rec idempotency.Record, nowMillis int64) (*idempotency.Record, error) {
	var there *idempotency.Record
	err := s.db.Update(ctx, func(tx *sql.Tx) error {
		found := idempotency.Record{Slot: rec.Slot}
		var digest []byte
		err := tx.QueryRowContext(ctx, `SELECT digest, owner, expires, answer FROM idempotency WHERE slot = ? AND expires > ?`,
			rec.Slot[:], nowMillis).Scan(&digest, &found.Owner, &found.ExpiresMillis, &found.Answer)
		if err == nil {
			copy(found.Digest[:], digest)
			there = &found
			return nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO idempotency (slot, digest, owner, expires, answer) VALUES (?, ?, ?, ?, NULL)
			ON CONFLICT (slot) DO UPDATE SET digest = excluded.digest, owner = excluded.owner, expires = excluded.expires, answer = NULL`,
			rec.Slot[:], rec.Digest[:], rec.Owner, rec.ExpiresMillis)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim an idempotency slot: %w", err)
	}
	return there, nil
}

// Extend moves a running record's expiry.
func (s *Store) Extend(ctx context.Context, slot idempotency.Slot, owner string, expiresMillis int64) (bool, error) {
	return s.change(ctx, `UPDATE idempotency SET expires = ? WHERE slot = ? AND owner = ? AND answer IS NULL`,
		expiresMillis, slot[:], owner)
}

// Finish keeps the answer.
func (s *Store) Finish(ctx context.Context, slot idempotency.Slot, owner string, expiresMillis int64, answer []byte) (bool, error) {
	return s.change(ctx, `UPDATE idempotency SET expires = ?, answer = ? WHERE slot = ? AND owner = ?`,
		expiresMillis, answer, slot[:], owner)
}

// Remove frees a slot.
func (s *Store) Remove(ctx context.Context, slot idempotency.Slot, owner string) error {
	_, err := s.change(ctx, `DELETE FROM idempotency WHERE slot = ? AND owner = ?`, slot[:], owner)
	return err
}

// Purge removes expired records.
func (s *Store) Purge(ctx context.Context, nowMillis int64, limit int) (int, error) {
	result, err := s.db.Write.ExecContext(ctx,
		`DELETE FROM idempotency WHERE slot IN (SELECT slot FROM idempotency WHERE expires <= ? LIMIT ?)`, nowMillis, limit)
	if err != nil {
		return 0, fmt.Errorf("purge idempotency records: %w", err)
	}
	n, err := result.RowsAffected()
	return int(n), err
}

func (s *Store) change(ctx context.Context, statement string, args ...any) (bool, error) {
	result, err := s.db.Write.ExecContext(ctx, statement, args...)
	if err != nil {
		return false, fmt.Errorf("change an idempotency record: %w", err)
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
