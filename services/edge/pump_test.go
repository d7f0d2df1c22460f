package edge_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
)

// shared is a stream with a leader that does not read, and a follower. More than the
// connections hold between the two ends is on its way.
type shared struct {
	leader, follower *http.Response
	// stop hangs the leader up.
	stop context.CancelFunc
	// ended tells that the provider was told to stop.
	ended chan struct{}
	// more lets the rest come, and last its end.
	more, last chan struct{}
}

func (r *rig) shareWithAStalledLeader() *shared {
	r.tb.Helper()
	s := &shared{ended: make(chan struct{}, 1), more: make(chan struct{}), last: make(chan struct{})}
	big := delta(string(bytes.Repeat([]byte("x"), 256<<10)))
	r.router.stream = func(ctx context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
		defer func() {
			if ctx.Err() != nil {
				s.ended <- struct{}{}
			}
		}()
		until := func(c chan struct{}) error {
			select {
			case <-c:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: [][]byte{delta("a")}}); err != nil {
			return err
		}
		if err := until(s.more); err != nil {
			return err
		}
		for range 80 {
			if err := send(&routerv1.StreamCompleteResponse{Chunks: [][]byte{big}}); err != nil {
				return err
			}
		}
		if err := until(s.last); err != nil {
			return err
		}
		return send(&routerv1.StreamCompleteResponse{Usage: answerUsage(), End: &routerv1.StreamEnd{}})
	}
	ctx, stop := context.WithCancel(r.tb.Context())
	s.stop = stop
	r.tb.Cleanup(stop)
	open := func(ctx context.Context) *http.Response {
		resp, err := r.open(ctx, http.MethodPost, chatPath, call{key: acmeKey, body: chat("Hi", streamed)})
		must(r.tb, err)
		r.tb.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	s.leader = open(ctx)
	s.follower = open(r.tb.Context())
	if got := s.follower.Header.Get("X-Cache"); got != "hit" {
		r.tb.Fatalf("the follower has a %s", got)
	}
	close(s.more)
	return s
}

// read reads all of an answer, and tells when it is done.
func read(tb testing.TB, body io.Reader) (*[]byte, <-chan struct{}) {
	tb.Helper()
	text, done := new([]byte), make(chan struct{})
	go func() {
		defer close(done)
		var err error
		if *text, err = io.ReadAll(body); err != nil {
			tb.Error(err)
		}
	}()
	return text, done
}

// TestASlowLeaderHoldsNobodyUp has a leader that does not read while its follower does: the
// follower has all of the stream, and so has the leader once it reads.
func TestASlowLeaderHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.shareWithAStalledLeader()
	close(s.last)
	followed, done := read(t, s.follower.Body)
	wait(t, "the follower's end", done)
	led, done := read(t, s.leader.Body)
	wait(t, "the leader's end", done)
	if !bytes.HasSuffix(*followed, []byte("data: [DONE]\n\n")) || !bytes.Equal(*led, *followed) {
		t.Errorf("the follower has %d bytes, the leader %d", len(*followed), len(*led))
	}
	cost := int64(0)
	for _, rec := range r.ledger(2) {
		cost += rec.GetCostNanos()
	}
	if cost != answerCost || r.router.called() != 1 || s.leader.Trailer.Get("X-Tollgate-Cost") == "0" {
		t.Errorf("they paid %d for %d calls, and the leader is told %q", cost, r.router.called(), s.leader.Trailer.Get("X-Tollgate-Cost"))
	}
	r.waiting(0)
}

// TestAStalledLeaderLeaves hangs the leader up while its connection is full: who follows has
// all of the stream, and it is paid for once.
func TestAStalledLeaderLeaves(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.shareWithAStalledLeader()
	s.stop()
	r.waiting(1)
	close(s.last)
	followed, done := read(t, s.follower.Body)
	wait(t, "the follower's end", done)
	if !bytes.HasSuffix(*followed, []byte("data: [DONE]\n\n")) {
		t.Errorf("the follower has %d bytes", len(*followed))
	}
	cost := int64(0)
	for _, rec := range r.ledger(2) {
		cost += rec.GetCostNanos()
	}
	if cost != answerCost || r.router.called() != 1 {
		t.Errorf("they paid %d for %d calls", cost, r.router.called())
	}
	r.waiting(0)
}

// TestEveryoneLeavesAPumpedStream hangs both up: the provider's work ends, and is paid for as
// far as it came.
func TestEveryoneLeavesAPumpedStream(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.shareWithAStalledLeader()
	must(t, s.follower.Body.Close())
	s.stop()
	wait(t, "the provider's end", s.ended)
	if rec := r.ledger(1)[0]; rec.GetCostNanos() == 0 || !rec.GetUsage().GetEstimated() {
		t.Errorf("the ledger has %v", rec)
	}
	r.waiting(0)
	if r.cache.kept() > 0 {
		t.Error("what nobody heard is kept")
	}
}
