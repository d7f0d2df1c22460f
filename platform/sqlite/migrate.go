package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"tollgate.dev/platform/migrate"
)

const (
	createTable = `CREATE TABLE IF NOT EXISTS ` + migrate.Table + ` (
		service    TEXT NOT NULL,
		version    INTEGER NOT NULL,
		name       TEXT NOT NULL,
		checksum   TEXT NOT NULL,
		applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
		PRIMARY KEY (service, version)
	) STRICT, WITHOUT ROWID`
	selectRecords = `SELECT version, name, checksum FROM ` + migrate.Table + ` WHERE service = ? ORDER BY version`
	insertRecord  = `INSERT INTO ` + migrate.Table + ` (service, version, name, checksum) VALUES (?, ?, ?, ?)`
)

// Migrate brings the schema of a service up to the migrations in the root of fsys, and
// returns how many it applied. Processes that start together take turns at SQLite's
// write lock. See [migrate.Run] for the errors.
func Migrate(ctx context.Context, db *DB, service string, fsys fs.FS) (int, error) {
	migrations, err := migrate.Load(fsys)
	if err != nil {
		return 0, fmt.Errorf("sqlite: %s: %w", service, err)
	}
	n, err := migrate.Run(ctx, exclusive{db}, service, migrations)
	if err != nil {
		return n, fmt.Errorf("sqlite: %s: %w", db.path, err)
	}
	return n, nil
}

type exclusive struct{ db *DB }

// Exclusive relies on BEGIN IMMEDIATE, which the write pool uses: one at a time.
func (e exclusive) Exclusive(ctx context.Context, f func(migrate.Tx) error) error {
	return e.db.Update(ctx, func(tx *sql.Tx) error { return f(migrationTx{tx}) })
}

type migrationTx struct{ tx *sql.Tx }

func (m migrationTx) Applied(ctx context.Context, service string) ([]migrate.Record, error) {
	if _, err := m.tx.ExecContext(ctx, createTable); err != nil {
		return nil, err
	}
	rows, err := m.tx.QueryContext(ctx, selectRecords, service)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // its error is that of rows.Err
	var out []migrate.Record
	for rows.Next() {
		var r migrate.Record
		if err := rows.Scan(&r.Version, &r.Name, &r.Checksum); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

func (m migrationTx) Run(ctx context.Context, statements string) error {
	_, err := m.tx.ExecContext(ctx, statements)
	return err
}

func (m migrationTx) Record(ctx context.Context, service string, r migrate.Record) error {
	_, err := m.tx.ExecContext(ctx, insertRecord, service, r.Version, r.Name, r.Checksum)
	return err
}
