package router

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"testing"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/router/upstream"
)

// bill is what a call may have cost, and how it goes on.
func (r result) bill(t *testing.T) ([]*routerv1.BilledAttempt, *routerv1.Resumption) {
	t.Helper()
	if r.resp != nil {
		return r.resp.GetBilledAttempts(), r.resp.GetResumption()
	}
	if r.err != nil {
		return nil, nil
	}
	return r.end(t).GetBilledAttempts(), r.end(t).GetResumption()
}

// after answers, or fails, once some time has passed.
func after(r **rig, d time.Duration, then exchangeFake) exchangeFake {
	return func(ctx context.Context, req *upstream.Request) (*upstream.Response, error) {
		(*r).clock.Advance(d)
		return then(ctx, req)
	}
}

func fail(err error) exchangeFake {
	return func(context.Context, *upstream.Request) (*upstream.Response, error) { return nil, err }
}

// An attempt that the provider may have worked on is not made again in its reservation: it is
// handed over with what is known of its cost. One that surely cost nothing is repeated.
func TestTolls(t *testing.T) {
	died := errs.New(errs.ProviderUnavailable, "the provider could not be reached")
	usage := `{"id":"c","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":4,"total_tokens":11}}`
	const took = 1500 * time.Millisecond
	type want struct {
		free, resumes, complete bool
		input                   int64
	}
	for name, tc := range map[string]struct {
		whole, stream exchangeFake
		want          want
	}{
		"it never left": {fail(upstream.MarkUnsent(died)), fail(upstream.MarkUnsent(died)), want{free: true}},
		"the status refuses it": {
			reply(500, ""), reply(503, ""), want{free: true},
		},
		"the provider's word in place of an answer": {
			reply(200, `{"error":{"message":"overloaded"}}`), reply(200, events(`{"error":{"message":"overloaded"}}`)), want{free: true},
		},
		"the connection died before an answer": {fail(died), fail(died), want{resumes: true}},
		"the answer breaks off": {
			broken(`{"id":`, io.ErrUnexpectedEOF), broken(events(chunk("a")), io.ErrUnexpectedEOF), want{},
		},
		"the answer cannot be read": {reply(200, "<html>"), reply(200, events(chunk("a"), "<html>")), want{}},
		"the provider's word after its usage": {
			reply(200, `{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":4,"total_tokens":11}}`),
			reply(200, events(usage, `{"error":{"message":"x"}}`)), want{input: 7, complete: true},
		},
		"an answer that is too large": {
			reply(200, `{"id":"`+string(make([]byte, 4096))+`"}`),
			reply(200, events(slices.Repeat([]string{chunk("aaaaaaaaaaaaaaaa")}, 40)...)), want{},
		},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", streamed"}[stream], func(t *testing.T) {
				var r *rig
				first := after(&r, took, tc.whole)
				ok := reply(200, answer)
				if stream {
					first, ok = after(&r, took, tc.stream), reply(200, events(chunk("hi"), "[DONE]"))
				}
				script := steps(first, ok)
				r = newRig(t, Options{
					Deployments: []Deployment{at("a"), at("b", func(d *Deployment) { d.Order = 1 })},
					Retries:     2, AllowedFails: 9, MaxAnswerBytes: 4096,
				}, script)
				got := r.run(t.Context(), stream, call())
				billed, resumption := got.bill(t)
				if tc.want.free {
					if got.failure(t) != nil || len(script.calls()) != 2 || len(billed) != 0 {
						t.Fatalf("got %v after %d attempts, billed %v", got.failure(t), len(script.calls()), billed)
					}
					return
				}
				if got.failure(t) == nil || len(script.calls()) != 1 || len(billed) != 1 {
					t.Fatalf("got %v after %d attempts, billed %v", got.failure(t), len(script.calls()), billed)
				}
				b := billed[0]
				if b.GetServed().GetDeploymentId() != "a" || b.GetIncomplete() == tc.want.complete || b.GetUsage().GetInput() != tc.want.input {
					t.Errorf("billed %v", b)
				}
				if b.GetWorkedMillis() != took.Milliseconds() {
					t.Errorf("the provider worked for %d ms, want %v", b.GetWorkedMillis(), took)
				}
				if (resumption != nil) != tc.want.resumes {
					t.Fatalf("resumption %v", resumption)
				}
				if resumption == nil {
					return
				}
				// Once it is paid for, the call goes on where it stood.
				again := r.run(t.Context(), stream, call(func(c *routerv1.Call) { c.Resumption = resumption }))
				if again.failure(t) != nil || again.served().GetDeploymentId() != "b" || again.served().GetRetries() != 1 {
					t.Errorf("got %v, served by %v", again.failure(t), again.served())
				}
			})
		}
	}
}

// The limits on attempts and on time hold for a call that is resumed as for any other.
func TestResumedCallsAreBounded(t *testing.T) {
	died := fail(errs.New(errs.ProviderUnavailable, "the provider could not be reached"))
	var r *rig
	script := steps(after(&r, second, died))
	r = newRig(t, Options{Deployments: []Deployment{at("a")}, Retries: 2, Timeout: time.Minute, AllowedFails: 9}, script)
	var at *routerv1.Resumption
	for attempt := 1; ; attempt++ {
		done := r.begin(t.Context(), false, call(func(c *routerv1.Call) { c.Resumption = at }))
		if attempt > 1 { // the only deployment failed the call: there is a wait
			r.clock.WaitForTimers(t, 2)
			r.clock.Advance(second)
		}
		got := await(t, done)
		wantReason(t, got.failure(t), errs.ProviderUnavailable)
		_, at = got.bill(t)
		if at == nil {
			if attempt != 3 {
				t.Errorf("ended after %d attempts, want 3", attempt)
			}
			break
		}
		if left := time.Minute - time.Duration(2*attempt-1)*second; at.GetRemainingMillis() != left.Milliseconds() {
			t.Errorf("after attempt %d: %d ms are left, want %v", attempt, at.GetRemainingMillis(), left)
		}
	}
	// What a call brings from elsewhere cannot lengthen it, nor name what is not there.
	_, p, err := r.accept(t.Context(), call(func(c *routerv1.Call) {
		c.Resumption = &routerv1.Resumption{Failed: []string{"x"}, Attempts: -5, Waits: -1, RemainingMillis: 1 << 60}
	}), false)
	if err != nil {
		t.Fatal(err)
	}
	attempts, _ := p.resume(p.in.call.GetResumption())
	if attempts != 0 || p.repeats != 0 || len(p.tried) != 0 || p.deadline.Sub(r.clock.Now()) != time.Minute {
		t.Errorf("attempts %d, waits %d, tried %v, time %v", attempts, p.repeats, p.tried, p.deadline.Sub(r.clock.Now()))
	}
	p.release()
}

// Who ended the attempt decides what is known: when this side does, nobody knows when the
// provider stops. A caller that leaves gets an answer, for whoever pays for it.
func TestTollsOfTheImpatient(t *testing.T) {
	for name, tc := range map[string]struct {
		change  func(*Deployment)
		end     func(r *rig, leave context.CancelFunc)
		resumes bool
		reason  errs.Reason
	}{
		"the attempt's time ends": {
			change:  func(d *Deployment) { d.Timeout, d.StreamTimeout = 2*second, 2*second },
			end:     func(r *rig, _ context.CancelFunc) { r.clock.Advance(2 * second) },
			resumes: true, reason: errs.ProviderTimeout,
		},
		"the call's time ends": {
			end:    func(r *rig, _ context.CancelFunc) { r.clock.Advance(time.Minute) },
			reason: errs.ProviderTimeout,
		},
		"the caller leaves": {
			end:    func(_ *rig, leave context.CancelFunc) { leave() },
			reason: errs.ClientClosed,
		},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", streamed"}[stream], func(t *testing.T) {
				if tc.change == nil {
					tc.change = func(*Deployment) {}
				}
				script := steps(hang)
				r := newRig(t, Options{Deployments: []Deployment{at("a", tc.change)}, Timeout: time.Minute, StreamTimeout: 2 * time.Minute, Retries: 2}, script)
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				done := r.begin(ctx, stream, call())
				r.clock.WaitForTimers(t, 1+map[bool]int{true: 1}[stream || name == "the attempt's time ends"])
				for len(script.calls()) == 0 { // a call that ends before it goes out owes nothing
					runtime.Gosched()
				}
				tc.end(r, leave)
				got := await(t, done)
				if got.err != nil {
					t.Fatalf("an error, which tells nothing of the cost: %v", got.err)
				}
				wantReason(t, got.failure(t), tc.reason)
				billed, resumption := got.bill(t)
				if len(billed) != 1 || !billed[0].GetIncomplete() || billed[0].GetWorkedMillis() != 0 {
					t.Errorf("billed %v", billed)
				}
				if (resumption != nil) != tc.resumes {
					t.Errorf("resumption %v", resumption)
				}
			})
		}
	}
}

// A caller that left before anything was sent owes nothing, and is told so.
func TestALeftCallThatNeverWentOut(t *testing.T) {
	for _, stream := range []bool{false, true} {
		ctx, leave := context.WithCancel(t.Context())
		script := steps(func(context.Context, *upstream.Request) (*upstream.Response, error) {
			leave()
			return nil, upstream.MarkUnsent(errors.New("cut short"))
		})
		r := newRig(t, Options{Deployments: []Deployment{at("a")}, Retries: 2}, script)
		got := r.run(ctx, stream, call())
		billed, resumption := got.bill(t)
		if got.err != nil || len(billed) != 0 || resumption != nil || len(script.calls()) != 1 {
			t.Errorf("stream %t: %v, billed %v, %d attempts", stream, got.err, billed, len(script.calls()))
		}
		wantReason(t, got.failure(t), errs.ClientClosed)
	}
}

// A call that failed tells what was asked for it last; one for which no provider was asked
// tells of none.
func TestFailuresTellWhatWasAsked(t *testing.T) {
	dead := func(context.Context, *upstream.Request) (*upstream.Response, error) {
		return nil, upstream.MarkUnsent(errs.New(errs.ProviderHostNotAllowed, "not on the allowlist"))
	}
	for name, tc := range map[string]struct {
		steps  []exchangeFake
		change func(*routerv1.Call)
		want   string
	}{
		"it refused the request":               {steps: []exchangeFake{reply(400, `{"error":{"message":"no","code":"context_length_exceeded"}}`)}, want: "a"},
		"it failed, and so did the next":       {steps: []exchangeFake{reply(500, ""), reply(429, "")}, want: "b"},
		"it failed, and the next is not to be": {steps: []exchangeFake{reply(500, ""), dead}, want: "a"},
		"nobody was to be":                     {steps: []exchangeFake{dead}},
		"the call cannot be honoured":          {steps: []exchangeFake{reply(200, answer)}, change: func(c *routerv1.Call) { c.Input = &routerv1.Call_Body{Body: []byte(`{"messages":[],"top_k":1}`)} }},
		"a tenant's credential is not there":   {steps: []exchangeFake{reply(200, answer)}, change: func(c *routerv1.Call) { c.TenantId, c.TenantProviders = "none", []string{"openai"} }},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", streamed"}[stream], func(t *testing.T) {
				r := newRig(t, Options{Retries: 1, Deployments: []Deployment{at("a"), at("b", func(d *Deployment) { d.Order = 1 })}}, steps(tc.steps...))
				got := r.run(t.Context(), stream, call(func(c *routerv1.Call) {
					if tc.change != nil {
						tc.change(c)
					}
				}))
				if got.failure(t) == nil {
					t.Fatal("it did not fail")
				}
				if id := got.served().GetDeploymentId(); id != tc.want {
					t.Errorf("asked was %q, want %q", id, tc.want)
				}
			})
		}
	}
}
