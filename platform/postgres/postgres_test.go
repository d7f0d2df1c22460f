package postgres_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/migrate"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/postgres"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/secret/secrettest"
)

func setting(t *testing.T, pool *pgxpool.Pool, name string) (v string) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func with(t *testing.T, base secret.String, name, value string) secret.String {
	t.Helper()
	u, err := url.Parse(base.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return secret.New(u.String())
}

func TestOpenBoundsEveryWait(t *testing.T) {
	base := postgrestest.URL(t)
	for name, tc := range map[string]struct {
		url     secret.String
		options postgres.Options
		want    map[string]string
		max     int32
	}{
		"defaults": {base, postgres.Options{}, map[string]string{
			"statement_timeout": "10s", "lock_timeout": "5s",
			"idle_in_transaction_session_timeout": "30s", "application_name": "tollgate",
		}, 10},
		"options": {base, postgres.Options{MaxConns: 3, StatementTimeout: 1500 * time.Millisecond, LockTimeout: -1, ApplicationName: "x"}, map[string]string{
			"statement_timeout": "1500ms", "lock_timeout": "0", "application_name": "x",
		}, 3},
		"the URL wins": {with(t, with(t, base, "statement_timeout", "7000"), "pool_max_conns", "2"), postgres.Options{MaxConns: 3, StatementTimeout: time.Second}, map[string]string{
			"statement_timeout": "7s",
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			pool, err := postgres.Open(t.Context(), tc.url, tc.options)
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			for k, want := range tc.want {
				if got := setting(t, pool, k); got != want {
					t.Errorf("%s is %s, want %s", k, got, want)
				}
			}
			if got := pool.Config().MaxConns; got != tc.max {
				t.Errorf("%d connections, want %d", got, tc.max)
			}
		})
	}
}

func TestTheServerEndsALongStatement(t *testing.T) {
	pool, err := postgres.Open(t.Context(), postgrestest.URL(t), postgres.Options{StatementTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	_, err = pool.Exec(t.Context(), "SELECT pg_sleep(60)")
	if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "57014" {
		t.Errorf("got %v", err)
	}
}

func TestOpenGivesUpAtOnceWhenRefused(t *testing.T) {
	u, err := url.Parse(postgrestest.URL(t).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	u.Path += "_missing"
	_, err = postgres.Open(t.Context(), secret.New(u.String()), postgres.Options{StartTimeout: time.Hour})
	if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "3D000" {
		t.Errorf("got %v", err)
	}
}

func TestOpenWaitsForAServerThatComesLater(t *testing.T) {
	target, err := url.Parse(postgrestest.URL(t).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	// A door that drops the first connections, as a server that still starts does.
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer func() { _ = door.Close() }()
	const dropped = 3
	wg.Go(func() {
		for n := 0; ; n++ {
			in, err := door.Accept()
			if err != nil {
				return // closed
			}
			if n < dropped {
				_ = in.Close()
				continue
			}
			wg.Go(func() { relay(in, target.Host) })
		}
	})
	through := *target
	through.Host = door.Addr().String()
	pool, err := postgres.Open(t.Context(), secret.New(through.String()), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pool.Close()
}

func relay(in net.Conn, address string) {
	defer func() { _ = in.Close() }()
	out, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(out, in)
		_ = out.Close()
	})
	_, _ = io.Copy(in, out)
	_ = in.Close()
	wg.Wait()
}

func TestOpenErrorsHideThePassword(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	const password = "hunter2-very-secret"
	for _, u := range []string{
		"postgres://u:" + password + "@" + nobody + "/d?sslmode=disable",
		"postgres://u:" + password + "@host:notaport/d",
		"postgres://u:" + password + "@[::1/d",
		"postgres://u:" + password + "%zz@host/d",
		"host=h password=" + password + " port=x",
	} {
		start := time.Now()
		_, err := postgres.Open(t.Context(), secret.New(u), postgres.Options{StartTimeout: 100 * time.Millisecond})
		if err == nil {
			t.Fatal("opened")
		}
		secrettest.AssertNoLeak(t, err.Error(), password)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("gave up after %v", took)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := postgres.Open(ctx, secret.New("postgres://u:p@"+nobody+"/d"), postgres.Options{}); err == nil {
		t.Error("opened under a cancelled context")
	}
}

// A start that waits says at once what for, and again and again, and at last why it gave up.
func TestOpenSaysWhatItWaitsFor(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	const password = "hunter2-very-secret"
	for name, tc := range map[string]struct {
		address string
		// first is how far the clock must go for the first word.
		first time.Duration
		// timers are those that run while it waits.
		timers int
		why    string
	}{
		"a server that refuses connections": {gone.Addr().String(), 0, 2, "connection refused"},
		"a server that does not answer":     {mute.Addr().String(), time.Second, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			words := make(chan string, 100)
			log, err := obs.NewLogger(writer(func(line string) { words <- line }), obs.LogOptions{})
			if err != nil {
				t.Fatal(err)
			}
			clk := clocktest.New()
			ctx, cancel := context.WithCancel(t.Context())
			failed := make(chan error, 1)
			go func() {
				_, err := postgres.Open(ctx, secret.New("postgres://u:"+password+"@"+tc.address+"/ledger?sslmode=disable"),
					postgres.Options{Log: log, Clock: clk, ConnectTimeout: time.Minute, StartTimeout: time.Minute})
				failed <- err
			}()
			clk.WaitForTimers(t, tc.timers)
			clk.Advance(tc.first)
			var line string
			for _, waited := range []string{tc.first.String(), (tc.first + 5*time.Second).String()} {
				line = <-words
				for _, want := range []string{"waiting for the database", `"server":"` + tc.address, `"database":"ledger"`, `"waited":"` + waited, `"at_most":"1m0s"`, tc.why} {
					if !strings.Contains(line, want) {
						t.Errorf("%q is not in %s", want, line)
					}
				}
				secrettest.AssertNoLeak(t, line, password)
				clk.WaitForTimers(t, tc.timers)
				clk.Advance(5 * time.Second)
			}
			cancel()
			err = <-failed
			if err == nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
			secrettest.AssertNoLeak(t, err.Error(), password)
		})
	}
}

// writer takes a log's lines.
type writer func(line string)

func (w writer) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
}

var counters = fstest.MapFS{
	"0001_make.sql": {Data: []byte("CREATE TABLE c (n integer NOT NULL); INSERT INTO c VALUES (0);")},
	"0002_add.sql":  {Data: []byte("UPDATE c SET n = n + 1;")},
	"0003_add.sql":  {Data: []byte("UPDATE c SET n = n + 10;")},
}

func TestMigrate(t *testing.T) {
	pool := postgrestest.New(t)
	for _, want := range []int{3, 0} {
		if n, err := postgres.Migrate(t.Context(), pool, "keystore", counters); err != nil || n != want {
			t.Fatalf("applied %d, %v; want %d", n, err, want)
		}
	}
	older := fstest.MapFS{"0001_make.sql": counters["0001_make.sql"]}
	if _, err := postgres.Migrate(t.Context(), pool, "keystore", older); !errors.Is(err, migrate.ErrNewerSchema) {
		t.Errorf("an older program: %v", err)
	}
	for name, sql := range map[string]string{
		"fails half-way":       "CREATE TABLE b (n integer); SELECT nonsense;",
		"ends its transaction": "SELECT 1; COMMIT;",
	} {
		broken := fstest.MapFS{"0001_broken.sql": {Data: []byte(sql)}}
		if n, err := postgres.Migrate(t.Context(), pool, "budget", broken); err == nil || n != 0 {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	var b *string
	if err := pool.QueryRow(t.Context(), "SELECT to_regclass('b')::text").Scan(&b); err != nil || b != nil {
		t.Errorf("half a migration stayed: %v", err)
	}
}

func TestMigrationsOutliveTheStatementTimeout(t *testing.T) {
	pool, err := postgres.Open(t.Context(), postgrestest.URL(t), postgres.Options{StatementTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	slow := fstest.MapFS{"0001_slow.sql": {Data: []byte("SELECT pg_sleep(0.1);")}}
	if _, err := postgres.Migrate(t.Context(), pool, "edge", slow); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), "SELECT pg_sleep(60)"); err == nil {
		t.Error("the timeout is off after a migration")
	}
}

func TestReplicasMigrateAtOnce(t *testing.T) {
	url := postgrestest.URL(t)
	const replicas = 4
	applied := make([]int, replicas)
	var wg sync.WaitGroup
	for i := range replicas {
		wg.Go(func() {
			pool, err := postgres.Open(t.Context(), url, postgres.Options{MaxConns: 1})
			if err != nil {
				t.Error(err)
				return
			}
			defer pool.Close()
			if applied[i], err = postgres.Migrate(t.Context(), pool, "budget", counters); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	total := 0
	for _, n := range applied {
		total += n
	}
	pool, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var n int
	if err := pool.QueryRow(t.Context(), "SELECT n FROM c").Scan(&n); err != nil || n != 11 || total != 3 {
		t.Errorf("counter %d, %d applied, %v", n, total, err)
	}
}

func TestErrorKinds(t *testing.T) {
	pool := postgrestest.New(t)
	if _, err := pool.Exec(t.Context(), "CREATE TABLE t (n integer PRIMARY KEY, parent integer REFERENCES t)"); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), "INSERT INTO t VALUES (1, NULL)"); err != nil {
		t.Fatal(err)
	}
	_, err := pool.Exec(t.Context(), "INSERT INTO t VALUES (1, NULL)")
	if !postgres.IsUniqueViolation(err) || postgres.IsRetryable(err) {
		t.Errorf("unique: %v", err)
	}
	_, err = pool.Exec(t.Context(), "INSERT INTO t VALUES (2, 9)")
	if err == nil || postgres.IsUniqueViolation(err) || postgres.IsRetryable(err) {
		t.Errorf("foreign key: %v", err)
	}
	_, err = pool.Exec(t.Context(), "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$")
	if !postgres.IsRetryable(err) {
		t.Errorf("serialization: %v", err)
	}
}
