package edge_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	errorv1 "tollgate.dev/gen/tollgate/error/v1"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
)

// In the rig a token of prompt costs 1,000 nano-dollars, one of answer 2,000, and the longest
// answer has 1,000 tokens. A prompt of two letters is estimated at few tokens.
const (
	perOutput  = 2000
	mostOutput = 1000
)

// lost is an attempt of which the provider said nothing.
func lost(change ...func(*routerv1.BilledAttempt)) *routerv1.BilledAttempt {
	a := &routerv1.BilledAttempt{Served: servedByM(), Incomplete: true}
	for _, f := range change {
		f(a)
	}
	return a
}

// without answers a call, streamed or not, with a failure and with what it may have cost.
func (f *routerFake) without(reason errs.Reason, resumption *routerv1.Resumption, attempts ...*routerv1.BilledAttempt) {
	info := &errorv1.ErrorInfo{Reason: string(reason)}
	f.whole = func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
		return &routerv1.CompleteResponse{Error: info, ErrorMessage: "no answer", BilledAttempts: attempts, Resumption: resumption}, nil
	}
	f.stream = func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
		return send(&routerv1.StreamCompleteResponse{End: &routerv1.StreamEnd{
			Error: info, ErrorMessage: "no answer", BilledAttempts: attempts, Resumption: resumption,
		}})
	}
}

// both runs a test for whole answers and for streams.
func both(t *testing.T, f func(t *testing.T, more []string)) {
	t.Helper()
	for name, more := range map[string][]string{"whole": nil, "streamed": {streamed}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, more)
		})
	}
}

// broken is a router whose every call ends in a panic, on this side of it.
type broken struct {
	routerv1connect.RouterServiceClient
}

func (broken) Complete(context.Context, *routerv1.CompleteRequest) (*routerv1.CompleteResponse, error) {
	panic("after the provider's answer")
}

func (broken) StreamComplete(context.Context, *routerv1.StreamCompleteRequest) (routerv1connect.RouterServiceStreamCompleteClientStream, error) {
	panic("after the provider's answer")
}

// A fault of the gateway's, in the router or in the edge, may come after the provider has
// answered: the call is charged what was reserved.
func TestFaultsAreNotFree(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, more []string) {
		t.Helper()
		for name, r := range map[string]*rig{
			"of the router": newRig(t),
			"of the edge": newRig(t, func(s *setup) {
				s.through = func(c routerv1connect.RouterServiceClient) routerv1connect.RouterServiceClient { return broken{c} }
			}),
		} {
			r.router.whole = func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
				panic("after the provider's answer")
			}
			r.router.stream = func(context.Context, *routerv1.Call, func(*routerv1.StreamCompleteResponse) error) error {
				panic("after the provider's answer")
			}
			a := r.complete(chat("Hi", append(more, `"max_tokens":100`)...))
			if a.status != http.StatusInternalServerError {
				t.Errorf("a fault %s: %d %s", name, a.status, a.body)
			}
			rec := r.ledger(1)[0]
			if rec.GetCostNanos() < 100*perOutput || rec.GetError() != string(errs.Internal) || !rec.GetUsage().GetEstimated() || rec.GetDeploymentId() != "m-1" {
				t.Errorf("a fault %s: the ledger has %v", name, rec)
			}
		}
	})
}

// An attempt that the provider may bill is charged: by what it reported, and where that is
// not all, by what came, or up to what was reserved.
func TestAttemptsWithoutAnAnswerAreCharged(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		attempt *routerv1.BilledAttempt
		members []string
		// output is what the ledger must have; input, where it is not 0.
		input, output int64
		estimated     bool
	}{
		"nothing is known": {lost(), nil, 0, mostOutput, true},
		"of a call with a limit": {
			lost(), []string{`"max_tokens":100`}, 0, 100, true,
		},
		"for several answers": {
			lost(), []string{`"max_tokens":100`, `"n":3`}, 0, 300, true,
		},
		"the provider had no time for more": {
			lost(func(a *routerv1.BilledAttempt) { a.WorkedMillis = 10 }), nil, 0, 51, true,
		},
		"the prompt was reported": {
			lost(func(a *routerv1.BilledAttempt) { a.Usage = &usagev1.Usage{Input: 33, Output: 1} }), nil, 33, mostOutput, true,
		},
		"all was reported": {
			&routerv1.BilledAttempt{Served: servedByM(), Usage: &usagev1.Usage{Input: 33, Output: 4}}, nil, 33, 4, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, more []string) {
				t.Helper()
				r := newRig(t)
				r.budget.limit("acme", 1e9)
				r.router.without(errs.ProviderTimeout, nil, tc.attempt)
				if a := r.complete(chat("Hi", append(more, tc.members...)...)); a.status != http.StatusGatewayTimeout {
					t.Errorf("%d %s", a.status, a.body)
				}
				rec := r.ledger(1)[0]
				u := rec.GetUsage()
				if u.GetOutput() != tc.output || tc.input > 0 && u.GetInput() != tc.input || u.GetInput() < 1 || u.GetEstimated() != tc.estimated {
					t.Errorf("used %v", u)
				}
				if want := u.GetInput()*1000 + u.GetOutput()*perOutput; rec.GetCostNanos() != want || rec.GetError() != string(errs.ProviderTimeout) {
					t.Errorf("the ledger has %v, want a cost of %d", rec, want)
				}
				if state := r.meter.State(scopesOfAcme); len(state) != 1 || int64(state[0].Spent) != rec.GetCostNanos() {
					t.Errorf("of the budget is spent %+v", state)
				}
			})
		})
	}
}

// Another attempt is made once it is reserved for as well; each is in the ledger, and the
// caller is told what all of them cost.
func TestAnotherAttemptIsReservedFor(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, more []string) {
		t.Helper()
		r := newRig(t)
		r.budget.limit("acme", 1e9)
		whole, stream := r.router.whole, r.router.stream
		r.router.without(errs.ProviderTimeout, &routerv1.Resumption{Failed: []string{"m-0"}, Attempts: 1}, lost())
		first, firstStream := r.router.whole, r.router.stream
		r.router.whole = func(ctx context.Context, c *routerv1.Call) (*routerv1.CompleteResponse, error) {
			if c.GetResumption() == nil {
				return first(ctx, c)
			}
			return whole(ctx, c)
		}
		r.router.stream = func(ctx context.Context, c *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
			if c.GetResumption() == nil {
				return firstStream(ctx, c, send)
			}
			return stream(ctx, c, send)
		}
		a := r.complete(chat("Hi", more...))
		if a.status != http.StatusOK || r.router.called() != 2 || r.router.last().GetResumption().GetAttempts() != 1 {
			t.Fatalf("%d %s after %d calls of the router", a.status, a.body, r.router.called())
		}
		ledger := r.ledger(2)
		if ledger[0].GetError() != string(errs.ProviderTimeout) || ledger[0].GetUsage().GetOutput() != mostOutput || ledger[1].GetError() != "" || ledger[1].GetCostNanos() != answerCost {
			t.Errorf("the ledger has %v", ledger)
		}
		want := money.Nano(ledger[0].GetCostNanos() + answerCost).Dollars()
		if got := a.header.Get("X-Tollgate-Cost") + a.trailer.Get("X-Tollgate-Cost"); got != want {
			t.Errorf("the caller is told %q, want %q", got, want)
		}
	})
}

// Where a budget cannot pay for another attempt, the call ends as the first one did.
func TestNoOtherAttemptWithoutMoney(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, more []string) {
		t.Helper()
		r := newRig(t)
		r.budget.limit("acme", 2_500_000) // one longest answer, and not two
		r.router.without(errs.ProviderTimeout, &routerv1.Resumption{Attempts: 1}, lost())
		a := r.complete(chat("Hi", append(more, `"max_tokens":1000`)...))
		if a.status != http.StatusGatewayTimeout || a.reason() != string(errs.ProviderTimeout) || r.router.called() != 1 {
			t.Errorf("%d %s after %d calls of the router", a.status, a.body, r.router.called())
		}
		spent := r.ledger(1)[0].GetCostNanos()
		if state := r.meter.State(scopesOfAcme); len(state) != 1 || int64(state[0].Spent) != spent || spent > 2_500_000 {
			t.Errorf("spent %d, %+v", spent, state)
		}
	})
}

// A caller that leaves pays for what the provider may have done, and for nothing that was
// never asked of it.
func TestCallersThatLeave(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		attempts []*routerv1.BilledAttempt
		// silent is a router that cannot answer any more, as over a network.
		silent bool
		output int64 // -1: no entry
	}{
		"before anything went out":      {nil, false, -1},
		"while the provider worked":     {[]*routerv1.BilledAttempt{lost()}, false, mostOutput},
		"and the router is not heard":   {nil, true, mostOutput},
		"after the provider had failed": {[]*routerv1.BilledAttempt{{Served: servedByM(), Usage: answerUsage()}}, false, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, more []string) {
				t.Helper()
				r := newRig(t)
				whole, stream := r.router.whole, r.router.stream
				r.router.without(errs.ClientClosed, nil, tc.attempts...)
				asked := make(chan struct{})
				left, leftStream := r.router.whole, r.router.stream
				r.router.whole = func(ctx context.Context, c *routerv1.Call) (*routerv1.CompleteResponse, error) {
					close(asked)
					if <-ctx.Done(); tc.silent {
						return nil, ctx.Err()
					}
					return left(ctx, c)
				}
				r.router.stream = func(ctx context.Context, c *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
					close(asked)
					if <-ctx.Done(); tc.silent {
						return ctx.Err()
					}
					return leftStream(ctx, c, send)
				}
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				go func() {
					<-asked
					leave()
				}()
				resp, err := r.open(ctx, http.MethodPost, chatPath, call{key: acmeKey, body: chat("Hi", append(more, `"cache":{"no-store":true}`)...)})
				if err == nil {
					_ = resp.Body.Close()
					t.Fatal("a caller that left was answered")
				}
				n := 1
				if tc.output < 0 {
					// The next call of the tenant is in the ledger behind all before it.
					r.router.whole, r.router.stream = whole, stream
					r.complete(chat("there", more...))
				}
				rec := r.ledger(n)[0]
				if tc.output < 0 {
					if rec.GetError() != "" || rec.GetCostNanos() != answerCost {
						t.Errorf("a call that never went out is charged: %v", rec)
					}
					return
				}
				if rec.GetError() != string(errs.ClientClosed) || rec.GetUsage().GetOutput() != tc.output {
					t.Errorf("the ledger has %v", rec)
				}
			})
		})
	}
}

// A stream that breaks off is charged by what came of it.
func TestABrokenStreamIsChargedByWhatCame(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("one two three four five six seven eight nine ten ", 20)
	for name, end := range map[string]func(send func(*routerv1.StreamCompleteResponse) error) error{
		"the router says so": func(send func(*routerv1.StreamCompleteResponse) error) error {
			return send(&routerv1.StreamCompleteResponse{End: &routerv1.StreamEnd{
				Error: &errorv1.ErrorInfo{Reason: string(errs.ProviderError)}, ErrorMessage: "it broke off",
				BilledAttempts: []*routerv1.BilledAttempt{lost(func(a *routerv1.BilledAttempt) { a.WorkedMillis = 60_000 })},
			}})
		},
		"the router ends it": func(func(*routerv1.StreamCompleteResponse) error) error { return nil },
		"the router is gone": func(func(*routerv1.StreamCompleteResponse) error) error {
			return errs.New(errs.ServiceUnavailable, "away")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.router.stream = func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
				if err := send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: [][]byte{delta(text)}}); err != nil {
					return err
				}
				return end(send)
			}
			if a := r.complete(chat("Hi", streamed)); strings.Contains(a.body, "[DONE]") {
				t.Errorf("a proper end: %s", a.body)
			}
			// Two hundred words, each a token or a little more.
			if rec := r.ledger(1)[0]; rec.GetUsage().GetOutput() < 150 || rec.GetUsage().GetOutput() > 300 || !rec.GetUsage().GetEstimated() {
				t.Errorf("the ledger has %v", rec)
			}
		})
	}
}

// Of a stream that broke off, what the provider reported counts where it is more than what
// came: it may think before it writes.
func TestABrokenStreamIsChargedByWhatWasReported(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.router.stream = func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
		if err := send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: [][]byte{delta("one two")}}); err != nil {
			return err
		}
		return send(&routerv1.StreamCompleteResponse{End: &routerv1.StreamEnd{
			Error: &errorv1.ErrorInfo{Reason: string(errs.ProviderError)}, ErrorMessage: "it broke off",
			BilledAttempts: []*routerv1.BilledAttempt{lost(func(a *routerv1.BilledAttempt) { a.Usage = &usagev1.Usage{Input: 33, Output: 500} })},
		}})
	}
	r.complete(chat("Hi", streamed))
	if rec := r.ledger(1)[0]; rec.GetUsage().GetOutput() != 500 || rec.GetUsage().GetInput() != 33 || rec.GetCostNanos() != 33*1000+500*perOutput {
		t.Errorf("the ledger has %v", rec)
	}
}

// A stream beyond what the cache takes is passed on whole and kept by nobody. Without usage
// it is charged by its beginning.
func TestLongStreamsAreNotKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const chunks = 2000
	text := strings.Repeat("word ", 200)
	r.router.stream = func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
		for i := range chunks {
			msg := &routerv1.StreamCompleteResponse{Chunks: [][]byte{delta(text)}}
			if i == 0 {
				msg.Served = servedByM()
			}
			if err := send(msg); err != nil {
				return err
			}
		}
		return send(&routerv1.StreamCompleteResponse{End: &routerv1.StreamEnd{}})
	}
	a := r.complete(chat("Hi", streamed))
	if got := strings.Count(a.body, text); got != chunks || !strings.HasSuffix(a.body, "data: [DONE]\n\n") {
		t.Errorf("%d of %d chunks came", got, chunks)
	}
	if r.cache.kept() != 0 {
		t.Error("it is in the cache")
	}
	if u := r.ledger(1)[0].GetUsage(); u.GetOutput() < chunks*200 || u.GetOutput() > chunks*220 || !u.GetEstimated() {
		t.Errorf("used %v, want some %d tokens", u, chunks*201)
	}
}

// A prompt that is not all in the request has no bound where the model's context window is
// unknown: a strict budget refuses it, by name.
func TestPromptsWithoutABound(t *testing.T) {
	t.Parallel()
	file := `{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]}`
	for name, tc := range map[string]struct {
		window, body string
		budget       bool
		refused      bool
	}{
		"a file, and nobody knows the window": {"", file, true, true},
		"without a budget":                    {"", file, false, false},
		"a window bounds it":                  {`"max_input_tokens": 100000,`, file, true, false},
		"plain text":                          {"", chat("Hi"), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(s *setup) { s.window = tc.window })
			if tc.budget {
				r.budget.limit("acme", 1e12)
			}
			a := r.complete(tc.body)
			if refused := a.status == http.StatusForbidden && a.reason() == string(errs.ModelNotAllowed); refused != tc.refused {
				t.Errorf("%d %s", a.status, a.body)
			}
			if state := r.meter.State(scopesOfAcme); tc.refused && (len(state) != 1 || state[0].Spent != 0 || r.router.called() != 0) {
				t.Errorf("%+v after %d calls", state, r.router.called())
			}
		})
	}
}

// Who follows a stream under way is told what serves it, as its leader was.
func TestFollowersAreToldWhatServesThem(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	proceed := make(chan struct{})
	var once sync.Once
	release := func() { once.Do(func() { close(proceed) }) }
	t.Cleanup(release)
	r.router.stream = func(ctx context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
		if err := send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: [][]byte{delta("Hel")}}); err != nil {
			return err
		}
		select {
		case <-proceed:
		case <-ctx.Done():
		}
		return send(&routerv1.StreamCompleteResponse{Chunks: [][]byte{delta("lo")}, Usage: answerUsage(), End: &routerv1.StreamEnd{}})
	}
	body := chat("Hi", streamed)
	leader, err := r.open(t.Context(), http.MethodPost, chatPath, call{key: acmeKey, body: body})
	must(t, err)
	defer func() { _ = leader.Body.Close() }()
	follower, err := r.open(t.Context(), http.MethodPost, chatPath, call{key: acmeKey, body: body})
	must(t, err)
	defer func() { _ = follower.Body.Close() }()
	for _, name := range []string{"X-Tollgate-Provider", "X-Tollgate-Upstream-Model", "X-Litellm-Model-Id"} {
		if got, want := follower.Header.Get(name), leader.Header.Get(name); got != want || want == "" {
			t.Errorf("%s is %q for who follows, and %q for who leads", name, got, want)
		}
	}
	if follower.Header.Get("X-Cache") != "hit" || r.router.called() != 1 {
		t.Errorf("X-Cache %q after %d calls", follower.Header.Get("X-Cache"), r.router.called())
	}
	release()
	for _, resp := range []*http.Response{leader, follower} {
		if text, err := io.ReadAll(resp.Body); err != nil || !strings.HasSuffix(string(text), "[DONE]\n\n") {
			t.Errorf("%q, %v", text, err)
		}
	}
	r.ledger(2)
}

// What a provider refuses is an entry that costs nothing, whatever the reason, and says who
// refused it; what this gateway refuses is none.
func TestWhatAProviderRefusesIsInTheLedger(t *testing.T) {
	t.Parallel()
	for _, reason := range []errs.Reason{errs.InvalidRequest, errs.ContextLengthExceeded, errs.UnsupportedParameter, errs.ProviderRateLimited} {
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, more []string) {
				t.Helper()
				r := newRig(t)
				r.budget.limit("acme", 1e9)
				r.router.without(reason, nil)
				whole, stream := r.router.whole, r.router.stream
				r.router.whole = func(ctx context.Context, c *routerv1.Call) (*routerv1.CompleteResponse, error) {
					resp, err := whole(ctx, c)
					resp.Served = servedByM()
					return resp, err
				}
				r.router.stream = func(ctx context.Context, c *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
					return stream(ctx, c, func(m *routerv1.StreamCompleteResponse) error {
						m.Served = servedByM()
						return send(m)
					})
				}
				a := r.complete(chat("Hi", more...))
				if a.reason() != string(reason) {
					t.Fatalf("%d %s", a.status, a.body)
				}
				rec := r.ledger(1)[0]
				if rec.GetError() != string(reason) || rec.GetCostNanos() != 0 || rec.GetProvider() != "openai" || rec.GetUpstreamModel() != "m-1" {
					t.Errorf("the ledger has %v", rec)
				}
				if state := r.meter.State(scopesOfAcme); len(state) != 1 || state[0].Spent != 0 {
					t.Errorf("of the budget is spent %+v", state)
				}
				for name, want := range map[string]string{
					"X-Tollgate-Cost": "0", "X-Tollgate-Provider": "openai", "X-Tollgate-Upstream-Model": "m-1", "X-Tollgate-Model": "m", "X-Cache": "miss",
				} {
					if got := a.header.Values(name); len(got) != 1 || got[0] != want {
						t.Errorf("%s is %q, want %q", name, got, want)
					}
				}
			})
		})
	}
}

// A call that failed says what its attempts cost, all together, and who they were made at.
func TestFailuresSayWhatTheyCost(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, more []string) {
		t.Helper()
		r := newRig(t)
		r.router.without(errs.ProviderTimeout, &routerv1.Resumption{Attempts: 1}, lost())
		whole, stream := r.router.whole, r.router.stream
		r.router.without(errs.ProviderTimeout, nil, lost())
		last, lastStream := r.router.whole, r.router.stream
		r.router.whole = func(ctx context.Context, c *routerv1.Call) (*routerv1.CompleteResponse, error) {
			if c.GetResumption() != nil {
				return last(ctx, c)
			}
			return whole(ctx, c)
		}
		r.router.stream = func(ctx context.Context, c *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
			if c.GetResumption() != nil {
				return lastStream(ctx, c, send)
			}
			return stream(ctx, c, send)
		}
		a := r.complete(chat("Hi", more...))
		if a.status != http.StatusGatewayTimeout {
			t.Fatalf("%d %s", a.status, a.body)
		}
		var sum int64
		for _, rec := range r.ledger(2) {
			sum += rec.GetCostNanos()
		}
		want := money.Nano(sum).Dollars()
		for name, want := range map[string]string{
			"X-Tollgate-Cost": want, "X-Litellm-Response-Cost": want, "X-Cache": "miss",
			"X-Tollgate-Model": "m", "X-Tollgate-Provider": "openai",
		} {
			if got := a.header.Values(name); len(got) != 1 || got[0] != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if sum == 0 || a.header.Get("Trailer") != "" || len(a.trailer) > 0 {
			t.Errorf("%s, with the trailer %v", want, a.trailer)
		}
	})
}
