package mesh_test

import (
	"context"
	"errors"
	"testing"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/mesh"
)

// Endpoints that have nothing to do take turns; of those that do, the least busy one is next.
func TestLeastOutstanding(t *testing.T) {
	a, b := newReplica(t), newReplica(t)
	p := running(t, mesh.PeerOptions{}, a, b)
	for range 20 {
		must(t, p.complete(t.Context(), "m"))
	}
	if a.calls.Load() != 10 || b.calls.Load() != 10 {
		t.Errorf("of 20 calls, one after the other, %d and %d came", a.calls.Load(), b.calls.Load())
	}

	entered, leave := make(chan struct{}), make(chan struct{})
	a.stream = func(ctx context.Context, _ string, send func(string) error) error {
		err := send("begun")
		entered <- struct{}{}
		<-leave
		return errors.Join(err, ctx.Err())
	}
	b.stream = a.stream
	busy := openStream(t, p, "m") // occupies one of the two
	<-entered
	before := [2]int64{a.calls.Load(), b.calls.Load()}
	for range 20 {
		must(t, p.complete(t.Context(), "m"))
	}
	if got := [2]int64{a.calls.Load() - before[0], b.calls.Load() - before[1]}; got != [2]int64{0, 20} && got != [2]int64{20, 0} {
		t.Errorf("beside a stream, calls went to both: %v", got)
	}
	close(leave)
	must(t, busy.drain())
	before = [2]int64{a.calls.Load(), b.calls.Load()}
	for range 20 {
		must(t, p.complete(t.Context(), "m"))
	}
	if a.calls.Load() == before[0] || b.calls.Load() == before[1] {
		t.Error("after the stream's end, calls go to one endpoint only")
	}
}

// Many calls and streams, one after the other, need few connections.
func TestConnectionsAreKept(t *testing.T) {
	a := newReplica(t)
	a.stream = func(_ context.Context, _ string, send func(string) error) error {
		return errors.Join(send("a"), send("b"))
	}
	p := running(t, mesh.PeerOptions{}, a)
	for range 50 {
		must(t, p.complete(t.Context(), "m"))
		must(t, p.look(t.Context()))
		must(t, openStream(t, p, "m").drain())
	}
	if n := a.opened.Load(); n > 3 {
		t.Errorf("150 calls made %d connections", n)
	}
}

// Who cannot be connected to has heard of nothing: the call goes to another endpoint.
func TestDeadEndpointsAreLeftOut(t *testing.T) {
	a, b := newReplica(t), newReplica(t)
	p := newPeer(t, mesh.PeerOptions{}, a, b)
	a.kill()
	for range 10 {
		must(t, p.complete(t.Context(), "m"))
	}
	if retried, _, _ := p.now(); b.calls.Load() != 10 || retried != 1 {
		t.Errorf("%d calls came through; %d were tried again, want the first alone", b.calls.Load(), retried)
	}
	b.kill()
	var err error
	for range 2 { // the first may be written to a connection that b has just closed
		if err = p.complete(t.Context(), "m"); !errs.Is(err, errs.ServiceUnavailable) || errs.Answered(err) {
			t.Errorf("without any endpoint: %v", errs.Chain(err))
		}
	}
	if !errs.NotSent(err) {
		t.Errorf("nobody could be connected to, and yet: %v", errs.Chain(err))
	}
	if text := errs.Of(err).Message; text != "the router service is away" {
		t.Errorf("it says %q", text)
	}
	if err := p.Check(t.Context()); !errs.Is(err, errs.ServiceUnavailable) {
		t.Errorf("the health check says %v", err)
	}
}

// An endpoint that says that it is not ready gets no call, until it says that it is.
func TestReadinessIsFollowed(t *testing.T) {
	a, b := newReplica(t), newReplica(t)
	p := running(t, mesh.PeerOptions{}, a, b)
	must(t, p.Check(t.Context()))
	a.draining.Store(true)
	p.await(t, 1)
	before := a.calls.Load()
	for range 10 {
		must(t, p.complete(t.Context(), "m"))
	}
	if n := a.calls.Load() - before; n != 0 {
		t.Errorf("%d calls went to an endpoint that drains", n)
	}
	b.down.Store(reason{errors.New("no database")})
	p.await(t, 0)
	if err := p.Check(t.Context()); !errs.Is(err, errs.ServiceUnavailable) {
		t.Errorf("the health check says %v", err)
	}
	must(t, p.complete(t.Context(), "m")) // nobody is ready: anybody is asked
	a.draining.Store(false)
	b.down.Store(reason{})
	p.await(t, 2)
	must(t, p.Check(t.Context()))
}
