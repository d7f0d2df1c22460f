package edge_test

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
)

// TestWhoseCallItIs says what the ledger holds of a caller, by its key and its headers.
func TestWhoseCallItIs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const full, acting = "sk-full-0123456789abcdef", "sk-acting-0123456789abcdef"
	r.keystore.put(full, &keystorev1.Grant{
		Key:    &keystorev1.Key{Id: "full", TenantId: "initech", UserId: "peter", Tags: []string{"a"}},
		Tenant: &keystorev1.Tenant{Id: "initech", PlatformId: "p1", Tags: []string{"b"}},
	})
	r.keystore.put(acting, &keystorev1.Grant{Key: &keystorev1.Key{Id: "acting", UserId: "robot", Scopes: []string{"act_as_tenant"}}})
	r.keystore.tenant(&keystorev1.Tenant{Id: "umbrella", PlatformId: "p2"})
	const trace = "0af7651916cd43dd8448eb211c80319c"
	type headers map[string]string
	for i, tc := range []struct {
		key                             string
		header                          headers
		tenant, platform, user, request string
		correlation                     string // empty: the request's id
		tags                            string
	}{
		{full, nil, "initech", "p1", "peter", "", "", "a b"},
		{full, headers{"X-User-Id": "milton", "X-Platform-Id": "p9", "X-Tenant-Id": "initech"}, "initech", "p1", "peter", "", "", "a b"},
		{acmeKey, nil, "acme", "default", "", "", "", ""},
		{acmeKey, headers{"X-User-Id": "milton", "X-Platform-Id": "p9"}, "acme", "p9", "milton", "", "", ""},
		{acmeKey, headers{"X-User-Id": "two words", "X-Platform-Id": "two words"}, "acme", "default", "two words", "", "", ""},
		{acmeKey, headers{"X-User-Id": "jane@example.com"}, "acme", "default", "jane@example.com", "", "", ""},
		{acmeKey, headers{"X-User-Id": strings.Repeat("a", 129), "X-Trace-Id": "a b"}, "acme", "default", "", "", "", ""},
		// A slip of the caller's: secrets go nowhere.
		{acmeKey, headers{"X-User-Id": acmeKey, "X-Platform-Id": acmeKey, "X-Trace-Id": acmeKey, "X-Request-Id": acmeKey}, "acme", "default", "", "", "", ""},
		{acmeKey, headers{"X-User-Id": "sk-another-0123456789", "X-Trace-Id": "x" + acmeKey}, "acme", "default", "", "", "", ""},
		{lonerKey, headers{"X-Request-Id": "mine-1", "Traceparent": "00-" + trace + "-b7ad6b7169203331-01"}, "", "default", "", "mine-1", trace, ""},
		{lonerKey, headers{"X-Request-Id": "mine-2", "Traceparent": "00-x", "X-Trace-Id": "theirs"}, "", "default", "", "mine-2", "theirs", ""},
		{acting, headers{"X-Tenant-Id": "umbrella"}, "umbrella", "p2", "", "", "", ""},
	} {
		a := r.do(http.MethodPost, chatPath, call{tc.key, tc.header, chat("Hi", `"cache":{"no-cache":true}`)})
		if a.status != http.StatusOK {
			t.Fatalf("call %d: %d %s", i, a.status, a.body)
		}
		rec := r.ledger(i + 1)[i]
		request := a.header.Get("X-Request-Id")
		if tc.request != "" && request != tc.request || rec.GetRequestId() != request {
			t.Errorf("call %d: the request's id is %q, and %q in the ledger", i, request, rec.GetRequestId())
		}
		if tc.correlation == "" {
			tc.correlation = request
		}
		got := []string{rec.GetTenantId(), rec.GetPlatformId(), rec.GetUserId(), rec.GetCorrelationId(), strings.Join(rec.GetTags(), " ")}
		if want := []string{tc.tenant, tc.platform, tc.user, tc.correlation, tc.tags}; !slices.Equal(got, want) {
			t.Errorf("call %d: the ledger has %q, want %q", i, got, want)
		}
	}
}

// TestHeadersThatAreNotTaken has an answer name the headers that said something in vain.
func TestHeadersThatAreNotTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, tc := range []struct {
		header  map[string]string
		ignored []string
	}{
		{map[string]string{"X-User-Id": "jane@example.com", "X-Platform-Id": "p9", "X-Trace-Id": "t"}, nil},
		{map[string]string{"X-User-Id": acmeKey, "X-Platform-Id": "a b", "X-Trace-Id": "t" + acmeKey}, []string{"X-User-Id", "X-Platform-Id", "X-Trace-Id"}},
		{map[string]string{"X-User-Id": strings.Repeat("a", 129)}, []string{"X-User-Id"}},
	} {
		a := r.do(http.MethodPost, chatPath, call{acmeKey, tc.header, chat("Hi", `"cache":{"no-cache":true}`)})
		if got := a.header["X-Tollgate-Ignored-Params"]; a.status != http.StatusOK || !slices.Equal(got, tc.ignored) {
			t.Errorf("%v: %d, ignored are %q, want %q", tc.header, a.status, got, tc.ignored)
		}
	}
}

// TestRoutesThatAreOpen has a configuration close routes to keys. Administrators call them.
func TestRoutesThatAreOpen(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		allowed, adminOnly []string
		chat, models       bool
	}{
		"all":                   {nil, nil, true, true},
		"some":                  {[]string{"/v1/chat/completions"}, nil, true, false},
		"all but for some":      {nil, []string{"/models"}, true, false},
		"some but for some":     {[]string{"llm_api_routes"}, []string{"/chat/completions"}, false, true},
		"none that is served":   {[]string{"/v1/rerank"}, nil, false, false},
		"all by a group's name": {[]string{"llm_api_routes"}, nil, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(s *setup) { s.options.AllowedRoutes, s.options.AdminOnlyRoutes = tc.allowed, tc.adminOnly })
			for key, open := range map[string][2]bool{acmeKey: {tc.chat, tc.models}, masterKey: {true, true}} {
				chats := r.do(http.MethodPost, chatPath, call{key: key, body: chat("Hi")})
				models := r.do(http.MethodGet, "/v1/models", call{key: key})
				for i, a := range []answer{chats, models} {
					if open[i] && a.status != http.StatusOK || !open[i] && a.reason() != "route_not_allowed" {
						t.Errorf("%s, route %d: %d %s", key, i, a.status, a.body)
					}
				}
			}
		})
	}
}

// TestModelsOfACaller lists what a key may use, under the names that it may be called by.
func TestModelsOfACaller(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(s *setup) { s.options.HiddenModels = map[string]bool{"hidden": true} })
	r.router.mu.Lock()
	for _, name := range []string{"org/model-2", "hidden"} {
		r.router.models = append(r.router.models, &routerv1.Model{Name: name, Deployments: []*routerv1.Deployment{
			{Id: name, Provider: "openai", UpstreamModel: "m-1"},
		}})
	}
	r.router.mu.Unlock()
	const some = "sk-some-0123456789abcdef"
	r.keystore.put(some, &keystorev1.Grant{Key: &keystorev1.Key{
		Id: "some", Limits: &keystorev1.Limits{Models: []string{"org/*"}}, Aliases: map[string]string{"mine": "org/model-2"},
	}})

	// The edge reads them again while it runs.
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	lists := r.router.lists.Load()
	go func() { done <- r.edge.Run(ctx) }()
	eventually(t, "the models", func() bool { return r.router.lists.Load() > lists })
	eventually(t, "the models again", func() bool {
		r.clock.Advance(10 * time.Second) // it may not wait yet
		return r.router.lists.Load() > lists+1
	})
	cancel()
	must(t, <-done)

	list := func(key string) string {
		var names []string
		for _, m := range strings.Split(r.do(http.MethodGet, "/v1/models", call{key: key}).body, `"id":"`)[1:] {
			name, _, _ := strings.Cut(m, `"`)
			names = append(names, name)
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	if got := list(acmeKey); got != "m org/model-2" {
		t.Errorf("a key without a list sees %q", got)
	}
	if got := list(some); got != "org/model-2" {
		t.Errorf("a key with a list sees %q", got)
	}
	for path, want := range map[string]string{
		"/v1/models/org/model-2": "", "/v1/models/org%2Fmodel-2": "", "/models/mine": "",
		"/v1/models/m": "model_not_allowed", "/v1/models/none": "model_not_found", "/v1/models/hidden": "model_not_allowed",
	} {
		if a := r.do(http.MethodGet, path, call{key: some}); a.reason() != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	ask := func(key, model string) answer {
		return r.do(http.MethodPost, chatPath, call{key: key, body: strings.Replace(chat("Hi"), `"m"`, `"`+model+`"`, 1)})
	}
	if a := ask(some, "mine"); a.status != http.StatusOK || r.router.last().GetModel() != "org/model-2" {
		t.Errorf("by its alias: %d %s", a.status, a.body)
	}
	if a := ask(acmeKey, "hidden"); a.status != http.StatusOK {
		t.Errorf("one that is not listed: %d %s", a.status, a.body)
	}
}

// TestHowLongAnswersAreKept takes the first of what the request, the key and the tenant say.
func TestHowLongAnswersAreKept(t *testing.T) {
	t.Parallel()
	policy := func(ttl time.Duration) *keystorev1.CachePolicy {
		return &keystorev1.CachePolicy{TtlMillis: ttl.Milliseconds()}
	}
	for name, tc := range map[string]struct {
		key, tenant *keystorev1.CachePolicy
		header      string
		member      string
		want        time.Duration
	}{
		"nobody says":           {nil, nil, "", "", 0},
		"the tenant":            {nil, policy(time.Hour), "", "", time.Hour},
		"the key":               {policy(time.Minute), policy(time.Hour), "", "", time.Minute},
		"the body":              {policy(time.Minute), nil, "", `"cache":{"ttl":7}`, 7 * time.Second},
		"the header, over both": {policy(time.Minute), nil, "5", `"cache":{"ttl":7}`, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			const keeper = "sk-keeper-0123456789abcdef"
			r.keystore.put(keeper, &keystorev1.Grant{
				Key: &keystorev1.Key{Id: "keeper", TenantId: "t", Cache: tc.key}, Tenant: &keystorev1.Tenant{Id: "t", Cache: tc.tenant},
			})
			header := map[string]string{}
			if tc.header != "" {
				header["X-Cache-Ttl"] = tc.header
			}
			var more []string
			if tc.member != "" {
				more = append(more, tc.member)
			}
			r.do(http.MethodPost, chatPath, call{keeper, header, chat("Hi", more...)})
			eventually(t, "the entry", func() bool { return r.cache.kept() == 1 })
			if r.cache.ttl != tc.want {
				t.Errorf("kept for %s, want %s", r.cache.ttl, tc.want)
			}
		})
	}
}

// TestSlowReadersAreCutOff has a caller read nothing of a stream that goes on: it is taken
// to have left.
func TestSlowReadersAreCutOff(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(s *setup) { s.options.WriteTimeout, s.options.Cache, s.real = 300*time.Millisecond, false, true })
	ended := make(chan struct{})
	r.router.stream = func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
		defer close(ended)
		chunk := bytes.Repeat([]byte("x"), 1<<20)
		for {
			if err := send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: [][]byte{chunk}}); err != nil {
				return err
			}
		}
	}
	body := chat("Hi", streamed)
	r.dial(t, announce(acmeKey, len(body))+body)
	wait(t, "the provider's end", ended)
	if rec := r.ledger(1)[0]; rec.GetError() != string(errs.ClientClosed) || rec.GetCostNanos() == 0 {
		t.Errorf("the ledger has %v", rec)
	}
}

// What a call asks of services belongs to the caller's trace.
func TestTheTraceIsCarriedOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	heard := make(chan oteltrace.SpanContext, 1)
	whole := r.router.whole
	r.router.whole = func(ctx context.Context, c *routerv1.Call) (*routerv1.CompleteResponse, error) {
		heard <- oteltrace.SpanContextFromContext(ctx)
		return whole(ctx, c)
	}
	const trace = "0af7651916cd43dd8448eb211c80319c"
	for parent, want := range map[string]string{"00-" + trace + "-b7ad6b7169203331-01": trace, "00-x": ""} {
		a := r.do(http.MethodPost, chatPath, call{acmeKey, map[string]string{"Traceparent": parent}, chat("Hi", `"cache":{"no-cache":true}`)})
		if a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if span := <-heard; span.HasTraceID() != (want != "") || want != "" && span.TraceID().String() != want {
			t.Errorf("of %q the router heard %v", parent, span)
		}
	}
}
