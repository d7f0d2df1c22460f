package sqlite_test

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	platform "tollgate.dev/platform/sqlite"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/budget/store/sqlite"
)

// before is the schema without the running totals, and all that came after.
func before(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(sqlite.Migrations, "migrations", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() >= "0009" {
			return err
		}
		text, err := fs.ReadFile(sqlite.Migrations, path)
		files[d.Name()] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// manyCalls fills a ledger with calls of 100 keys in 4 tenants, and entries that are no calls.
const manyCalls = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
	INSERT INTO ledger SELECT printf('e%d', i), printf('t%d', i % 4), i, '', printf('k%d', i % 100), CASE i % 5 WHEN 0 THEN '' ELSE 'u' END,
		'', 'm', CASE i % 10 WHEN 9 THEN 1 ELSE 0 END, i, i, 15, x'' FROM n`

// TestTotalsOfALedger upgrades a database with a long ledger: totals are its sums, and reading
// one afterwards reads no entry.
func TestTotalsOfALedger(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, err := platform.Open(ctx, filepath.Join(t.TempDir(), "budget.db"), platform.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := platform.Migrate(ctx, db, "budget", before(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Write.ExecContext(ctx, manyCalls); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.New(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	scope := func(kind budget.ScopeKind, id string) []budget.Scope { return []budget.Scope{{Kind: kind, ID: id}} }
	for name, q := range map[string]budget.SpendQuery{
		"a key":       {Group: budget.ByKey, Scopes: scope(budget.Key, "k7")},
		"a key's sum": {Scopes: scope(budget.Key, "k7")},
		"a tenant":    {Scopes: scope(budget.Tenant, "t3")},
		"a user":      {Scopes: scope(budget.User, "t3/u")},
		"all keys":    {Group: budget.ByKey},
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
		if plan := explain(t, db, q); strings.Contains(plan, "ledger") || !strings.Contains(plan, "SEARCH spend_totals USING PRIMARY KEY") {
			t.Errorf("%s is read by\n%s", name, plan)
		}
		if plan := explain(t, db, long); !strings.Contains(plan, "ledger") {
			t.Errorf("%s over a time is read by\n%s", name, plan)
		}
	}
}

// explain is SQLite's plan for a query.
func explain(t *testing.T, db *platform.DB, q budget.SpendQuery) string {
	t.Helper()
	query, args := sqlite.SpendQuery(q)
	rows, err := db.Read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // its error is that of rows.Err
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(detail + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}
