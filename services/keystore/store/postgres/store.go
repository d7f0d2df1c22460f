// Package postgres keeps the keystore in PostgreSQL, which any number of replicas share.
package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgxpool"

	"tollgate.dev/platform/postgres"
	"tollgate.dev/services/keystore"
)

//go:embed migrations/*.sql
var files embed.FS

// Store is a keystore.Store. The pool stays its caller's.
type Store struct{ pool *pgxpool.Pool }

var _ keystore.Store = (*Store)(nil)

// minConns is one connection that waits for changes, and one for everything else.
const minConns = 2

// New brings the keystore's tables up to date and returns the store. Replicas that
// start together take turns. The pool needs at least two connections.
func New(ctx context.Context, pool *pgxpool.Pool) (*Store, error) {
	if n := pool.Config().MaxConns; n < minConns {
		return nil, fmt.Errorf("keystore: the pool has %d connection; at least %d are needed, as one waits for changes", n, minConns)
	}
	migrations, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	if _, err := postgres.Migrate(ctx, pool, "keystore", migrations); err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	return &Store{pool: pool}, nil
}
