package mesh

import (
	"context"
	"net"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	meshv1 "tollgate.dev/gen/tollgate/mesh/v1"
	"tollgate.dev/platform/clock/clocktest"
)

// What waited to be written when a link ended is nobody's any more: its call may have been sent
// elsewhere.
func TestNothingIsWrittenAfterTheEnd(t *testing.T) {
	near, far := net.Pipe()
	defer func() { _ = far.Close() }()
	w := newWire(near, near)
	start := w.queue(frame{kindCall, 1, []byte("x")})
	w.end(errLinkEnded)
	if out := w.take(); len(out) > 0 || w.began(start) {
		t.Errorf("%d bytes are written", len(out))
	}
}

// Whoever is asked second is told the time that is left then.
func TestARepetitionHasTheTimeThatIsLeft(t *testing.T) {
	clk := clocktest.New()
	ctx, cancel := context.WithDeadline(t.Context(), clk.Now().Add(time.Minute)) // the deadline alone counts
	defer cancel()
	u := &unary{t: &transport{p: &Peer{opts: PeerOptions{Clock: clk}}}, ctx: ctx, spec: connect.Spec{Procedure: "/a/B"}}
	u.said = u.about()
	const head = 100 // more than it needs
	for _, left := range []time.Duration{time.Minute, 59 * time.Second, time.Second, time.Microsecond, 0} {
		clk.Set(clocktest.Start.Add(time.Minute - left))
		request, err := u.say(append(make([]byte, head), "message"...), head)
		if err != nil {
			t.Fatal(err)
		}
		var about meshv1.Call
		message := readCall(request, &about)
		if want := max(left.Microseconds(), 1); string(message) != "message" || about.GetProcedure() != "/a/B" || about.GetTimeoutMicros() != want {
			t.Errorf("with %v left it says %v, and %q", left, &about, message)
		}
	}
}
