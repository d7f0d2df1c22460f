package sqlite_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"tollgate.dev/platform/quota"
	"tollgate.dev/platform/quota/store/sqlite"
	"tollgate.dev/platform/quota/storetest"
	platform "tollgate.dev/platform/sqlite"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Database {
		t.Helper()
		db, err := platform.Open(t.Context(), filepath.Join(t.TempDir(), "consumer.db"), platform.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		if _, err := db.Write.ExecContext(t.Context(), "CREATE TABLE effects (n INTEGER PRIMARY KEY, event TEXT)"); err != nil {
			t.Fatal(err)
		}
		effect := func(ctx context.Context, tx *sql.Tx, e *quota.Event) error {
			if _, err := tx.ExecContext(ctx, "INSERT INTO effects (event) VALUES (?)", e.EventID); err != nil {
				return err
			}
			if e.Payload.Model == "refused" {
				return storetest.ErrRefused
			}
			return nil
		}
		return storetest.Database{
			Handler: func(consumer string) storetest.Handler {
				h, err := sqlite.New(t.Context(), db, consumer, effect)
				if err != nil {
					t.Fatal(err)
				}
				return h
			},
			Effects: func() (out []string) {
				rows, err := db.Read.QueryContext(t.Context(), "SELECT event FROM effects ORDER BY n")
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = rows.Close() }()
				for rows.Next() {
					var e string
					if err := rows.Scan(&e); err != nil {
						t.Fatal(err)
					}
					out = append(out, e)
				}
				if err := rows.Err(); err != nil {
					t.Fatal(err)
				}
				return out
			},
		}
	})
}
