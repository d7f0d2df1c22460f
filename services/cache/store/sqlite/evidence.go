// Package sqlite keeps what the cache learned in an SQLite database, so that a process by
// itself goes on after a restart with what it knew.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/sqlite"
	"tollgate.dev/services/cache"
)

//go:embed migrations/*.sql
var files embed.FS

// Evidence is a [cache.Evidence]. The database stays its caller's.
type Evidence struct {
	db    *sqlite.DB
	clock clock.Clock
}

var _ cache.Evidence = (*Evidence)(nil)

// NewEvidence brings the tables up to date. The clock is the system's when nil.
func NewEvidence(ctx context.Context, db *sqlite.DB, c clock.Clock) (*Evidence, error) {
	migrations, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	if _, err := sqlite.Migrate(ctx, db, "cache", migrations); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	if c == nil {
		c = clock.Real()
	}
	return &Evidence{db: db, clock: c}, nil
}

// Exchange is [cache.Evidence]'s. It waits for the disk when there is a state to keep; a lease that
// is another's by then keeps none, whether or not that one has exchanged the namespace.
func (e *Evidence) Exchange(ctx context.Context, ns cache.Namespace, lease cache.Lease, state []byte) ([][]byte, error) {
	oldest := e.clock.Now().Add(-cache.EvidenceLife).UnixMilli()
	if len(state) > 0 {
		err := e.db.Update(ctx, func(tx *sql.Tx) error { return e.keep(ctx, tx, ns, lease, state, oldest) })
		if err != nil {
			return nil, fmt.Errorf("keeping what was learned: %w", err)
		}
	}
	rows, err := e.db.Read.QueryContext(ctx, `
		SELECT state FROM cache_evidence
		WHERE tenant = ? AND provider = ? AND model = ? AND partition = ? AND kept >= ?
		ORDER BY kept DESC, replica LIMIT ?`,
		ns.Tenant, ns.Provider, ns.Model, ns.Partition, oldest, cache.MaxEvidence)
	if err != nil {
		return nil, fmt.Errorf("reading what was learned: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	var states [][]byte
	for rows.Next() {
		var state []byte
		if err := rows.Scan(&state); err != nil {
			return nil, fmt.Errorf("reading what was learned: %w", err)
		}
		states = append(states, state)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading what was learned: %w", err)
	}
	return states, nil
}

func (e *Evidence) keep(ctx context.Context, tx *sql.Tx, ns cache.Namespace, lease cache.Lease, state []byte, oldest int64) error {
	if err := e.holds(ctx, tx, lease); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO cache_evidence (tenant, provider, model, partition, replica, kept, state) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, provider, model, partition, replica) DO UPDATE SET kept = excluded.kept, state = excluded.state`,
		ns.Tenant, ns.Provider, ns.Model, ns.Partition, lease.Name, e.clock.Now().UnixMilli(), state)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM cache_evidence WHERE kept < ?`, oldest); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		DELETE FROM cache_evidence
		WHERE tenant = ?1 AND provider = ?2 AND model = ?3 AND partition = ?4 AND replica IN (
			SELECT replica FROM cache_evidence
			WHERE tenant = ?1 AND provider = ?2 AND model = ?3 AND partition = ?4
			ORDER BY kept DESC, replica LIMIT -1 OFFSET ?5)`,
		ns.Tenant, ns.Provider, ns.Model, ns.Partition, cache.MaxEvidence)
	return err
}
