package router

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/router/upstream"
)

// refuses answers with 400 while a request has one of the members, the first one first, and
// keeps all requests.
type refuses struct {
	members []string
	// words are the errors by member; others have OpenAI's usual one.
	words map[string]string
	ok    exchangeFake

	mu   sync.Mutex
	sent []map[string]json.RawMessage
}

func (f *refuses) Do(ctx context.Context, req *upstream.Request) (*upstream.Response, error) {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(req.Body, &doc); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.sent = append(f.sent, doc)
	f.mu.Unlock()
	for _, name := range f.members {
		if doc[name] == nil {
			continue
		}
		text := f.words[name]
		if text == "" {
			text = `{"error":{"message":"Unsupported parameter: '` + name + `' is not supported with this model.","type":"invalid_request_error","param":"` + name + `","code":"unsupported_parameter"}}`
		}
		return reply(400, text)(ctx, req)
	}
	return f.ok(ctx, req)
}

// answers is a whole answer, or a stream.
func answers(stream bool) exchangeFake {
	if stream {
		return reply(200, events(chunk("hi"), "[DONE]"))
	}
	return reply(200, answer)
}

// What a provider refuses by name is dropped, and the rest sent again, where the call drops
// such members; what it asks, how its answer comes and what bounds its cost never is.
func TestRefusedMembersAreDropped(t *testing.T) {
	useOther := map[string]string{"max_tokens": `{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}`}
	for name, tc := range map[string]struct {
		provider string
		more     string // members of the request
		refused  []string
		words    map[string]string
		strict   bool // drop_params is not set
		capped   int64
		// calls is how many requests go out; dropped is what the caller is told, kept what the
		// last request has, as JSON; reason is of the call's error.
		calls   int
		dropped []string
		kept    map[string]string
		reason  errs.Reason
	}{
		"one": {more: `"stop":["a"],"seed":1`, refused: []string{"stop"}, calls: 2, dropped: []string{"stop"}, kept: map[string]string{"seed": "1"}},
		"one after another, beside what the codec drops": {
			more: `"top_k":1,"stop":["a"],"temperature":0.2`, refused: []string{"stop", "temperature"}, calls: 3, dropped: []string{"top_k", "stop", "temperature"},
		},
		"four at most": {
			more: `"stop":"a","temperature":1,"top_p":1,"seed":1,"user":"u"`, refused: []string{"stop", "temperature", "top_p", "seed", "user"},
			calls: 5, dropped: []string{"stop", "temperature", "top_p", "seed"}, reason: errs.UnsupportedParameter,
		},
		"by words alone, with what depends on it": {
			more: `"logprobs":true,"top_logprobs":2`, refused: []string{"logprobs"},
			words: map[string]string{"logprobs": `{"error":{"message":"You are not allowed to request logprobs from this model","type":"invalid_request_error","param":null,"code":null}}`},
			calls: 2, dropped: []string{"logprobs", "top_logprobs"},
		},
		"by Groq": {
			provider: "groq", more: `"reasoning_effort":"low"`, refused: []string{"reasoning_effort"},
			words: map[string]string{"reasoning_effort": "{\"error\":{\"message\":\"`reasoning_effort` is not supported with this model\",\"type\":\"invalid_request_error\"}}"},
			calls: 2, dropped: []string{"reasoning_effort"},
		},
		"a limit is renamed": {
			more: `"max_tokens":50`, refused: []string{"max_tokens"}, words: useOther, calls: 2, kept: map[string]string{"max_completion_tokens": "50"},
		},
		"and still capped": {
			more: `"max_tokens":50`, refused: []string{"max_tokens"}, words: useOther, capped: 20, calls: 2, kept: map[string]string{"max_completion_tokens": "20"},
		},
		"a limit is never dropped": {more: `"max_tokens":50`, refused: []string{"max_tokens"}, calls: 1, reason: errs.UnsupportedParameter},
		"nor the lane that was reserved for": {
			more: `"service_tier":"flex"`, refused: []string{"service_tier"}, calls: 1, reason: errs.UnsupportedParameter,
		},
		"nor the prompt": {refused: []string{"messages"}, calls: 1, reason: errs.UnsupportedParameter},
		"nothing unless the call says so": {
			more: `"stop":["a"]`, refused: []string{"stop"}, strict: true, calls: 1, reason: errs.UnsupportedParameter,
		},
		"no limit is renamed unless the call says so": {
			more: `"max_tokens":50`, refused: []string{"max_tokens"}, words: useOther, strict: true, calls: 1, reason: errs.UnsupportedParameter,
		},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", streamed"}[stream], func(t *testing.T) {
				provider := &refuses{members: tc.refused, words: tc.words, ok: answers(stream)}
				r := newRig(t, Options{Retries: 2, Deployments: []Deployment{at("a", func(d *Deployment) {
					if tc.provider != "" {
						d.Provider = tc.provider
					}
				})}}, provider)
				body := `{"messages":[{"role":"user","content":"x"}]}`
				if tc.more != "" {
					body = strings.TrimSuffix(body, "}") + "," + tc.more + "}"
				}
				got := r.run(t.Context(), stream, call(func(c *routerv1.Call) {
					c.Input, c.DropParams, c.MaxOutputTokens = &routerv1.Call_Body{Body: []byte(body)}, !tc.strict, tc.capped
				}))
				wantReason(t, got.failure(t), tc.reason)
				if len(provider.sent) != tc.calls {
					t.Fatalf("%d requests went out, want %d", len(provider.sent), tc.calls)
				}
				if dropped := got.served().GetDroppedParams(); !slices.Equal(dropped, tc.dropped) {
					t.Errorf("dropped %q, want %q", dropped, tc.dropped)
				}
				last := provider.sent[len(provider.sent)-1]
				for name, want := range tc.kept {
					if string(last[name]) != want {
						t.Errorf("%s is %s, want %s", name, last[name], want)
					}
				}
			})
		}
	}
}

// What one provider refuses, the next one still gets.
func TestTheNextDeploymentGetsWhatWasDropped(t *testing.T) {
	provider := &refuses{members: []string{"stop"}, ok: reply(500, "")}
	next := &refuses{ok: answers(false)}
	r := newRig(t, Options{Retries: 1, Deployments: []Deployment{at("a"), at("b", func(d *Deployment) { d.Order = 1 })}},
		exchangeFake(func(ctx context.Context, req *upstream.Request) (*upstream.Response, error) {
			if req.URL.Host == "a" {
				return provider.Do(ctx, req)
			}
			return next.Do(ctx, req)
		}))
	got := r.run(t.Context(), false, call(func(c *routerv1.Call) {
		c.Input, c.DropParams = &routerv1.Call_Body{Body: []byte(`{"messages":[{"role":"user","content":"x"}],"stop":["a"]}`)}, true
	}))
	wantReason(t, got.failure(t), "")
	if len(provider.sent) != 2 || len(next.sent) != 1 || next.sent[0]["stop"] == nil || len(got.served().GetDroppedParams()) > 0 {
		t.Errorf("%v, then %v; dropped %q", provider.sent, next.sent, got.served().GetDroppedParams())
	}
}

// The simulator refuses as its providers do.
func TestDroppedForTheSimulator(t *testing.T) {
	for more, tc := range map[string]struct {
		model   string
		dropped []string
	}{
		`"reasoning_effort":"low"`:         {"gpt-4o", []string{"reasoning_effort"}},
		`"stop":["a"],"temperature":0.2`:   {"gpt-5.4", []string{"stop", "temperature"}},
		`"max_tokens":50`:                  {"gpt-5.4", nil},
		`"logprobs":true,"top_logprobs":2`: {"gpt-5.4", []string{"logprobs", "top_logprobs"}},
	} {
		t.Run(more, func(t *testing.T) {
			w := newWorld(t)
			r := newRig(w, Options{Deployments: []Deployment{at("a", func(d *Deployment) {
				d.UpstreamModel, d.Simulated, d.DropParams = tc.model, true, true
				d.APIBase = &url.URL{Scheme: "http", Host: w.host, Path: "/openai/v1"}
			})}}, w.client)
			got := r.run(t.Context(), false, call(func(c *routerv1.Call) {
				c.Input = &routerv1.Call_Body{Body: []byte(`{"messages":[{"role":"user","content":"x"}],` + more + `}`)}
			}))
			wantReason(t, got.failure(t), "")
			dropped := slices.Sorted(slices.Values(got.served().GetDroppedParams()))
			if !slices.Equal(dropped, tc.dropped) {
				t.Errorf("dropped %q, want %q", dropped, tc.dropped)
			}
		})
	}
}
