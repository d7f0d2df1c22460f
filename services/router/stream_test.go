package router

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret/secrettest"
	"tollgate.dev/services/router/upstream"
)

func TestStreamEnds(t *testing.T) {
	a, b := chunk("a"), chunk("b")
	usage := `{"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`
	ok := reply(200, events(a, "[DONE]"))
	for name, tc := range map[string]struct {
		first  exchangeFake
		reason errs.Reason
		chunks []string
		input  int64 // of the usage that was seen
		rests  bool  // whether the failure counts against the deployment
	}{
		"properly":             {reply(200, events(a, b, usage, "[DONE]")), "", []string{a, b}, 3, false},
		"with nothing in it":   {reply(200, events("[DONE]")), "", nil, 0, false},
		"without its end":      {reply(200, events(a, b)), errs.ProviderError, []string{a, b}, 0, true},
		"in an event":          {reply(200, events(a)+"data: {"), errs.ProviderError, []string{a}, 0, true},
		"by a malformed chunk": {reply(200, events(a, "{", b, "[DONE]")), errs.ProviderError, []string{a}, 0, true},
		"by an error event":    {reply(200, events(a, usage, `{"error":{"message":"`+prompt+`","code":"rate_limit_exceeded"}}`)), errs.ProviderRateLimited, []string{a}, 3, true},
		"by a broken connection": {
			broken(events(a, b), errors.New("read tcp: connection reset by peer")),
			errs.ProviderError, []string{a, b}, 0, true,
		},
		"after an event that is too large": {reply(200, events(a, strings.Repeat("x", 9<<20))), errs.ProviderError, []string{a}, 0, true},
		"before it began":                  {reply(200, ""), errs.ProviderError, nil, 0, true},
		"by a malformed first chunk":       {reply(200, events("{")), errs.ProviderError, nil, 0, true},
		"before its first event":           {broken(": comment\n\n", io.ErrUnexpectedEOF), errs.ProviderError, nil, 0, true},
		"by the provider's word at once":   {reply(200, events(`{"error":{"message":"x"}}`)), "", []string{a}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			script := steps(tc.first, ok)
			r := newRig(t, Options{
				Deployments: []Deployment{at("a"), at("b", func(d *Deployment) { d.Order = 1 })}, Retries: 1,
			}, script)
			got := r.run(t.Context(), true, call())
			err := got.failure(t)
			wantReason(t, err, tc.reason)
			if !slices.Equal(got.chunks(), tc.chunks) {
				t.Errorf("chunks %v, want %v", got.chunks(), tc.chunks)
			}
			if n, retried := len(script.calls()), tc.reason == "" && tc.rests; (n == 2) != retried {
				t.Errorf("%d attempts", n)
			}
			last := got.messages[len(got.messages)-1]
			if last.GetUsage().GetInput() != tc.input {
				t.Errorf("usage %v", last.GetUsage())
			}
			if d := r.groups["m"].deployments[0]; d.resting(r.clock.Now()) != tc.rests {
				t.Errorf("the deployment rests: %v", !tc.rests)
			}
			if counted := len(r.metrics.errors) == 1; counted != tc.rests {
				t.Errorf("counted %v", r.metrics.errors)
			}
			secrettest.AssertNoLeak(t, r.logged.String(), prompt, gatewayID)
			if err != nil {
				secrettest.AssertNoLeak(t, err.Error(), prompt, "connection reset")
			}
		})
	}
}

// pipe is a provider's stream that a test writes as it goes.
func pipe(t *testing.T) (*io.PipeWriter, exchangeFake) {
	t.Helper()
	r, w := io.Pipe()
	return w, func(ctx context.Context, _ *upstream.Request) (*upstream.Response, error) {
		context.AfterFunc(ctx, func() { _ = r.CloseWithError(ctx.Err()) })
		return &upstream.Response{Status: 200, Length: -1, Body: answerBody{r}}, nil
	}
}

func write(t *testing.T, w io.Writer, s string) {
	t.Helper()
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
}

// open begins a stream whose messages come out one by one.
func (r *rig) open(ctx context.Context) (<-chan *routerv1.StreamCompleteResponse, <-chan error) {
	messages, done := make(chan *routerv1.StreamCompleteResponse, 100), make(chan error, 1)
	go func() {
		done <- r.Stream(ctx, call(), func(m *routerv1.StreamCompleteResponse) error { messages <- m; return nil })
	}()
	return messages, done
}

func next(t *testing.T, from <-chan *routerv1.StreamCompleteResponse) *routerv1.StreamCompleteResponse {
	t.Helper()
	select {
	case m := <-from:
		return m
	case <-time.After(10 * time.Second):
		t.Fatal("no message comes")
		return nil
	}
}

func TestChunksGoOutAsTheyArrive(t *testing.T) {
	w, exchange := pipe(t)
	r := newRig(t, Options{Deployments: []Deployment{at("a")}}, steps(exchange))
	messages, done := r.open(t.Context())
	write(t, w, events(chunk("a")))
	if m := next(t, messages); len(m.GetChunks()) != 1 || m.GetServed().GetDeploymentId() != "a" {
		t.Errorf("first %v", m)
	}
	write(t, w, events(chunk("b"), chunk("c"))) // together: one message
	if m := next(t, messages); len(m.GetChunks()) != 2 || m.GetServed() != nil {
		t.Errorf("second %v", m)
	}
	write(t, w, events(chunk("d"), "[DONE]")) // with the end: the last one
	if m := next(t, messages); len(m.GetChunks()) != 1 || m.GetEnd() == nil {
		t.Errorf("last %v", m)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestBatchesAreBounded(t *testing.T) {
	many := slices.Repeat([]string{chunk("x")}, maxBatch*2+3)
	r := newRig(t, Options{Deployments: []Deployment{at("a")}}, steps(broken(events(append(many, "[DONE]")...), io.EOF)))
	got := r.run(t.Context(), true, call())
	if len(got.chunks()) != len(many) {
		t.Errorf("%d chunks came", len(got.chunks()))
	}
	for _, m := range got.messages {
		if len(m.GetChunks()) > maxBatch {
			t.Errorf("%d chunks in one message", len(m.GetChunks()))
		}
	}
}

// A stream that stops in its midst ends with an error, and what it cost until then.
func TestStalledStream(t *testing.T) {
	w, exchange := pipe(t)
	r := newRig(t, Options{Timeout: time.Hour, Retries: 2, Deployments: []Deployment{
		at("a", func(d *Deployment) { d.StreamTimeout, d.StreamIdleTimeout = second, 10*second }),
		at("b", func(d *Deployment) { d.Order = 1 }),
	}}, steps(exchange))
	messages, done := r.open(t.Context())
	r.clock.WaitForTimers(t, 2)
	for range 3 { // each wait is one of its own, and longer than that for the first event
		write(t, w, events(chunk("a"))+": still there\n\n")
		next(t, messages)
		r.clock.WaitForTimers(t, 2)
		r.clock.Advance(10*second - 1)
	}
	write(t, w, ": a comment is no event\n\n")
	select {
	case m := <-messages:
		t.Fatalf("ended early: %v", m)
	default:
	}
	r.clock.Advance(1)
	end := next(t, messages).GetEnd()
	if end.GetError().GetReason() != string(errs.ProviderTimeout) || end.GetErrorMessage() != errStalled.Message {
		t.Errorf("ends with %v", end)
	}
	if b := end.GetBilledAttempts(); len(b) != 1 || !b[0].GetIncomplete() {
		t.Errorf("billed %v", b)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !r.groups["m"].deployments[0].resting(r.clock.Now()) || !strings.Contains(r.logged.String(), "cause=stream_idle_timeout") {
		t.Errorf("rests until %v; logged %s", r.groups["m"].deployments[0].restUntil.Load(), r.logged)
	}
	if r.clock.Timers() != 0 {
		t.Errorf("%d timers are left", r.clock.Timers())
	}
}

// A caller who reads slowly does not make the provider late.
func TestSlowCallerIsNoStall(t *testing.T) {
	w, exchange := pipe(t)
	r := newRig(t, Options{Timeout: time.Hour, StreamIdleTimeout: second, Deployments: []Deployment{at("a")}}, steps(exchange))
	sending, taken := make(chan *routerv1.StreamCompleteResponse), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- r.Stream(t.Context(), call(), func(m *routerv1.StreamCompleteResponse) error {
			sending <- m
			<-taken
			return nil
		})
	}()
	for range 3 {
		write(t, w, events(chunk("a")))
		next(t, sending)
		r.clock.Advance(5 * second)
		taken <- struct{}{}
	}
	write(t, w, events("[DONE]"))
	if m := next(t, sending); m.GetEnd() == nil || m.GetEnd().GetError() != nil {
		t.Errorf("ends with %v", m)
	}
	taken <- struct{}{}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestIdleLimitOfADeployment(t *testing.T) {
	for name, tc := range map[string]struct {
		opts   Options
		change func(*Deployment)
		want   time.Duration
	}{
		"by default":       {Options{}, func(*Deployment) {}, 5 * time.Minute},
		"the call's time":  {Options{Timeout: time.Minute}, func(*Deployment) {}, time.Minute},
		"the router's":     {Options{StreamIdleTimeout: 20 * second}, func(*Deployment) {}, 20 * second},
		"an attempt's":     {Options{StreamIdleTimeout: 20 * second}, func(d *Deployment) { d.Timeout = 10 * second }, 10 * second},
		"the deployment's": {Options{StreamIdleTimeout: 20 * second}, func(d *Deployment) { d.StreamIdleTimeout = 30 * second }, 30 * second},
	} {
		tc.opts.Deployments = []Deployment{at("a", tc.change)}
		r := newRig(t, tc.opts, steps(hang))
		if got := r.groups["m"].deployments[0].StreamIdleTimeout; got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestTimeAfterTheFirstEventIsTheCalls(t *testing.T) {
	w, exchange := pipe(t)
	r := newRig(t, Options{
		Timeout: time.Minute, StreamTimeout: second, Retries: 2, Deployments: []Deployment{at("a")},
	}, steps(exchange))
	messages, done := r.open(t.Context())
	r.clock.WaitForTimers(t, 2)
	write(t, w, events(chunk("a")))
	next(t, messages)
	r.clock.Advance(59 * second)
	write(t, w, events(chunk("b"))) // a silence longer than the first event may take
	next(t, messages)
	r.clock.Advance(second)
	m := next(t, messages)
	if m.GetEnd().GetError().GetReason() != string(errs.ProviderTimeout) || m.GetEnd().GetErrorMessage() != errCallTime.Message {
		t.Errorf("ends with %v", m)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A provider that keeps the connection open behind the end keeps neither the router nor
// the caller: what is left of the body is the exchange's to read.
func TestStreamEndsBeforeItsBody(t *testing.T) {
	r, w := io.Pipe()
	body := &finished{ReadCloser: r}
	rig := newRig(t, Options{Deployments: []Deployment{at("a")}}, steps(func(context.Context, *upstream.Request) (*upstream.Response, error) {
		return &upstream.Response{Status: 200, Length: -1, Body: body}, nil
	}))
	messages, done := rig.open(t.Context())
	write(t, w, events(chunk("a"), "[DONE]"))
	if m := next(t, messages); m.GetEnd() == nil || m.GetEnd().GetError() != nil {
		t.Fatalf("the end waits for the connection: %v", m)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if body.finishes != 1 || body.closes != 0 {
		t.Errorf("finished %d times, closed %d times", body.finishes, body.closes)
	}
}

// finished counts how a body is let go of.
type finished struct {
	io.ReadCloser
	finishes, closes int
}

func (f *finished) Finish() { f.finishes++ }

func (f *finished) Close() error {
	f.closes++
	return f.ReadCloser.Close()
}

func TestSendFails(t *testing.T) {
	gone := errors.New("the consumer is gone")
	closed := make(chan struct{})
	w, exchange := pipe(t)
	r := newRig(t, Options{Deployments: []Deployment{at("a")}, Retries: 3}, steps(func(ctx context.Context, req *upstream.Request) (*upstream.Response, error) {
		context.AfterFunc(ctx, func() { close(closed) })
		return exchange(ctx, req)
	}))
	go func() { _, _ = io.WriteString(w, events(chunk("a"))) }()
	err := r.Stream(t.Context(), call(), func(*routerv1.StreamCompleteResponse) error { return gone })
	if !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	<-closed // the provider's work has ended
	if len(r.metrics.errors) != 0 {
		t.Errorf("counted as the provider's fault: %v", r.metrics.errors)
	}
}

func TestCallerLeavesInMidStream(t *testing.T) {
	w, exchange := pipe(t)
	r := newRig(t, Options{Deployments: []Deployment{at("a")}, Retries: 3}, steps(exchange))
	ctx, cancel := context.WithCancel(t.Context())
	messages, done := r.open(ctx)
	write(t, w, events(chunk("a")))
	next(t, messages)
	cancel()
	if m := next(t, messages); m.GetEnd().GetError().GetReason() != string(errs.ClientClosed) {
		t.Errorf("ends with %v", m)
	}
	if err := <-done; err != nil || len(r.metrics.errors) != 0 {
		t.Errorf("%v; counted %v", err, r.metrics.errors)
	}
}

// A stream that was read to its end leaves its connection for the next call, although the
// caller leaves with the end.
func TestStreamsReuseTheirConnection(t *testing.T) {
	const streams = 10
	peers := make(chan string, streams)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peers <- r.RemoteAddr
		_, _ = io.WriteString(w, events(chunk("a")))
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, events("[DONE]"))
		_ = http.NewResponseController(w).Flush() // the end of the body comes apart from it
	}))
	defer server.Close()
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := upstream.New(upstream.Options{Allowlist: upstream.Allowlist{base.Host}})
	defer client.Close()
	r := newRig(t, Options{Deployments: []Deployment{at("a", func(d *Deployment) { d.APIBase = base })}}, client)
	for range streams {
		ctx, cancel := context.WithCancel(t.Context())
		messages, done := r.open(ctx)
		for end := (*routerv1.StreamEnd)(nil); end == nil; {
			if end = next(t, messages).GetEnd(); end.GetError() != nil {
				t.Fatalf("ends with %v", end)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		client.Wait()
	}
	for first := <-peers; len(peers) > 0; {
		if <-peers != first {
			t.Error("a second connection was made")
		}
	}
}
