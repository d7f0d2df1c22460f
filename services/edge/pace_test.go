package edge_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/rpc"
)

const watchPath = budgetv1connect.BudgetServiceWatchUsageProcedure

// emptyEnvelope is an empty message of a stream, in Connect's framing.
const emptyEnvelope = "\x00\x00\x00\x00\x02{}"

// watched is a budget service whose ledger is watched as a test says.
type watched struct {
	budgetv1connect.UnimplementedBudgetServiceHandler

	watch func(ctx context.Context, send func(*budgetv1.WatchUsageResponse) error) error
}

func (s *watched) WatchUsage(ctx context.Context, _ *budgetv1.WatchUsageRequest, stream budgetv1connect.BudgetServiceWatchUsageServerStream) error {
	return s.watch(ctx, stream.Send)
}

// A client that watches and reads nothing is cut off, and holds nothing.
func TestSlowClientsOfProceduresAreCutOff(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	svc := &watched{watch: func(_ context.Context, send func(*budgetv1.WatchUsageResponse) error) error {
		defer close(ended)
		msg := &budgetv1.WatchUsageResponse{Records: []*eventv1.UsageRecord{{RequestId: strings.Repeat("x", 1<<20)}}}
		for {
			if err := send(msg); err != nil {
				return err
			}
		}
	}}
	server := rpc.NewServer()
	budgetv1connect.RegisterBudgetServiceHandler(server, svc)
	r := newRig(t, func(s *setup) { s.options.WriteTimeout, s.real, s.procedures = 300*time.Millisecond, true, server })
	r.dial(t, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: tollgate\r\nAuthorization: Bearer %s\r\nContent-Type: application/connect+json\r\nContent-Length: %d\r\n\r\n%s",
		watchPath, masterKey, len(emptyEnvelope), emptyEnvelope))
	wait(t, "the watch's end", ended)
}

// deadlines is an answer that remembers when its writing is to be over.
type deadlines struct {
	*httptest.ResponseRecorder

	mu      sync.Mutex
	current time.Time
	// bounded is how many bytes were written within a time, and all how many were.
	bounded, all int
	flushes      int
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.current = at
	return nil
}

func (d *deadlines) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.current.IsZero() {
		d.bounded += len(p)
	}
	d.all += len(p)
	return d.ResponseRecorder.Write(p)
}

func (d *deadlines) FlushError() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.flushes++
	return nil
}

// pausing says that something is out, and that nothing has to be by a time.
func (d *deadlines) pausing() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flushes > 0 && d.current.IsZero()
}

// Every byte has its time, and a pause has none: over HTTP/2 a stream would be reset at its end,
// although nobody is waited for.
func TestPausesHaveNoTime(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	svc := &watched{watch: func(_ context.Context, send func(*budgetv1.WatchUsageResponse) error) error {
		if err := send(&budgetv1.WatchUsageResponse{CaughtUp: true}); err != nil {
			return err
		}
		<-goOn
		return send(&budgetv1.WatchUsageResponse{Records: []*eventv1.UsageRecord{{RequestId: strings.Repeat("x", 1<<20)}}})
	}}
	server := rpc.NewServer()
	budgetv1connect.RegisterBudgetServiceHandler(server, svc)
	r := newRig(t, func(s *setup) { s.procedures, s.options.Cache = server, false })
	r.router.stream = func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
		if err := send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: [][]byte{delta("Hel")}}); err != nil {
			return err
		}
		<-goOn
		return sendAll(send, "lo")
	}
	answers := map[string]*deadlines{}
	var serving sync.WaitGroup
	for _, c := range []struct{ path, kind, body string }{
		{watchPath, "application/connect+json", emptyEnvelope}, {chatPath, "application/json", chat("Hi", streamed)},
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.path, bytes.NewReader([]byte(c.body)))
		req.Proto, req.ProtoMajor, req.ProtoMinor = "HTTP/2.0", 2, 0
		req.Header.Set("Content-Type", c.kind)
		req.Header.Set("Authorization", "Bearer "+masterKey)
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		answers[c.path] = w
		serving.Go(func() { r.edge.Handler().ServeHTTP(w, req) })
	}
	for path, w := range answers {
		eventually(t, "a pause of "+path, w.pausing)
	}
	close(goOn)
	serving.Wait()
	for path, w := range answers {
		if w.Code != http.StatusOK || w.all == 0 || w.bounded != w.all {
			t.Errorf("%s: %d, %d of %d bytes had a time", path, w.Code, w.bounded, w.all)
		}
	}
	if n := answers[watchPath].all; n < 1<<20 {
		t.Errorf("the watch has %d bytes", n)
	}
	if w := answers[watchPath]; w.current.IsZero() {
		t.Error("the end of an answer has no time")
	}
}
