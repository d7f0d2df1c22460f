package postgres_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	platform "tollgate.dev/platform/postgres"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/budget/store/postgres"
)

// before is the schema without the running totals, and all that came after.
func before(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(postgres.Migrations, "migrations", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() >= "0009" {
			return err
		}
		text, err := fs.ReadFile(postgres.Migrations, path)
		files[d.Name()] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// manyCalls fills a ledger with calls of 100 keys in 4 tenants, and entries that are no calls.
const manyCalls = `INSERT INTO ledger (event_id, tenant_id, sequence, platform_id, key_id, user_id, request_id, model, kind,
		occurred_millis, cost_nanos, tokens, record)
	SELECT 'e' || i, 't' || i % 4, i, '', 'k' || i % 100, CASE i % 5 WHEN 0 THEN '' ELSE 'u' END,
		'', 'm', CASE i % 10 WHEN 9 THEN 1 ELSE 0 END, i, i, 15, '' FROM generate_series(1, 20000) i`

// TestTotalsOfALedger upgrades a database with a long ledger: totals are its sums, and reading
// one afterwards reads no entry.
func TestTotalsOfALedger(t *testing.T) {
	ctx := t.Context()
	pool := postgrestest.New(t)
	if _, err := platform.Migrate(ctx, pool, "budget", before(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(ctx, manyCalls); err != nil {
		t.Fatal(err)
	}
	store, err := postgres.New(ctx, pool)
	if err != nil {
		t.Fatal(err)
	}
	// Of a table of some pages the planner would read all, whatever index there is.
	if _, err := pool.Exec(ctx, `INSERT INTO spend_totals SELECT 4, 'many' || i, 1, 1, 1 FROM generate_series(1, 20000) i`); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(ctx, "ANALYZE spend_totals, ledger"); err != nil {
		t.Fatal(err)
	}
	scope := func(kind budget.ScopeKind, id string) []budget.Scope { return []budget.Scope{{Kind: kind, ID: id}} }
	for name, q := range map[string]budget.SpendQuery{
		"a key":       {Group: budget.ByKey, Scopes: scope(budget.Key, "k7")},
		"a key's sum": {Scopes: scope(budget.Key, "k7")},
		"a tenant":    {Scopes: scope(budget.Tenant, "t3")},
		"a user":      {Scopes: scope(budget.User, "t3/u")},
		"all":         {},
	} {
		long := q
		long.To = 1 << 40 // all of the time there is, but for that the ledger is asked
		fast, err := store.Spend(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		slow, err := store.Spend(ctx, long)
		if err != nil || !slices.Equal(fast, slow) || len(fast) == 0 || fast[0].Cost == 0 {
			t.Errorf("%s: the totals say %+v, the ledger %+v, %v", name, fast, slow, err)
		}
		if plan := explain(t, pool, q); strings.Contains(plan, "ledger") || !strings.Contains(plan, "spend_totals_pkey") {
			t.Errorf("%s is read by\n%s", name, plan)
		}
		if plan := explain(t, pool, long); !strings.Contains(plan, "ledger") {
			t.Errorf("%s over a time is read by\n%s", name, plan)
		}
	}
}

// explain is PostgreSQL's plan for a query.
func explain(t *testing.T, pool *pgxpool.Pool, q budget.SpendQuery) string {
	t.Helper()
	query, args := postgres.SpendQuery(q)
	rows, err := pool.Query(t.Context(), "EXPLAIN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
