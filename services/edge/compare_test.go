package edge_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	errorv1 "tollgate.dev/gen/tollgate/error/v1"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
)

// comparing makes a rig whose cache wants to compare every miss, and holds what it was told by the
// end of all calls to want.
func comparing(t *testing.T, want func(bodies []string), change ...func(*setup)) *rig {
	t.Helper()
	var r *rig
	t.Cleanup(func() { // behind the rig's own end: nothing is under way any more
		var bodies []string
		for _, req := range r.cache.compared {
			ns := req.GetNamespace()
			if string(req.GetComparison()) != "token" || ns.GetTenantId() != "acme" || ns.GetProvider() != "openai" || ns.GetModel() != "m" || ns.GetPartition() != "" {
				t.Errorf("compared %v", req)
			}
			bodies = append(bodies, string(req.GetBody()))
		}
		want(bodies)
	})
	r = newRig(t, change...)
	r.cache.comparison = []byte("token")
	return r
}

// outcomes of comparisons: the answer is told, that there was none, or nothing.
const (
	tellsAnswer = iota
	tellsNone
	tellsNothing
)

// told holds what the cache was told of one call.
func told(t *testing.T, want int) func([]string) {
	t.Helper()
	return func(bodies []string) {
		t.Helper()
		switch {
		case want == tellsNothing && len(bodies) > 0:
			t.Errorf("compared %q, want nothing", bodies)
		case want == tellsNothing:
		case len(bodies) != 1:
			t.Errorf("compared %q, want one", bodies)
		case want == tellsNone && bodies[0] != "":
			t.Errorf("compared with %s, want no answer", bodies[0])
		case want == tellsAnswer && !strings.Contains(bodies[0], `"message":{`):
			t.Errorf("compared with %q, want a whole answer", bodies[0])
		}
	}
}

// What the provider answered is compared as a whole answer, whether it was one or came in pieces,
// and whether or not it may be kept.
func TestWhichAnswersAreCompared(t *testing.T) {
	t.Parallel()
	const noCache = `"cache":{"no-cache":true}`
	for name, tc := range map[string]struct {
		finish string
		more   string
		change func(*setup)
		want   int
	}{
		"it has said all":               {"stop", "", nil, tellsAnswer},
		"it calls tools":                {"tool_calls", "", nil, tellsAnswer},
		"it was cut":                    {"length", "", nil, tellsNone},
		"it was cut, and would be kept": {"length", "", func(s *setup) { s.options.CacheTruncated = true }, tellsAnswer},
		"it was filtered":               {"content_filter", "", nil, tellsNone},
		"its caller wanted no look":     {"stop", noCache, nil, tellsNothing},
	} {
		for form, stream := range map[string]string{"whole": "", "streamed": streamed} {
			t.Run(name+", "+form, func(t *testing.T) {
				t.Parallel()
				var change []func(*setup)
				if tc.change != nil {
					change = append(change, tc.change)
				}
				r := comparing(t, told(t, tc.want), change...)
				r.router.whole = func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
					body := fmt.Appendf(nil, `{"id":"9","choices":[{"index":0,"message":{"content":"a"},"finish_reason":%q}]}`, tc.finish)
					return &routerv1.CompleteResponse{Body: body, Usage: answerUsage(), Served: servedByM()}, nil
				}
				r.router.stream = func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
					chunk := fmt.Appendf(nil, `{"id":"9","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":%q}]}`, tc.finish)
					return send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: [][]byte{chunk}, Usage: answerUsage(), End: &routerv1.StreamEnd{}})
				}
				var more []string
				for _, m := range []string{stream, tc.more} {
					if m != "" {
						more = append(more, m)
					}
				}
				if a := r.complete(chat("Hi", more...)); a.status != http.StatusOK {
					t.Errorf("%d %s", a.status, a.body)
				}
			})
		}
	}
}

// The cache is told before it decides that a caller wants nothing of the answer kept, and so
// nothing compared.
func TestWhoWantsNothingKeptCannotBeCompared(t *testing.T) {
	t.Parallel()
	for more, want := range map[string]bool{`"seed":1`: false, `"cache":{"no-store":true}`: true} {
		t.Run(more, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.complete(chat("Hi", more))
			if got := r.cache.asked.GetIncomparable(); got != want {
				t.Errorf("incomparable: %t, want %t", got, want)
			}
		})
	}
}

// What was drawn and has no whole answer is told all the same.
func TestWhatCannotBeReadIsToldAsNone(t *testing.T) {
	t.Parallel()
	for name, chunks := range map[string][][]byte{
		"too large":    {delta(strings.Repeat("a", 1<<20)), delta("b")},
		"no one's own": {[]byte(`{"id":"9","object":"something.else"`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := comparing(t, told(t, tellsNone))
			r.router.stream = func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
				return send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: chunks, Usage: answerUsage(), End: &routerv1.StreamEnd{}})
			}
			r.complete(chat("Hi", streamed))
		})
	}
}

// A call that came to no answer tells of that where the reason may lie in its question, and nothing
// where it is an outage, a limit or a budget.
func TestWhichFailuresAreCompared(t *testing.T) {
	t.Parallel()
	for reason, want := range map[errs.Reason]int{
		errs.InvalidRequest: tellsNone, errs.ContextLengthExceeded: tellsNone,
		errs.UnsupportedParameter: tellsNothing, errs.ProviderError: tellsNothing, errs.ProviderUnavailable: tellsNothing,
		errs.ProviderTimeout: tellsNone, errs.ProviderRateLimited: tellsNothing, errs.RateLimitExceeded: tellsNothing,
		errs.BudgetExceeded: tellsNothing, errs.ServiceUnavailable: tellsNothing, errs.Internal: tellsNothing,
		errs.ClientClosed: tellsNone,
	} {
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, more []string) {
				t.Helper()
				want := want
				if reason == errs.ClientClosed && len(more) > 0 || reason == errs.ProviderTimeout && len(more) > 0 {
					want = tellsNothing // not a word came, however long it would have been
				}
				r := comparing(t, told(t, want))
				r.router.without(reason, nil)
				if a := r.complete(chat("Hi", more...)); a.reason() != string(reason) {
					t.Errorf("%d %s", a.status, a.body)
				}
			})
		})
	}
	t.Run("the budget is spent", func(t *testing.T) {
		t.Parallel()
		r := comparing(t, told(t, tellsNothing))
		r.budget.limit("acme", 1)
		if a := r.complete(chat("Hi")); a.reason() != string(errs.BudgetExceeded) {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("the budget cut it", func(t *testing.T) {
		t.Parallel()
		r := comparing(t, told(t, tellsNone))
		r.budget.limit("acme", 500_000) // for a part of the longest answer
		r.router.whole = func(_ context.Context, c *routerv1.Call) (*routerv1.CompleteResponse, error) {
			if c.GetMaxOutputTokens() == 0 {
				t.Error("the answer is not cut")
			}
			return &routerv1.CompleteResponse{Body: []byte(strings.Replace(answerBody, `"stop"`, `"length"`, 1)), Usage: answerUsage(), Served: servedByM()}, nil
		}
		if a := r.complete(chat("Hi")); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("it broke off", func(t *testing.T) {
		t.Parallel()
		r := comparing(t, told(t, tellsNone))
		r.router.stream = func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
			if err := send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: [][]byte{delta("Hel")}}); err != nil {
				return err
			}
			return send(&routerv1.StreamCompleteResponse{End: &routerv1.StreamEnd{Error: &errorv1.ErrorInfo{Reason: string(errs.ProviderError)}, ErrorMessage: "it broke off"}})
		}
		r.complete(chat("Hi", streamed))
	})
}

// What the cache did not take is counted.
func TestComparisonsThatAreNotTaken(t *testing.T) {
	t.Parallel()
	r := comparing(t, told(t, tellsNothing))
	r.router.whole = func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
		r.cache.mu.Lock()
		defer r.cache.mu.Unlock()
		r.cache.away = errs.New(errs.ServiceUnavailable, "away")
		return &routerv1.CompleteResponse{Body: []byte(answerBody), Usage: answerUsage(), Served: servedByM()}, nil
	}
	r.complete(chat("Hi"))
	eventually(t, "it is counted", func() bool {
		return testutil.GatherAndCompare(r.metrics, strings.NewReader(`
# HELP tollgate_cache_comparisons_dropped_total Comparisons, and reports of wrong answers, of which nothing was learned.
# TYPE tollgate_cache_comparisons_dropped_total counter
tollgate_cache_comparisons_dropped_total 1
`), "tollgate_cache_comparisons_dropped_total") == nil
	})
}

// Whoever hangs up in mid-stream may not have liked the answer.
func TestWhoHangsUpIsNotAnswered(t *testing.T) {
	t.Parallel()
	r := comparing(t, told(t, tellsNone))
	r.router.stream = func(ctx context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
		if err := send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: [][]byte{delta("Hel")}}); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	resp, err := r.open(ctx, http.MethodPost, chatPath, call{key: acmeKey, body: chat("Hi", streamed)})
	must(t, err)
	if _, err := io.ReadAtLeast(resp.Body, make([]byte, 10), 10); err != nil {
		t.Error(err)
	}
	hangUp()
	_ = resp.Body.Close()
	r.ledger(1)
}

// Of calls that share an answer, one compares it.
func TestSharedAnswersAreComparedOnce(t *testing.T) {
	t.Parallel()
	r := comparing(t, told(t, tellsAnswer))
	h := r.hold()
	c := call{key: acmeKey, body: chat("Hi")}
	parties := []*party{r.start(c)}
	wait(t, "the call", h.began)
	parties = append(parties, r.start(c), r.start(c))
	r.waiting(3)
	h.step <- nil
	for _, p := range parties {
		if a := <-p.answer; a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

// Nobody waits for a comparison, which has its time. None is dropped: where too much is under way,
// the call does it itself.
func TestNobodyWaitsForAComparison(t *testing.T) {
	t.Parallel()
	t.Run("that hangs", func(t *testing.T) {
		t.Parallel()
		r := comparing(t, told(t, tellsAnswer))
		hanging := make(chan struct{})
		r.cache.comparing = func(ctx context.Context) {
			close(hanging)
			<-ctx.Done()
		}
		if a := r.complete(chat("Hi")); a.status != http.StatusOK || a.body != answerBody {
			t.Errorf("%d %s", a.status, a.body)
		}
		wait(t, "the comparison", hanging)
		if a := r.complete(chat("Hi")); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("without room", func(t *testing.T) {
		t.Parallel()
		r := comparing(t, func(bodies []string) {
			if len(bodies) != 3 || bodies[0] == "" || bodies[1] == "" || bodies[2] != "" {
				t.Errorf("compared %q, want two answers and none", bodies)
			}
		})
		t.Cleanup(r.edge.FillAfterwards())
		for _, more := range []string{streamed, `"seed":1`} {
			if a := r.complete(chat("Hi", more)); a.status != http.StatusOK {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		r.router.without(errs.InvalidRequest, nil) // what is told is no answer yet
		if a := r.complete(chat("Ho")); a.reason() != string(errs.InvalidRequest) {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}
