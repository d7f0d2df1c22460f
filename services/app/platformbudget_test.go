package app

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/platform/sqlite"
	"tollgate.dev/services/budget"
	store "tollgate.dev/services/budget/store/sqlite"
)

// A budget that a configuration has set goes when the configuration names it no more, and only
// that.
func TestThePlatformsBudgetFollowsTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	const dollar = 1_000_000_000
	budgets := func(window string) string {
		return "budgets: {platform: {max_budget: 100, budget_duration: " + window + "}}\n"
	}
	ids := map[string]bool{}
	for _, step := range []struct {
		name, yaml string
		// by is what an operator sets while the process runs.
		by      string
		want    string // afterwards, as windows and dollars
		removed bool
	}{
		{"it is set", budgets("1d"), "", "1d 100", false},
		{"it stays", budgets("1d"), "", "1d 100", false},
		{"another window takes its place", budgets("30d"), "", "30d 100", true},
		{"an operator sets one beside it", budgets("30d"), `"limitNanos": 7000000000, "window": "7d"`, "30d 100, 7d 7", false},
		{"it is taken out", "", "", "7d 7", true},
		{"it stays out", "", "", "7d 7", false},
		{"it is back", budgets("1d"), "", "1d 100, 7d 7", false},
		{"an operator takes it over", budgets("1d"), `"limitNanos": 9000000000, "window": "1d"`, "1d 9, 7d 7", false},
		{"what an operator has set stays", "", "", "1d 9, 7d 7", false},
	} {
		log := &journal{}
		opts := options(t, "model_list: [{model_name: m, litellm_params: {model: openai/gpt-4o-mini}}]\n"+step.yaml, log)
		opts.Config.General.DataDir = dir
		p, err := New(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		const service = "/tollgate.budget.v1.BudgetService/"
		if step.by != "" {
			resp, text := ask(t, p, http.MethodPost, service+"PutBudget",
				`{"budget": {"scope": {"kind": "SCOPE_KIND_PLATFORM", "id": "default"}, `+step.by+`}}`, "Content-Type", "application/json")
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: %d %s", step.name, resp.StatusCode, text)
			}
		}
		got := &budgetv1.ListBudgetsResponse{}
		_, text := ask(t, p, http.MethodPost, service+"ListBudgets", `{"scopes":[{"kind":"SCOPE_KIND_PLATFORM","id":"default"}]}`, "Content-Type", "application/json")
		if err := protojson.Unmarshal([]byte(text), got); err != nil {
			t.Fatal(err)
		}
		if have := show(got, dollar); have != step.want {
			t.Errorf("%s: the budgets are %s, want %s", step.name, have, step.want)
		}
		for _, s := range got.GetStates() {
			ids[s.GetBudget().GetId()] = true
		}
		if told := strings.Contains(log.String(), "a budget of the platform was removed"); told != step.removed {
			t.Errorf("%s: logged %s", step.name, log)
		}
		if err := p.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	if len(ids) != 4 {
		t.Errorf("%d budgets were made, want one for each time that one was set", len(ids))
	}
}

// show lists budgets by their windows.
func show(list *budgetv1.ListBudgetsResponse, unit int64) string {
	var all []string
	for _, s := range list.GetStates() {
		all = append(all, fmt.Sprint(s.GetBudget().GetWindow(), " ", s.GetBudget().GetLimitNanos()/unit))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// Processes that start together come to the same end, and one of them tells.
func TestProcessesSetThePlatformsBudgetTogether(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "budget.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	books, err := store.New(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer()
	budgetv1connect.RegisterBudgetServiceHandler(server, budget.Handler(budget.New(books, budget.Options{})))
	client := budgetv1connect.NewBudgetServiceClient(rpc.InProcess(server))
	log := &journal{}
	for _, step := range []struct{ window, want string }{{"1d", "1d 5"}, {"7d", "7d 5"}, {"", ""}} {
		var wanted *budgetv1.Budget
		if step.window != "" {
			wanted = &budgetv1.Budget{Scope: platformScope(), LimitNanos: 5, Window: step.window, ManagedBy: byConfiguration}
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := keepPlatformBudget(t.Context(), client, wanted, log.logger()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		got, err := client.ListBudgets(t.Context(), &budgetv1.ListBudgetsRequest{Scopes: []*budgetv1.Scope{platformScope()}})
		if err != nil || show(got, 1) != step.want {
			t.Errorf("the budgets are %v, %v; want %q", got, err, step.want)
		}
	}
	if n := strings.Count(log.String(), "was removed"); n != 2 {
		t.Errorf("two removals were told of %d times: %s", n, log)
	}
}
