package router

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret"
	"tollgate.dev/services/router/upstream"
)

func TestMain(m *testing.M) {
	// net/http keeps a connection that it closes for half a second, on a goroutine of its own.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

const (
	prompt    = "a prompt that nobody else may read"
	gatewayID = "sk-gateway-credential-0001"
	tenantID  = "sk-tenant-credential-0002"

	body   = `{"model":"m","messages":[{"role":"user","content":"` + prompt + `"}]}`
	answer = `{"id":"c","object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`
)

// exchangeFake is an [Exchanger] that a test writes.
type exchangeFake func(ctx context.Context, req *upstream.Request) (*upstream.Response, error)

func (f exchangeFake) Do(ctx context.Context, req *upstream.Request) (*upstream.Response, error) {
	return f(ctx, req)
}

// script answers the first request with its first step, and so on.
type script struct {
	mu    sync.Mutex
	hosts []string
	steps []exchangeFake
}

func (s *script) Do(ctx context.Context, req *upstream.Request) (*upstream.Response, error) {
	s.mu.Lock()
	n := len(s.hosts)
	s.hosts = append(s.hosts, req.URL.Host)
	step := s.steps[min(n, len(s.steps)-1)]
	s.mu.Unlock()
	return step(ctx, req)
}

func (s *script) calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.hosts...)
}

func steps(s ...exchangeFake) *script { return &script{steps: s} }

// reply answers with a status, a body, and header fields as name, value, ….
func reply(status int, text string, header ...string) exchangeFake {
	return func(context.Context, *upstream.Request) (*upstream.Response, error) {
		h := make(http.Header)
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &upstream.Response{Status: status, Header: h, Length: int64(len(text)), Body: answerBody{io.NopCloser(strings.NewReader(text))}}, nil
	}
}

// broken answers with the beginning of a body of unknown length, and then an error.
func broken(text string, err error) exchangeFake {
	return func(context.Context, *upstream.Request) (*upstream.Response, error) {
		r := io.MultiReader(strings.NewReader(text), iotestErr{err})
		return &upstream.Response{Status: 200, Header: http.Header{}, Length: -1, Body: answerBody{io.NopCloser(r)}}, nil
	}
}

// answerBody is a body without a connection: to finish it is to close it.
type answerBody struct{ io.ReadCloser }

func (b answerBody) Finish() { _ = b.Close() }

type iotestErr struct{ err error }

func (e iotestErr) Read([]byte) (int, error) { return 0, e.err }

// hang answers when its context ends.
func hang(ctx context.Context, _ *upstream.Request) (*upstream.Response, error) {
	<-ctx.Done()
	return nil, upstream.Classify(ctx, ctx.Err())
}

// events is a stream of server-sent events.
func events(data ...string) string {
	return "data: " + strings.Join(data, "\n\ndata: ") + "\n\n"
}

func chunk(text string) string {
	return `{"id":"c","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{"content":"` + text + `"},"finish_reason":null}]}`
}

type metricsFake struct {
	mu      sync.Mutex
	errors  []string
	retries int
}

func (m *metricsFake) ProviderError(provider, code string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.errors = append(m.errors, provider+" "+code)
}

func (m *metricsFake) ProviderRetry(string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.retries++
}

type credentialsFake func(tenant, provider string) (Credential, error)

func (f credentialsFake) Open(_ context.Context, tenant, provider string) (Credential, error) {
	return f(tenant, provider)
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// rig is a service with everything around it made up.
type rig struct {
	*Service
	clock   *clocktest.Fake
	metrics *metricsFake
	logged  *buffer
}

func newRig(tb testing.TB, opts Options, exchange Exchanger) *rig {
	tb.Helper()
	r := &rig{clock: clocktest.New(), metrics: &metricsFake{}, logged: &buffer{}}
	r.Service = newService(tb, opts, exchange, r.clock, r.logged, r.metrics)
	r.random = func() float64 { return 0.5 } // every wait is its mean
	return r
}

func newService(tb testing.TB, opts Options, exchange Exchanger, clk clock.Clock, logged io.Writer, metrics Metrics) *Service {
	tb.Helper()
	credentials := credentialsFake(func(tenant, _ string) (Credential, error) {
		own := Credential{APIKey: secret.New(tenantID)}
		switch tenant {
		case "none":
			return Credential{}, errs.New(errs.ServiceUnavailable, "the keystore is away")
		case "elsewhere":
			own.APIBase = &url.URL{Scheme: "https", Host: "tenant.example", Path: "/own"}
		}
		return own, nil
	})
	s, err := New(opts, exchange, credentials, clk, slog.New(slog.NewTextHandler(logged, nil)), metrics)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// at is a deployment of model m whose requests go to the host.
func at(host string, change ...func(*Deployment)) Deployment {
	d := Deployment{
		ID: host, Model: "m", Provider: "openai", UpstreamModel: "up",
		APIBase: &url.URL{Scheme: "https", Host: host, Path: "/v1"}, APIKey: secret.New(gatewayID),
		ProviderHost: true,
	}
	for _, c := range change {
		c(&d)
	}
	return d
}

func call(change ...func(*routerv1.Call)) *routerv1.Call {
	c := &routerv1.Call{Model: "m", Input: &routerv1.Call_Body{Body: []byte(body)}, RequestId: "req-1"}
	for _, f := range change {
		f(c)
	}
	return c
}

// awaitFailures returns once so many attempts have failed.
func (r *rig) awaitFailures(n int) {
	for {
		r.metrics.mu.Lock()
		have := len(r.metrics.errors)
		r.metrics.mu.Unlock()
		if have >= n {
			return
		}
		runtime.Gosched()
	}
}

// result is what became of a call.
type result struct {
	resp     *routerv1.CompleteResponse
	messages []*routerv1.StreamCompleteResponse
	err      error
}

// begin makes a call, streamed or not, in a goroutine of its own.
func (r *rig) begin(ctx context.Context, stream bool, c *routerv1.Call) <-chan result {
	done := make(chan result, 1)
	go func() { done <- r.run(ctx, stream, c) }()
	return done
}

func (r *rig) run(ctx context.Context, stream bool, c *routerv1.Call) result {
	var out result
	if !stream {
		out.resp, out.err = r.Complete(ctx, c)
		return out
	}
	out.err = r.Stream(ctx, c, func(m *routerv1.StreamCompleteResponse) error {
		out.messages = append(out.messages, m)
		return nil
	})
	return out
}

// complete makes a call. Its error is the call's, wherever it stands.
func (r *rig) complete(t *testing.T, c *routerv1.Call) (*routerv1.CompleteResponse, error) {
	t.Helper()
	got := r.run(t.Context(), false, c)
	if e := got.failure(t); e != nil {
		return got.resp, e
	}
	return got.resp, nil
}

// failure is the error that a call ended with, wherever it stands; nil without one.
func (r result) failure(t *testing.T) *errs.Error {
	t.Helper()
	switch {
	case r.err != nil:
		return errs.Of(r.err)
	case r.resp != nil && r.resp.GetError() != nil:
		return errs.FromInfo(r.resp.GetError(), r.resp.GetErrorMessage())
	case r.resp != nil:
		return nil
	}
	end := r.end(t)
	if end.GetError() == nil {
		return nil
	}
	return errs.FromInfo(end.GetError(), end.GetErrorMessage())
}

// end is a stream's end, which only the last message has.
func (r result) end(t *testing.T) *routerv1.StreamEnd {
	t.Helper()
	for i, m := range r.messages {
		if last := i == len(r.messages)-1; (m.GetEnd() != nil) != last {
			t.Fatalf("message %d of %d: end %v", i, len(r.messages), m.GetEnd())
		}
		if (m.GetServed() != nil) != (i == 0) && len(m.GetChunks()) > 0 {
			t.Errorf("message %d: served %v", i, m.GetServed())
		}
	}
	if len(r.messages) == 0 {
		t.Fatal("a stream without an end")
	}
	return r.messages[len(r.messages)-1].GetEnd()
}

func (r result) chunks() (all []string) {
	for _, m := range r.messages {
		for _, c := range m.GetChunks() {
			all = append(all, string(c))
		}
	}
	return all
}

// served is what served a call.
func (r result) served() *routerv1.Served {
	if r.resp != nil {
		return r.resp.GetServed()
	}
	for _, m := range r.messages {
		if m.GetServed() != nil {
			return m.GetServed()
		}
	}
	return nil
}

// await is a result that must be there soon.
func await(t *testing.T, done <-chan result) result {
	t.Helper()
	select {
	case r := <-done:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("the call does not end")
		return result{}
	}
}

func wantReason(t *testing.T, got *errs.Error, want errs.Reason) {
	t.Helper()
	if want == "" && got != nil || want != "" && (got == nil || got.Reason != want) {
		t.Errorf("got %v, want %q", got, want)
	}
}
