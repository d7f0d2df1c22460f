package router

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/platform/secret/secrettest"
	"tollgate.dev/services/router/upstream"
)

func TestNewRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		opts Options
		want string
	}{
		"strategy":          {Options{Strategy: "simple"}, `unknown routing strategy "simple"`},
		"provider":          {Options{Deployments: []Deployment{{ID: "d", Provider: "acme"}}}, `deployment "d": unknown provider "acme"`},
		"id twice":          {Options{Deployments: []Deployment{at("a"), at("a")}}, `the deployment id "a" occurs twice`},
		"no base":           {Options{Deployments: []Deployment{{ID: "d", Provider: "openai_compatible"}}}, `needs an api_base`},
		"alias of nothing":  {Options{Aliases: map[string]string{"x": "y"}}, `the alias "x" names no model`},
		"alias of an alias": {Options{Deployments: []Deployment{at("a")}, Aliases: map[string]string{"x": "m", "y": "x"}}, `the alias "y" names no model`},
		"alias is a model":  {Options{Deployments: []Deployment{at("a")}, Aliases: map[string]string{"m": "m"}}, `the alias "m" is also a model`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(tc.opts, nil, nil, clock.Real(), slog.New(slog.DiscardHandler), nil)
			if !errs.Is(err, errs.InvalidRequest) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestDeploymentURL(t *testing.T) {
	for _, tc := range []struct{ base, path, want string }{
		{"https://h/v1/", "/chat", "https://h/v1/chat"},
		{"https://h", "/chat?alt=sse", "https://h/chat?alt=sse"},
		{"https://user:pass@h/v1?key=1#x", "/chat", "https://h/v1/chat"},
		{"https://h/v1beta", "/models/a%2Fb%3Bc:generateContent?alt=sse", "https://h/v1beta/models/a%2Fb%3Bc:generateContent?alt=sse"},
		{"https://h/a b", "/x%2Fy", "https://h/a%20b/x%2Fy"},
	} {
		base, err := url.Parse(tc.base)
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, Options{Deployments: []Deployment{at("a", func(d *Deployment) { d.APIBase = base })}}, nil)
		d := r.groups["m"].deployments[0]
		u, err := d.url(d.base, tc.path)
		if err != nil || u.String() != tc.want {
			t.Errorf("%s + %s = %v (%v), want %s", tc.base, tc.path, u, err, tc.want)
		}
		secrettest.AssertNoLeak(t, d.baseText+u.String(), "user:pass")
		if _, err := d.url(d.base, "/%zz"); err == nil {
			t.Error("a path that is not escaped")
		}
	}
}

// What goes to the provider, and what comes back of its header.
func TestExchangedHeaders(t *testing.T) {
	var got *upstream.Request
	r := newRig(t, Options{Deployments: []Deployment{at("a", func(d *Deployment) {
		d.Headers = http.Header{"Openai-Organization": {"org"}, "Authorization": {"Basic x"}}
	})}}, steps(func(ctx context.Context, req *upstream.Request) (*upstream.Response, error) {
		got = req
		return reply(200, answer, "X-Request-Id", "req", "X-Ratelimit-Remaining-Tokens", "7",
			"Anthropic-Ratelimit-X", "8", "Set-Cookie", "session", "Server", "s")(ctx, req)
	}))
	resp, err := r.complete(t, call())
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"tollgate"},
		"Openai-Organization": {"org"}, "Authorization": {"Bearer " + gatewayID},
	}
	for name := range got.Header {
		if got.Header.Get(name) != want.Get(name) {
			t.Errorf("%s: %q, want %q", name, got.Header.Get(name), want.Get(name))
		}
	}
	if got.URL.String() != "https://a/v1/chat/completions" || len(got.Header) != len(want) {
		t.Errorf("%s %v", got.URL, got.Header)
	}
	served := resp.GetServed()
	if h := served.GetProviderHeaders(); len(h) != 3 || h["x-request-id"] != "req" || h["x-ratelimit-remaining-tokens"] != "7" || h["anthropic-ratelimit-x"] != "8" {
		t.Errorf("visible headers %v", h)
	}
	if served.GetDeploymentId() != "a" || served.GetApiBase() != "https://a/v1" || served.GetUpstreamModel() != "up" || served.GetProvider() != "openai" {
		t.Errorf("served %v", served)
	}
	if u := resp.GetUsage(); u.GetInput() != 3 || u.GetOutput() != 2 {
		t.Errorf("usage %v", u)
	}
}

func TestInput(t *testing.T) {
	index := func(doc string) []uint32 {
		var f jsonscan.Fields
		if err := f.Scan([]byte(doc)); err != nil {
			t.Fatal(err)
		}
		return f.AppendIndex(nil)
	}
	typed := &routerv1.ChatInput{Messages: []*routerv1.ChatMessage{{Role: "user", Parts: []*routerv1.ChatPart{
		{Part: &routerv1.ChatPart_Text{Text: prompt}},
	}}}}
	for name, tc := range map[string]struct {
		call   *routerv1.Call
		reason errs.Reason
	}{
		"scanned":         {call(), ""},
		"indexed":         {call(func(c *routerv1.Call) { c.BodyIndex = index(body) }), ""},
		"typed":           {&routerv1.Call{Model: "m", Input: &routerv1.Call_Chat{Chat: typed}}, ""},
		"typed, an index": {&routerv1.Call{Model: "m", Input: &routerv1.Call_Chat{Chat: typed}, BodyIndex: []uint32{1, 2, 3}}, ""},
		"a bad index":     {call(func(c *routerv1.Call) { c.BodyIndex = []uint32{1, 2, 9999} }), errs.InvalidRequest},
		"no input":        {&routerv1.Call{Model: "m"}, errs.InvalidRequest},
		"no object": {call(func(c *routerv1.Call) {
			c.Input = &routerv1.Call_Body{Body: []byte(`["` + prompt + `"]`)}
		}), errs.InvalidRequest},
		"a key twice": {call(func(c *routerv1.Call) {
			c.Input = &routerv1.Call_Body{Body: []byte(`{"model":"` + prompt + `","model":"m"}`)}
		}), errs.InvalidRequest},
		"an empty part": {&routerv1.Call{Model: "m", Input: &routerv1.Call_Chat{Chat: &routerv1.ChatInput{
			Messages: []*routerv1.ChatMessage{{Role: "user", Parts: []*routerv1.ChatPart{{}}}},
		}}}, errs.InvalidRequest},
		"unknown model": {call(func(c *routerv1.Call) { c.Model = "gpt-9" }), errs.ModelNotFound},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				var sent []byte
				ok := map[bool]string{false: answer, true: events("[DONE]")}[stream]
				r := newRig(t, Options{Deployments: []Deployment{at("a")}}, steps(func(ctx context.Context, req *upstream.Request) (*upstream.Response, error) {
					sent = bytes.Clone(req.Body)
					return reply(200, ok)(ctx, req)
				}))
				for range 2 { // the second call uses the first one's memory
					got := r.run(t.Context(), stream, tc.call)
					if tc.reason != "" {
						if got.err == nil || len(got.messages) > 0 {
							t.Fatal("it was not refused before it was tried")
						}
						secrettest.AssertNoLeak(t, got.err.Error(), prompt)
					}
					wantReason(t, got.failure(t), tc.reason)
					if tc.reason == "" && !strings.Contains(string(sent), prompt) {
						t.Errorf("sent %s", sent)
					}
				}
			})
		}
	}
}

func TestDroppedParams(t *testing.T) {
	input := &routerv1.Call_Body{Body: []byte(`{"messages":[{"role":"user","content":"x"}],"logprobs":true,"seed":1}`)}
	for _, by := range []string{"call", "deployment"} {
		r := newRig(t, Options{Deployments: []Deployment{at("a", func(d *Deployment) {
			d.Provider, d.DropParams = "groq", by == "deployment"
		})}}, steps(reply(200, answer)))
		resp, err := r.complete(t, call(func(c *routerv1.Call) { c.Input, c.DropParams = input, by == "call" }))
		if err != nil || !slices.Equal(resp.GetServed().GetDroppedParams(), []string{"logprobs"}) {
			t.Errorf("%s: dropped %v, %v", by, resp.GetServed().GetDroppedParams(), err)
		}
	}
}

func TestAnswerBound(t *testing.T) {
	for name, tc := range map[string]struct {
		length int64
		limit  int
		reason errs.Reason
	}{
		"at the bound":                 {int64(len(answer)), len(answer), ""},
		"above it, announced":          {int64(len(answer)), len(answer) - 1, errs.ProviderError},
		"at the bound, unannounced":    {-1, len(answer), ""},
		"above it, unannounced":        {-1, len(answer) - 1, errs.ProviderError},
		"shorter than was announced":   {int64(len(answer)) + 1, 1 << 20, errs.ProviderError},
		"unannounced, and well within": {-1, 1 << 20, ""},
	} {
		t.Run(name, func(t *testing.T) {
			script := steps(func(context.Context, *upstream.Request) (*upstream.Response, error) {
				return &upstream.Response{Status: 200, Length: tc.length, Body: answerBody{io.NopCloser(strings.NewReader(answer))}}, nil
			})
			r := newRig(t, Options{Deployments: []Deployment{at("a")}, MaxAnswerBytes: int64(tc.limit)}, script)
			got := r.run(t.Context(), false, call())
			wantReason(t, got.failure(t), tc.reason)
			if tc.reason == "" && string(got.resp.GetBody()) != answer {
				t.Errorf("got %s", got.resp.GetBody())
			}
		})
	}
}

func TestTenantCredential(t *testing.T) {
	tenant := func(name string) func(*routerv1.Call) {
		return func(c *routerv1.Call) { c.TenantId, c.TenantProviders = name, []string{"openai"} }
	}
	var key string
	status, header := 200, []string{}
	script := steps(func(ctx context.Context, req *upstream.Request) (*upstream.Response, error) {
		key = req.Header.Get("Authorization")
		return reply(status, answer, header...)(ctx, req)
	})
	r := newRig(t, Options{Deployments: []Deployment{at("a"), at("b", func(d *Deployment) { d.Order = 1 })}, AllowedFails: 0}, script)
	for _, tc := range []struct {
		call func(*routerv1.Call)
		want string
	}{
		{func(*routerv1.Call) {}, gatewayID},
		{tenant("t"), tenantID},
		{func(c *routerv1.Call) { c.TenantId, c.TenantProviders = "t", []string{"groq"} }, gatewayID},
	} {
		if _, err := r.complete(t, call(tc.call)); err != nil || key != "Bearer "+tc.want {
			t.Errorf("sent another credential, or %v", err)
		}
	}
	key = ""
	_, err := r.complete(t, call(tenant("none")))
	if !errs.Is(err, errs.ServiceUnavailable) || key != "" || len(r.metrics.errors) != 0 {
		t.Errorf("without its credential a call went out, or %v; %v", err, r.metrics.errors)
	}
	// What a tenant's own account is at fault for does not concern the others.
	for _, status = range []int{401, 403, 429} {
		header = []string{"Retry-After", "9"}
		_, err := r.complete(t, call(tenant("t")))
		if err == nil || r.groups["m"].deployments[0].resting(r.clock.Now()) {
			t.Errorf("status %d of a tenant's account: %v, and the deployment rests", status, err)
		}
		secrettest.AssertNoLeak(t, err.Error()+r.logged.String(), tenantID, gatewayID)
	}
	status, header = 500, nil
	if _, err := r.complete(t, call(tenant("t"))); err == nil || !r.groups["m"].deployments[0].resting(r.clock.Now()) {
		t.Error("the provider's own fault counts, whose call it may be")
	}
}

// A tenant with a base URL of its own is served there, and what fails there says nothing
// about the deployment.
func TestTenantBase(t *testing.T) {
	tenant := func(name string) func(*routerv1.Call) {
		return func(c *routerv1.Call) { c.TenantId, c.TenantProviders = name, []string{"openai"} }
	}
	var went, key string
	status := 200
	r := newRig(t, Options{Deployments: []Deployment{at("a"), at("b", func(d *Deployment) { d.Order = 1 })}, AllowedFails: 0},
		steps(func(ctx context.Context, req *upstream.Request) (*upstream.Response, error) {
			went, key = req.URL.String(), req.Header.Get("Authorization")
			return reply(status, answer)(ctx, req)
		}))
	first := r.groups["m"].deployments[0]
	for _, tc := range []struct{ tenant, base, key string }{
		{"elsewhere", "https://tenant.example/own", tenantID}, {"t", "https://a/v1", tenantID}, {"elsewhere", "https://tenant.example/own", tenantID},
	} {
		resp, err := r.complete(t, call(tenant(tc.tenant)))
		if err != nil || went != tc.base+"/chat/completions" || key != "Bearer "+tc.key || resp.GetServed().GetApiBase() != tc.base {
			t.Errorf("%s: went to %s, served at %s, %v", tc.tenant, went, resp.GetServed().GetApiBase(), err)
		}
	}
	status = 500
	if _, err := r.complete(t, call(tenant("elsewhere"))); err == nil || first.resting(r.clock.Now()) {
		t.Errorf("a fault at the tenant's own base: %v, and the deployment rests", err)
	}
	if _, err := r.complete(t, call()); err == nil || !first.resting(r.clock.Now()) {
		t.Errorf("a fault at the deployment's own: %v, and it does not rest", err)
	}
}

// A tenant's key goes to the provider's host or to the tenant's own, and never to another
// that the operator configured; the operator's headers go to no tenant's.
func TestTenantCredentialsStayWithTheirHosts(t *testing.T) {
	for name, tc := range map[string]struct {
		tenant       string // t brings a key, elsewhere a key and a base URL
		providerHost bool
		host, key    string
		header       string // the names of the operator's that go along
	}{
		"nobody's key":                            {"", true, "a", gatewayID, "Openai-Organization X-Operator"},
		"a key, at the provider":                  {"t", true, "a", tenantID, "X-Operator"},
		"a key, at the operator's own host":       {"t", false, "a", gatewayID, "Openai-Organization X-Operator"},
		"a base URL, for the provider":            {"elsewhere", true, "tenant.example", tenantID, ""},
		"a base URL, for the operator's own host": {"elsewhere", false, "tenant.example", tenantID, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var sent *upstream.Request
			r := newRig(t, Options{Deployments: []Deployment{at("a", func(d *Deployment) {
				d.ProviderHost = tc.providerHost
				d.Headers = http.Header{"Openai-Organization": {"org"}, "X-Operator": {"operator's own"}}
			})}}, steps(func(ctx context.Context, req *upstream.Request) (*upstream.Response, error) {
				sent = req
				return reply(200, answer)(ctx, req)
			}))
			if _, err := r.complete(t, call(func(c *routerv1.Call) {
				if tc.tenant != "" {
					c.TenantId, c.TenantProviders = tc.tenant, []string{"openai"}
				}
			})); err != nil {
				t.Fatal(err)
			}
			var went []string
			for _, name := range []string{"Openai-Organization", "X-Operator"} {
				if sent.Header.Get(name) != "" {
					went = append(went, name)
				}
			}
			if sent.URL.Host != tc.host || sent.Header.Get("Authorization") != "Bearer "+tc.key || strings.Join(went, " ") != tc.header {
				t.Errorf("%s was called with the wrong key, or with the headers %v", sent.URL.Host, went)
			}
		})
	}
}

func TestSimulatorGetsNoTenantCredential(t *testing.T) {
	var key string
	r := newRig(t, Options{Deployments: []Deployment{at("a", func(d *Deployment) { d.Simulated = true })}},
		steps(func(ctx context.Context, req *upstream.Request) (*upstream.Response, error) {
			key = req.Header.Get("Authorization")
			return reply(200, answer)(ctx, req)
		}))
	resp, err := r.complete(t, call(func(c *routerv1.Call) { c.TenantId, c.TenantProviders = "t", []string{"openai"} }))
	if err != nil || key != "Bearer "+gatewayID || !resp.GetServed().GetSimulated() {
		t.Errorf("%v, served %v", err, resp.GetServed())
	}
}

// Tenants' faults are told by the router's answers; nothing secret is in them.
func TestOptionsRedact(t *testing.T) {
	secrettest.AssertRedacts(t, at("a"), gatewayID)
}

func TestListModels(t *testing.T) {
	r := newRig(t, Options{
		Deployments: []Deployment{at("b"), at("a", func(d *Deployment) { d.Model, d.Simulated = "a-model", true })},
		Aliases:     map[string]string{"z": "m"}, Created: time.Unix(77, 0),
	}, steps(reply(200, answer)))
	r.groups["m"].deployments[0].rest(r.clock.Now().Add(time.Second))
	server := rpc.NewServer()
	Register(server, r.Service)
	client := routerv1connect.NewRouterServiceClient(rpc.InProcess(server))
	list, err := client.ListModels(t.Context(), &routerv1.ListModelsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	wake := r.clock.Now().Add(time.Second).UnixMilli()
	for i, want := range []struct {
		name, id  string
		wake      int64
		simulated bool
	}{{"a-model", "a", 0, true}, {"m", "b", wake, false}, {"z", "b", wake, false}} {
		m := list.GetModels()[i]
		d := m.GetDeployments()[0]
		if m.GetName() != want.name || m.GetCreated() != 77 || d.GetId() != want.id || d.GetCooldownUntilMillis() != want.wake ||
			d.GetSimulated() != want.simulated || d.GetApiBase() != "https://"+want.id+"/v1" || d.GetProvider() != "openai" || d.GetUpstreamModel() != "up" {
			t.Errorf("model %d: %v", i, m)
		}
	}
	// Errors keep their reason across the hop, and aliases are models.
	if _, err := client.Complete(t.Context(), &routerv1.CompleteRequest{Call: call(func(c *routerv1.Call) { c.Model = "?" })}); !errs.Is(err, errs.ModelNotFound) || errs.Of(err).Param != "model" {
		t.Errorf("got %v", err)
	}
	r.clock.Advance(time.Second)
	resp, err := client.Complete(t.Context(), &routerv1.CompleteRequest{Call: call(func(c *routerv1.Call) { c.Model = "z" })})
	if err != nil || string(resp.GetBody()) != answer {
		t.Errorf("got %v, %v", resp, err)
	}
}

// A call that no deployment can honour is refused without being sent; whether they rest,
// and what a budget can pay, makes no difference.
func TestCheck(t *testing.T) {
	const seed = `,"seed":7}`
	of := func(provider string) Deployment { return at(provider, func(d *Deployment) { d.Provider = provider }) }
	for name, tc := range map[string]struct {
		deployments []Deployment
		more        string
		change      func(*routerv1.Call)
		reason      errs.Reason
		param       string
	}{
		"a plain call":         {[]Deployment{of("anthropic")}, "}", nil, "", ""},
		"nobody has it":        {[]Deployment{of("anthropic"), of("groq")}, `,"seed":7,"top_k":3,"logprobs":true}`, nil, errs.UnsupportedParameter, "logprobs"},
		"one has it":           {[]Deployment{of("anthropic"), of("openai")}, seed, nil, "", ""},
		"it may be dropped":    {[]Deployment{of("anthropic")}, seed, func(c *routerv1.Call) { c.DropParams = true }, "", ""},
		"a wrong type":         {[]Deployment{of("anthropic")}, `,"temperature":"hot"}`, nil, errs.InvalidRequest, "temperature"},
		"no model":             {[]Deployment{of("anthropic")}, "}", func(c *routerv1.Call) { c.Model = "none" }, errs.ModelNotFound, "model"},
		"no JSON":              {[]Deployment{of("anthropic")}, "", nil, errs.InvalidRequest, ""},
		"a budget's short cap": {[]Deployment{of("anthropic")}, `,"reasoning_effort":"high"}`, func(c *routerv1.Call) { c.MaxOutputTokens = 16 }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range tc.deployments {
				tc.deployments[i].UpstreamModel = "claude-sonnet-4-5"
			}
			script := steps(reply(200, answer))
			r := newRig(t, Options{Deployments: tc.deployments}, script)
			server := rpc.NewServer()
			Register(server, r.Service)
			client := routerv1connect.NewRouterServiceClient(rpc.InProcess(server))
			for _, d := range r.groups["m"].deployments {
				d.rest(r.clock.Now().Add(time.Hour))
			}
			for _, stream := range []bool{false, true} {
				_, err := client.Check(t.Context(), &routerv1.CheckRequest{Stream: stream, Call: call(func(c *routerv1.Call) {
					c.Input = &routerv1.Call_Body{Body: []byte(body[:len(body)-1] + tc.more)}
					if tc.change != nil {
						tc.change(c)
					}
				})})
				if (err == nil) != (tc.reason == "") || err != nil && (!errs.Is(err, tc.reason) || errs.Of(err).Param != tc.param) {
					t.Errorf("stream %v: got %v, want %q for %q", stream, err, tc.reason, tc.param)
				}
			}
			if n := len(script.calls()); n != 0 {
				t.Errorf("%d requests went out", n)
			}
		})
	}
}

func TestStreamOverRPC(t *testing.T) {
	r := newRig(t, Options{Deployments: []Deployment{at("a")}}, steps(reply(200, events(chunk("a"), chunk("b"), "[DONE]"))))
	server := rpc.NewServer()
	Register(server, r.Service)
	client := routerv1connect.NewRouterServiceClient(rpc.InProcess(server))
	stream, err := client.StreamComplete(t.Context(), &routerv1.StreamCompleteRequest{Call: call()})
	if err != nil {
		t.Fatal(err)
	}
	var got result
	for {
		m, err := stream.Receive()
		if err != nil {
			if err != io.EOF { //nolint:errorlint // it comes as itself
				t.Fatal(err)
			}
			break
		}
		got.messages = append(got.messages, m)
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	wantReason(t, got.failure(t), "")
	if !slices.Equal(got.chunks(), []string{chunk("a"), chunk("b")}) {
		t.Errorf("got %v", got.chunks())
	}
}

// TestWhoseTimeItIs says how long a call may take, and whether its caller said so: only the
// router's own limit tells something of a deployment.
func TestWhoseTimeItIs(t *testing.T) {
	r := newRig(t, Options{Timeout: time.Minute, Deployments: []Deployment{at("a")}}, nil)
	for name, tc := range map[string]struct {
		timeout, remaining int64
		want               time.Duration
		whose              error
	}{
		"the router's":               {0, 0, time.Minute, errCallTime},
		"the caller's":               {5000, 0, 5 * time.Second, errCallersTime},
		"what is left of the first":  {0, 7000, 7 * time.Second, errCallTime},
		"what is left of the second": {5000, 1000, time.Second, errCallersTime},
	} {
		c := &routerv1.Call{TimeoutMillis: tc.timeout}
		if tc.remaining > 0 {
			c.Resumption = &routerv1.Resumption{RemainingMillis: tc.remaining}
		}
		//nolint:errorlint // it comes as itself
		if got, whose := r.timeFor(c); got != tc.want || whose != tc.whose {
			t.Errorf("%s: %v, %v", name, got, whose)
		}
	}
}

func TestCallersTimeIsBounded(t *testing.T) {
	for millis, want := range map[int64]time.Duration{0: time.Minute, -5: time.Minute, 10: 10 * time.Millisecond, 1 << 62: time.Minute} {
		r := newRig(t, Options{Timeout: time.Minute, Deployments: []Deployment{at("a")}}, nil)
		_, p, err := r.accept(t.Context(), call(func(c *routerv1.Call) { c.TimeoutMillis = millis }), false)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.deadline.Sub(r.clock.Now()); got != want {
			t.Errorf("%d ms: %v", millis, got)
		}
		p.release()
	}
}
