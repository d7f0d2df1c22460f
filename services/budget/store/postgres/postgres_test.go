package postgres_test

import (
	"testing"

	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/budget/relay"
	"tollgate.dev/services/budget/store/postgres"
	"tollgate.dev/services/budget/storetest"
)

func open(t testing.TB) *postgres.Store {
	t.Helper()
	store, err := postgres.New(t.Context(), postgrestest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) budget.Store {
		t.Helper()
		return open(t)
	})
}

func TestOutbox(t *testing.T) {
	storetest.RunOutbox(t, func(t *testing.T) (budget.Store, relay.Outbox) {
		t.Helper()
		store := open(t)
		return store, store.Outbox()
	})
}

func BenchmarkRecord(b *testing.B) { storetest.BenchmarkRecord(b, open(b)) }
