package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/platform/quota"
	"tollgate.dev/platform/quota/store/postgres"
	"tollgate.dev/platform/quota/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Database {
		t.Helper()
		pool := postgrestest.New(t)
		if _, err := pool.Exec(t.Context(), "CREATE TABLE effects (n bigint GENERATED ALWAYS AS IDENTITY, event text)"); err != nil {
			t.Fatal(err)
		}
		effect := func(ctx context.Context, tx pgx.Tx, e *quota.Event) error {
			if _, err := tx.Exec(ctx, "INSERT INTO effects (event) VALUES ($1)", e.EventID); err != nil {
				return err
			}
			if e.Payload.Model == "refused" {
				return storetest.ErrRefused
			}
			return nil
		}
		return storetest.Database{
			Handler: func(consumer string) storetest.Handler {
				h, err := postgres.New(t.Context(), pool, consumer, effect)
				if err != nil {
					t.Fatal(err)
				}
				return h
			},
			Effects: func() []string {
				rows, err := pool.Query(t.Context(), "SELECT event FROM effects ORDER BY n")
				if err != nil {
					t.Fatal(err)
				}
				out, err := pgx.CollectRows(rows, pgx.RowTo[string])
				if err != nil {
					t.Fatal(err)
				}
				return out
			},
		}
	})
}
