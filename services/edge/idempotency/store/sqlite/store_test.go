package sqlite_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	platform "tollgate.dev/platform/sqlite"
	"tollgate.dev/services/edge/idempotency"
	"tollgate.dev/services/edge/idempotency/store/sqlite"
	"tollgate.dev/services/edge/idempotency/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) idempotency.Store {
		t.Helper()
		db, err := platform.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), platform.Options{Synchronous: platform.Normal})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		store, err := sqlite.New(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		return store
	})
}
