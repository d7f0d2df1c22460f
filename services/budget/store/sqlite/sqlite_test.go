package sqlite_test

import (
	"path/filepath"
	"testing"

	platform "tollgate.dev/platform/sqlite"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/budget/relay"
	"tollgate.dev/services/budget/store/sqlite"
	"tollgate.dev/services/budget/storetest"
)

func open(t testing.TB) *sqlite.Store {
	t.Helper()
	store, _ := openOver(t)
	return store
}

func openOver(t testing.TB) (*sqlite.Store, *platform.DB) {
	t.Helper()
	db, err := platform.Open(t.Context(), filepath.Join(t.TempDir(), "budget.db"), platform.Options{})
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
	return store, db
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) budget.Store {
		t.Helper()
		return open(t)
	})
}

func TestOutbox(t *testing.T) {
	storetest.RunOutbox(t, func(t *testing.T) (budget.Store, relay.Outbox, storetest.Tamper) {
		t.Helper()
		store, db := openOver(t)
		return store, store.Outbox(), func(t *testing.T, eventID string, record []byte) {
			t.Helper()
			query, args := "UPDATE ledger SET record = ?2 WHERE event_id = ?1", []any{eventID, record}
			if record == nil {
				query, args = "DELETE FROM ledger WHERE event_id = ?1", []any{eventID}
			}
			if _, err := db.Write.ExecContext(t.Context(), query, args...); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestBooks(t *testing.T) {
	storetest.RunBooks(t, func(t *testing.T) (budget.Store, budget.Books) {
		t.Helper()
		store := open(t)
		return store, store
	})
}

func BenchmarkRecord(b *testing.B) { storetest.BenchmarkRecord(b, open(b)) }
