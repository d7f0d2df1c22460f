// Package postgrestest gives each test a database of its own on a real server.
package postgrestest

import (
	"context"
	"crypto/rand"
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
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		tb.Fatalf("%s is not a postgres:// URL", Variable)
	}
	name := "tollgate_test_" + strings.ToLower(rand.Text())
	// template0 is the one template that nobody can be connected to, which a copy needs.
	exec(tb, text, "CREATE DATABASE "+name+" TEMPLATE template0")
	tb.Cleanup(func() { exec(tb, text, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	u.Path = "/" + name
	return secret.New(u.String())
}

// exec runs one statement over a connection of its own.
func exec(tb testing.TB, url, statement string) {
	tb.Helper()
	// Not the test's context: that one has ended when Cleanup runs.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		tb.Fatalf("connecting to the server of %s: %v", Variable, err)
	}
	_, err = conn.Exec(ctx, statement)
	if closeErr := conn.Close(ctx); err == nil {
		err = closeErr
	}
	if err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}
