package edge_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
)

// TestMembersWithoutEffectAreNamed sends what LiteLLM's clients address to the gateway. A
// member without effect is named in the answer, also in one from the cache; an answer with
// nothing to tell has no such header.
func TestMembersWithoutEffectAreNamed(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, more []string) {
		t.Helper()
		r := newRig(t)
		body := chat("Hi", append(more, `"num_retries":7`, `"fallbacks":["n"]`, `"no-log":true`, `"tags":["a"]`, `"litellm_x":1`, `"timeout":5`, `"user":"u"`)...)
		for _, cache := range []string{"miss", "hit"} {
			a := r.complete(body)
			got := a.header["X-Tollgate-Ignored-Params"]
			if a.status != http.StatusOK || a.header.Get("X-Cache") != cache || !slices.Equal(got, []string{"num_retries", "fallbacks", "no-log", "tags", "litellm_x"}) {
				t.Errorf("%d, a %s: ignored %q", a.status, a.header.Get("X-Cache"), got)
			}
		}
		if a := r.complete(chat("Ho", append(more, `"timeout":5`, `"caching":true`)...)); a.header["X-Tollgate-Ignored-Params"] != nil {
			t.Errorf("ignored %q", a.header["X-Tollgate-Ignored-Params"])
		}
	})
}

// TestDroppedParametersAreNamed has a provider that cannot honour a parameter: whoever has
// the answer is told, whether it comes from the provider or from the cache.
func TestDroppedParametersAreNamed(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, more []string) {
		t.Helper()
		r := newRig(t)
		served := servedByM()
		served.DroppedParams = []string{"seed", "messages[].cache_control"}
		r.router.whole = func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
			return &routerv1.CompleteResponse{Body: []byte(answerBody), Usage: answerUsage(), Served: served}, nil
		}
		r.router.stream = func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
			if err := send(&routerv1.StreamCompleteResponse{Served: served, Chunks: [][]byte{delta("Hello")}}); err != nil {
				return err
			}
			return send(&routerv1.StreamCompleteResponse{Usage: answerUsage(), End: &routerv1.StreamEnd{}})
		}
		for _, cache := range []string{"miss", "hit"} {
			a := r.complete(chat("Hi", more...))
			if got := a.header["X-Tollgate-Dropped-Params"]; a.header.Get("X-Cache") != cache || !slices.Equal(got, served.GetDroppedParams()) {
				t.Errorf("a %s: dropped %q", a.header.Get("X-Cache"), got)
			}
			r.waiting(0) // then the answer is the cache's
		}
	})
}

// TestTimeoutsReachTheRouter has a caller say how long it wants to wait.
func TestTimeoutsReachTheRouter(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, more []string) {
		t.Helper()
		r := newRig(t)
		for members, want := range map[string]int64{`"user":"u"`: 0, `"timeout":2.5`: 2500} {
			if a := r.complete(chat(strings.Trim(members, `"`)[:4], append(more, members)...)); a.status != http.StatusOK || r.router.last().GetTimeoutMillis() != want {
				t.Errorf("%s: %d, and the router has %d ms", members, a.status, r.router.last().GetTimeoutMillis())
			}
		}
		if a := r.complete(chat("Ha", append(more, `"timeout":"soon"`)...)); a.status != http.StatusBadRequest || !strings.Contains(a.body, `"param":"timeout"`) {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

// TestTimeoutsAreNotShared has two ask the same with times of their own: the one with more
// of it does not wait for the other one's call.
func TestTimeoutsAreNotShared(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, more []string) {
		t.Helper()
		r := newRig(t)
		h := r.hold()
		short := r.start(call{key: acmeKey, body: chat("Hi", append(more, `"timeout":1`)...)})
		wait(t, "the call", h.began)
		long := r.start(call{key: acmeKey, body: chat("Hi", append(more, `"timeout":9`)...)})
		wait(t, "the other call", h.began)
		for range 2 * (1 + len(more)) {
			h.step <- nil
		}
		for _, p := range []*party{short, long} {
			if a := <-p.answer; a.status != http.StatusOK {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
	})
}

// TestCachingFalse looks for no answer, and keeps the one that comes for those who do.
func TestCachingFalse(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, more []string) {
		t.Helper()
		r := newRig(t)
		for i, step := range []struct {
			members []string
			cache   string
		}{
			{[]string{`"caching":false`}, "bypass"}, {nil, "hit"}, {[]string{`"caching":false`}, "bypass"}, {[]string{`"caching":true`}, "hit"},
		} {
			a := r.complete(chat("Hi", slices.Concat(more, step.members)...))
			if got := a.header.Get("X-Cache"); a.status != http.StatusOK || got != step.cache {
				t.Errorf("call %d: %d, a %s, want a %s", i, a.status, got, step.cache)
			}
			eventually(t, "the entry", func() bool { return r.cache.kept() == 1 })
		}
		if r.router.called() != 2 {
			t.Errorf("%d calls", r.router.called())
		}
	})
}
