package sqlite_test

import (
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	platform "tollgate.dev/platform/sqlite"
	"tollgate.dev/services/keystore"
	"tollgate.dev/services/keystore/store/sqlite"
	"tollgate.dev/services/keystore/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openDB(t *testing.T, path string) *platform.DB {
	t.Helper()
	db, err := platform.Open(t.Context(), path, platform.Options{Synchronous: platform.Normal})
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

func open(t *testing.T, path string) keystore.Store {
	t.Helper()
	store, err := sqlite.New(t.Context(), openDB(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (one, other keystore.Store) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "keystore.db")
		return open(t, path), open(t, path)
	})
}

// Processes that start at once must all come up on a schema that was made once.
func TestMigrationsTakeTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keystore.db")
	var wg sync.WaitGroup
	for range 4 {
		db := openDB(t, path)
		wg.Go(func() {
			if _, err := sqlite.New(t.Context(), db); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	store := open(t, path)
	changes, err := store.Changes(t.Context(), keystore.FromNow)
	if err != nil || changes.Next != 0 {
		t.Errorf("the log stands at %d, %v", changes.Next, err)
	}
}
