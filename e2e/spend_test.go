package e2e_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/platform/money"
)

// spendRow is what these tests read of a row of /spend/logs.
type spendRow struct {
	RequestID        string         `json:"request_id"`
	CallType         string         `json:"call_type"`
	APIKey           string         `json:"api_key"`
	Spend            money.Nano     `json:"spend"`
	TotalTokens      int64          `json:"total_tokens"`
	PromptTokens     int64          `json:"prompt_tokens"`
	CompletionTokens int64          `json:"completion_tokens"`
	StartTime        time.Time      `json:"startTime"`
	EndTime          time.Time      `json:"endTime"`
	Model            string         `json:"model"`
	ModelGroup       string         `json:"model_group"`
	User             string         `json:"user"`
	Metadata         map[string]any `json:"metadata"`
	CacheHit         string         `json:"cache_hit"`
	TeamID           string         `json:"team_id"`
	Provider         string         `json:"custom_llm_provider"`
	Status           string         `json:"status"`
}

// spendCalls are calls of two teams, with what each cost.
type spendCalls struct {
	g              *harness.Gateway
	red, blue      string
	carol, dave    harness.Key // of red
	erin           harness.Key // of blue
	costs          map[string]money.Nano
	total, redSums money.Nano
}

func spendSomething(t *testing.T) *spendCalls {
	t.Helper()
	c := &spendCalls{g: harness.Start(t, harness.Options{Config: harness.SimulatedConfig(
		"budgets: {platform: {max_budget: 100}}\n",
		harness.Model{Name: "cheap", Upstream: "openai/gpt-4o-mini"}, harness.Model{Name: "dear", Upstream: "openai/gpt-4o"},
	)}), costs: map[string]money.Nano{}}
	c.red, c.blue = c.g.NewTeam(map[string]any{"team_alias": "the reds"}), c.g.NewTeam(nil)
	c.carol = c.g.NewKey(map[string]any{"team_id": c.red, "user_id": "carol", "key_alias": "carols", "max_budget": 1})
	c.dave = c.g.NewKey(map[string]any{"team_id": c.red, "user_id": "dave"})
	c.erin = c.g.NewKey(map[string]any{"team_id": c.blue, "user_id": "carol"}) // another team's carol
	for i, call := range []struct {
		key   harness.Key
		model string
	}{{c.carol, "cheap"}, {c.carol, "dear"}, {c.dave, "cheap"}, {c.erin, "cheap"}} {
		answer := c.g.Complete(call.key.Secret, harness.Chat(call.model, c.g.Prompt(t))).MustBe(t, http.StatusOK)
		n, err := cost(answer)
		if err != nil || n <= 0 {
			t.Fatalf("call %d cost %v, %v", i, n, err)
		}
		id := answer.Header.Get("X-Request-Id")
		c.g.Usage(t, id)
		c.costs[id] = n
		c.total += n
		if call.key.ID != c.erin.ID {
			c.redSums += n
		}
	}
	return c
}

// logs reads rows of /spend/logs, all pages of them.
func (c *spendCalls) logs(t *testing.T, key string, query url.Values) (rows []spendRow) {
	t.Helper()
	query = maps.Clone(query)
	for {
		answer := c.g.For(t).Call(http.MethodGet, "/spend/logs?"+query.Encode(), harness.Call{Key: key}).MustBe(t, http.StatusOK)
		var page []spendRow
		answer.JSON(t, &page)
		rows = append(rows, page...)
		next := answer.Header.Get("X-Next-Cursor")
		if next == "" {
			return rows
		}
		query.Set("cursor", next)
	}
}

// TestSpendLogs reads the ledger on LiteLLM's route: as an admin, and as a key.
func TestSpendLogs(t *testing.T) {
	t.Parallel()
	c := spendSomething(t)
	today := time.Now().UTC()
	from, to := today.AddDate(0, 0, -1).Format(time.DateOnly), today.AddDate(0, 0, 1).Format(time.DateOnly)
	for name, tc := range map[string]struct {
		key   string
		query url.Values
		calls int
	}{
		"an admin, everything":           {c.g.Master, url.Values{}, 4},
		"page by page":                   {c.g.Master, url.Values{"limit": {"1"}}, 4},
		"an admin, a team":               {c.g.Master, url.Values{"team_id": {c.red}}, 3},
		"an admin, a key":                {c.g.Master, url.Values{"api_key": {c.carol.ID}}, 2},
		"an admin, a key by its secret":  {c.g.Master, url.Values{"api_key": {c.carol.Secret}}, 2},
		"an admin, a user of any team":   {c.g.Master, url.Values{"user_id": {"carol"}}, 3},
		"an admin, a team's user":        {c.g.Master, url.Values{"user_id": {"carol"}, "team_id": {c.red}}, 2},
		"an admin, days":                 {c.g.Master, url.Values{"start_date": {from}, "end_date": {to}, "summarize": {"false"}}, 4},
		"an admin, days of a key":        {c.g.Master, url.Values{"start_date": {from}, "end_date": {to}, "summarize": {"false"}, "api_key": {c.dave.ID}}, 1},
		"an admin, from a day on":        {c.g.Master, url.Values{"start_date": {to}}, 0},
		"an admin, nobody":               {c.g.Master, url.Values{"user_id": {"nobody"}}, 0},
		"an admin, a key that is gone":   {c.g.Master, url.Values{"api_key": {"gone"}}, 0},
		"a key, its own":                 {c.carol.Secret, url.Values{}, 2},
		"a key, its team's":              {c.carol.Secret, url.Values{"team_id": {c.red}}, 3},
		"a key, another of its team":     {c.carol.Secret, url.Values{"api_key": {c.dave.ID}}, 1},
		"a key, a user of its team":      {c.dave.Secret, url.Values{"user_id": {"carol"}}, 2},
		"a key, a user of no own calls":  {c.erin.Secret, url.Values{"user_id": {"dave"}}, 0},
		"a key, a team's days in detail": {c.erin.Secret, url.Values{"start_date": {from}, "end_date": {to}, "summarize": {"false"}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := c.logs(t, tc.key, tc.query)
			if len(rows) != tc.calls {
				t.Errorf("%d rows, want %d: %+v", len(rows), tc.calls, rows)
			}
			for _, r := range rows {
				if r.Spend != c.costs[r.RequestID] || r.TotalTokens != r.PromptTokens+r.CompletionTokens || r.TotalTokens == 0 ||
					r.CallType != "acompletion" || r.Status != "success" || r.CacheHit != "False" || r.Provider != "openai" ||
					r.EndTime.Before(r.StartTime) || today.Sub(r.StartTime).Abs() > time.Hour || r.Metadata["sequence"] == nil {
					t.Errorf("row %+v; the call cost %v", r, c.costs[r.RequestID])
				}
				if want := map[string]string{"cheap": "gpt-4o-mini", "dear": "gpt-4o"}[r.ModelGroup]; r.Model != want {
					t.Errorf("model %q of %q", r.Model, r.ModelGroup)
				}
			}
		})
	}
	for id := range c.costs {
		if rows := c.logs(t, c.g.Master, url.Values{"request_id": {id}, "start_date": {from}, "end_date": {to}}); len(rows) != 1 || rows[0].RequestID != id {
			t.Errorf("request %s: %+v", id, rows)
		}
	}
	for name, tc := range map[string]struct {
		key, query string
		status     int
		code       string
	}{
		"another team":          {c.erin.Secret, "team_id=" + c.red, http.StatusForbidden, "tenant_mismatch"},
		"another team's key":    {c.erin.Secret, "api_key=" + c.carol.ID, http.StatusForbidden, "tenant_mismatch"},
		"a key that is none":    {c.erin.Secret, "api_key=nope", http.StatusForbidden, "tenant_mismatch"},
		"a secret that is none": {c.g.Master, "api_key=sk-nope-0123456789abcdef", http.StatusNotFound, "not_found"},
		"a bad day":             {c.g.Master, "start_date=yesterday", http.StatusBadRequest, "invalid_request"},
		"days in disorder":      {c.g.Master, "start_date=2026-02-01&end_date=2026-01-01", http.StatusBadRequest, "invalid_request"},
		"too many days":         {c.g.Master, "start_date=2024-01-01&end_date=2026-01-01", http.StatusBadRequest, "invalid_request"},
		"a bad cursor":          {c.g.Master, "cursor=x", http.StatusBadRequest, "invalid_request"},
		"an unknown parameter":  {c.g.Master, "key=x", http.StatusBadRequest, "invalid_request"},
		"no key":                {"sk-unknown-0123456789", "", http.StatusUnauthorized, "invalid_api_key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.g.For(t).Call(http.MethodGet, "/spend/logs?"+tc.query, harness.Call{Key: tc.key}).MustBe(t, tc.status, tc.code)
		})
	}
}

// TestSpendByDay adds up by day, with keys, users and models, as LiteLLM does.
func TestSpendByDay(t *testing.T) {
	t.Parallel()
	c := spendSomething(t)
	today := time.Now().UTC() // a test at midnight may have calls of two days
	query := "/spend/logs?start_date=" + today.AddDate(0, 0, -3).Format(time.DateOnly) + "&end_date=" + today.AddDate(0, 0, 1).Format(time.DateOnly)
	for name, tc := range map[string]struct {
		key, more string
		total     money.Nano
		keys      []string
		users     []string
		models    []string
	}{
		"an admin":        {c.g.Master, "", c.total, []string{c.carol.ID, c.dave.ID, c.erin.ID}, []string{"carol", "dave"}, []string{"cheap", "dear"}},
		"an admin's team": {c.g.Master, "&team_id=" + c.red, c.redSums, []string{c.carol.ID, c.dave.ID}, []string{"carol", "dave"}, []string{"cheap", "dear"}},
		"a key":           {c.erin.Secret, "", c.total - c.redSums, []string{c.erin.ID}, []string{"carol"}, []string{"cheap"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var days []map[string]any
			c.g.For(t).Call(http.MethodGet, query+tc.more, harness.Call{Key: tc.key}).MustBe(t, http.StatusOK).JSON(t, &days)
			var spend, byKey, byUser, byModel float64
			var users, models []string
			for _, d := range days {
				n, ok := d["spend"].(float64)
				if _, err := time.Parse(time.DateOnly, fmt.Sprint(d["startTime"])); err != nil || !ok {
					t.Fatalf("day %v: %v", d, err)
				}
				spend += n
				for _, key := range tc.keys {
					n, _ := d[key].(float64)
					byKey += n
				}
				for user, n := range d["users"].(map[string]any) {
					users = append(users, user)
					byUser += n.(float64)
				}
				for model, n := range d["models"].(map[string]any) {
					models = append(models, model)
					byModel += n.(float64)
				}
			}
			want := float64(tc.total) / 1e9
			for what, got := range map[string]float64{"all": spend, "keys": byKey, "users": byUser, "models": byModel} {
				if d := got - want; d > 1e-12 || d < -1e-12 {
					t.Errorf("%s: %v, want %v, in %v", what, got, want, days)
				}
			}
			for _, list := range [][2][]string{{users, tc.users}, {models, tc.models}} {
				slices.Sort(list[0])
				if !slices.Equal(slices.Compact(list[0]), list[1]) {
					t.Errorf("%q, want %q", list[0], list[1])
				}
			}
			if last := days[len(days)-1]; last["startTime"] != today.AddDate(0, 0, 1).Format(time.DateOnly) {
				t.Errorf("the last day is %v", last)
			}
		})
	}
}

// TestGlobalSpend is for administrators.
func TestGlobalSpend(t *testing.T) {
	t.Parallel()
	c := spendSomething(t)
	get := func(path string, into any) {
		t.Helper()
		c.g.Call(http.MethodGet, path, harness.Call{}).MustBe(t, http.StatusOK).JSON(t, into)
	}
	var all struct {
		Spend     money.Nano  `json:"spend"`
		MaxBudget *money.Nano `json:"max_budget"`
	}
	if get("/global/spend", &all); all.Spend != c.total || all.MaxBudget == nil || *all.MaxBudget != 100*money.Dollar {
		t.Errorf("/global/spend: %+v, want %v", all, c.total)
	}
	var keys []struct {
		APIKey     string     `json:"api_key"`
		KeyAlias   *string    `json:"key_alias"`
		KeyName    *string    `json:"key_name"`
		TotalSpend money.Nano `json:"total_spend"`
	}
	get("/global/spend/keys", &keys)
	if len(keys) != 3 || keys[0].APIKey != c.carol.ID || keys[0].KeyAlias == nil || *keys[0].KeyAlias != "carols" || keys[0].KeyName == nil {
		t.Errorf("/global/spend/keys: %+v", keys)
	}
	if get("/global/spend/keys?limit=1", &keys); len(keys) != 1 {
		t.Errorf("/global/spend/keys?limit=1: %+v", keys)
	}
	var models []struct {
		Model       string     `json:"model"`
		TotalSpend  money.Nano `json:"total_spend"`
		TotalTokens int64      `json:"total_tokens"`
	}
	get("/global/spend/models", &models)
	if len(models) != 2 || models[0].Model != "dear" || models[0].TotalSpend+models[1].TotalSpend != c.total || models[1].TotalTokens == 0 {
		t.Errorf("/global/spend/models: %+v", models)
	}
	var teams struct {
		Daily  []map[string]any `json:"daily_spend"`
		Teams  []string         `json:"teams"`
		Totals []struct {
			TeamID string     `json:"team_id"`
			Spend  money.Nano `json:"total_spend"`
		} `json:"total_spend_per_team"`
	}
	get("/global/spend/teams", &teams)
	if len(teams.Teams) != 2 || teams.Teams[0] != "the reds" || teams.Totals[0].Spend != c.redSums || teams.Teams[1] != c.blue {
		t.Errorf("/global/spend/teams: %+v", teams)
	}
	reds := 0.0
	for _, d := range teams.Daily {
		n, _ := d["the reds"].(float64)
		reds += n
	}
	if d := reds - float64(c.redSums)/1e9; d > 1e-12 || d < -1e-12 {
		t.Errorf("the reds' days: %v, want %v", teams.Daily, c.redSums)
	}
	for _, path := range []string{"/global/spend", "/global/spend/keys", "/global/spend/models", "/global/spend/teams"} {
		c.g.Call(http.MethodGet, path, harness.Call{Key: c.carol.Secret}).MustBe(t, http.StatusForbidden, "route_not_allowed")
		c.g.Call(http.MethodGet, path+"?page=1", harness.Call{}).MustBe(t, http.StatusBadRequest, "invalid_request")
	}
}
