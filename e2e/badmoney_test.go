package e2e_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"tollgate.dev/e2e/harness"
	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/migrate"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/postgres"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/platform/sqlite"
)

// TestBadMoneyOverRPC calls the budget service with what cannot be, over either database:
// each call is refused as the caller's fault, by the member's name, and moves nothing.
func TestBadMoneyOverRPC(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{"SQLite": nil, "PostgreSQL": {"DATABASE_URL=" + postgrestest.URL(t).Reveal()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			badMoney(t, harness.Start(t, harness.Options{Env: env}))
		})
	}
}

func badMoney(t *testing.T, g *harness.Gateway) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	client := g.Budget()
	tenant := &budgetv1.Scope{Kind: budgetv1.ScopeKind_SCOPE_KIND_TENANT, Id: g.NewTeam(nil)}
	put := func(b *budgetv1.Budget) error {
		_, err := client.PutBudget(ctx, &budgetv1.PutBudgetRequest{Budget: b})
		return err
	}
	if err := put(&budgetv1.Budget{Scope: tenant, LimitNanos: int64(money.Dollar)}); err != nil {
		t.Fatal(err)
	}
	before, err := client.ListBudgets(ctx, &budgetv1.ListBudgetsRequest{Scopes: []*budgetv1.Scope{tenant}})
	if err != nil {
		t.Fatal(err)
	}
	long, nul := strings.Repeat("x", 600), "a\x00b"
	list := func(req *budgetv1.ListUsageRequest) error { _, err := client.ListUsage(ctx, req); return err }
	spend := func(req *budgetv1.GetSpendRequest) error { _, err := client.GetSpend(ctx, req); return err }
	audit := func(id string) error {
		_, err := client.AuditLedger(ctx, &budgetv1.AuditLedgerRequest{TenantId: id})
		return err
	}
	watch := func(req *budgetv1.WatchUsageRequest) error { return firstOfWatch(ctx, client, req) }
	for name, c := range map[string]struct {
		err   error
		param string
	}{
		"no budget":                      {put(nil), "budget.scope.kind"},
		"a negative limit":               {put(&budgetv1.Budget{Scope: tenant, LimitNanos: -1}), "budget.limit_nanos"},
		"the lowest number":              {put(&budgetv1.Budget{Scope: tenant, LimitNanos: -1 << 63}), "budget.limit_nanos"},
		"a limit that would overflow":    {put(&budgetv1.Budget{Scope: tenant, LimitNanos: 1<<63 - 1}), "budget.limit_nanos"},
		"a scope of no kind":             {put(&budgetv1.Budget{Scope: &budgetv1.Scope{Id: "acme"}}), "budget.scope.kind"},
		"a scope of a later release":     {put(&budgetv1.Budget{Scope: &budgetv1.Scope{Kind: 99, Id: "acme"}}), "budget.scope.kind"},
		"a scope without an id":          {put(&budgetv1.Budget{Scope: &budgetv1.Scope{Kind: 2}}), "budget.scope.id"},
		"a scope whose id is too long":   {put(&budgetv1.Budget{Scope: &budgetv1.Scope{Kind: 2, Id: long}}), "budget.scope.id"},
		"a scope whose id is no text":    {put(&budgetv1.Budget{Scope: &budgetv1.Scope{Kind: 2, Id: nul}}), "budget.scope.id"},
		"an id that is no text":          {put(&budgetv1.Budget{Id: nul, Scope: tenant}), "budget.id"},
		"a window that is none":          {put(&budgetv1.Budget{Scope: tenant, Window: "1y"}), "budget.window"},
		"a window of a million years":    {put(&budgetv1.Budget{Scope: tenant, Window: "99999999mo"}), "budget.window"},
		"a time zone that is none":       {put(&budgetv1.Budget{Scope: tenant, Window: "1d", TimeZone: "Local"}), "budget.time_zone"},
		"nobody's budgets":               {listBudgets(ctx, client), "scopes"},
		"budgets of no kind":             {listBudgets(ctx, client, &budgetv1.Scope{Id: "x"}), "scopes.kind"},
		"nobody's usage":                 {list(&budgetv1.ListUsageRequest{}), "tenant_id"},
		"a negative page":                {list(&budgetv1.ListUsageRequest{TenantId: "acme", Limit: -1}), "limit"},
		"a page that is too long":        {list(&budgetv1.ListUsageRequest{TenantId: "acme", Limit: 1 << 30}), "limit"},
		"a negative sequence":            {list(&budgetv1.ListUsageRequest{TenantId: "acme", AfterSequence: -1}), "after_sequence"},
		"a time before 1970":             {list(&budgetv1.ListUsageRequest{TenantId: "acme", FromMillis: -1}), "from_millis"},
		"a time that ends at its begin":  {list(&budgetv1.ListUsageRequest{TenantId: "acme", FromMillis: 5, ToMillis: 4}), "from_millis"},
		"another list's cursor":          {list(&budgetv1.ListUsageRequest{TenantId: "acme", Cursor: "AAzeta"}), "cursor"},
		"a cursor that is none":          {list(&budgetv1.ListUsageRequest{AllTenants: true, Cursor: "?"}), "cursor"},
		"usage of what is no text":       {list(&budgetv1.ListUsageRequest{TenantId: nul}), ""},
		"sums by what is not known":      {spend(&budgetv1.GetSpendRequest{Group: 99}), "group"},
		"sums of no kind":                {spend(&budgetv1.GetSpendRequest{Scopes: []*budgetv1.Scope{{Id: "x"}}}), "scopes.kind"},
		"sums of a time before 1970":     {spend(&budgetv1.GetSpendRequest{ToMillis: -1}), "from_millis"},
		"sums of what is no text":        {spend(&budgetv1.GetSpendRequest{KeyId: nul}), ""},
		"an audit of what is no text":    {audit(nul), "tenant_id"},
		"an audit of what is too long":   {audit(long), "tenant_id"},
		"a watch of what is no text":     {watch(&budgetv1.WatchUsageRequest{TenantId: nul}), "tenant_id"},
		"a watch of what is too long":    {watch(&budgetv1.WatchUsageRequest{TenantId: long}), "tenant_id"},
		"a watch from before the first":  {watch(&budgetv1.WatchUsageRequest{Positions: []*budgetv1.UsagePosition{{TenantId: "acme", Sequence: -1}}}), "positions"},
		"a watch from behind the last":   {watch(&budgetv1.WatchUsageRequest{Positions: []*budgetv1.UsagePosition{{TenantId: "acme", Sequence: 1 << 60}}}), "positions"},
		"a watch from what nobody wrote": {watch(&budgetv1.WatchUsageRequest{Positions: []*budgetv1.UsagePosition{{TenantId: nul, Sequence: 1}}}), "positions"},
	} {
		if !errs.Is(c.err, errs.InvalidRequest) {
			t.Errorf("%s: the error is %v", name, c.err)
		} else if e := errs.Of(c.err); e.Param != c.param || e.Message == "" {
			t.Errorf("%s: %v blames %q, want %q", name, c.err, e.Param, c.param)
		}
	}
	after, err := client.ListBudgets(ctx, &budgetv1.ListBudgetsRequest{Scopes: []*budgetv1.Scope{tenant}})
	if err != nil || !proto.Equal(before, after) {
		t.Errorf("the budget was %v and is %v, %v", before, after, err)
	}
	// A tenant that nobody knows has spent nothing: that is no fault.
	if usage, err := client.ListUsage(ctx, &budgetv1.ListUsageRequest{TenantId: "nobody"}); err != nil || len(usage.GetRecords()) != 0 {
		t.Errorf("an unknown tenant's usage: %v, %v", usage, err)
	}
	if sums, err := client.GetSpend(ctx, &budgetv1.GetSpendRequest{TenantId: "nobody"}); err != nil || len(sums.GetSpends()) > 0 && sums.GetSpends()[0].GetCostNanos() != 0 {
		t.Errorf("an unknown tenant's spend: %v, %v", sums, err)
	}
	if gone, err := client.DeleteBudgets(ctx, &budgetv1.DeleteBudgetsRequest{Ids: []string{"nobody's"}}); err != nil || len(gone.GetIds()) != 0 {
		t.Errorf("unknown budgets are deleted: %v, %v", gone, err)
	}
	// What moves money is said among services alone, whoever asks.
	_, lease := client.Lease(ctx, &budgetv1.LeaseRequest{ReplicaId: "r", Asks: []*budgetv1.LeaseAsk{{Scope: tenant, NeedNanos: 1}}})
	_, record := client.Record(ctx, &budgetv1.RecordRequest{})
	_, ended := client.EndReplica(ctx, &budgetv1.EndReplicaRequest{ReplicaId: "r"})
	for name, err := range map[string]error{"Lease": lease, "Record": record, "EndReplica": ended} {
		if connect.CodeOf(err) != connect.CodeNotFound {
			t.Errorf("%s is answered by %v", name, err)
		}
	}
}

func listBudgets(ctx context.Context, client budgetv1connect.BudgetServiceClient, scopes ...*budgetv1.Scope) error {
	_, err := client.ListBudgets(ctx, &budgetv1.ListBudgetsRequest{Scopes: scopes})
	return err
}

// firstOfWatch is the error that a watch begins with, if it does.
func firstOfWatch(ctx context.Context, client budgetv1connect.BudgetServiceClient, req *budgetv1.WatchUsageRequest) error {
	stream, err := client.WatchUsage(ctx, req)
	if err != nil {
		return err
	}
	_, err = stream.Receive()
	if errors.Is(err, io.EOF) {
		err = nil
	}
	_ = stream.Close() // nothing more is wanted
	return err
}

// TestOtherCurrencies are not known: whoever names one is told so, and not taken at par.
func TestOtherCurrencies(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	team := g.NewTeam(nil)
	for path, body := range map[string]map[string]any{
		"/key/generate": {"max_budget": 1, "currency": "EUR"},
		"/team/new":     {"max_budget": 1, "currency": "EUR"},
		"/team/update":  {"team_id": team, "max_budget": 1, "currency": "EUR"},
	} {
		e := g.Call(http.MethodPost, path, harness.Call{Body: body}).MustBe(t, http.StatusBadRequest).Error(t)
		if e.Param == nil || *e.Param != "currency" {
			t.Errorf("%s blames %v: %s", path, e.Param, e.Message)
		}
	}
	for _, amount := range []any{"1 EUR", "€1", "1,50", "NaN", "Infinity", "0x10", []int{1}, map[string]any{"amount": 1, "currency": "EUR"}, true} {
		e := g.Call(http.MethodPost, "/key/generate", harness.Call{Body: map[string]any{"max_budget": amount}}).MustBe(t, http.StatusBadRequest, "invalid_request").Error(t)
		if e.Param == nil || *e.Param != "max_budget" {
			t.Errorf("%v blames %v: %s", amount, e.Param, e.Message)
		}
	}
}

// TestLimitBelowWhatIsSpent lowers a budget below what is spent: from then on calls are
// refused, what was spent stays told, and a higher limit lets calls through again.
func TestLimitBelowWhatIsSpent(t *testing.T) {
	t.Parallel()
	g := startPriced(t)
	key := g.NewTenantKey(map[string]any{"max_budget": oneCent})
	answer := g.Complete(key.Secret, harness.Chat(budgetModel, g.Prompt(t))).MustBe(t, http.StatusOK)
	spent, err := cost(answer)
	if err != nil || spent <= 0 {
		t.Fatalf("a call cost %d, %v", spent, err)
	}
	g.Usage(t, answer.Header.Get("X-Request-Id"))
	update := func(limit any) {
		t.Helper()
		g.Call(http.MethodPost, "/key/update", harness.Call{Body: map[string]any{"key": key.ID, "max_budget": limit}}).MustBe(t, http.StatusOK)
	}
	for _, limit := range []any{0.0001, 0, 1e-9} {
		update(limit)
		var refused harness.Answer
		harness.Eventually(t, "calls are refused", func() error {
			refused = g.Complete(key.Secret, harness.Chat(budgetModel, g.Prompt(t)))
			return refused.Is(http.StatusTooManyRequests)
		})
		if e := refused.Error(t); e.Code != "budget_exceeded" {
			t.Errorf("a limit of %v: %s: %s", limit, e.Code, e.Message)
		}
		if info := g.KeyInfo(key.ID); info.Max == nil || fmt.Sprint(*info.Max) != fmt.Sprint(limit) || info.Spend < float64(spent)/1e9 {
			t.Errorf("with a limit of %v the key has %+v", limit, info)
		}
	}
	update(oneCent)
	harness.Eventually(t, "calls go through", func() error {
		return g.Complete(key.Secret, harness.Chat(budgetModel, g.Prompt(t))).Is(http.StatusOK)
	})
}

// TestDatabaseOfANewerRelease starts on a database that a newer release has migrated: it says
// so, ends, and changes nothing. Without the newer step it serves again.
func TestDatabaseOfANewerRelease(t *testing.T) {
	t.Parallel()
	for _, service := range []string{"keystore", "budget", "edge"} {
		newer := fmt.Sprintf("INSERT INTO %s (service, version, name, checksum) VALUES ('%s', 9999, 'newer', 'x')", migrate.Table, service)
		older := fmt.Sprintf("DELETE FROM %s WHERE version = 9999", migrate.Table)
		t.Run("SQLite, "+service, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			newerRelease(t, harness.Options{DataDir: dir}, newer, older, func(statement string) error {
				db, err := sqlite.Open(t.Context(), filepath.Join(dir, "tollgate.db"), sqlite.Options{})
				if err != nil {
					return err
				}
				err = db.Update(t.Context(), func(tx *sql.Tx) error {
					_, err := tx.ExecContext(t.Context(), statement)
					return err
				})
				return errors.Join(err, db.Close())
			})
		})
		t.Run("PostgreSQL, "+service, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.URL(t)
			newerRelease(t, harness.Options{Env: []string{"DATABASE_URL=" + url.Reveal()}}, newer, older, func(statement string) error {
				pool, err := postgres.Open(t.Context(), url, postgres.Options{MaxConns: 2})
				if err != nil {
					return err
				}
				defer pool.Close()
				_, err = pool.Exec(t.Context(), statement)
				return err
			})
		})
	}
}

func newerRelease(t *testing.T, options harness.Options, newer, older string, exec func(string) error) {
	t.Helper()
	g := harness.Start(t, options)
	key := g.NewTenantKey(map[string]any{"max_budget": 1})
	g.Stop()
	if err := exec(newer); err != nil {
		t.Fatal(err)
	}
	dir := options.DataDir
	if dir == "" {
		dir = t.TempDir()
	}
	env := append([]string{"TOLLGATE_ADDR=127.0.0.1:0", "TOLLGATE_DATA_DIR=" + dir, "TOLLGATE_MASTER_KEY=" + harness.MasterKey}, options.Env...)
	p := harness.Spawn(t, env, "serve")
	code := p.Wait(t, harness.Patience)
	for _, want := range []string{"the database's schema is newer than this program", "version 9999", "start a newer Tollgate"} {
		if stderr := p.Stderr.String(); code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("exit code %d, and no %q in\n%s", code, want, stderr)
		}
	}
	if err := exec(older); err != nil {
		t.Fatal(err)
	}
	g = harness.Start(t, options)
	g.Secret(key.Secret)
	g.Complete(key.Secret, harness.Chat("gpt-4o-mini", g.Prompt(t))).MustBe(t, http.StatusOK)
}
