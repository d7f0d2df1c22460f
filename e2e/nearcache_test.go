package e2e_test

import (
	"fmt"
	"net/http"
	"testing"

	"tollgate.dev/e2e/harness"
)

const (
	capitalQuestion = "What is the capital of France?"
	capitalAgain    = "Please tell me what's the capital of France."
)

// passing asks for an answer that is not kept, so that it serves no later question.
func passing(t *testing.T, g *harness.Gateway, key string, body map[string]any) harness.Answer {
	t.Helper()
	return g.Call(http.MethodPost, "/v1/chat/completions", harness.Call{
		Key: key, Header: http.Header{"Cache-Control": {"no-store"}}, Body: body,
	}).MustBe(t, http.StatusOK)
}

// answered asks a question and waits until its answer serves it again.
func answered(t *testing.T, g *harness.Gateway, key string, body map[string]any) harness.Answer {
	t.Helper()
	first := g.Complete(key, body).MustBe(t, http.StatusOK)
	harness.Eventually(t, "the answer is kept", func() error {
		if got := passing(t, g, key, body).Header.Get("X-Cache"); got != "hit" {
			return fmt.Errorf("X-Cache is %q", got)
		}
		return nil
	})
	return first
}

// TestNearQuestionsShareAnAnswer asks the same in nearly the same words, whole and streamed:
// the answer to the first question serves, costs nothing, and says where it comes from.
func TestNearQuestionsShareAnAnswer(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	forms := map[string]func(string, string) map[string]any{"whole": harness.Chat, "streamed": harness.ChatStream}
	for _, m := range chatModels {
		for kept, keptBody := range forms {
			t.Run(m.provider+" "+kept, func(t *testing.T) {
				t.Parallel()
				g := g.For(t)
				key := g.NewTenantKey(nil)
				first := answered(t, g, key.Secret, keptBody(m.name, capitalQuestion))
				paid, err := cost(first)
				if err != nil {
					t.Fatal(err)
				}
				exact := passing(t, g, key.Secret, keptBody(m.name, capitalQuestion))
				if tier, score := exact.Header.Get("X-Tollgate-Cache-Tier"), exact.Header.Get("X-Tollgate-Cache-Score"); tier != "exact" || score != "1.0000" {
					t.Errorf("the same question is found by tier %q, score %q", tier, score)
				}
				for form, body := range forms {
					for _, question := range []string{"what is the capital of france", capitalAgain} {
						a := passing(t, g, key.Secret, body(m.name, question))
						h := a.Header
						if h.Get("X-Cache") != "semantic" || h.Get("X-Tollgate-Cache-Tier") != "near" || h.Get("X-Tollgate-Cache-Score") == "" || h.Get("Age") == "" {
							t.Fatalf("%s, %q: %v", form, question, h)
						}
						if entry := h.Get("X-Tollgate-Cache-Entry"); len(entry) != 43 || entry != exact.Header.Get("X-Tollgate-Cache-Entry") {
							t.Errorf("the entry is %q, and of the same question %q", entry, exact.Header.Get("X-Tollgate-Cache-Entry"))
						}
						if text(t, a) != text(t, first) {
							t.Errorf("%s: %q, at first %q", form, text(t, a), text(t, first))
						}
						if n, err := cost(a); err != nil || n != 0 {
							t.Errorf("it costs %d: %v", n, err)
						}
						if saved := h.Get("X-Tollgate-Cache-Saved"); saved != paid.Dollars() {
							t.Errorf("it saves %q of %s", saved, paid.Dollars())
						}
						record := g.Usage(t, h.Get("X-Request-Id"))
						if record.GetCostNanos() != 0 || record.GetSavedCacheNanos() != int64(paid) || record.GetCache() != "semantic" ||
							record.GetCacheHit().GetTier() != "near" || record.GetCacheHit().GetEntryId() != h.Get("X-Tollgate-Cache-Entry") {
							t.Errorf("the ledger says %v", record)
						}
					}
				}
			})
		}
	}
}

// TestNearQuestionsInAnotherContext asks nearly the same where the answer may be another.
func TestNearQuestionsInAnotherContext(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	key, stranger := g.NewTenantKey(nil), g.NewTenantKey(nil)
	exactly := g.NewKey(map[string]any{"team_id": key.Team, "cache": map[string]any{"tier": "exact"}})
	answered(t, g, key.Secret, harness.Chat("gpt-4o-mini", capitalQuestion))
	asked := func(name string, value any) map[string]any {
		return harness.With(harness.Chat("gpt-4o-mini", capitalAgain), name, value)
	}
	messages := func(before ...any) map[string]any {
		return asked("messages", append(before, map[string]any{"role": "user", "content": capitalAgain}))
	}
	for name, tc := range map[string]struct {
		secret string
		body   map[string]any
		want   string
	}{
		"none":                   {key.Secret, asked("user", "somebody"), "semantic"},
		"a system prompt":        {key.Secret, messages(map[string]any{"role": "system", "content": "Be brief."}), "miss"},
		"an earlier turn":        {key.Secret, messages(map[string]any{"role": "user", "content": "Hi"}, map[string]any{"role": "assistant", "content": "Ho"}), "miss"},
		"tools":                  {key.Secret, asked("tools", []any{map[string]any{"type": "function", "function": map[string]any{"name": "look"}}}), "miss"},
		"temperature":            {key.Secret, asked("temperature", 0.5), "miss"},
		"a seed":                 {key.Secret, asked("seed", 7), "miss"},
		"a namespace":            {key.Secret, asked("cache", map[string]any{"namespace": "other"}), "miss"},
		"another tenant":         {stranger.Secret, asked("user", "somebody"), "miss"},
		"another model":          {key.Secret, harness.Chat("gpt-4o", capitalAgain), "miss"},
		"another question":       {key.Secret, harness.Chat("gpt-4o-mini", "What is the capital of Spain?"), "miss"},
		"who wants the same":     {key.Secret, asked("cache", map[string]any{"tier": "exact"}), "miss"},
		"who is given the same":  {exactly.Secret, asked("user", "somebody"), "miss"},
		"who may not ask beyond": {exactly.Secret, asked("cache", map[string]any{"tier": "semantic"}), "miss"},
	} {
		if got := passing(t, g, tc.secret, tc.body).Header.Get("X-Cache"); got != tc.want {
			t.Errorf("%s: X-Cache is %q, want %q", name, got, tc.want)
		}
	}
	for _, cache := range []map[string]any{{"tier": "nearly"}, {"similarity-threshold": 2}} {
		g.Complete(key.Secret, asked("cache", cache)).MustBe(t, http.StatusBadRequest, "invalid_request")
	}
}
