// Package sqlite keeps the keystore in an SQLite database, which several processes of
// one machine may share.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"sync"

	"tollgate.dev/platform/sqlite"
	"tollgate.dev/services/keystore"
)

//go:embed migrations/*.sql
var files embed.FS

// Store is a keystore.Store. The database stays its caller's.
type Store struct {
	db      *sqlite.DB
	written announcer
	// statements holds what was prepared, by its text: to plan a look-up costs several
	// times what it costs to run. There are few texts, all put together of fixed parts.
	// They are closed with the connections.
	statements map[string]*sql.Stmt
	mu         sync.Mutex // guards statements
}

// New brings the keystore's tables up to date and returns the store. Processes that
// start together take turns.
func New(ctx context.Context, db *sqlite.DB) (*Store, error) {
	migrations, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	if _, err := sqlite.Migrate(ctx, db, "keystore", migrations); err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	return &Store{db: db, statements: make(map[string]*sql.Stmt)}, nil
}

// query runs a statement that only reads.
func (s *Store) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	statement, err := s.prepared(ctx, text) //nolint:sqlclosecheck // it is kept for the next time
	if err != nil {
		return nil, fmt.Errorf("preparing a statement: %w", err)
	}
	return statement.QueryContext(ctx, args...)
}

func (s *Store) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.statements[text]; ok {
		return known, nil
	}
	statement, err := s.db.Read.PrepareContext(ctx, text) //nolint:sqlclosecheck // it is kept for the next time
	if err == nil {
		s.statements[text] = statement
	}
	return statement, err
}

// announcer tells whoever waits that something was written.
type announcer struct {
	mu sync.Mutex
	ch chan struct{}
}

// wait returns a channel that is closed at the next announcement.
func (a *announcer) wait() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ch == nil {
		a.ch = make(chan struct{})
	}
	return a.ch
}

func (a *announcer) announce() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ch != nil {
		close(a.ch)
		a.ch = nil
	}
}

var _ keystore.Store = (*Store)(nil)
