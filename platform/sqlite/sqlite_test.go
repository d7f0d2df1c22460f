package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"tollgate.dev/platform/migrate"
	"tollgate.dev/platform/sqlite"
)

// childVariable tells the test binary to be another process that uses the database.
const childVariable = "TOLLGATE_SQLITE_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childVariable); role != "" {
		if err := child(role, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func child(role, path string) error {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	switch role {
	case "migrate":
		n, err := sqlite.Migrate(ctx, db, "keystore", counters)
		fmt.Println(n)
		return errors.Join(err, db.Close())
	case "lock":
		if _, err := db.Write.BeginTx(ctx, nil); err != nil {
			return err
		}
		fmt.Println("locked")
		_, err := bufio.NewReader(os.Stdin).ReadString('\n') // until the parent closes it
		_ = err
		return nil // without Close: the lock ends with the process
	case "crash":
		if err := db.Update(ctx, func(tx *sql.Tx) error {
			_, err := tx.Exec("CREATE TABLE t (n INTEGER) STRICT; INSERT INTO t VALUES (1)")
			return err
		}); err != nil {
			return err
		}
		tx, err := db.Write.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT INTO t VALUES (2)"); err != nil {
			return err
		}
		os.Exit(3) // without Commit and Close
	}
	return fmt.Errorf("no role %s", role)
}

func command(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], path)
	cmd.Env = append(os.Environ(), childVariable+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// counters would fail, or count twice, if any step ran twice.
var counters = fstest.MapFS{
	"0001_make.sql": {Data: []byte("CREATE TABLE c (n INTEGER NOT NULL) STRICT; INSERT INTO c VALUES (0);")},
	"0002_add.sql":  {Data: []byte("UPDATE c SET n = n + 1;")},
	"0003_add.sql":  {Data: []byte("UPDATE c SET n = n + 10;")},
}

func open(t *testing.T, path string, o sqlite.Options) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func pragma(t *testing.T, db *sql.DB, name string) (v string) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func exercise(t *testing.T, db *sqlite.DB, statement string, args ...any) {
	t.Helper()
	if err := db.Update(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(statement, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestOpenSetsEveryConnectionUp(t *testing.T) {
	dir := t.TempDir()
	// A name that would break a naive URL, in a folder that isn't there yet.
	path := filepath.Join(dir, "new", "a ?b#c%20&d.db")
	db := open(t, path, sqlite.Options{CacheKiB: 512, BusyTimeout: 1234 * time.Millisecond})
	if db.Path() != path {
		t.Errorf("path %s", db.Path())
	}
	for name, pool := range map[string]*sql.DB{"write": db.Write, "read": db.Read} {
		for p, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "1234",
			"cache_size": "-512", "trusted_schema": "0", "query_only": map[string]string{"write": "0", "read": "1"}[name],
		} {
			if got := pragma(t, pool, p); got != want {
				t.Errorf("%s: %s is %s, want %s", name, p, got, want)
			}
		}
	}
	for p, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		if info, err := os.Stat(p); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", p, info.Mode(), err)
		}
	}
	normal := open(t, filepath.Join(dir, "n.db"), sqlite.Options{Synchronous: sqlite.Normal})
	if got := pragma(t, normal.Write, "synchronous"); got != "1" {
		t.Errorf("synchronous %s", got)
	}
	if _, err := sqlite.Open(t.Context(), path, sqlite.Options{Synchronous: "OFF"}); err == nil {
		t.Error("synchronous OFF was accepted")
	}
	if _, err := sqlite.Open(t.Context(), "", sqlite.Options{}); err == nil {
		t.Error("an empty path was accepted")
	}
}

func TestReadersDoNotWaitForTheWriterAndCannotWrite(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), sqlite.Options{})
	exercise(t, db, "CREATE TABLE t (n INTEGER PRIMARY KEY, parent INTEGER REFERENCES t) STRICT")
	exercise(t, db, "INSERT INTO t VALUES (1, NULL)")
	count := func() (n int) {
		if err := db.Read.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := db.Update(t.Context(), func(tx *sql.Tx) error {
		if _, err := tx.Exec("INSERT INTO t VALUES (2, 1)"); err != nil {
			return err
		}
		if n := count(); n != 1 {
			t.Errorf("a reader saw %d rows during the transaction", n)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 2 {
		t.Errorf("%d rows after the commit", n)
	}
	if _, err := db.Read.ExecContext(t.Context(), "DELETE FROM t"); err == nil {
		t.Error("a reader wrote")
	}

	failed := errors.New("failed")
	if err := db.Update(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO t VALUES (3, 1)")
		return errors.Join(err, failed)
	}); !errors.Is(err, failed) || count() != 2 {
		t.Errorf("%v, %d rows after a rollback", err, count())
	}

	_, err := db.Write.ExecContext(t.Context(), "INSERT INTO t VALUES (1, NULL)")
	if err == nil || !strings.Contains(err.Error(), "UNIQUE constraint failed") {
		t.Errorf("the same primary key: %v", err)
	}
	_, err = db.Write.ExecContext(t.Context(), "INSERT INTO t VALUES (9, 99)")
	if err == nil || !strings.Contains(err.Error(), "FOREIGN KEY constraint failed") {
		t.Errorf("a parent that is not there: %v", err)
	}
}

func TestConcurrentUpdatesLoseNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	one := open(t, path, sqlite.Options{Synchronous: sqlite.Normal, BusyTimeout: 30 * time.Second})
	two := open(t, path, sqlite.Options{Synchronous: sqlite.Normal, BusyTimeout: 30 * time.Second}) // as another process would
	exercise(t, one, "CREATE TABLE c (n INTEGER) STRICT; INSERT INTO c VALUES (0)")
	var wg sync.WaitGroup
	for i := range 8 {
		db := []*sqlite.DB{one, two}[i%2]
		wg.Go(func() {
			for range 25 {
				if err := db.Update(t.Context(), func(tx *sql.Tx) error {
					var n int
					if err := tx.QueryRow("SELECT n FROM c").Scan(&n); err != nil {
						return err
					}
					_, err := tx.Exec("UPDATE c SET n = ?", n+1)
					return err
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	var n int
	if err := one.Read.QueryRowContext(t.Context(), "SELECT n FROM c").Scan(&n); err != nil || n != 200 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		path string
		want error
	}{
		"no database":      {text, sqlite.ErrNotDatabase},
		"folder is a file": {filepath.Join(text, "t.db"), sqlite.ErrNotWritable},
		"file is a folder": {dir, sqlite.ErrNotWritable},
		"not a file":       {"/dev/null", sqlite.ErrNotWritable},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sqlite.Open(t.Context(), tc.path, sqlite.Options{})
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.path) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnotherProcessHoldsTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := open(t, path, sqlite.Options{BusyTimeout: 50 * time.Millisecond})
	cmd := command(t, "lock", path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "locked\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := db.Update(t.Context(), func(*sql.Tx) error { return nil }); !errors.Is(err, sqlite.ErrLocked) {
		t.Errorf("update: %v", err)
	}
	if _, err := sqlite.Open(t.Context(), path, sqlite.Options{BusyTimeout: 50 * time.Millisecond}); !errors.Is(err, sqlite.ErrLocked) {
		t.Errorf("open: %v", err)
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(t.Context(), func(*sql.Tx) error { return nil }); err != nil {
		t.Errorf("after the other process ended: %v", err)
	}
}

func TestACrashKeepsWhatWasCommitted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	err := command(t, "crash", path).Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 3 {
		t.Fatalf("the child did not crash as told: %v", err)
	}
	db := open(t, path, sqlite.Options{})
	var n int
	if err := db.Read.QueryRowContext(t.Context(), "SELECT sum(n) FROM t").Scan(&n); err != nil || n != 1 {
		t.Errorf("sum %d, %v; only the committed row counts", n, err)
	}
}

func TestCloseLeavesOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	exercise(t, db, "CREATE TABLE t (n INTEGER) STRICT")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left %v, %v", entries, err)
	}
}

func TestMigrate(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), sqlite.Options{})
	for _, want := range []int{3, 0} {
		if n, err := sqlite.Migrate(t.Context(), db, "keystore", counters); err != nil || n != want {
			t.Fatalf("applied %d, %v; want %d", n, err, want)
		}
	}
	older := fstest.MapFS{"0001_make.sql": counters["0001_make.sql"]}
	if _, err := sqlite.Migrate(t.Context(), db, "keystore", older); !errors.Is(err, migrate.ErrNewerSchema) {
		t.Errorf("an older program: %v", err)
	}
	// Each step is all or nothing, also when a later statement of it fails.
	broken := fstest.MapFS{"0001_broken.sql": {Data: []byte("CREATE TABLE b (n); SELECT nonsense FROM nowhere;")}}
	if n, err := sqlite.Migrate(t.Context(), db, "budget", broken); err == nil || n != 0 {
		t.Errorf("a broken migration: %d, %v", n, err)
	}
	var n int
	if err := db.Read.QueryRowContext(t.Context(), "SELECT count(*) FROM sqlite_schema WHERE name = 'b'").Scan(&n); err != nil || n != 0 {
		t.Errorf("half a migration stayed: %d, %v", n, err)
	}
	ends := fstest.MapFS{"0001_commit.sql": {Data: []byte("COMMIT;")}}
	if _, err := sqlite.Migrate(t.Context(), db, "budget", ends); err == nil {
		t.Error("a migration that commits by itself was accepted")
	}
}

func TestProcessesMigrateAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	const processes = 4
	out := make([]string, processes)
	var wg sync.WaitGroup
	for i := range processes {
		wg.Go(func() {
			b, err := command(t, "migrate", path).Output()
			if err != nil {
				t.Errorf("process %d: %v", i, err)
			}
			out[i] = strings.TrimSpace(string(b))
		})
	}
	wg.Wait()
	total := 0
	for _, s := range out {
		var n int
		if _, err := fmt.Sscan(s, &n); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		total += n
	}
	db := open(t, path, sqlite.Options{})
	var n int
	if err := db.Read.QueryRowContext(t.Context(), "SELECT n FROM c").Scan(&n); err != nil || n != 11 || total != 3 {
		t.Errorf("counter %d, %d migrations applied by %d processes, %v", n, total, processes, err)
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, s := range []sqlite.Synchronous{sqlite.Full, sqlite.Normal} {
		b.Run(string(s), func(b *testing.B) {
			db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "t.db"), sqlite.Options{Synchronous: s})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := db.Write.Exec("CREATE TABLE t (n INTEGER) STRICT"); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := db.Update(b.Context(), func(tx *sql.Tx) error {
					_, err := tx.Exec("INSERT INTO t VALUES (1)")
					return err
				}); err != nil {
					b.Fatal(err)
				}
			}
			if err := db.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
