package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tollgate.dev/platform/migrate"
)

// lockKey is the advisory lock under which migrations run: "tollgate" in ASCII. It is the
// same for all services, because they share the table that records them.
const lockKey int64 = 0x746f6c6c67617465

// Migrate brings the schema of a service up to the migrations in the root of fsys, and
// returns how many it applied. Processes that start together take turns at an advisory
// lock. Statements of a migration may take as long as ctx allows. See [migrate.Run] for
// the errors.
func Migrate(ctx context.Context, pool *pgxpool.Pool, service string, fsys fs.FS) (int, error) {
	migrations, err := migrate.Load(fsys)
	if err != nil {
		return 0, fmt.Errorf("postgres: %s: %w", service, err)
	}
	n, err := migrate.Run(ctx, exclusive{pool}, service, migrations)
	if err != nil {
		return n, fmt.Errorf("postgres: %w", err)
	}
	return n, nil
}

type exclusive struct{ pool *pgxpool.Pool }

func (e exclusive) Exclusive(ctx context.Context, f func(migrate.Tx) error) error {
	return pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		// A pool's timeouts are for requests. The lock is the transaction's, so that a
		// process that dies, or a pooler that hands the session on, leaves none behind.
		for _, s := range []string{
			"SET LOCAL statement_timeout = 0",
			"SET LOCAL lock_timeout = 0",
			"SET LOCAL idle_in_transaction_session_timeout = 0",
		} {
			if _, err := tx.Exec(ctx, s); err != nil {
				return fmt.Errorf("preparing: %w", err)
			}
		}
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", lockKey); err != nil {
			return fmt.Errorf("waiting for another process's migration: %w", err)
		}
		return f(migrationTx{tx})
	})
}

type migrationTx struct{ tx pgx.Tx }

func (m migrationTx) Applied(ctx context.Context, service string) ([]migrate.Record, error) {
	if _, err := m.tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS `+migrate.Table+` (
		service    text NOT NULL,
		version    integer NOT NULL,
		name       text NOT NULL,
		checksum   text NOT NULL,
		applied_at timestamptz NOT NULL DEFAULT now(),
		PRIMARY KEY (service, version)
	)`); err != nil {
		return nil, err
	}
	rows, err := m.tx.Query(ctx,
		`SELECT version, name, checksum FROM `+migrate.Table+` WHERE service = $1 ORDER BY version`, service)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[migrate.Record])
}

// Run uses the simple protocol, which takes several statements at once.
func (m migrationTx) Run(ctx context.Context, statements string) error {
	conn := m.tx.Conn().PgConn()
	if _, err := conn.Exec(ctx, statements).ReadAll(); err != nil {
		return err
	}
	if conn.TxStatus() != 'T' {
		return errors.New("the migration ends its transaction itself")
	}
	return nil
}

func (m migrationTx) Record(ctx context.Context, service string, r migrate.Record) error {
	_, err := m.tx.Exec(ctx, `INSERT INTO `+migrate.Table+` (service, version, name, checksum) VALUES ($1, $2, $3, $4)`,
		service, r.Version, r.Name, r.Checksum)
	return err
}
