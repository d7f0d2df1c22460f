package app

import (
	"net/http"
	"strings"
	"testing"
)

// What an update does not name of a budget stays: its limit when the window alone changes,
// its time zone when the limit does, which would otherwise begin anew.
func TestBudgetsOfUpdates(t *testing.T) {
	p, _ := start(t, "")
	const key, team = `"key":"sk-of-the-budgets-0123"`, `"team_id":"acme"`
	must := func(path, body string) string {
		t.Helper()
		resp, text := ask(t, p, http.MethodPost, path, body, "Content-Type", "application/json")
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %d %s", path, body, resp.StatusCode, text)
		}
		return text
	}
	_, token, _ := strings.Cut(must("/key/generate", `{`+key+`,"max_budget":0.5,"budget_duration":"1d","time_zone":"Europe/Paris"}`), `"token":"`)
	token, _, _ = strings.Cut(token, `"`)
	must("/team/new", `{`+team+`,"soft_budget":2,"budget_duration":"1d"}`)
	for _, step := range []struct{ path, change, kind, id, want string }{
		{"/key/update", key + `,"budget_duration":"30d"`, "KEY", token, `"limitNanos":"500000000","window":"30d","timeZone":"Europe/Paris","enforcement":"ENFORCEMENT_STRICT"`},
		{"/key/update", key + `,"max_budget":0.75`, "KEY", token, `"limitNanos":"750000000","window":"30d","timeZone":"Europe/Paris","enforcement":"ENFORCEMENT_STRICT"`},
		{"/key/regenerate", key + `,"new_key":"sk-of-the-budgets-4567","time_zone":"Asia/Tokyo"`, "KEY", token, `"limitNanos":"750000000","window":"30d","timeZone":"Asia/Tokyo","enforcement":"ENFORCEMENT_STRICT"`},
		{"/team/update", team + `,"budget_duration":"month"`, "TENANT", "acme", `"limitNanos":"2000000000","window":"1mo","enforcement":"ENFORCEMENT_SOFT"`},
	} {
		must(step.path, `{`+step.change+`}`)
		listed := must("/tollgate.budget.v1.BudgetService/ListBudgets", `{"scopes":[{"kind":"SCOPE_KIND_`+step.kind+`","id":"`+step.id+`"}]}`)
		if got := strings.ReplaceAll(listed, " ", ""); strings.Count(got, "limitNanos") != 1 || !strings.Contains(got, step.want) {
			t.Errorf("%s: %s", step.change, listed)
		}
	}
	// Whose window it is must be clear, and nothing else of the request happens if it is not.
	must("/team/update", `{`+team+`,"budget_limits":[{"budget_duration":"1d","max_budget":1},{"budget_duration":"7d","max_budget":2}]}`)
	must("/team/new", `{"team_id":"unlimited"}`)
	for _, who := range []string{team, `"team_id":"unlimited"`} {
		resp, text := ask(t, p, http.MethodPost, "/team/update", `{`+who+`,"rpm_limit":7,"budget_duration":"30d"}`)
		if resp.StatusCode != http.StatusBadRequest || !strings.Contains(text, `"param":"budget_duration"`) {
			t.Errorf("%s: %d %s", who, resp.StatusCode, text)
		}
	}
	if _, teams := ask(t, p, http.MethodGet, "/team/list", ""); strings.Contains(teams, `"rpm_limit":7`) {
		t.Errorf("a half of the request happened: %s", teams)
	}
}
