package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tollgate.dev/e2e/harness"
)

var errStillCached = errors.New("it is still answered from the cache")

// TestCacheAnswersTwice shows a miss and then hits: the second answer is the first one,
// byte for byte where it is whole, costs nothing, and is told apart by a header. Who asks
// for the other form is answered, too.
func TestCacheAnswersTwice(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	for _, m := range chatModels {
		for name, body := range map[string]func(string, string) map[string]any{"whole": harness.Chat, "streamed": harness.ChatStream} {
			t.Run(m.provider+" "+name, func(t *testing.T) {
				t.Parallel()
				g := g.For(t)
				key, prompt := g.NewTenantKey(nil), g.Prompt(t)
				first := g.Complete(key.Secret, body(m.name, prompt)).MustBe(t, http.StatusOK)
				second := g.Complete(key.Secret, body(m.name, prompt)).MustBe(t, http.StatusOK)
				if a, b := first.Header.Get("X-Cache"), second.Header.Get("X-Cache"); a != "miss" || b != "hit" {
					t.Errorf("X-Cache is %q and then %q", a, b)
				}
				if name == "whole" && string(first.Body) != string(second.Body) {
					t.Errorf("the replay differs:\n%s\n%s", first.Body, second.Body)
				}
				other := map[string]func(string, string) map[string]any{"whole": harness.ChatStream, "streamed": harness.Chat}[name]
				var third harness.Answer
				harness.Eventually(t, "the answer is kept, and serves the other form", func() error {
					// It keeps nothing itself.
					third = g.Call(http.MethodPost, "/v1/chat/completions", harness.Call{
						Key: key.Secret, Header: http.Header{"Cache-Control": {"no-store"}}, Body: other(m.name, prompt),
					}).MustBe(t, http.StatusOK)
					if got := third.Header.Get("X-Cache"); got != "hit" {
						return fmt.Errorf("X-Cache is %q", got)
					}
					return nil
				})
				said := text(t, first)
				if second, third := text(t, second), text(t, third); said == "" || second != said || third != said {
					t.Errorf("first %q, then %q, in the other form %q", said, second, third)
				}
				for _, h := range []string{"Content-Type", "X-Tollgate-Provider", "X-Tollgate-Model", "X-Tollgate-Upstream-Model", "X-Tollgate-Simulated"} {
					if a, b := first.Header.Get(h), second.Header.Get(h); a != b || a == "" {
						t.Errorf("%s is %q and then %q", h, a, b)
					}
				}
				if n, err := cost(second); err != nil || n != 0 {
					t.Errorf("a hit costs %d: %v", n, err)
				}
				paid, err := cost(first)
				if err != nil {
					t.Fatal(err)
				}
				record := g.Usage(t, second.Header.Get("X-Request-Id"))
				if record.GetCostNanos() != 0 || record.GetSavedCacheNanos() != int64(paid) || record.GetCache() != "hit" {
					t.Errorf("the ledger says cost %d, saved %d of %d, cache %q", record.GetCostNanos(), record.GetSavedCacheNanos(), paid, record.GetCache())
				}
			})
		}
	}
}

// text is what an answer says, whole or streamed.
func text(t *testing.T, a harness.Answer) (said string) {
	t.Helper()
	events := []string{string(a.Body)}
	if strings.HasPrefix(a.Header.Get("Content-Type"), "text/event-stream") {
		events = strings.Split(strings.TrimSuffix(string(a.Body), "\n\ndata: [DONE]\n\n"), "\n\n")
	}
	for _, event := range events {
		var chunk struct {
			Choices []struct {
				Message, Delta struct{ Content string }
			}
		}
		if err := json.Unmarshal([]byte(strings.TrimPrefix(event, "data: ")), &chunk); err != nil {
			t.Fatalf("%v: %s", err, event)
		}
		for _, c := range chunk.Choices {
			said += c.Message.Content + c.Delta.Content
		}
	}
	return said
}

// TestCacheControls shows what a caller can say about the cache, each in a run of
// requests that are the same but for it.
func TestCacheControls(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	type step struct {
		name   string
		cache  map[string]any
		header http.Header
		want   string
	}
	plain := func(want string) step { return step{name: "plain", want: want} }
	tests := map[string][]step{
		"cache.no-cache asks anew and refreshes": {
			plain("miss"), {name: "no-cache", cache: map[string]any{"no-cache": true}, want: "bypass"}, plain("hit"),
		},
		"cache.no-store keeps nothing": {
			{name: "no-store", cache: map[string]any{"no-store": true}, want: "miss"}, plain("miss"), plain("hit"),
		},
		"Cache-Control: no-cache": {
			plain("miss"), {name: "no-cache", header: http.Header{"Cache-Control": {"no-cache"}}, want: "bypass"}, plain("hit"),
		},
		"Cache-Control: no-store": {
			{name: "no-store", header: http.Header{"Cache-Control": {"no-store"}}, want: "miss"}, plain("miss"),
		},
		"Cache-Control: no-cache, no-store leaves the cache alone": {
			{name: "both", header: http.Header{"Cache-Control": {"no-cache, no-store"}}, want: "bypass"}, plain("miss"),
		},
		"Cache-Control: max-age=0": {
			plain("miss"), {name: "max-age=0", header: http.Header{"Cache-Control": {"max-age=0"}}, want: "bypass"}, plain("hit"),
		},
		"Cache-Control: max-age of an hour, and what is harmless": {
			plain("miss"), {name: "max-age", header: http.Header{"Cache-Control": {"max-age=3600, max-stale=60, min-fresh=60, no-transform"}}, want: "hit"},
		},
		"cache.namespace keeps apart": {
			plain("miss"), {name: "one", cache: map[string]any{"namespace": "one"}, want: "miss"},
			{name: "one again", cache: map[string]any{"namespace": "one"}, want: "hit"},
			{name: "two", cache: map[string]any{"namespace": "two"}, want: "miss"},
		},
		"cache.ttl is no part of the question": {
			{name: "ttl", cache: map[string]any{"ttl": 600}, want: "miss"}, plain("hit"),
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := g.For(t)
			key, prompt := g.NewTenantKey(nil), g.Prompt(t)
			for i, s := range steps {
				body := harness.Chat("gpt-4o-mini", prompt)
				if s.cache != nil {
					body["cache"] = s.cache
				}
				answer := g.Call(http.MethodPost, "/v1/chat/completions", harness.Call{Key: key.Secret, Body: body, Header: s.header}).MustBe(t, http.StatusOK)
				if got := answer.Header.Get("X-Cache"); got != s.want {
					t.Errorf("step %d (%s): X-Cache is %q, not %q", i+1, s.name, got, s.want)
				}
			}
		})
	}
}

// TestCacheTTL lets an answer live as long as its caller says.
func TestCacheTTL(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	for name, call := range map[string]harness.Call{
		"X-Cache-Ttl": {Header: http.Header{"X-Cache-Ttl": {"2"}}},
		"cache.ttl":   {Body: map[string]any{"ttl": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := g.For(t)
			key := g.NewTenantKey(nil)
			body := harness.Chat("gpt-4o-mini", g.Prompt(t))
			if call.Body != nil {
				body["cache"] = call.Body
			}
			ask := func() string {
				answer := g.Call(http.MethodPost, "/v1/chat/completions", harness.Call{Key: key.Secret, Body: body, Header: call.Header})
				return answer.MustBe(t, http.StatusOK).Header.Get("X-Cache")
			}
			if got := []string{ask(), ask()}; got[0] != "miss" || got[1] != "hit" {
				t.Errorf("X-Cache is %v", got)
			}
			harness.Eventually(t, "the answer is forgotten", func() error {
				if ask() == "hit" {
					return errStillCached
				}
				return nil
			})
		})
	}
	bad := g.Call(http.MethodPost, "/v1/chat/completions", harness.Call{
		Body: harness.Chat("gpt-4o-mini", "hello"), Header: http.Header{"X-Cache-Ttl": {"soon"}},
	})
	bad.MustBe(t, http.StatusBadRequest, "invalid_request")
}

// TestCacheAge gives no answer that is older than its caller says, and refuses what would keep
// the call from a provider.
func TestCacheAge(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	for name, young := range map[string]harness.Call{
		"Cache-Control: max-age": {Header: http.Header{"Cache-Control": {"no-store, max-age=1"}}},
		"cache.s-maxage":         {Header: http.Header{"Cache-Control": {"no-store"}}, Body: map[string]any{"s-maxage": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := g.For(t)
			key, prompt := g.NewTenantKey(nil), g.Prompt(t)
			ask := func(call harness.Call) string {
				body := harness.Chat("gpt-4o-mini", prompt)
				if call.Body != nil {
					body["cache"] = call.Body
				}
				answer := g.Call(http.MethodPost, "/v1/chat/completions", harness.Call{Key: key.Secret, Body: body, Header: call.Header})
				return answer.MustBe(t, http.StatusOK).Header.Get("X-Cache")
			}
			if got := ask(harness.Call{}); got != "miss" {
				t.Errorf("X-Cache is %q", got)
			}
			harness.Eventually(t, "the answer is too old", func() error {
				if ask(young) == "hit" {
					return errStillCached
				}
				return nil
			})
			if got := ask(harness.Call{}); got != "hit" {
				t.Errorf("who takes any age is given none: X-Cache is %q", got)
			}
		})
	}
	for directive, code := range map[string]string{"only-if-cached": "unsupported_parameter", "max-age=soon": "invalid_request"} {
		g.Call(http.MethodPost, "/v1/chat/completions", harness.Call{
			Body: harness.Chat("gpt-4o-mini", "hello"), Header: http.Header{"Cache-Control": {directive}},
		}).MustBe(t, http.StatusBadRequest, code)
	}
}

// TestCacheIsolation shows that no answer crosses from one tenant to another, nor
// between keys without a tenant, and that keys of one tenant share.
func TestCacheIsolation(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	team := g.NewTeam(nil)
	alice, bob := g.NewKey(map[string]any{"team_id": team}), g.NewKey(map[string]any{"team_id": team})
	prompt := g.Prompt(t)
	for _, step := range []struct{ who, secret, want string }{
		{"a tenant's key", alice.Secret, "miss"},
		{"another key of the tenant", bob.Secret, "hit"},
		{"another tenant", g.NewTenantKey(nil).Secret, "miss"},
		{"a key without a tenant", g.NewKey(nil).Secret, "miss"},
		{"another key without a tenant", g.NewKey(nil).Secret, "miss"},
		{"the master key", g.Master, "miss"},
		{"a tenant that opted out", g.NewKey(map[string]any{"team_id": g.NewTeam(map[string]any{"cache": map[string]any{"disabled": true}})}).Secret, "bypass"},
		{"a key that opted out", g.NewKey(map[string]any{"team_id": team, "cache": map[string]any{"disabled": true}}).Secret, "bypass"},
	} {
		answer := g.Complete(step.secret, harness.Chat("gpt-4o-mini", prompt)).MustBe(t, http.StatusOK)
		if got := answer.Header.Get("X-Cache"); got != step.want {
			t.Errorf("%s: X-Cache is %q, not %q", step.who, got, step.want)
		}
	}
}

func TestCacheInvalidate(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	for name, suffix := range map[string]string{
		"the tenant": "", "the tenant's provider": ":openai", "the tenant's model": ":openai:gpt-4o-mini",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := g.For(t)
			key, prompt := g.NewTenantKey(nil), g.Prompt(t)
			ask := func() string {
				return g.Complete(key.Secret, harness.Chat("gpt-4o-mini", prompt)).MustBe(t, http.StatusOK).Header.Get("X-Cache")
			}
			invalidate := func(secret, namespace string) harness.Answer {
				return g.Call(http.MethodPost, "/v1/cache/invalidate", harness.Call{Key: secret, Body: map[string]any{"namespace": namespace}})
			}
			ask()
			invalidate(key.Secret, key.Team+":anthropic").MustBe(t, http.StatusOK)
			if got := ask(); got != "hit" {
				t.Errorf("another provider's namespace was invalidated, and X-Cache is %q", got)
			}
			invalidate(g.NewTenantKey(nil).Secret, key.Team+suffix).MustBe(t, http.StatusForbidden, "tenant_mismatch")
			if got := ask(); got != "hit" {
				t.Errorf("another tenant was refused, and X-Cache is %q", got)
			}
			var done struct {
				Entries int64 `json:"entries"`
			}
			invalidate(key.Secret, key.Team+suffix).MustBe(t, http.StatusOK).JSON(t, &done)
			if done.Entries != 1 {
				t.Errorf("%d entries were invalidated", done.Entries)
			}
			if got := ask(); got != "miss" {
				t.Errorf("the namespace was invalidated, and X-Cache is %q", got)
			}
		})
	}
	g.Call(http.MethodPost, "/v1/cache/invalidate", harness.Call{Body: map[string]any{"namespace": ""}}).
		MustBe(t, http.StatusBadRequest, "invalid_request")
}

// TestIdenticalRequestsShareOneCall sends the same request many times at once: the
// provider sees it once, one caller pays, and all have the answer.
func TestIdenticalRequestsShareOneCall(t *testing.T) {
	t.Parallel()
	const callers = 20
	for name, body := range map[string]func(string, string) map[string]any{"whole": harness.Chat, "streamed": harness.ChatStream} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providers := harness.StartProviders(t)
			g := harness.Start(t, harness.Options{Config: providers.Config("litellm_settings: {cache: true}",
				harness.Model{Name: "slow", Upstream: "openai/gpt-4o;chunk-delay=40ms;delay=400ms"})})
			key, prompt := g.NewTenantKey(nil), g.Prompt(t)
			answers := make([]harness.Answer, callers)
			var done sync.WaitGroup
			for i := range callers {
				done.Go(func() {
					var err error
					answers[i], err = g.Try(http.MethodPost, "/v1/chat/completions", harness.Call{Key: key.Secret, Body: body("slow", prompt)})
					if err != nil {
						t.Error(err)
					}
				})
			}
			done.Wait()
			if t.Failed() {
				return
			}
			if n := providers.Totals().Calls; n != 1 {
				t.Errorf("the provider was called %d times", n)
			}
			seen := map[string]int{}
			for _, a := range answers {
				a.MustBe(t, http.StatusOK)
				seen[a.Header.Get("X-Cache")]++
				if string(a.Body) != string(answers[0].Body) {
					t.Errorf("answers differ:\n%s\n%s", a.Body, answers[0].Body)
				}
			}
			if seen["miss"] != 1 || seen["hit"] != callers-1 {
				t.Errorf("X-Cache is %v", seen)
			}
			harness.Eventually(t, "the ledger has every call", func() error {
				records := g.UsageOf(t, key.ID)
				paid := 0
				for _, r := range records {
					if r.GetCostNanos() > 0 {
						paid++
					}
				}
				if len(records) != callers || paid != 1 {
					return fmt.Errorf("%d entries, %d of them paid", len(records), paid)
				}
				return nil
			})
		})
	}
}

// TestLeaderOfASharedCallMayLeave shows that the caller whose request went out may
// hang up: those who wait for the same answer still get it.
func TestLeaderOfASharedCallMayLeave(t *testing.T) {
	t.Parallel()
	providers := harness.StartProviders(t)
	g := harness.Start(t, harness.Options{Config: providers.Config("litellm_settings: {cache: true}",
		harness.Model{Name: "slow", Upstream: "openai/gpt-4o;chunk-delay=100ms"})})
	key, prompt := g.NewTenantKey(nil), g.Prompt(t)
	call := harness.Call{Key: key.Secret, Body: harness.ChatStream("slow", prompt)}
	leader := g.OpenStream(call)
	if _, err := leader.Next(); err != nil {
		t.Fatal(err)
	}
	follower := g.OpenStream(call)
	if _, err := follower.Next(); err != nil {
		t.Fatal(err)
	}
	leader.HangUp()
	events := follower.Rest(t)
	if len(events) == 0 || events[len(events)-1] != "[DONE]" || !strings.Contains(strings.Join(events, ""), `"finish_reason":"stop"`) {
		t.Errorf("the follower's stream ends by %q", events)
	}
	if n := providers.Totals().Calls; n != 1 {
		t.Errorf("the provider was called %d times: a follower makes no call of its own", n)
	}
}
