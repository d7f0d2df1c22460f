package e2e_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"tollgate.dev/e2e/harness"
)

// TestBudgetsChange follows a key's budgets through updates. An update of the only budget
// changes it, its window too; a list is the whole list.
func TestBudgetsChange(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	key := g.NewTenantKey(map[string]any{"max_budget": 5, "budget_duration": "1d"})
	type limit struct {
		Duration string      `json:"budget_duration"`
		Max      json.Number `json:"max_budget"`
		Soft     bool        `json:"soft"`
	}
	limits := func(durations ...any) []any { return durations }
	day, month := map[string]any{"budget_duration": "1d", "max_budget": 1}, map[string]any{"budget_duration": "1mo", "max_budget": 10}
	for _, step := range []struct {
		name   string
		change map[string]any
		want   []limit
	}{
		{"another limit", map[string]any{"max_budget": 7}, []limit{{"1d", "7", false}}},
		{"another window", map[string]any{"max_budget": 7, "budget_duration": "30d"}, []limit{{"30d", "7", false}}},
		{"the window alone", map[string]any{"budget_duration": "7d"}, []limit{{"7d", "7", false}}},
		{"soft", map[string]any{"soft_budget": 8, "budget_duration": ""}, []limit{{"", "8", true}}},
		{"a soft one's window alone", map[string]any{"budget_duration": "1mo"}, []limit{{"1mo", "8", true}}},
		{"two", map[string]any{"budget_limits": limits(day, month)}, []limit{{"1d", "1", false}, {"1mo", "10", false}}},
		{"one of two", map[string]any{"max_budget": 2, "budget_duration": "1d"}, []limit{{"1d", "2", false}, {"1mo", "10", false}}},
		{"the other goes", map[string]any{"budget_limits": limits(month)}, []limit{{"1mo", "10", false}}},
		{"null changes nothing", map[string]any{"budget_limits": nil, "max_budget": nil}, []limit{{"1mo", "10", false}}},
		{"none", map[string]any{"budget_limits": []any{}}, []limit{}},
	} {
		step.change["key"] = key.ID
		answer := g.Call(http.MethodPost, "/key/update", harness.Call{Body: step.change})
		var got struct {
			Limits []limit `json:"budget_limits"`
		}
		answer.JSON(t, &got)
		if answer.Status != http.StatusOK || len(got.Limits) != len(step.want) {
			t.Fatalf("%s: %d %s", step.name, answer.Status, answer.Body)
		}
		for _, want := range step.want {
			found := false
			for _, have := range got.Limits {
				found = found || have == want
			}
			if !found {
				t.Errorf("%s: %+v is not in %+v", step.name, want, got.Limits)
			}
		}
	}
}
