package e2e_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate.dev/e2e/harness"
)

// TestPathsAndMethods sends what the mux would redirect, or refuse in words of its own.
func TestPathsAndMethods(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	for name, test := range map[string]struct {
		method, path string
		status       int
		code, allow  string
	}{
		"empty segments":       {http.MethodPost, "//v1//chat/completions", 404, "not_found", ""},
		"an empty segment":     {http.MethodGet, "/v1//models", 404, "not_found", ""},
		"a dot":                {http.MethodGet, "/v1/./models", 404, "not_found", ""},
		"two dots":             {http.MethodGet, "/key/../v1/models", 404, "not_found", ""},
		"a slash at the end":   {http.MethodGet, "/key/info/", 404, "not_found", ""},
		"a service, no method": {http.MethodPost, "/tollgate.budget.v1.BudgetService", 404, "not_found", ""},
		"another case":         {http.MethodGet, "/V1/models", 404, "not_found", ""},
		"GET of a POST route":  {http.MethodGet, completions, 405, "method_not_allowed", "POST"},
		"OPTIONS":              {http.MethodOptions, completions, 405, "method_not_allowed", "POST"},
		"DELETE of a model":    {http.MethodDelete, "/v1/models/gpt-4o", 405, "method_not_allowed", "GET, HEAD"},
		"PATCH of a key":       {http.MethodPatch, "/key/update", 405, "method_not_allowed", "POST"},
		"POST of the metrics":  {http.MethodPost, "/metrics", 405, "method_not_allowed", "GET, HEAD"},
		"POST of the health":   {http.MethodPost, "/health/liveness", 405, "method_not_allowed", "GET, HEAD"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := g.For(t).Call(test.method, test.path, harness.Call{}).MustBe(t, test.status, test.code)
			if got := answer.Header.Get("Allow"); got != test.allow {
				t.Errorf("Allow is %q, want %q", got, test.allow)
			}
			if answer.Header.Get("X-Request-Id") == "" {
				t.Error("no X-Request-Id")
			}
		})
	}
}

// TestModelNames asks for models by names that a URL has to escape, and for models that
// are not for chat.
func TestModelNames(t *testing.T) {
	t.Parallel()
	const aliased = "team/the model"
	g := harness.Start(t, harness.Options{Config: harness.SimulatedConfig("",
		harness.Model{Name: "org/chat-model:v1", Upstream: "openai/gpt-4o"},
		harness.Model{Name: "embedder", Upstream: "openai/text-embedding-3-small"})})
	key := g.NewTenantKey(map[string]any{"aliases": map[string]string{aliased: "org/chat-model:v1"}})
	for _, path := range []string{
		"org/chat-model:v1", "org%2Fchat-model:v1", "org%2fchat-model%3Av1", "team/the%20model", "team%2Fthe%20model",
	} {
		var model struct{ ID string }
		g.Call(http.MethodGet, "/v1/models/"+path, harness.Call{Key: key.Secret}).MustBe(t, http.StatusOK).JSON(t, &model)
		if model.ID != "org/chat-model:v1" {
			t.Errorf("%s is %q", path, model.ID)
		}
	}
	for _, path := range []string{"org", "org/", "org/chat-model:v1/", "org%252Fchat-model:v1", ""} {
		g.Call(http.MethodGet, "/v1/models/"+path, harness.Call{Key: key.Secret}).MustBe(t, http.StatusNotFound, "model_not_found")
	}
	g.Complete(key.Secret, harness.Chat(aliased, g.Prompt(t))).MustBe(t, http.StatusOK)

	e := g.Complete(key.Secret, harness.Chat("embedder", g.Prompt(t))).MustBe(t, http.StatusBadRequest, "invalid_request").Error(t)
	if e.Param == nil || *e.Param != "model" || !strings.Contains(e.Message, `"embedder"`) || !strings.Contains(e.Message, "embedding") {
		t.Errorf("an embedding model is refused with %+v", e)
	}
	var info struct {
		Data []struct {
			Name string                `json:"model_name"`
			Info struct{ Mode string } `json:"model_info"`
		}
	}
	g.Call(http.MethodGet, "/model/info", harness.Call{Key: key.Secret}).MustBe(t, http.StatusOK).JSON(t, &info)
	modes := make(map[string]string)
	for _, m := range info.Data {
		modes[m.Name] = m.Info.Mode
	}
	if modes["embedder"] != "embedding" || modes["org/chat-model:v1"] != "chat" {
		t.Errorf("/model/info: the modes are %v", modes)
	}
}

// TestIdempotencyKeysThatAreNone sends the header with what is no key. Each is refused:
// a caller that means to be safe must not be unsafe unnoticed.
func TestIdempotencyKeysThatAreNone(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	for name, values := range map[string][]string{
		"empty": {""}, "blank": {" "}, "too long": {strings.Repeat("k", 256)}, "not ASCII": {"clé"}, "two": {"a", "b"},
	} {
		e := g.Call(http.MethodPost, completions, harness.Call{
			Body: harness.Chat("gpt-4o-mini", g.Prompt(t)), Header: http.Header{"Idempotency-Key": values},
		}).MustBe(t, http.StatusBadRequest, "invalid_request").Error(t)
		if e.Param == nil || *e.Param != "Idempotency-Key" {
			t.Errorf("%s: the parameter is %v", name, e.Param)
		}
	}
	longest := http.Header{"Idempotency-Key": {strings.Repeat("k", 255)}}
	g.Call(http.MethodPost, completions, harness.Call{Body: harness.Chat("gpt-4o-mini", g.Prompt(t)), Header: longest}).
		MustBe(t, http.StatusOK)
}

// TestReplayCostsNothing repeats requests with an Idempotency-Key: a replay says that it
// costs nothing, and not how limits stood when the first one was answered.
func TestReplayCostsNothing(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	key := g.NewTenantKey(map[string]any{"rpm_limit": 50, "max_budget": 1})
	for name, body := range map[string]map[string]any{
		"whole": harness.Chat("gpt-4o-mini", g.Prompt(t)), "streamed": harness.ChatStream("gpt-4o-mini", g.Prompt(t)),
	} {
		call := once(key.Secret, name, body)
		first := g.Call(http.MethodPost, completions, call).MustBe(t, http.StatusOK)
		if cost := first.Header.Get("X-Tollgate-Cost") + first.Trailer.Get("X-Tollgate-Cost"); cost == "" || cost == "0" {
			t.Errorf("%s: the first answer cost %q", name, cost)
		}
		repeat := g.Call(http.MethodPost, completions, call).MustBe(t, http.StatusOK)
		for header, want := range map[string][]string{
			"X-Tollgate-Cost": {"0"}, "X-Litellm-Response-Cost": {"0"}, "Idempotent-Replayed": {"true"},
			"X-Cache": first.Header["X-Cache"], "X-Tollgate-Model": {"gpt-4o-mini"},
			"X-Ratelimit-Remaining-Requests": nil, "X-Litellm-Key-Spend": nil,
		} {
			if got := repeat.Header[header]; !slices.Equal(got, want) {
				t.Errorf("%s: %s of the replay is %q, want %q", name, header, got, want)
			}
		}
	}
}

// TestHeadersOfRefusals shows that who is refused is told how the limits and the budget
// stand, as who is served.
func TestHeadersOfRefusals(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	for name, test := range map[string]struct {
		fields    map[string]any
		code      string
		remaining string
		until     time.Duration
	}{
		"a rate":             {map[string]any{"rpm_limit": 0, "max_budget": 1}, "rate_limit_exceeded", "0", time.Minute},
		"a budget":           {map[string]any{"rpm_limit": 9, "max_budget": 0}, "budget_exceeded", "8", time.Hour},
		"a budget of a week": {map[string]any{"rpm_limit": 9, "max_budget": 0, "budget_duration": "7d"}, "budget_exceeded", "8", 7 * 24 * time.Hour},
	} {
		for kind, body := range map[string]map[string]any{
			"whole": harness.Chat("gpt-4o-mini", g.Prompt(t)), "streamed": harness.ChatStream("gpt-4o-mini", g.Prompt(t)),
		} {
			answer := g.Complete(g.NewTenantKey(test.fields).Secret, body).MustBe(t, http.StatusTooManyRequests, test.code)
			if got := answer.Header.Get("X-Ratelimit-Remaining-Requests"); got != test.remaining {
				t.Errorf("%s, %s: %q requests remain, want %s", name, kind, got, test.remaining)
			}
			if answer.Header.Get("X-Ratelimit-Limit-Requests") == "" || answer.Header.Get("X-Ratelimit-Reset-Requests") == "" {
				t.Errorf("%s, %s: no limit, or no reset: %v", name, kind, answer.Header)
			}
			if got := answer.RetryAfter(t); got > test.until || test.until == time.Hour && got != time.Hour {
				t.Errorf("%s, %s: retry after %s, want %s at most", name, kind, got, test.until)
			}
			if test.code == "budget_exceeded" && answer.Header.Get("X-Litellm-Key-Max-Budget") != "0" {
				t.Errorf("%s, %s: the budget is %q", name, kind, answer.Header.Get("X-Litellm-Key-Max-Budget"))
			}
		}
	}
}
