package e2e_test

import (
	"crypto/rand"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/platform/redisx/redisxtest"
)

// TestKeysAtTwoEdges changes keys at one of two gateways, or edges, and calls the other one: a
// new key works there at once, and one that may no longer call is refused within a second, with
// Redis or without.
func TestKeysAtTwoEdges(t *testing.T) {
	t.Parallel()
	redisxtest.New(t) // it fails when there is none
	for name, redis := range map[string]string{"with Redis": os.Getenv(redisxtest.Variable), "Redis is away": "redis://127.0.0.1:1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			edges := harness.Replicas(t, 2, harness.Options{
				Config: harness.SimulatedConfig("litellm_settings: {cache: true, cache_params: {namespace: e2e-"+strings.ToLower(rand.Text())+
					", socket_timeout: 50ms}}\nrate_limits: {wait: 10ms, namespace: e2e-"+strings.ToLower(rand.Text())+"}\n",
					harness.Model{Name: "m", Upstream: "openai/gpt-4o-mini"}),
				Env: []string{"DATABASE_URL=" + postgrestest.URL(t).Reveal(), "REDIS_URL=" + redis},
			})
			keysAtTwoEdges(t, edges[0], edges[1])
		})
	}
}

func keysAtTwoEdges(t *testing.T, here, there *harness.Gateway) {
	t.Helper()
	newKey := func() harness.Key {
		key := here.NewTenantKey(map[string]any{"rpm_limit": 1000})
		there.Secret(key.Secret)
		return key
	}
	status := func(g *harness.Gateway, secret string) harness.Answer {
		return g.Call(http.MethodGet, "/v1/models", harness.Call{Key: secret})
	}
	for name, stop := range map[string]struct {
		path string
		body func(harness.Key) map[string]any
		code string
	}{
		"blocked": {"/key/block", func(k harness.Key) map[string]any { return map[string]any{"key": k.ID} }, "key_blocked"},
		"deleted": {"/key/delete", func(k harness.Key) map[string]any { return map[string]any{"keys": []string{k.ID}} }, "invalid_api_key"},
		"rotated": {"/key/regenerate", func(k harness.Key) map[string]any { return map[string]any{"key": k.ID} }, "invalid_api_key"},
		"of a blocked team": {"/team/update", func(k harness.Key) map[string]any {
			return map[string]any{"team_id": k.Team, "blocked": true}
		}, "key_blocked"},
		"of a deleted team": {"/team/delete", func(k harness.Key) map[string]any { return map[string]any{"team_ids": []string{k.Team}} }, "invalid_api_key"},
	} {
		const keys = 5
		var took []time.Duration
		for range keys {
			key := newKey()
			// At once, at the first try, at both.
			there.Complete(key.Secret, harness.Chat("m", there.Prompt(t))).MustBe(t, http.StatusOK)
			status(here, key.Secret).MustBe(t, http.StatusOK)
			answer := here.Call(http.MethodPost, stop.path, harness.Call{Body: stop.body(key)}).MustBe(t, http.StatusOK)
			began := time.Now()
			if name == "rotated" {
				var rotated harness.Key
				answer.JSON(t, &rotated)
				here.Secret(rotated.Secret)
				status(there, rotated.Secret).MustBe(t, http.StatusOK)
			}
			var last harness.Answer
			harness.Eventually(t, "a key that is "+name+" is refused at the other edge", func() error {
				last = status(there, key.Secret)
				return last.Is(http.StatusUnauthorized)
			})
			took = append(took, time.Since(began))
			last.MustBe(t, http.StatusUnauthorized, stop.code)
			there.Complete(key.Secret, harness.Chat("m", there.Prompt(t))).MustBe(t, http.StatusUnauthorized, stop.code)
			status(here, key.Secret).MustBe(t, http.StatusUnauthorized, stop.code)
		}
		slices.Sort(took)
		// A busy machine may hold some of them up, but hardly each.
		if t.Logf("a key that is %s is refused at the other edge after %v", name, took); took[0] > time.Second {
			t.Errorf("a key that is %s is refused at the other edge after %v, and never within a second", name, took)
		}
	}
}
