package edge_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	errorv1 "tollgate.dev/gen/tollgate/error/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret/secrettest"
)

// TestRefusalsInTheirOrder takes faults away one by one: a call with several is refused
// for the first, and none of them reaches the router or is charged.
func TestRefusalsInTheirOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	none := int64(0)
	limited := "sk-limited-0123456789abcdef"
	r.keystore.put(limited, &keystorev1.Grant{
		Key:    &keystorev1.Key{Id: "key-of-limited", TenantId: "acme", Limits: &keystorev1.Limits{Models: []string{"m"}, RequestsPerMinute: &none}},
		Tenant: &keystorev1.Tenant{Id: "acme"},
	})
	reader := "sk-reader-0123456789abcdef"
	r.keystore.put(reader, &keystorev1.Grant{Key: &keystorev1.Key{Id: "key-of-reader", Scopes: []string{"read_only"}}})
	other := map[string]string{"X-Tenant-Id": "other"}
	for _, tc := range []struct {
		fault  string
		call   call
		status int
		reason string
	}{
		{"no key", call{header: other, body: "{"}, 401, "invalid_api_key"},
		{"an unknown key", call{key: "sk-unknown-0123456789abcdef", header: other, body: "{"}, 401, "invalid_api_key"},
		{"another's tenant", call{key: reader, header: other, body: "{"}, 403, "tenant_mismatch"},
		{"a route that the key has not", call{key: reader, body: "{"}, 403, "route_not_allowed"},
		{"no JSON", call{key: limited, body: "{", header: map[string]string{"X-Cache-Ttl": "x"}}, 400, "invalid_request"},
		{"an odd header", call{key: limited, body: chat("x"), header: map[string]string{"X-Cache-Ttl": "x"}}, 400, "invalid_request"},
		{"an unknown model", call{key: limited, body: strings.Replace(chat("x"), `"m"`, `"n"`, 1), header: map[string]string{"X-Compress": "zip"}}, 404, "model_not_found"},
		{"an unknown profile", call{key: limited, body: chat("x"), header: map[string]string{"X-Compress": "zip", "Idempotency-Key": " "}}, 400, "invalid_request"},
		{"a limit", call{key: limited, body: chat("x")}, 429, "rate_limit_exceeded"},
	} {
		a := r.do(http.MethodPost, chatPath, tc.call)
		if a.status != tc.status || a.reason() != tc.reason {
			t.Errorf("%s: %d %s, want %d %s", tc.fault, a.status, a.body, tc.status, tc.reason)
		}
		if a.header.Get("X-Request-Id") == "" {
			t.Errorf("%s: the refusal names no request", tc.fault)
		}
	}
	if r.router.called() > 0 || r.cache.lookups > 0 {
		t.Errorf("%d calls and %d look-ups for requests that were refused", r.router.called(), r.cache.lookups)
	}
	r.ledger(0)
}

// TestOneCall follows a call whose answer nobody has yet, and the same one again.
func TestOneCall(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		more []string
		want [2]string // at first, and from the cache
	}{
		"whole": {nil, [2]string{answerBody, answerBody}},
		"streamed": {[]string{streamed}, [2]string{
			"data: " + string(delta("Hel")) + "\n\ndata: " + string(delta("lo")) + "\n\ndata: [DONE]\n\n",
			`data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"Hello","refusal":null},"logprobs":null,"finish_reason":null}]}` +
				"\n\n" + `data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.budget.limit("acme", 1e9)
			body := chat("Hi", tc.more...)
			for i, want := range []struct {
				cache string
				cost  string
				nanos int64
				saved int64
			}{{"miss", "0.00002", answerCost, 0}, {"hit", "0", 0, answerCost}} {
				a := r.complete(body)
				cost := a.header.Get("X-Tollgate-Cost") + a.trailer.Get("X-Tollgate-Cost")
				if a.status != http.StatusOK || a.body != tc.want[i] || a.header.Get("X-Cache") != want.cache || cost != want.cost {
					t.Errorf("answer %d: %d, %s at $%s: %q", i, a.status, a.header.Get("X-Cache"), cost, a.body)
				}
				// Until it is kept, whoever asks hears it as the first caller did.
				eventually(t, "the answer is kept", func() bool { return r.edge.Flying() == 0 })
				rec := r.ledger(i + 1)[i]
				if rec.GetCostNanos() != want.nanos || rec.GetSavedCacheNanos() != want.saved || rec.GetCache() != want.cache ||
					rec.GetTenantId() != "acme" || rec.GetKeyId() != "key-of-acme" || rec.GetModel() != "m" || rec.GetUsage().GetOutput() != 5 ||
					rec.GetRequestId() != a.header.Get("X-Request-Id") {
					t.Errorf("entry %d: %v", i, rec)
				}
			}
			if n := r.router.called(); n != 1 {
				t.Errorf("%d calls of the router", n)
			}
			sent := r.router.last()
			if string(sent.GetBody()) != body || sent.GetTenantId() != "acme" || len(sent.GetBodyIndex()) == 0 {
				t.Errorf("the router was sent %v", sent)
			}
			if state := r.meter.State(scopesOfAcme); len(state) != 1 || state[0].Spent != answerCost {
				t.Errorf("of the budget is spent %+v", state)
			}
			secrettest.AssertNoLeak(t, r.log.String(), acmeKey, masterKey)
		})
	}
}

// TestWhenTheCacheIsAsked runs through the ways to ask for an answer anew, and to keep
// none.
func TestWhenTheCacheIsAsked(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		key                 string
		header              map[string]string
		more                []string
		cache               string
		lookups, kept, asks int
	}{
		"as a rule":           {acmeKey, nil, nil, "hit", 2, 1, 1},
		"no-cache":            {acmeKey, map[string]string{"Cache-Control": "no-cache"}, nil, "bypass", 0, 1, 2},
		"of no age":           {acmeKey, map[string]string{"Cache-Control": "max-age=0"}, nil, "bypass", 0, 1, 2},
		"young enough":        {acmeKey, map[string]string{"Cache-Control": "max-age=3600"}, nil, "hit", 2, 1, 1},
		"no-store":            {acmeKey, map[string]string{"Cache-Control": "no-store"}, nil, "miss", 2, 0, 2},
		"no life":             {acmeKey, map[string]string{"X-Cache-Ttl": "0"}, nil, "miss", 2, 0, 2},
		"no life, it says":    {acmeKey, nil, []string{`"cache":{"ttl":0}`}, "miss", 2, 0, 2},
		"a life, after all":   {acmeKey, map[string]string{"X-Cache-Ttl": "9"}, []string{`"cache":{"ttl":0}`}, "hit", 2, 1, 1},
		"neither":             {acmeKey, nil, []string{`"cache":{"no-cache":true,"no-store":true}`}, "bypass", 0, 0, 2},
		"a key that opts out": {"sk-out-0123456789abcdef", nil, nil, "bypass", 0, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.keystore.put("sk-out-0123456789abcdef", &keystorev1.Grant{Key: &keystorev1.Key{Id: "out", Cache: &keystorev1.CachePolicy{Disabled: true}}})
			var a answer
			for range 2 {
				a = r.do(http.MethodPost, chatPath, call{tc.key, tc.header, chat("Hi", tc.more...)})
				// Until then, who asks the same is given the answer without a look-up.
				eventually(t, "the call's landing", func() bool { return r.edge.Flying() == 0 })
			}
			eventually(t, "the answer's keeping", func() bool { return r.cache.kept() >= tc.kept })
			if got := a.header.Get("X-Cache"); a.status != http.StatusOK || got != tc.cache {
				t.Errorf("%d, %s", a.status, got)
			}
			if r.cache.lookups != tc.lookups || r.cache.kept() != tc.kept || r.router.called() != tc.asks {
				t.Errorf("%d look-ups, %d kept, %d calls", r.cache.lookups, r.cache.kept(), r.router.called())
			}
		})
	}
}

// TestCacheKeepsTenantsApart asks the same for several: nobody hears another's answer.
func TestCacheKeepsTenantsApart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, key := range []string{acmeKey, lonerKey, masterKey} {
		if a := r.do(http.MethodPost, chatPath, call{key: key, body: chat("Hi")}); a.header.Get("X-Cache") != "miss" {
			t.Errorf("%s hears another's answer: %v", key, a.header)
		}
	}
}

// TestACacheThatIsAway answers all the same.
func TestACacheThatIsAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cache.away = errs.New(errs.ServiceUnavailable, "the cache is away")
	if a := r.complete(chat("Hi")); a.status != http.StatusOK || a.header.Get("X-Cache") != "miss" {
		t.Errorf("%d %s", a.status, a.body)
	}
	r.ledger(1)
}

// TestFailures says what a failed call is answered by, and what it costs.
func TestFailures(t *testing.T) {
	t.Parallel()
	fails := func(reason errs.Reason) func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
		return func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
			return nil, errs.New(reason, "as the test wants it")
		}
	}
	asked := func(reason errs.Reason) func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
		return func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
			return &routerv1.CompleteResponse{Served: servedByM(), Error: &errorv1.ErrorInfo{Reason: string(reason)}, ErrorMessage: "as the test wants it"}, nil
		}
	}
	for name, tc := range map[string]struct {
		whole   func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error)
		status  int
		reason  string
		entries int
		cost    int64
	}{
		"refused by the router":               {fails(errs.UnsupportedParameter), 400, "unsupported_parameter", 0, 0},
		"refused because all rest":            {fails(errs.ProviderUnavailable), 503, "provider_unavailable", 0, 0},
		"refused because of a pause":          {fails(errs.ProviderRateLimited), 429, "provider_rate_limited", 0, 0},
		"out of time before one was asked":    {fails(errs.ProviderTimeout), 504, "provider_timeout", 0, 0},
		"a provider that asks for that pause": {asked(errs.ProviderRateLimited), 429, "provider_rate_limited", 1, 0},
		"a provider's fault":                  {asked(errs.ProviderError), 502, "provider_error", 1, 0},
		"a fault of our own": {func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
			return nil, errors.New("prompt and key of somebody")
		}, 500, "internal_error", 1, 7*1000 + mostOutput*perOutput}, // it may have come after the provider's answer
		"a fault that was billed": {func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
			return &routerv1.CompleteResponse{
				Error: &errorv1.ErrorInfo{Reason: string(errs.ProviderError)}, ErrorMessage: "half an answer",
				BilledAttempts: []*routerv1.BilledAttempt{{Served: servedByM(), Usage: &usagev1.Usage{Input: 10, Output: 1}}},
			}, nil
		}, 502, "provider_error", 1, 10*1000 + 2000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.budget.limit("acme", 1e9)
			r.router.whole = tc.whole
			a := r.complete(chat("Hi"))
			if a.status != tc.status || a.reason() != tc.reason {
				t.Errorf("%d %s", a.status, a.body)
			}
			for _, rec := range r.ledger(tc.entries) {
				if rec.GetCostNanos() != tc.cost || rec.GetError() != tc.reason {
					t.Errorf("the ledger has %v", rec)
				}
			}
			if r.cache.kept() > 0 {
				t.Error("a failure is in the cache")
			}
			if state := r.meter.State(scopesOfAcme); len(state) != 1 || int64(state[0].Spent) != tc.cost {
				t.Errorf("of the budget is spent %+v", state)
			}
			if tc.entries == 0 {
				r.router.whole = newRouter().whole
				r.complete(chat("there")) // stands in the ledger behind all before it
				if rec := r.ledger(1)[0]; rec.GetError() != "" {
					t.Errorf("the ledger has %v", rec)
				}
			}
		})
	}
}

// TestBudgetCapsTheAnswer has a budget that pays for a part of the longest answer: the
// provider is told, the answer is nobody else's, and an empty budget refuses.
func TestBudgetCapsTheAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.budget.limit("acme", 500_000)
	a := r.complete(chat("Hi"))
	limit := r.router.last().GetMaxOutputTokens()
	if a.status != http.StatusOK || limit < 16 || limit > 250 || a.header.Get("X-Tollgate-Max-Tokens") == "" {
		t.Errorf("%d, and the provider may send %d tokens: %v", a.status, limit, a.header)
	}
	// Another one, that asks the cache for nothing and may be kept in it. Its handler has
	// returned when its answer is looked at, and all that follows it is done.
	again := httptest.NewRequestWithContext(t.Context(), http.MethodPost, chatPath, strings.NewReader(chat("Ho", `"cache":{"no-cache":true}`)))
	again.Header.Set("Authorization", "Bearer "+acmeKey)
	w := httptest.NewRecorder()
	r.edge.Handler().ServeHTTP(w, again)
	must(t, r.edge.Close(t.Context()))
	if w.Code != http.StatusOK || w.Header().Get("X-Tollgate-Max-Tokens") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if r.cache.kept() > 0 {
		t.Error("an answer that was cut to a budget is kept for others")
	}
	if a := r.complete(chat("Hi", `"max_tokens":1000`)); a.status != http.StatusTooManyRequests || a.reason() != "budget_exceeded" || a.header.Get("Retry-After") == "" {
		t.Errorf("a call that the budget cannot pay: %d %s", a.status, a.body)
	}
	r.ledger(2)
}

// TestNobodysCallIsNoMatterOfTheBudget has calls that the budget cannot pay: one that no
// provider can honour is told so, as it would be with a full budget. A call that the budget
// can pay is not asked about.
func TestNobodysCallIsNoMatterOfTheBudget(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		budget int64
		fault  error
		reason string
		checks int
	}{
		"nobody has the parameter": {100, errs.New(errs.UnsupportedParameter, "no").WithParam("seed"), "unsupported_parameter", 1},
		"nobody can read it":       {100, errs.New(errs.InvalidRequest, "no"), "invalid_request", 1},
		"it is the budget alone":   {100, nil, "budget_exceeded", 1},
		"the router is away":       {100, errs.New(errs.ServiceUnavailable, "away"), "budget_exceeded", 1},
		"the budget can pay":       {1e9, errs.New(errs.UnsupportedParameter, "no"), "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, more []string) {
				t.Helper()
				r := newRig(t)
				r.budget.limit("acme", tc.budget)
				r.router.check = tc.fault
				a := r.complete(chat("Hi", append(more, `"max_tokens":100`)...))
				if a.reason() != tc.reason || tc.reason == "unsupported_parameter" && !strings.Contains(a.body, `"param":"seed"`) {
					t.Errorf("%d %s, want %q", a.status, a.body, tc.reason)
				}
				if got := a.header.Get("Retry-After") != ""; got != (tc.reason == "budget_exceeded") {
					t.Errorf("Retry-After: %q", a.header.Get("Retry-After"))
				}
				denied := 0
				if tc.reason == "budget_exceeded" {
					denied = 1
				}
				counted := fmt.Sprintf("tollgate_budget_reservations_total{outcome=\"denied\"} %d\n", denied)
				if m := r.do(http.MethodGet, "/metrics", call{}); !strings.Contains(m.body, counted) {
					t.Errorf("the metrics lack %s", counted)
				}
				r.router.mu.Lock()
				defer r.router.mu.Unlock()
				if r.router.checks != tc.checks {
					t.Errorf("the router was asked %d times, want %d", r.router.checks, tc.checks)
				}
			})
		})
	}
}

// TestCallersShareABudget has callers who limit no answer at the same time, on a budget
// that would pay for one longest answer: each gets a part of it.
// A call that sets its fair share aside, and not what its longest answer costs, is sent out
// with an answer that this share pays for.
func TestAFairShareCapsTheAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(s *setup) { s.maxOutput = 8000 })
	const budget, eighth = 20_000_000, 20_000_000 / 8
	r.budget.limit("acme", budget)
	a := r.complete(chat("Hi"))
	limit := r.router.last().GetMaxOutputTokens()
	if a.status != http.StatusOK || limit < 16 || limit*perOutput > eighth {
		t.Errorf("%d, and the provider may send %d tokens of a share of %d", a.status, limit, eighth)
	}
}

func TestCallersShareABudget(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(s *setup) { s.maxOutput = 8000 })
	r.budget.limit("acme", 20_000_000)
	const callers = 4
	var arrived sync.WaitGroup
	arrived.Add(callers)
	r.router.whole = func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
		arrived.Done()
		arrived.Wait() // until all are under way at once
		return &routerv1.CompleteResponse{Served: servedByM(), Body: []byte(`{}`), Usage: answerUsage()}, nil
	}
	var calls sync.WaitGroup
	for i := range callers {
		calls.Go(func() {
			if a := r.complete(chat(fmt.Sprint("Hi ", i))); a.status != http.StatusOK {
				t.Errorf("a caller of several is answered %d %s", a.status, a.body)
			}
		})
	}
	calls.Wait()
	r.ledger(callers)
}

// TestRepeatsAreRequests repeats a request with an Idempotency-Key: each repeat is one of the
// requests a minute, and needs neither tokens nor a parallel slot.
func TestRepeatsAreRequests(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, more []string) {
		t.Helper()
		r := newRig(t, func(s *setup) { s.options.Cache = false })
		three, hundred, one := int64(3), int64(100), int64(1)
		const limited = "sk-limited-0123456789abcdef"
		r.keystore.put(limited, &keystorev1.Grant{Key: &keystorev1.Key{Id: "limited", Limits: &keystorev1.Limits{
			RequestsPerMinute: &three, TokensPerMinute: &hundred, ParallelRequests: &one,
		}}})
		once := func() answer {
			return r.do(http.MethodPost, chatPath, call{limited, map[string]string{"Idempotency-Key": "a"}, chat("Hi", more...)})
		}
		used := &usagev1.Usage{Input: 150} // more than a minute has
		r.router.whole = func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
			return &routerv1.CompleteResponse{Body: []byte(answerBody), Usage: used, Served: servedByM()}, nil
		}
		r.router.stream = func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
			return send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: [][]byte{delta("Hi")}, Usage: used, End: &routerv1.StreamEnd{}})
		}
		first := once()
		for range 2 {
			if a := once(); a.status != http.StatusOK || a.body != first.body || a.header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("a repeat: %d %s", a.status, a.body)
			}
		}
		a := once()
		if a.status != http.StatusTooManyRequests || a.reason() != "rate_limit_exceeded" || a.header.Get("Retry-After") == "" ||
			a.header.Get("X-Ratelimit-Remaining-Requests") != "0" || !strings.Contains(a.body, `"limit":"requests_per_minute"`) {
			t.Errorf("one too many: %d %s %v", a.status, a.body, a.header)
		}
		r.clock.Advance(time.Minute)
		if a := once(); a.status != http.StatusOK || a.body != first.body || r.router.called() != 1 {
			t.Errorf("a minute later: %d %s, of %d calls", a.status, a.body, r.router.called())
		}
	})
}

// TestIdempotency repeats requests with an Idempotency-Key.
func TestIdempotency(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]string{"whole": nil, "streamed": {streamed}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(s *setup) { s.options.Cache = false })
			once := func(key, body string) answer {
				return r.do(http.MethodPost, chatPath, call{acmeKey, map[string]string{"Idempotency-Key": key}, body})
			}
			first, again := once("a", chat("Hi", more...)), once("a", chat("Hi", more...))
			if again.status != http.StatusOK || again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("the repeat: %d %s %v", again.status, again.body, again.header)
			}
			if other := once("a", chat("Ho", more...)); other.status != http.StatusUnprocessableEntity || other.reason() != "idempotency_mismatch" {
				t.Errorf("another body: %d %s", other.status, other.body)
			}
			if once("b", chat("Hi", more...)); r.router.called() != 2 {
				t.Errorf("%d calls, want one a key", r.router.called())
			}
			r.ledger(2)

			// While one runs, a repeat is told to wait; one that fails leaves its key free.
			began, finish := make(chan struct{}, 1), make(chan struct{})
			fails := func() error {
				began <- struct{}{}
				<-finish
				return errs.New(errs.ProviderError, "as the test wants it")
			}
			r.router.whole = func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) { return nil, fails() }
			r.router.stream = func(context.Context, *routerv1.Call, func(*routerv1.StreamCompleteResponse) error) error {
				return fails()
			}
			var running sync.WaitGroup
			running.Go(func() { once("c", chat("Hi", more...)) })
			wait(t, "the first call", began)
			if a := once("c", chat("Hi", more...)); a.status != http.StatusConflict || a.reason() != "idempotency_in_progress" || a.header.Get("Retry-After") == "" {
				t.Errorf("a repeat too early: %d %s", a.status, a.body)
			}
			close(finish)
			running.Wait()
			if a := once("c", chat("Hi", more...)); a.status != http.StatusBadGateway {
				t.Errorf("a repeat of what failed: %d %s", a.status, a.body)
			}
			<-began
		})
	}
}
