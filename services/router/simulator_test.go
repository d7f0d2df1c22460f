package router

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret/secrettest"
	"tollgate.dev/services/router/upstream"
	"tollgate.dev/services/simulator"
)

// A world is the simulator of all providers, and a way to it through the real client.
type world struct {
	*testing.T
	sim    *simulator.Server
	client *upstream.Client
	host   string
}

type target struct{ provider, path, model string }

var targets = []target{
	{"openai", "/openai/v1", "gpt-4o"},
	{"openai_compatible", "/openai/v1", "gpt-4o"},
	{"groq", "/groq/openai/v1", "llama-3.3-70b-versatile"},
	{"anthropic", "/anthropic", "claude-sonnet-4-5"},
	{"gemini", "/gemini/v1beta", "gemini-2.5-flash"},
}

func newWorld(t *testing.T) *world {
	t.Helper()
	sim := simulator.New(simulator.Options{MaxCalls: 4096})
	host, err := sim.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client := upstream.New(upstream.Options{Allowlist: upstream.Allowlist{host}})
	t.Cleanup(func() {
		client.Close()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{t, sim, client, host}
}

// router is a router with one deployment, whose provider follows the directives.
func (w *world) router(to target, spec string, retries int) *rig {
	w.Helper()
	return newRig(w, Options{Retries: retries, Deployments: []Deployment{at("a", func(d *Deployment) {
		d.Provider, d.UpstreamModel, d.Simulated = to.provider, to.model+spec, true
		d.APIBase = &url.URL{Scheme: "http", Host: w.host, Path: to.path}
	})}}, w.client)
}

// last waits for the newest call to be over.
func (w *world) last() simulator.Call {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
	defer cancel()
	var last simulator.Call
	if err := w.sim.Wait(ctx, func(calls []simulator.Call) bool {
		if len(calls) == 0 {
			return false
		}
		last = calls[len(calls)-1]
		return last.Done
	}); err != nil {
		w.Fatalf("the provider's call goes on: %+v", last)
	}
	return last
}

// each runs a test for every provider, streamed and not.
func each(t *testing.T, test func(w *world, to target, stream bool)) {
	t.Helper()
	for _, to := range targets {
		for _, stream := range []bool{false, true} {
			t.Run(to.provider+map[bool]string{true: ", streamed"}[stream], func(t *testing.T) {
				test(newWorld(t), to, stream)
			})
		}
	}
}

func TestProvidersAnswer(t *testing.T) {
	each(t, func(w *world, to target, stream bool) {
		for _, spec := range []string{"", ";chunks=20", ";split=3", ";crlf", ";keepalive", ";usage-mid", ";no-usage", ";fail-times=1;status=500"} {
			r := w.router(to, spec, 1)
			done := r.begin(w.Context(), stream, call())
			if strings.Contains(spec, "fail-times") {
				r.awaitFailures(1)
				r.clock.WaitForTimers(w.T, 2)
				r.clock.Advance(second)
			}
			got := await(w.T, done)
			wantReason(w.T, got.failure(w.T), "")
			served := got.served()
			if served.GetProvider() != to.provider || !served.GetSimulated() || served.GetApiBase() != "http://"+w.host+to.path {
				w.Errorf("%s: served %v", spec, served)
			}
			var text strings.Builder
			bodies, usage := got.chunks(), got.resp.GetUsage()
			if stream {
				usage = got.messages[len(got.messages)-1].GetUsage()
			} else {
				bodies = []string{string(got.resp.GetBody())}
			}
			for _, b := range bodies {
				var doc struct {
					Choices []struct{ Message, Delta struct{ Content string } }
				}
				if err := json.Unmarshal([]byte(b), &doc); err != nil {
					w.Fatalf("%s: %v in %s", spec, err, b)
				}
				for _, c := range doc.Choices {
					text.WriteString(c.Message.Content + c.Delta.Content)
				}
			}
			if !strings.HasPrefix(text.String(), "This is a simulated answer from") {
				w.Errorf("%s: text %q", spec, text.String())
			}
			if has := usage.GetInput() > 0 && usage.GetOutput() > 0; has == strings.Contains(spec, "no-usage") {
				w.Errorf("%s: usage %v", spec, usage)
			}
		}
	})
}

func TestProvidersFail(t *testing.T) {
	unavailable := []errs.Reason{errs.ProviderError, errs.ProviderUnavailable}
	each(t, func(w *world, to target, stream bool) {
		for spec, want := range map[string]struct {
			reasons []errs.Reason
			after   time.Duration
		}{
			";status=400":               {[]errs.Reason{errs.InvalidRequest}, 0},
			";status=401":               {[]errs.Reason{errs.ProviderError}, 0},
			";status=403":               {[]errs.Reason{errs.ProviderError}, 0},
			";status=404":               {[]errs.Reason{errs.ProviderError, errs.InvalidRequest}, 0},
			";status=429;retry-after=2": {[]errs.Reason{errs.ProviderRateLimited}, 2 * second},
			";status=500":               {unavailable, 0},
			";status=503":               {unavailable, 0},
			";status=529":               {unavailable, 0},
			";error=context-length":     {[]errs.Reason{errs.ContextLengthExceeded}, 0},
			";error=quota":              {[]errs.Reason{errs.ProviderError}, 0},
			";cut=0":                    {[]errs.Reason{errs.ProviderUnavailable}, 0},
		} {
			w.sim.Reset()
			r := w.router(to, spec, 0)
			got := r.run(w.Context(), stream, call())
			err := got.failure(w.T)
			if err == nil || !slices.Contains(want.reasons, err.Reason) {
				w.Errorf("%s: got %v, want one of %v", spec, err, want.reasons)
				continue
			}
			if want.after != 0 && err.RetryAfter != want.after {
				w.Errorf("%s: Retry-After %v", spec, err.RetryAfter)
			}
			if len(got.chunks()) != 0 {
				w.Errorf("%s: chunks %v", spec, got.chunks())
			}
			secrettest.AssertNoLeak(w, r.logged.String()+err.Error()+fmt.Sprint(err.Details), gatewayID)
			secrettest.AssertNoLeak(w, r.logged.String(), prompt)
		}
	})
}

// A stream that is cut anywhere ends with an error, and never as if it were whole.
func TestCutStreams(t *testing.T) {
	for _, to := range targets {
		t.Run(to.provider, func(t *testing.T) {
			w := newWorld(t)
			check := func(spec string) {
				t.Helper()
				got := w.router(to, spec, 0).run(t.Context(), true, call())
				err := got.failure(t)
				if err == nil || err.Reason != errs.ProviderError && err.Reason != errs.ProviderUnavailable {
					t.Errorf("%s: ends with %v after %d chunks", spec, err, len(got.chunks()))
				}
				for _, c := range got.chunks() {
					if !json.Valid([]byte(c)) {
						t.Errorf("%s: chunk %q", spec, c)
					}
				}
			}
			wantReason(t, w.router(to, ";chunks=6", 0).run(t.Context(), true, call()).failure(t), "")
			whole := w.last()
			if whole.Events < 5 {
				t.Fatalf("%d events", whole.Events)
			}
			for n := range whole.Events {
				check(fmt.Sprintf(";chunks=6;cut=%d", n))
			}
			for n := 1; n < whole.Events; n++ {
				check(fmt.Sprintf(";chunks=6;malformed-chunk=%d", n))
			}
			for n := 0; n < int(whole.BytesOut)-1; n += 29 {
				check(fmt.Sprintf(";chunks=6;cut-bytes=%d", n))
			}
			// A blank line that is missing in part has not ended the last event.
			check(fmt.Sprintf(";chunks=6;cut-bytes=%d", whole.BytesOut-2))
			for n := 1; n < whole.Events-1; n++ {
				check(fmt.Sprintf(";chunks=6;error-at=%d", n))
			}
			if to.provider != "openai_compatible" && to.provider != "gemini" { // these know the end without it
				check(";no-done")
			}
		})
	}
}

func TestCutAnswers(t *testing.T) {
	for _, to := range targets {
		t.Run(to.provider, func(t *testing.T) {
			w := newWorld(t)
			wantReason(t, w.router(to, "", 0).run(t.Context(), false, call()).failure(t), "")
			size := int(w.last().BytesOut)
			for n := 0; n < size; n += 17 {
				got := w.router(to, fmt.Sprintf(";cut-bytes=%d", n), 0).run(t.Context(), false, call())
				if err := got.failure(t); err == nil || err.Reason != errs.ProviderError && err.Reason != errs.ProviderUnavailable {
					t.Errorf("cut at %d of %d: %v", n, size, err)
				}
			}
			wantReason(t, w.router(to, ";malformed-chunk=1", 0).run(t.Context(), false, call()).failure(t), errs.ProviderError)
		})
	}
}

// What was there before a stream broke is the caller's, and nothing is tried again.
func TestPartialStream(t *testing.T) {
	for _, to := range targets {
		t.Run(to.provider, func(t *testing.T) {
			w := newWorld(t)
			got := w.router(to, ";chunks=10;cut=8", 3).run(t.Context(), true, call())
			wantReason(t, got.failure(t), errs.ProviderError)
			if len(got.chunks()) < 4 || w.sim.Totals().Calls != 1 || got.served().GetRetries() != 0 {
				t.Errorf("%d chunks of %d calls", len(got.chunks()), w.sim.Totals().Calls)
			}
		})
	}
}

// A provider that does not answer, or not in time, is left, and knows it.
func TestProvidersHang(t *testing.T) {
	each(t, func(w *world, to target, stream bool) {
		for _, spec := range []string{";hang", ";delay=10m", ";first-byte=10m"} {
			w.sim.Reset()
			r := w.router(to, spec, 0)
			done := r.begin(w.Context(), stream, call(func(c *routerv1.Call) { c.TimeoutMillis = 5000 }))
			w.begun()
			r.clock.Advance(5 * second)
			wantReason(w.T, await(w.T, done).failure(w.T), errs.ProviderTimeout)
			if c := w.last(); !c.Cancelled {
				w.Errorf("%s: the provider was not told: %+v", spec, c)
			}
		}
	})
}

// A caller that hangs up ends the provider's call at once, streamed or not.
func TestHangUp(t *testing.T) {
	each(t, func(w *world, to target, stream bool) {
		for _, spec := range []string{";hang", ";first-byte=10m", ";chunks=9;hang-at=4"} {
			if !stream && strings.Contains(spec, "hang-at") {
				continue
			}
			w.sim.Reset()
			r := w.router(to, spec, 3)
			ctx, cancel := context.WithCancel(w.Context())
			done := r.begin(ctx, stream, call())
			w.begun()
			cancel()
			wantReason(w.T, await(w.T, done).failure(w.T), errs.ClientClosed)
			if c := w.last(); !c.Cancelled || w.sim.Totals().Calls != 1 {
				w.Errorf("%s: the provider was not told: %+v", spec, c)
			}
			if len(r.metrics.errors) != 0 || r.groups["m"].deployments[0].resting(r.clock.Now()) {
				w.Errorf("%s: held against the provider: %v", spec, r.metrics.errors)
			}
		}
	})
}

// begun waits until a call has come, and its model was read.
func (w *world) begun() {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
	defer cancel()
	if err := w.sim.Wait(ctx, func(calls []simulator.Call) bool {
		return len(calls) > 0 && calls[len(calls)-1].Model != ""
	}); err != nil {
		w.Fatal("no call came")
	}
}
