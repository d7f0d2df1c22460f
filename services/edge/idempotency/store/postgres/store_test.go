package postgres_test

import (
	"testing"

	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/services/edge/idempotency"
	"tollgate.dev/services/edge/idempotency/store/postgres"
	"tollgate.dev/services/edge/idempotency/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) idempotency.Store {
		t.Helper()
		store, err := postgres.New(t.Context(), postgrestest.New(t))
		if err != nil {
			t.Fatal(err)
		}
		return store
	})
}
