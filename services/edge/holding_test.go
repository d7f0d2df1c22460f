package edge_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/memory"
)

// bounded is a rig whose answers have so many bytes of memory.
func bounded(t *testing.T, bytes int64) (*rig, *memory.Bound) {
	t.Helper()
	bound := memory.NewBound(bytes)
	return newRig(t, func(s *setup) { s.answers = bound }), bound
}

// free waits until nothing is held but what a test holds.
func free(t *testing.T, bound *memory.Bound, but int64) {
	t.Helper()
	eventually(t, "the end of all answers", func() bool { return bound.Held() == but })
}

// Where there is no memory for answers, whole ones are not asked for, and cost nothing; streams
// need none.
func TestNoMemoryForAnswers(t *testing.T) {
	t.Parallel()
	r, bound := bounded(t, 1<<20)
	bound.Add(1 << 20)
	if a := r.complete(chat("Hi")); a.status != http.StatusServiceUnavailable || a.reason() != "service_unavailable" || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if n := r.router.called(); n != 0 {
		t.Errorf("a provider was asked %d times", n)
	}
	a := r.complete(chat("Hi", streamed))
	if a.status != http.StatusOK || !strings.HasSuffix(a.body, "data: [DONE]\n\n") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if r.ledger(1)[0].GetCostNanos() != answerCost {
		t.Errorf("the ledger has %v", r.ledger(1))
	}
	bound.Release(1 << 20)
	if a := r.complete(chat("Hi")); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	free(t, bound, 0)
}

// A whole answer is held until it is written, for callers that read slowly, too.
func TestAnswersAreHeldUntilTheyAreWritten(t *testing.T) {
	t.Parallel()
	for _, cached := range []bool{false, true} {
		t.Run(fmt.Sprint("shared ", cached), func(t *testing.T) {
			t.Parallel()
			bound := memory.NewBound(20 << 20)
			r := newRig(t, func(s *setup) { s.answers, s.options.Cache = bound, cached })
			long := `{"id":"` + strings.Repeat("x", 24<<20) + `"}`
			r.router.whole = func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
				return &routerv1.CompleteResponse{Body: []byte(long), Usage: answerUsage(), Served: servedByM()}, nil
			}
			body := chat("Hi")
			conn, _ := r.dial(t, announce(acmeKey, len(body))+body)
			eventually(t, "the answer", func() bool { return bound.Held() == int64(len(long)) })
			if a := r.complete(chat("Hello")); a.reason() != "service_unavailable" {
				t.Errorf("%d %s", a.status, a.reason())
			}
			must(t, conn.Close())
			free(t, bound, 0)
			if r.ledger(1)[0].GetCostNanos() != answerCost {
				t.Errorf("the ledger has %v", r.ledger(1))
			}
		})
	}
}

// big is a chunk of a stream that is too long for the memory that a test gives.
func big() [][]byte { return [][]byte{delta(strings.Repeat("x", 200<<10))} }

// A stream that nobody follows is passed on without memory, and is not kept.
func TestStreamsThatNobodyFollowsNeedNoMemory(t *testing.T) {
	t.Parallel()
	r, bound := bounded(t, 100<<10)
	r.router.stream = func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
		for range 4 {
			if err := send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: big()}); err != nil {
				return err
			}
		}
		return sendAll(send, "end")
	}
	bound.Add(100 << 10)
	for n := 1; n <= 2; n++ {
		if a := r.complete(chat("Hi", streamed)); a.status != http.StatusOK || !strings.HasSuffix(a.body, "data: [DONE]\n\n") || len(a.body) < 800<<10 {
			t.Errorf("%d, %d bytes", a.status, len(a.body))
		}
		if r.router.called() != n {
			t.Errorf("a provider was asked %d times of %d", r.router.called(), n)
		}
	}
	free(t, bound, 100<<10)
	if r.cache.kept() != 0 {
		t.Error("an answer without memory was kept")
	}
}

// A shared stream ends for all when there is no memory to share it in. What came of it is
// charged, once.
func TestSharedStreamsWithoutMemory(t *testing.T) {
	t.Parallel()
	r, bound := bounded(t, 300<<10)
	began, goOn := make(chan struct{}), make(chan struct{})
	r.router.stream = func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
		close(began)
		<-goOn
		for {
			if err := send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: big()}); err != nil {
				return err
			}
		}
	}
	c := call{key: acmeKey, body: chat("Hi", streamed)}
	leader := r.start(c)
	wait(t, "the call", began)
	follower := r.start(c)
	r.waiting(2)
	close(goOn)
	for _, p := range []*party{leader, follower} {
		a := <-p.answer
		if a.status != http.StatusOK || !strings.Contains(a.body, `"service_unavailable"`) || strings.Contains(a.body, "[DONE]") {
			t.Errorf("%d, ends with %s", a.status, a.body[max(0, len(a.body)-300):])
		}
	}
	rec := r.ledger(1)[0]
	if rec.GetError() != string(errs.ServiceUnavailable) || rec.GetCostNanos() == 0 || !rec.GetUsage().GetEstimated() {
		t.Errorf("the ledger has %v", rec)
	}
	free(t, bound, 0)
}

// An answer that there is no memory for is not kept for repeats.
func TestAnswersAreNotKeptForRepeatsWithoutMemory(t *testing.T) {
	t.Parallel()
	r, bound := bounded(t, 1<<20)
	again := call{key: acmeKey, header: map[string]string{"Idempotency-Key": "k", "Cache-Control": "no-store"}, body: chat("Hi", streamed)}
	bound.Add(1 << 20)
	first := r.do(http.MethodPost, chatPath, again)
	bound.Release(1 << 20)
	second := r.do(http.MethodPost, chatPath, again)
	third := r.do(http.MethodPost, chatPath, again)
	if r.router.called() != 2 || second.header.Get("Idempotent-Replayed") != "" || third.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("a provider was asked %d times; the third is %v", r.router.called(), third.header)
	}
	for _, a := range []answer{first, second, third} {
		if !bytes.Contains([]byte(a.body), []byte("[DONE]")) {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	free(t, bound, 0)
}
