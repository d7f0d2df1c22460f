// Package postgres opens PostgreSQL with every wait bounded, and migrates it. It is the
// only platform package that imports the driver.
//
// Settings and SQLSTATE codes are PostgreSQL's: postgresql.org/docs/18 runtime-config-client
// and errcodes-appendix, read 2026-11-23.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/secret"
)

// Options tune a pool. Zero fields take the default named beside them; a parameter in
// the URL (statement_timeout, pool_max_conns, …) wins over the field.
type Options struct {
	// MaxConns is how many connections are open at most; 10.
	MaxConns int
	// ConnectTimeout bounds one attempt to connect; 5 s.
	ConnectTimeout time.Duration
	// StatementTimeout is where the server ends a statement; 10 s. Negative leaves it to
	// the server, as poolers that refuse startup parameters need.
	StatementTimeout time.Duration
	// LockTimeout is where the server gives up waiting for a lock; 5 s. Negative as above.
	LockTimeout time.Duration
	// IdleInTransaction is where the server ends a session that forgot its transaction;
	// 30 s. Negative as above.
	IdleInTransaction time.Duration
	// StartTimeout bounds how long Open tries; 30 s. The context bounds it as well.
	StartTimeout time.Duration
	// Log takes what Open waits for, while it waits; nil is nobody.
	Log *slog.Logger
	// Clock times what Log is told; nil is the system's.
	Clock clock.Clock
	// ApplicationName is what pg_stat_activity shows; "tollgate".
	ApplicationName string
}

// Open makes a pool and waits until the server takes a connection. While there is no
// server, or one that still starts, it tries again; a refusal (of the password, of a
// database that does not exist) ends it at once, and so does the end of ctx. No error quotes
// the URL, and none has more than one line.
func Open(ctx context.Context, url secret.String, o Options) (*pgxpool.Pool, error) {
	cfg, err := parse(url, o)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("postgres: making the pool: %w", err)
	}
	bound := cmp.Or(o.StartTimeout, 30*time.Second)
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	w := newWait(pool, o, bound)
	defer w.timer.Stop()
	if err := w.ready(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return pool, nil
}

// refused reports whether a server answered, and will answer the same next time.
func refused(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "28", "3D", "42": // authorization, no such database, no privilege or bad setting
		return true
	}
	return e.Code == "08P01" || e.Code == "22023" // protocol violation, invalid parameter
}

func parse(url secret.String, o Options) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url.Reveal())
	if err != nil {
		// The parser's error may hold the URL, and with it the password.
		return nil, errors.New("postgres: the database URL can't be parsed; it is like postgres://user:password@host:5432/database")
	}
	given := map[string]bool{}
	for name := range cfg.ConnConfig.RuntimeParams {
		given[name] = true
	}
	set := func(name, value string) {
		if !given[name] {
			cfg.ConnConfig.RuntimeParams[name] = value
		}
	}
	name := o.ApplicationName
	if name == "" {
		name = "tollgate"
	}
	set("application_name", name)
	for _, t := range []struct {
		name  string
		value time.Duration
		usual time.Duration
	}{
		{"statement_timeout", o.StatementTimeout, 10 * time.Second},
		{"lock_timeout", o.LockTimeout, 5 * time.Second},
		{"idle_in_transaction_session_timeout", o.IdleInTransaction, 30 * time.Second},
	} {
		if t.value >= 0 {
			set(t.name, strconv.FormatInt(max(cmp.Or(t.value, t.usual).Milliseconds(), 1), 10))
		}
	}
	query := parameters(url.Reveal())
	if !query["pool_max_conns"] {
		cfg.MaxConns = int32(min(cmp.Or(o.MaxConns, 10), 10_000)) //nolint:gosec // bounded
	}
	if !query["connect_timeout"] {
		cfg.ConnConfig.ConnectTimeout = cmp.Or(o.ConnectTimeout, 5*time.Second)
	}
	if !query["pool_max_conn_lifetime"] {
		cfg.MaxConnLifetime = 30 * time.Minute
		cfg.MaxConnLifetimeJitter = 3 * time.Minute
	}
	if !query["pool_max_conn_idle_time"] {
		cfg.MaxConnIdleTime = 5 * time.Minute
	}
	return cfg, nil
}

// IsUniqueViolation reports whether a statement failed because a row with the same
// unique or primary key exists (SQLSTATE 23505).
func IsUniqueViolation(err error) bool { return hasCode(err, "23505") }

// IsRetryable reports whether the transaction lost against another one and may succeed
// when run again from its start (SQLSTATE 40001 and 40P01).
func IsRetryable(err error) bool { return hasCode(err, "40001") || hasCode(err, "40P01") }

func hasCode(err error, code string) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == code
}
