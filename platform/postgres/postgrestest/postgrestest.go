// Package postgrestest gives each test a database of its own on a real server.
package postgrestest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tollgate.dev/platform/postgres"
	"tollgate.dev/platform/secret"
)

// Variable names the environment variable that says where the server is: a URL of a
// role that may create databases.
const Variable = "TEST_DATABASE_URL"

// New returns a pool on a new, empty database, and drops both when the test ends.
// Without a server the test fails: a test that did not run must not look like one that passed.
func New(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	pool, err := postgres.Open(ctx, URL(tb), postgres.Options{ApplicationName: "tollgate-test"})
	if err != nil {
		tb.Fatalf("opening the test's database: %v", err)
	}
	tb.Cleanup(pool.Close) // runs before the database is dropped
	return pool
}

// URL makes a new, empty database, returns its URL, and drops it when the test ends. It
// is for tests that open several pools, as replicas do.
func URL(tb testing.TB) secret.String {
	tb.Helper()
	text := os.Getenv(Variable)
	if text == "" {
		tb.Fatalf("%s is not set: run `make test`, which starts the database servers", Variable)
	}
	made, drop, err := Create(tb.Context(), text)
	if err != nil {
		tb.Fatalf("making the test's database: %v", err)
	}
	tb.Cleanup(func() {
		if err := drop(); err != nil {
			tb.Error(err)
		}
	})
	return made
}

// Create makes an empty database at the server of a postgres:// URL, for who is no test. drop
// removes it, whoever is still connected, also after the end of ctx.
func Create(ctx context.Context, server string) (made secret.String, drop func() error, err error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return secret.String{}, nil, fmt.Errorf("%s is not a postgres:// URL", Variable) //nolint:err113 // nobody tells it from others
	}
	name := "tollgate_test_" + strings.ToLower(rand.Text())
	// template0 is the one template that nobody can be connected to, which a copy needs.
	if err := exec(ctx, server, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		return secret.String{}, nil, err
	}
	u.Path = "/" + name
	ctx = context.WithoutCancel(ctx)
	return secret.New(u.String()), func() error {
		return exec(ctx, server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	}, nil
}

// exec runs one statement over a connection of its own.
func exec(ctx context.Context, server, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return fmt.Errorf("connecting to the server of %s: %w", Variable, err)
	}
	_, err = conn.Exec(ctx, statement)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
