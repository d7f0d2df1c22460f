package postgrestest_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"tollgate.dev/platform/postgres/postgrestest"
)

func TestEachTestHasItsOwnDatabaseUntilItEnds(t *testing.T) {
	var names []string
	t.Run("two databases", func(t *testing.T) {
		for range 2 {
			pool := postgrestest.New(t)
			var name string
			if _, err := pool.Exec(t.Context(), "CREATE TABLE t (n integer)"); err != nil {
				t.Fatal(err) // the second would fail in a shared database
			}
			if err := pool.QueryRow(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
	})
	conn, err := pgx.Connect(t.Context(), os.Getenv(postgrestest.Variable))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var left int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_database WHERE datname = ANY($1)", names).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d of %v are left, %v", left, names, err)
	}
}

// fatal is a testing.TB that notes a failure and ends the goroutine, as Fatalf does.
type fatal struct {
	testing.TB
	message string
}

func (*fatal) Helper() {}
func (f *fatal) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestWithoutAServerTheTestFails(t *testing.T) {
	t.Setenv(postgrestest.Variable, "")
	tb := &fatal{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		postgrestest.New(tb)
	}()
	<-done
	if !strings.Contains(tb.message, "make test") {
		t.Errorf("message %q", tb.message)
	}
}
