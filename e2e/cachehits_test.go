package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"testing"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/platform/redisx/redisxtest"
)

// TestAWrongAnswerIsForgottenEverywhere calls a cached answer wrong at one of two gateways that
// share a Redis, and purges another by its id: the entry is gone at both, and nobody else's.
func TestAWrongAnswerIsForgottenEverywhere(t *testing.T) {
	t.Parallel()
	redisxtest.New(t) // it fails when there is none
	gateways := harness.Replicas(t, 2, harness.Options{
		Config: harness.SimulatedConfig("litellm_settings: {cache: true}\n", harness.Model{Name: "m", Upstream: "openai/gpt-4o-mini"}),
		Env:    []string{"DATABASE_URL=" + postgrestest.URL(t).Reveal(), "REDIS_URL=" + os.Getenv(redisxtest.Variable)},
	})
	key, other := gateways[0].NewTenantKey(nil), gateways[0].NewTenantKey(nil)
	gateways[1].Secret(key.Secret, other.Secret)
	for name, forget := range map[string]struct {
		path string
		body func(entry string) map[string]any
		told string // the member that counts
	}{
		"by feedback": {"/v1/cache/feedback", func(entry string) map[string]any {
			return map[string]any{"model": "m", "entryId": entry, "wrong": true, "score": 1, "tier": "exact"}
		}, "forgotten"},
		"by its id": {"/v1/cache/invalidate", func(entry string) map[string]any {
			return map[string]any{"namespace": key.Team, "entryId": entry}
		}, "entries"},
	} {
		prompt, kept := gateways[0].Prompt(t), gateways[0].Prompt(t)
		gateways[1].Secret(prompt, kept)
		for _, p := range []string{prompt, kept} {
			gateways[0].Complete(key.Secret, harness.Chat("m", p)).MustBe(t, http.StatusOK)
		}
		entry := ""
		for i, g := range gateways {
			awaitCached(t, g, key.Secret, kept)
			a := awaitCached(t, g, key.Secret, prompt)
			hit := g.Usage(t, a.Header.Get("X-Request-Id")).GetCacheHit()
			if entry = hit.GetEntryId(); hit.GetTier() != "exact" || hit.GetScore() != 1 || len(entry) != 43 {
				t.Fatalf("%s: gateway %d found %v", name, i, hit)
			}
		}
		if name == "by feedback" { // of another tenant, who has no such entry and may not speak for it
			body := forget.body(entry)
			if a := tell(t, gateways[1], forget.path, other.Secret, body).MustBe(t, http.StatusOK); count(t, a, forget.told) != 0 {
				t.Errorf("another tenant forgot it: %s", a.Body)
			}
			tell(t, gateways[1], forget.path, other.Secret, harness.With(body, "tenant_id", key.Team)).MustBe(t, http.StatusForbidden, "tenant_mismatch")
			if a := tell(t, gateways[1], forget.path, key.Secret, harness.With(body, "wrong", false)).MustBe(t, http.StatusOK); count(t, a, forget.told) != 0 {
				t.Errorf("it was right, and is forgotten: %s", a.Body)
			}
		} else {
			tell(t, gateways[1], forget.path, other.Secret, forget.body(entry)).MustBe(t, http.StatusForbidden, "tenant_mismatch")
		}
		awaitCached(t, gateways[0], key.Secret, prompt)
		if a := tell(t, gateways[1], forget.path, key.Secret, forget.body(entry)).MustBe(t, http.StatusOK); count(t, a, forget.told) != 1 {
			t.Errorf("%s: %s", name, a.Body)
		}
		for i, g := range gateways {
			if got := lookFor(g, key.Secret, prompt).MustBe(t, http.StatusOK).Header.Get("X-Cache"); got != "miss" {
				t.Errorf("%s: then gateway %d has a %s", name, i, got)
			}
			if got := lookFor(g, key.Secret, kept).MustBe(t, http.StatusOK).Header.Get("X-Cache"); got != "hit" {
				t.Errorf("%s: then gateway %d has a %s for another prompt", name, i, got)
			}
		}
	}
}

// lookFor asks for what is in the cache, and puts nothing there.
func lookFor(g *harness.Gateway, secret, prompt string) harness.Answer {
	return g.Call(http.MethodPost, "/v1/chat/completions", harness.Call{
		Key: secret, Header: http.Header{"Cache-Control": {"no-store"}}, Body: harness.Chat("m", prompt),
	})
}

// awaitCached waits until a gateway has an answer in the cache.
func awaitCached(t *testing.T, g *harness.Gateway, secret, prompt string) (a harness.Answer) {
	t.Helper()
	harness.Eventually(t, "the answer is in the cache", func() error {
		a = lookFor(g, secret, prompt).MustBe(t, http.StatusOK)
		if got := a.Header.Get("X-Cache"); got != "hit" && got != "semantic" {
			return fmt.Errorf("X-Cache is %q", got)
		}
		return nil
	})
	return a
}

func tell(t *testing.T, g *harness.Gateway, path, secret string, body map[string]any) harness.Answer {
	t.Helper()
	return g.For(t).Call(http.MethodPost, path, harness.Call{Key: secret, Body: body})
}

// count reads a number of an answer.
func count(t *testing.T, a harness.Answer, member string) float64 {
	t.Helper()
	var told map[string]any
	a.JSON(t, &told)
	n, ok := told[member].(float64)
	if !ok {
		t.Fatalf("%s has no %s", a.Body, member)
	}
	return n
}
