package router

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret/secrettest"
	"tollgate.dev/services/router/chat"
	"tollgate.dev/services/router/upstream"
)

const second = time.Second

// Each case is one call against scripted answers; the clock moves through all waits.
func TestAttempts(t *testing.T) {
	boom := reply(500, `{"error":{"message":"boom happened"}}`)
	limited := reply(429, `{"error":{"message":"slow down","code":"rate_limit_exceeded"}}`, "Retry-After", "2")
	ok := reply(200, answer)
	badKey := reply(401, `{"error":{"message":"Incorrect API key provided: sk-x","code":"invalid_api_key"}}`)
	noModel := reply(404, `{"error":{"message":"no","code":"model_not_found"}}`)
	noQuota := reply(429, `{"error":{"message":"no","code":"insufficient_quota"}}`, "Retry-After", "2")
	inside := func(context.Context, *upstream.Request) (*upstream.Response, error) {
		return nil, upstream.MarkUnsent(errs.New(errs.ProviderHostNotAllowed, "resolves to an address that is not allowed"))
	}
	refused := func(context.Context, *upstream.Request) (*upstream.Response, error) {
		return nil, upstream.MarkUnsent(errs.New(errs.ProviderUnavailable, "refused"))
	}
	order := func(n int) func(*Deployment) { return func(d *Deployment) { d.Order = n } }

	for name, tc := range map[string]struct {
		deployments []Deployment
		retries     int
		fails       int
		steps       []exchangeFake
		reason      errs.Reason
		hosts       []string
		waits       []time.Duration
		retryAfter  time.Duration
	}{
		"an answer at once": {steps: []exchangeFake{ok}, retries: 2, hosts: []string{"a"}},
		"a repeat after a wait": {
			steps: []exchangeFake{boom, ok}, retries: 1, hosts: []string{"a", "a"},
			waits: []time.Duration{250 * time.Millisecond},
		},
		"waits double": {
			steps: []exchangeFake{boom}, retries: 7, reason: errs.ProviderError,
			hosts: slices.Repeat([]string{"a"}, 8),
			waits: []time.Duration{second / 4, second / 2, second, 2 * second, 4 * second, 8 * second, 8 * second},
		},
		"another deployment without a wait": {
			deployments: []Deployment{at("a"), at("b", order(1))}, fails: 9,
			steps: []exchangeFake{boom, ok}, retries: 1, hosts: []string{"a", "b"},
		},
		"an unreachable provider": {
			deployments: []Deployment{at("a"), at("b", order(1))}, fails: 9,
			steps: []exchangeFake{refused, ok}, retries: 1, hosts: []string{"a", "b"},
		},
		"all tried, then again": {
			deployments: []Deployment{at("a"), at("b", order(1))}, fails: 9,
			steps: []exchangeFake{boom, boom, ok}, retries: 2, hosts: []string{"a", "b", "a"},
			waits: []time.Duration{second / 4},
		},
		"Retry-After is waited for": {
			steps: []exchangeFake{limited, ok}, retries: 1, hosts: []string{"a", "a"},
			waits: []time.Duration{2*second + second/4},
		},
		"Retry-After of one sends to the other": {
			deployments: []Deployment{at("a"), at("b", order(1))},
			steps:       []exchangeFake{limited, ok}, retries: 1, hosts: []string{"a", "b"},
		},
		"the shorter Retry-After counts": {
			deployments: []Deployment{at("a"), at("b", order(1))},
			steps:       []exchangeFake{limited, reply(503, "", "Retry-After", "1"), ok}, retries: 2, hosts: []string{"a", "b", "b"},
			waits: []time.Duration{second + second/4},
		},
		"a Retry-After that is too long": {
			steps: []exchangeFake{reply(429, "", "Retry-After", "31")}, retries: 3, hosts: []string{"a"},
			reason: errs.ProviderRateLimited, retryAfter: 31 * second,
		},
		"no retries are configured": {steps: []exchangeFake{boom, ok}, reason: errs.ProviderError, hosts: []string{"a"}},
		"a refused credential":      {steps: []exchangeFake{badKey, ok}, retries: 3, reason: errs.ProviderError, hosts: []string{"a"}},
		"an unknown model":          {steps: []exchangeFake{noModel, ok}, retries: 3, reason: errs.ProviderError, hosts: []string{"a"}},
		"an exhausted quota":        {steps: []exchangeFake{noQuota, ok}, retries: 3, reason: errs.ProviderError, hosts: []string{"a"}},
		"an address that is not allowed": {
			steps: []exchangeFake{inside, ok}, retries: 3, reason: errs.ProviderHostNotAllowed, hosts: []string{"a"},
		},
		"another deployment has a credential": {
			deployments: []Deployment{at("a"), at("b", order(1))}, fails: 9,
			steps: []exchangeFake{badKey, ok}, retries: 1, hosts: []string{"a", "b"},
		},
		"another deployment is at an allowed address": {
			deployments: []Deployment{at("a"), at("b", order(1))}, fails: 9,
			steps: []exchangeFake{inside, ok}, retries: 1, hosts: []string{"a", "b"},
		},
		"no deployment has what it takes": {
			deployments: []Deployment{at("a"), at("b", order(1)), at("c", order(2))}, fails: 9,
			steps: []exchangeFake{badKey, noModel, noQuota, ok}, retries: 9, reason: errs.ProviderError, hosts: []string{"a", "b", "c"},
		},
		"a repeat where it can help": {
			deployments: []Deployment{at("a"), at("b", order(1))}, fails: 9,
			steps: []exchangeFake{badKey, boom, ok}, retries: 2, hosts: []string{"a", "b", "b"},
			waits: []time.Duration{250 * time.Millisecond},
		},
		"the caller's own fault": {
			deployments: []Deployment{at("a"), at("b", order(1))}, steps: []exchangeFake{reply(400, `{"error":{"message":"no"}}`)}, retries: 3,
			reason: errs.InvalidRequest, hosts: []string{"a"},
		},
		"a parameter that another provider has": {
			deployments: []Deployment{at("a", func(d *Deployment) { d.Provider = "anthropic" }), at("b", order(1))},
			steps:       []exchangeFake{ok}, hosts: []string{"b"},
		},
		"a parameter that no provider has": {
			deployments: []Deployment{at("a", func(d *Deployment) { d.Provider = "anthropic" })}, retries: 3,
			steps: []exchangeFake{ok}, reason: errs.UnsupportedParameter,
		},
		"an answer that is no JSON": {
			steps: []exchangeFake{reply(200, `{"id":`), ok}, retries: 1, hosts: []string{"a"}, reason: errs.ProviderError,
		},
		"an answer that breaks off": {
			steps: []exchangeFake{broken(`{"id":`, io.ErrUnexpectedEOF), ok}, retries: 1, hosts: []string{"a"}, reason: errs.ProviderError,
		},
		"a connection that breaks": {
			steps: []exchangeFake{broken(`{"id":`, errors.New("reset"))}, reason: errs.ProviderError, hosts: []string{"a"},
		},
		"an error body that breaks off": {
			steps: []exchangeFake{func(ctx context.Context, r *upstream.Request) (*upstream.Response, error) {
				resp, err := broken("{", errors.New("reset"))(ctx, r)
				resp.Status = 429
				return resp, err
			}}, reason: errs.ProviderRateLimited, hosts: []string{"a"},
		},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", streamed"}[stream], func(t *testing.T) {
				if tc.deployments == nil {
					tc.deployments = []Deployment{at("a")}
				}
				script := steps(tc.steps...)
				if stream {
					script = steps(streamed(t, tc.steps)...)
				}
				r := newRig(t, Options{Deployments: tc.deployments, Retries: tc.retries, AllowedFails: tc.fails}, script)
				done := r.begin(t.Context(), stream, call(func(c *routerv1.Call) {
					c.Input = &routerv1.Call_Body{Body: []byte(body[:len(body)-1] + `,"logprobs":true}`)}
				}))
				for n, wait := range tc.waits {
					r.awaitFailures(len(tc.hosts) - len(tc.waits) + n)
					r.clock.WaitForTimers(t, 2) // the call's own, and the wait
					r.clock.Advance(wait - 1)
					if r.clock.Timers() != 2 {
						t.Fatalf("the wait was shorter than %v", wait)
					}
					r.clock.Advance(1)
				}
				got := await(t, done)
				err := got.failure(t)
				wantReason(t, err, tc.reason)
				if hosts := script.calls(); !slices.Equal(hosts, tc.hosts) {
					t.Errorf("went to %v, want %v", hosts, tc.hosts)
				}
				if r.metrics.retries != max(len(tc.hosts)-1, 0) {
					t.Errorf("%d retries counted", r.metrics.retries)
				}
				if err != nil && err.RetryAfter != tc.retryAfter {
					t.Errorf("Retry-After %v, want %v", err.RetryAfter, tc.retryAfter)
				}
				if err == nil && int(got.served().GetRetries()) != len(tc.hosts)-1 {
					t.Errorf("served %v", got.served())
				}
				if r.clock.Timers() != 0 {
					t.Errorf("%d timers are left", r.clock.Timers())
				}
				for _, d := range r.groups["m"].deployments {
					if d.inFlight.Load() != 0 {
						t.Errorf("%s still counts a call", d.ID)
					}
				}
				secrettest.AssertNoLeak(t, r.logged.String(), prompt, gatewayID, "slow down", "boom happened")
			})
		}
	}
}

// streamed turns the whole answers of a script into streams.
func streamed(t *testing.T, from []exchangeFake) []exchangeFake {
	t.Helper()
	out := make([]exchangeFake, len(from))
	for i, step := range from {
		out[i] = func(ctx context.Context, r *upstream.Request) (*upstream.Response, error) {
			resp, err := step(ctx, r)
			if err != nil || resp.Status != 200 {
				return resp, err
			}
			switch text, err := io.ReadAll(resp.Body); {
			case err != nil:
				return broken("data: "+string(text), err)(ctx, r)
			case string(text) == answer:
				return reply(200, events(chunk("hi"), "[DONE]"))(ctx, r)
			default:
				return reply(200, events(string(text)))(ctx, r)
			}
		}
	}
	return out
}

func TestJitter(t *testing.T) {
	r := newRig(t, Options{Deployments: []Deployment{at("a")}}, steps(hang))
	p := &passage{s: r.Service}
	for repeats, mean := range map[int]time.Duration{1: second / 4, 2: second / 2, 6: 8 * second, 1000: 8 * second} {
		p.repeats = repeats
		for random, want := range map[float64]time.Duration{0: 0, .5: mean, .75: mean * 3 / 2} {
			r.random = func() float64 { return random }
			if got := p.backoff(); got != want {
				t.Errorf("repeat %d, random %v: %v, want %v", repeats, random, got, want)
			}
		}
	}
}

func TestOrderTiers(t *testing.T) {
	tier := func(n int) func(*Deployment) { return func(d *Deployment) { d.Order = n } }
	r := newRig(t, Options{Deployments: []Deployment{at("c", tier(3)), at("a1", tier(1)), at("b", tier(2)), at("a2", tier(1))}}, steps(hang))
	p := &passage{s: r.Service, g: r.groups["m"]}
	by := make(map[string]*deployment)
	for _, d := range p.g.deployments {
		by[d.ID] = d
	}
	want := func(id string, random float64) {
		t.Helper()
		r.random = func() float64 { return random }
		d, _, err := p.pick()
		if err != nil || d.ID != id {
			t.Fatalf("got %v %v, want %s", d, err, id)
		}
	}
	want("a1", 0)
	want("a2", .9)
	p.tried = []*deployment{by["a1"]}
	want("a2", 0) // of the same tier first
	p.tried = append(p.tried, by["a2"])
	want("b", 0) // then a tier that is fresh
	by["b"].rest(r.clock.Now().Add(time.Second))
	want("c", 0)
	p.tried = append(p.tried, by["b"], by["c"])
	want("a1", 0) // all have failed: from the start
	p.tried = nil
	by["a1"].rest(r.clock.Now().Add(time.Second))
	by["a2"].rest(r.clock.Now().Add(2 * time.Second))
	by["c"].rest(r.clock.Now().Add(3 * time.Second))
	_, wait, err := p.pick()
	if wait != time.Second || !errs.Is(err, errs.ProviderUnavailable) || errs.Of(err).RetryAfter != time.Second {
		t.Errorf("all rest: %v %v", wait, err)
	}
	r.clock.Advance(time.Second)
	want("a1", .9) // exactly when it wakes; a2 still rests
}

func TestCooldown(t *testing.T) {
	script := steps(reply(500, ""))
	r := newRig(t, Options{
		Deployments:  []Deployment{at("a"), at("b", func(d *Deployment) { d.Order = 1 })},
		AllowedFails: 2, Cooldown: 5 * second,
	}, script)
	ask := func(want string) {
		t.Helper()
		before := len(script.calls())
		_, err := r.complete(t, call())
		if err == nil {
			t.Fatal("no error")
		}
		got := ""
		if hosts := script.calls(); len(hosts) > before {
			got = hosts[before]
		}
		if got != want {
			t.Errorf("went to %q, want %q", got, want)
		}
	}
	cooling := func() int64 { return r.Models()[0].GetDeployments()[0].GetCooldownUntilMillis() }
	ask("a")
	ask("a")
	if cooling() != 0 {
		t.Error("rests before its failures are used up")
	}
	ask("a") // the third failure
	if want := r.clock.Now().Add(5 * second).UnixMilli(); cooling() != want {
		t.Errorf("rests until %d, want %d", cooling(), want)
	}
	ask("b")
	ask("b")
	ask("b")
	ask("") // all rest: nobody is called, at once
	r.clock.Advance(5 * second)
	if cooling() != 0 {
		t.Error("still rests")
	}
	ask("a") // recovered, with its count at zero
	ask("a")
	r.clock.Advance(time.Minute) // and failures of long ago do not add up
	ask("a")
	ask("a")
	ask("a")
	ask("b")
}

// What an operator has to mend is not tried again by every call until the failures are used up.
func TestOperatorsFaultRestsAtOnce(t *testing.T) {
	pair := []Deployment{at("a"), at("b", func(d *Deployment) { d.Order = 1 })}
	badKey := reply(401, `{"error":{"message":"no","code":"invalid_api_key"}}`)
	inStream := reply(200, events(`{"error":{"message":"no","code":"invalid_api_key"}}`))
	for name, tc := range map[string]struct {
		deployments []Deployment
		fails       int
		first       exchangeFake
		call        func(*routerv1.Call)
		stream      bool
		rests       bool
	}{
		"a status":                         {deployments: pair, fails: 9, first: badKey, rests: true},
		"an error in a stream":             {deployments: pair, fails: 9, first: inStream, stream: true, rests: true},
		"cooldowns are off":                {deployments: pair, fails: NeverRests, first: badKey},
		"it is alone":                      {deployments: pair[:1], fails: 9, first: badKey},
		"a tenant's credential":            {deployments: pair, fails: 9, first: badKey, call: brings},
		"a tenant's credential, in stream": {deployments: pair, fails: 9, first: inStream, call: brings, stream: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{Deployments: tc.deployments, AllowedFails: tc.fails, Retries: 1}, steps(tc.first, reply(200, answer)))
			if tc.call == nil {
				tc.call = func(*routerv1.Call) {}
			}
			r.run(t.Context(), tc.stream, call(tc.call))
			if got := r.groups["m"].deployments[0].resting(r.clock.Now()); got != tc.rests {
				t.Errorf("rests: %v", got)
			}
		})
	}
}

// brings makes a call one of a tenant with a credential of its own.
func brings(c *routerv1.Call) { c.TenantId, c.TenantProviders = "acme", []string{"openai"} }

// An operator is told why an attempt brought nothing, in words of the gateway's own.
func TestCauseIsLogged(t *testing.T) {
	for name, tc := range map[string]struct {
		exchange exchangeFake
		cause    string
	}{
		"a status": {reply(401, `{"error":{"message":"Incorrect API key provided: `+gatewayID+`"}}`), `cause="status 401"`},
		"an error on the way": {func(context.Context, *upstream.Request) (*upstream.Response, error) {
			err := fmt.Errorf("dial %s: %w", gatewayID, syscall.ECONNREFUSED)
			return nil, upstream.MarkUnsent(errs.New(errs.ProviderUnavailable, "the provider could not be reached").WithCause(err))
		}, `cause="connection refused"`},
		"an address": {func(context.Context, *upstream.Request) (*upstream.Response, error) {
			return nil, upstream.MarkUnsent(errs.New(errs.ProviderHostNotAllowed, "x"))
		}, `cause="host not on the allowlist"`},
		"an answer that breaks off": {broken(`{"id":"`+prompt, io.ErrUnexpectedEOF), `cause="connection closed early"`},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t, Options{Deployments: []Deployment{at("a")}}, steps(tc.exchange))
				err := r.run(t.Context(), stream, call()).failure(t)
				if err == nil || strings.Count(r.logged.String(), tc.cause) != 1 {
					t.Errorf("got %v, logged %s", err, r.logged.String())
				}
				secrettest.AssertNoLeak(t, r.logged.String(), prompt, gatewayID)
			})
		}
	}
}

func TestLoneDeploymentIsSpared(t *testing.T) {
	script := steps(reply(500, ""), reply(500, ""), reply(500, ""), reply(429, "", "Retry-After", "40"), reply(200, answer))
	r := newRig(t, Options{Deployments: []Deployment{at("a")}, AllowedFails: 0}, script)
	for range 4 {
		if _, err := r.complete(t, call()); err == nil {
			t.Fatal("no error")
		}
	}
	if n := len(script.calls()); n != 4 {
		t.Fatalf("%d calls went out, want all", n)
	}
	// The provider asked for a pause, and gets it.
	_, err := r.complete(t, call())
	if !errs.Is(err, errs.ProviderRateLimited) || errs.Of(err).RetryAfter != 40*second || len(script.calls()) != 4 {
		t.Errorf("got %v after %d calls", err, len(script.calls()))
	}
	r.clock.Advance(40 * second)
	if _, err := r.complete(t, call()); err != nil {
		t.Errorf("does not recover: %v", err)
	}
}

func TestMaxParallel(t *testing.T) {
	release := make(chan struct{})
	script := steps(func(ctx context.Context, r *upstream.Request) (*upstream.Response, error) {
		select {
		case <-release:
			return reply(200, answer)(ctx, r)
		case <-ctx.Done():
			return hang(ctx, r)
		}
	})
	r := newRig(t, Options{Deployments: []Deployment{
		at("a", func(d *Deployment) { d.MaxParallel = 2 }),
		at("b", func(d *Deployment) { d.MaxParallel, d.Order = 1, 1 }),
	}}, script)
	var calls []<-chan result
	for n := range 3 {
		calls = append(calls, r.begin(t.Context(), false, call()))
		r.clock.WaitForTimers(t, n+1)
	}
	for len(script.calls()) < 3 { // each goroutine has a timer, and is about to call
		runtime.Gosched()
	}
	_, err := r.complete(t, call())
	if !errs.Is(err, errs.ProviderUnavailable) || errs.Of(err).RetryAfter <= 0 {
		t.Errorf("a fourth call: %v", err)
	}
	close(release)
	for _, c := range calls {
		wantReason(t, await(t, c).failure(t), "")
	}
	hosts := script.calls()
	slices.Sort(hosts)
	if !slices.Equal(hosts, []string{"a", "a", "b"}) {
		t.Errorf("went to %v", hosts)
	}
	if _, err := r.complete(t, call()); err != nil {
		t.Errorf("the places are not free again: %v", err)
	}
}

// Two that choose the same last place at once do not both get it.
func TestAcquireIsAtomic(t *testing.T) {
	d := &deployment{Deployment: Deployment{MaxParallel: 3}}
	got := make(chan bool)
	for range 50 {
		go func() { got <- d.acquire() }()
	}
	n := 0
	for range 50 {
		if <-got {
			n++
		}
	}
	if n != 3 || d.inFlight.Load() != 3 || !d.full() {
		t.Errorf("%d acquired, %d in flight", n, d.inFlight.Load())
	}
}

func TestTimeLimits(t *testing.T) {
	first := func(d *Deployment) { d.Timeout, d.StreamTimeout = 20*second, 10*second }
	caller := func(c *routerv1.Call) { c.TimeoutMillis = 5000 }
	for name, tc := range map[string]struct {
		stream  bool
		call    func(*routerv1.Call)
		limit   time.Duration
		cooled  bool // whether the deployment is held to be at fault
		message string
	}{
		"an attempt":             {limit: 20 * second, cooled: true, message: errAttemptTime.Message},
		"a stream's first event": {stream: true, limit: 10 * second, cooled: true, message: errNoFirstEvent.Message},
		"the caller's own":       {limit: 5 * second, call: caller, message: errCallersTime.Message},
		"the caller's, streamed": {stream: true, limit: 5 * second, call: caller, message: errCallersTime.Message},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{Timeout: time.Minute, Deployments: []Deployment{at("a", first), at("b", first)}}, steps(hang))
			if tc.call == nil {
				tc.call = func(*routerv1.Call) {}
			}
			done := r.begin(t.Context(), tc.stream, call(tc.call))
			timers := 2
			r.clock.WaitForTimers(t, timers)
			r.clock.Advance(tc.limit - 1)
			select {
			case got := <-done:
				t.Fatalf("ended early: %v", got)
			default:
			}
			r.clock.Advance(1)
			err := await(t, done).failure(t)
			if err == nil || err.Reason != errs.ProviderTimeout || err.Message != tc.message {
				t.Errorf("got %v, want %q", err, tc.message)
			}
			cooled := 0
			for _, d := range r.groups["m"].deployments {
				if d.resting(r.clock.Now()) {
					cooled++
				}
			}
			if (cooled == 1) != tc.cooled {
				t.Errorf("%d deployments rest", cooled)
			}
		})
	}
}

func TestRetriesEndWithTheCallsTime(t *testing.T) {
	script := steps(reply(500, ""))
	r := newRig(t, Options{Timeout: 400 * time.Millisecond, Retries: 9, Deployments: []Deployment{at("a")}}, script)
	done := r.begin(t.Context(), false, call())
	r.clock.WaitForTimers(t, 2)
	r.clock.Advance(second / 4)
	// The next wait would be half a second: there is no point in beginning it.
	wantReason(t, await(t, done).failure(t), errs.ProviderError)
	if n := len(script.calls()); n != 2 {
		t.Errorf("%d attempts, want 2", n)
	}
}

func TestCallerLeaves(t *testing.T) {
	for _, stream := range []bool{false, true} {
		for name, exchange := range map[string]exchangeFake{"while the provider works": hang, "between attempts": reply(500, "")} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t, Options{Retries: 3, Deployments: []Deployment{at("a")}}, steps(exchange))
				ctx, cancel := context.WithCancel(t.Context())
				done := r.begin(ctx, stream, call())
				r.clock.WaitForTimers(t, 2-map[bool]int{true: 1}[name == "while the provider works" && !stream])
				cancel()
				wantReason(t, await(t, done).failure(t), errs.ClientClosed)
				for _, e := range r.metrics.errors {
					if e != "openai provider_error" {
						t.Errorf("counted as the provider's fault: %v", e)
					}
				}
			})
		}
	}
}

func TestBilledAttempt(t *testing.T) {
	bad := `{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":0,"total_tokens":7}}`
	script := steps(reply(200, bad))
	r := newRig(t, Options{Retries: 3, Deployments: []Deployment{at("a"), at("b")}}, script)
	got := r.run(t.Context(), false, call())
	wantReason(t, got.failure(t), errs.ProviderError)
	if b := got.resp.GetBilledAttempts(); len(b) != 1 || b[0].GetUsage().GetInput() != 7 || b[0].GetServed().GetDeploymentId() != script.calls()[0] {
		t.Errorf("billed %v", b)
	}
	if n := len(script.calls()); n != 1 {
		t.Errorf("%d attempts were paid for by one reservation", n)
	}

	usage := `{"id":"c","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":0,"total_tokens":7}}`
	script = steps(reply(200, events(usage, `{"error":{"message":"x"}}`)))
	r = newRig(t, Options{Retries: 3, Deployments: []Deployment{at("a"), at("b")}}, script)
	got = r.run(t.Context(), true, call())
	wantReason(t, got.failure(t), errs.ProviderError)
	if b := got.end(t).GetBilledAttempts(); len(b) != 1 || b[0].GetUsage().GetInput() != 7 || len(script.calls()) != 1 {
		t.Errorf("streamed: billed %v after %d attempts", b, len(script.calls()))
	}
}

// The least wait holds for the deployment that failed the call, not for another one.
func TestLeastWaitBeforeARetry(t *testing.T) {
	script := steps(reply(500, ""), reply(500, ""), reply(200, answer))
	r := newRig(t, Options{
		Deployments: []Deployment{at("a"), at("b", func(d *Deployment) { d.Order = 1 })},
		Retries:     2, MinRetryWait: 3 * second, AllowedFails: 9,
	}, script)
	done := r.begin(t.Context(), false, call())
	r.awaitFailures(2)          // b is tried at once
	r.clock.WaitForTimers(t, 2) // the call's time, and the wait
	r.clock.Advance(3*second - 1)
	if got := script.calls(); !slices.Equal(got, []string{"a", "b"}) {
		t.Fatalf("went to %q before the least wait was over", got)
	}
	r.clock.Advance(1)
	if got := await(t, done); got.failure(t) != nil || len(script.calls()) != 3 {
		t.Errorf("got %v after %q", got.failure(t), script.calls())
	}
}

func TestCooldownOfADeployment(t *testing.T) {
	r := newRig(t, Options{
		Deployments: []Deployment{
			at("a", func(d *Deployment) { d.Cooldown = 90 * second }), at("b", func(d *Deployment) { d.Order = 1 }),
		},
		Cooldown: second, Retries: 1,
	}, steps(reply(500, "")))
	if _, err := r.complete(t, call()); err == nil {
		t.Fatal("no error")
	}
	for i, want := range []time.Duration{90 * second, second} {
		if got := r.Models()[0].GetDeployments()[i].GetCooldownUntilMillis(); got != r.clock.Now().Add(want).UnixMilli() {
			t.Errorf("deployment %d rests until %d, want for %v", i, got, want)
		}
	}
}

// panicky is a provider whose codec has a fault.
type panicky struct{ Provider }

func (panicky) Encode(*chat.Call) (chat.Outbound, chat.Decoder, error) { panic("a fault in a codec") }

// A panic in a codec becomes an error further up; the deployment must not count the call
// for ever.
func TestAPanicLeavesTheDeployment(t *testing.T) {
	r := newRig(t, Options{Deployments: []Deployment{at("a", func(d *Deployment) { d.MaxParallel = 1 })}}, steps(reply(200, answer)))
	d := r.groups["m"].deployments[0]
	sound := d.provider
	d.provider = panicky{sound}
	for _, stream := range []bool{false, true} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			r.run(t.Context(), stream, call())
		}()
	}
	d.provider = sound
	if _, err := r.complete(t, call()); err != nil {
		t.Errorf("the deployment's only place is not free again: %v", err)
	}
	if n := d.whole.inFlight.Load() + d.streamed.inFlight.Load(); n != 0 {
		t.Errorf("%d calls are still counted", n)
	}
}
