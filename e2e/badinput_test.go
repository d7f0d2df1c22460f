package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tollgate.dev/e2e/harness"
)

// TestBadInput sends what callers get wrong. Each fault has its own status, code and
// words, and the faulty parameter's name.
func TestBadInput(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	team := g.NewTeam(nil)
	key := g.NewKey(map[string]any{"team_id": team})
	other := g.NewTeam(nil)
	blocked := g.NewTenantKey(map[string]any{"blocked": true})
	readOnly := g.NewTenantKey(map[string]any{"key_type": "read_only"})
	chatOnly := g.NewTenantKey(map[string]any{"allowed_routes": []string{"/chat/completions"}})
	blockedTeam := g.NewKey(map[string]any{"team_id": g.NewTeam(map[string]any{"blocked": true})})
	tests := map[string]struct {
		method, path string
		call         harness.Call
		status       int
		code         string
		says, param  string
	}{
		"malformed JSON": {
			call:   harness.Call{Body: `{"model": "gpt-4o", "messages": [}`},
			status: 400, code: "invalid_request", says: "no JSON object",
		},
		"no JSON at all": {
			call:   harness.Call{Body: "model=gpt-4o"},
			status: 400, code: "invalid_request", says: "no JSON object",
		},
		"an array": {
			call:   harness.Call{Body: `[1,2]`},
			status: 400, code: "invalid_request", says: "no JSON object",
		},
		"an empty body": {
			call:   harness.Call{Body: ""},
			status: 400, code: "invalid_request", says: "no JSON object",
		},
		"headers that are too long": {
			call:   harness.Call{Body: harness.Chat("gpt-4o", "x"), Header: http.Header{"X-Big": {strings.Repeat("a", 80_000)}}},
			status: 413, code: "request_too_large", says: "headers are longer",
		},
		"a member twice": {
			call:   harness.Call{Body: `{"model":"gpt-4o","model":"gpt-4o-mini","messages":[{"role":"user","content":"x"}]}`},
			status: 400, code: "invalid_request", says: "model is given twice", param: "model",
		},
		"no model": {
			call:   harness.Call{Body: `{"messages":[{"role":"user","content":"x"}]}`},
			status: 400, code: "invalid_request", says: "model must be a string", param: "model",
		},
		"model of the wrong type": {
			call:   harness.Call{Body: `{"model":4,"messages":[{"role":"user","content":"x"}]}`},
			status: 400, code: "invalid_request", says: "model must be a string", param: "model",
		},
		"messages of the wrong type": {
			call:   harness.Call{Body: `{"model":"gpt-4o","messages":"hello"}`},
			status: 400, code: "invalid_request", says: "messages must be an array", param: "messages",
		},
		"stream of the wrong type": {
			call:   harness.Call{Body: harness.With(harness.Chat("gpt-4o", "x"), "stream", "yes")},
			status: 400, code: "invalid_request", says: "stream must be true or false", param: "stream",
		},
		"max_tokens of the wrong type": {
			call:   harness.Call{Body: harness.With(harness.Chat("gpt-4o", "x"), "max_tokens", "many")},
			status: 400, code: "invalid_request", says: "max_tokens must be a positive integer", param: "max_tokens",
		},
		"n too large": {
			call:   harness.Call{Body: harness.With(harness.Chat("gpt-4o", "x"), "n", 129)},
			status: 400, code: "invalid_request", says: "n must be at most 128", param: "n",
		},
		"cache of the wrong type": {
			call:   harness.Call{Body: harness.With(harness.Chat("gpt-4o", "x"), "cache", map[string]any{"ttl": "long"})},
			status: 400, code: "invalid_request", says: "cache.ttl", param: "cache.ttl",
		},
		"temperature of the wrong type, which the provider refuses": {
			call:   harness.Call{Body: harness.With(harness.Chat("gpt-4o", "x"), "temperature", "hot")},
			status: 400, code: "invalid_request", says: "temperature",
		},
		"a role that nobody knows, at a provider of another format": {
			call:   harness.Call{Body: `{"model":"claude-sonnet-4-5","messages":[{"role":"robot","content":"x"}]}`},
			status: 400, code: "invalid_request", says: "role",
		},
		"content of the wrong type, at a provider of another format": {
			call:   harness.Call{Body: `{"model":"gemini-2-5-pro","messages":[{"role":"user","content":7}]}`},
			status: 400, code: "invalid_request", says: "content",
		},
		"a parameter that the provider can't honour": {
			call:   harness.Call{Body: harness.With(harness.Chat("claude-sonnet-4-5", "x"), "seed", 7)},
			status: 400, code: "unsupported_parameter", says: "seed", param: "seed",
		},
		"a body of 11 MB": {
			call:   harness.Call{Body: harness.Chat("gpt-4o", strings.Repeat("a", 11<<20))},
			status: 413, code: "request_too_large", says: "larger than",
		},
		"a compressed body": {
			call:   harness.Call{Body: "x", Header: http.Header{"Content-Encoding": {"gzip"}}},
			status: 400, code: "invalid_request", says: "gzip",
		},
		"an unknown model": {
			call:   harness.Call{Body: harness.Chat("gpt-99", "x")},
			status: 404, code: "model_not_found", says: `"gpt-99" does not exist`, param: "model",
		},
		"an unknown key": {
			call:   harness.Call{Key: "sk-nobody-has-this-key", Body: harness.Chat("gpt-4o", "x")},
			status: 401, code: "invalid_api_key", says: "not known",
		},
		"a key that is none": {
			call:   harness.Call{Key: "letmein", Body: harness.Chat("gpt-4o", "x")},
			status: 401, code: "invalid_api_key", says: "not known",
		},
		"no key": {
			call:   harness.Call{Key: harness.NoKey, Body: harness.Chat("gpt-4o", "x")},
			status: 401, code: "invalid_api_key", says: "no API key was presented",
		},
		"a blocked key": {
			call:   harness.Call{Key: blocked.Secret, Body: harness.Chat("gpt-4o", "x")},
			status: 401, code: "key_blocked", says: "blocked",
		},
		"a blocked team's key": {
			call:   harness.Call{Key: blockedTeam.Secret, Body: harness.Chat("gpt-4o", "x")},
			status: 401, code: "key_blocked", says: "tenant is blocked",
		},
		"a foreign tenant": {
			call:   harness.Call{Key: key.Secret, Body: harness.Chat("gpt-4o", "x"), Header: http.Header{"X-Tenant-Id": {other}}},
			status: 403, code: "tenant_mismatch", says: "X-Tenant-Id",
		},
		"a tenant that nobody has made": {
			call:   harness.Call{Key: key.Secret, Body: harness.Chat("gpt-4o", "x"), Header: http.Header{"X-Tenant-Id": {"nobody"}}},
			status: 403, code: "tenant_mismatch", says: "X-Tenant-Id",
		},
		"a route that the key may not call": {
			method: http.MethodGet, path: "/v1/models", call: harness.Call{Key: chatOnly.Secret},
			status: 403, code: "route_not_allowed", says: "may not call",
		},
		"a call by a key that may only look": {
			call:   harness.Call{Key: readOnly.Secret, Body: harness.Chat("gpt-4o", "x")},
			status: 403, code: "route_not_allowed", says: "only read",
		},
		"key management without the right": {
			path: "/key/generate", call: harness.Call{Key: key.Secret, Body: map[string]any{}},
			status: 403, code: "route_not_allowed", says: "master key",
		},
		"a key for a team that nobody has made": {
			path: "/key/generate", call: harness.Call{Body: map[string]any{"team_id": "nobody"}},
			status: 404, code: "not_found",
		},
		"a key with a parameter that is not supported": {
			path: "/key/generate", call: harness.Call{Body: map[string]any{"auto_rotate": true}},
			status: 400, code: "unsupported_parameter", says: "auto_rotate", param: "auto_rotate",
		},
		"a key with a budget of the wrong type": {
			path: "/key/generate", call: harness.Call{Body: map[string]any{"max_budget": "much"}},
			status: 400, code: "invalid_request",
		},
		"a key with a duration that is none": {
			path: "/key/generate", call: harness.Call{Body: map[string]any{"duration": "soon"}},
			status: 400, code: "invalid_request", says: "duration", param: "duration",
		},
		"an unknown key's record": {
			method: http.MethodGet, path: "/key/info?key=sk-nobody-has-this-key",
			status: 404, code: "not_found",
		},
		"another tenant's key's record": {
			method: http.MethodGet, path: "/key/info?key=" + blocked.ID, call: harness.Call{Key: key.Secret},
			status: 403, code: "tenant_mismatch",
		},
		"no such route": {
			method: http.MethodGet, path: "/v1/nothing",
			status: 404, code: "not_found", says: "no such route",
		},
		"another method": {
			method: http.MethodGet, path: completions,
			status: 405, code: "method_not_allowed", says: "GET",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := g.For(t)
			if test.method == "" {
				test.method = http.MethodPost
			}
			if test.path == "" {
				test.path = completions
			}
			answer := g.Call(test.method, test.path, test.call).MustBe(t, test.status, test.code)
			e := answer.Error(t)
			if e.Message == "" || e.Type == "" || !strings.Contains(e.Message, test.says) {
				t.Errorf("the message does not say %q: %q (type %q)", test.says, e.Message, e.Type)
			}
			param := ""
			if e.Param != nil {
				param = *e.Param
			}
			if test.param != "" && param != test.param {
				t.Errorf("the parameter is %q, not %q", param, test.param)
			}
			if answer.Header.Get("X-Request-Id") == "" || answer.Header.Get("Content-Type") != "application/json" {
				t.Errorf("the error's headers are %v", answer.Header)
			}
		})
	}
}

// TestExpiredKey waits for a key's end: from then on it is refused.
func TestExpiredKey(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	key := g.NewTenantKey(map[string]any{"duration": "2s"})
	g.Complete(key.Secret, harness.Chat("gpt-4o-mini", g.Prompt(t))).MustBe(t, http.StatusOK)
	harness.Eventually(t, "the key expires", func() error {
		answer := g.Call(http.MethodGet, "/v1/models", harness.Call{Key: key.Secret})
		if answer.Status == http.StatusOK {
			return errors.New("it still works")
		}
		answer.MustBe(t, http.StatusUnauthorized, "key_expired")
		return nil
	})
}

// TestRevokedKeys takes keys away: each stops working within a second.
func TestRevokedKeys(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	for name, test := range map[string]struct {
		path   string
		body   func(harness.Key) any
		code   string
		undoes string
	}{
		"blocked": {path: "/key/block", body: func(k harness.Key) any { return map[string]any{"key": k.Secret} }, code: "key_blocked", undoes: "/key/unblock"},
		"deleted": {path: "/key/delete", body: func(k harness.Key) any { return map[string]any{"keys": []string{k.Secret}} }, code: "invalid_api_key"},
		"its team deleted": {
			path: "/team/delete", body: func(k harness.Key) any { return map[string]any{"team_ids": []string{k.Team}} }, code: "invalid_api_key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := g.For(t)
			key := g.NewTenantKey(nil)
			works := func() int { return g.Call(http.MethodGet, "/v1/models", harness.Call{Key: key.Secret}).Status }
			if status := works(); status != http.StatusOK {
				t.Fatalf("a new key is answered by %d", status)
			}
			g.Call(http.MethodPost, test.path, harness.Call{Body: test.body(key)}).MustBe(t, http.StatusOK)
			harness.Eventually(t, "the key stops working", func() error {
				if works() == http.StatusOK {
					return errors.New("it still works")
				}
				return nil
			})
			g.Call(http.MethodGet, "/v1/models", harness.Call{Key: key.Secret}).MustBe(t, http.StatusUnauthorized, test.code)
			if test.undoes == "" {
				return
			}
			g.Call(http.MethodPost, test.undoes, harness.Call{Body: test.body(key)}).MustBe(t, http.StatusOK)
			harness.Eventually(t, "the key works again", func() error {
				if status := works(); status != http.StatusOK {
					return fmt.Errorf("it is answered by %d", status)
				}
				return nil
			})
		})
	}
}

// TestProviderFaults shows what a caller is told when a provider fails.
func TestProviderFaults(t *testing.T) {
	t.Parallel()
	providers := harness.StartProviders(t)
	nobody := freePort(t)
	config := providers.Config("router_settings: {num_retries: 0, disable_cooldowns: true}\ngeneral_settings:\n",
		harness.Model{Name: "fails", Upstream: "openai/gpt-4o;status=500"},
		harness.Model{Name: "overloaded", Upstream: "anthropic/claude-sonnet-4-5;status=529"},
		harness.Model{Name: "limited-whole", Upstream: "openai/gpt-4o;status=429;retry-after=7"},
		harness.Model{Name: "limited-streamed", Upstream: "openai/gpt-4o;status=429;retry-after=7"},
		harness.Model{Name: "refuses-key", Upstream: "openai/gpt-4o;status=401"},
		harness.Model{Name: "too-long", Upstream: "openai/gpt-4o;error=context-length"},
		harness.Model{Name: "hangs", Upstream: "openai/gpt-4o;hang", Params: "timeout: 1"},
		harness.Model{Name: "garbled", Upstream: "openai/gpt-4o;cut-bytes=40"},
		harness.Model{Name: "closes", Upstream: "openai/gpt-4o;cut=0"},
		harness.Model{Name: "unreachable", Upstream: "openai/gpt-4o"},
	)
	// The last model's provider is not there.
	at := strings.LastIndex(config, "http://"+providers.Addr)
	config = config[:at] + "http://" + nobody + config[at+len("http://"+providers.Addr):]
	config = strings.Replace(config, fmt.Sprintf("[%q]", providers.Addr), fmt.Sprintf("[%q, %q]", providers.Addr, nobody), 1)
	g := harness.Start(t, harness.Options{Config: config})
	for model, want := range map[string]struct {
		status int
		code   string
	}{
		"fails":       {502, "provider_error"},
		"overloaded":  {503, "provider_unavailable"},
		"limited-":    {429, "provider_rate_limited"}, // one each: it rests as long as the provider said
		"refuses-key": {502, "provider_error"},
		"too-long":    {400, "context_length_exceeded"},
		"hangs":       {504, "provider_timeout"},
		"garbled":     {502, "provider_error"},
		"closes":      {503, "provider_unavailable"},
		"unreachable": {503, "provider_unavailable"},
	} {
		for form, body := range map[string]func(string, string) map[string]any{"whole": harness.Chat, "streamed": harness.ChatStream} {
			t.Run(model+" "+form, func(t *testing.T) {
				t.Parallel()
				g := g.For(t)
				if model == "garbled" && form == "streamed" {
					return // a stream has begun by then: TestBrokenStreams
				}
				name := model
				if model == "limited-" {
					name += form
				}
				answer := g.Complete(g.NewTenantKey(nil).Secret, body(name, g.Prompt(t))).MustBe(t, want.status, want.code)
				if name != model {
					if after := answer.RetryAfter(t); after != 7*time.Second {
						t.Errorf("the provider says to wait 7 s, and Retry-After is %s", after)
					}
				}
			})
		}
	}
}

// TestSlowBody shows that a caller whose body does not arrive is cut off, and that
// one that sends no header is as well.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	providers := harness.StartProviders(t)
	g := harness.Start(t, harness.Options{Config: providers.Config("server: {read_timeout: 1s, read_header_timeout: 1s}",
		harness.Model{Name: "m", Upstream: "openai/gpt-4o"})})
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	answer := slowly(ctx, t, g, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+g.Master+"\r\nContent-Length: 100\r\n\r\n{\"model\":")
	if !strings.HasPrefix(answer, "HTTP/1.1 400 ") || !strings.Contains(answer, "did not arrive in time") {
		t.Errorf("a body that does not arrive is answered by %q", answer)
	}
	if answer := slowly(ctx, t, g, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"); strings.Contains(answer, " 200 ") {
		t.Errorf("a header that does not arrive is answered by %q", answer)
	}
}
