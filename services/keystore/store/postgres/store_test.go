package postgres_test

import (
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	platform "tollgate.dev/platform/postgres"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/platform/secret"
	"tollgate.dev/services/keystore"
	"tollgate.dev/services/keystore/store/postgres"
	"tollgate.dev/services/keystore/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openPool(t *testing.T, url secret.String, conns int) *pgxpool.Pool {
	t.Helper()
	pool, err := platform.Open(t.Context(), url, platform.Options{MaxConns: conns})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func open(t *testing.T, url secret.String) keystore.Store {
	t.Helper()
	store, err := postgres.New(t.Context(), openPool(t, url, 4))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (one, other keystore.Store) {
		t.Helper()
		url := postgrestest.URL(t)
		return open(t, url), open(t, url)
	})
}

// Replicas that start at once must all come up on a schema that was made once.
func TestMigrationsTakeTurns(t *testing.T) {
	url := postgrestest.URL(t)
	var wg sync.WaitGroup
	for range 4 {
		pool := openPool(t, url, 2)
		wg.Go(func() {
			if _, err := postgres.New(t.Context(), pool); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	changes, err := open(t, url).Changes(t.Context(), keystore.FromNow)
	if err != nil || changes.Next != 0 {
		t.Errorf("the log stands at %d, %v", changes.Next, err)
	}
}

// A connection that has waited for changes goes back to the pool without its
// subscription, and a lost one does not end the store.
func TestChangesGivesItsConnectionBack(t *testing.T) {
	pool := openPool(t, postgrestest.URL(t), 4)
	store, err := postgres.New(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 * 4 { // more often than the pool has connections
		if _, err := store.Changes(t.Context(), keystore.FromNow); err != nil {
			t.Fatal(err)
		}
	}
	if n := pool.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections are still held", n)
	}
	var listening int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_listening_channels()").Scan(&listening); err != nil || listening != 0 {
		t.Errorf("%d subscriptions are left, %v", listening, err)
	}
}

func TestNewRefusesAPoolThatWouldStarve(t *testing.T) {
	if _, err := postgres.New(t.Context(), openPool(t, postgrestest.URL(t), 1)); err == nil {
		t.Error("one connection is enough")
	}
}

// A connection that the server ends is no end of the store.
func TestChangesSurvivesALostConnection(t *testing.T) {
	url := postgrestest.URL(t)
	store := open(t, url)
	head, err := store.Changes(t.Context(), keystore.FromNow)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		var err error
		for err == nil { // with nothing to tell it returns, and is called again
			_, err = store.Changes(t.Context(), head.Next)
		}
		done <- err
	}()
	admin := openPool(t, url, 1)
	for ended := 0; ended == 0; {
		if err := admin.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&ended); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err == nil {
		t.Fatal("it waits on a connection that is gone")
	}
	apply := func() error {
		_, err := store.Apply(t.Context(), []keystore.Mutation{
			keystore.PutTenant{Record: keystore.TenantRecord{Tenant: &keystorev1.Tenant{Id: "t1"}}},
		})
		return err
	}
	err = apply()
	for range 4 { // the pool learns of each of its connections when it uses it
		if err != nil {
			err = apply()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if changes, err := store.Changes(t.Context(), head.Next); err != nil || len(changes.Items) != 1 {
		t.Errorf("got %+v, %v", changes, err)
	}
}
