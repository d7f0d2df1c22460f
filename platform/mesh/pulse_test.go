package mesh_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/mesh"
)

// behind is a replica behind a cable, and a peer that has found it ready.
func behind(t *testing.T) (*replica, *cable, *peer) {
	t.Helper()
	r := newReplica(t)
	line := wire(t, r)
	p := newPeer(t, mesh.PeerOptions{URLs: []string{line.url()}})
	p.run(t)
	p.await(t, 1)
	return r, line, p
}

// A link whose connection carries nothing any more, while the process answers on all others, is
// replaced. What it took along ends by itself, as on a connection that breaks; and the process
// is ready all the while.
func TestALinkThatIsLost(t *testing.T) {
	t.Parallel()
	r, line, p := behind(t)
	must(t, p.complete(t.Context(), "m")) // opens the link
	heard := r.calls.Load()
	line.lose()
	lost := make(chan error, 1)
	go func() { lost <- p.complete(t.Context(), "m") }() // nothing says when it ends but the peer itself
	// Others do not wait for that: who asks again is answered over a new link.
	eventually(t, "a new link is used", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		return p.complete(ctx, "m") == nil
	})
	if r.calls.Load() == heard {
		t.Error("the replica was not asked")
	}
	if err := <-lost; !errs.Is(err, errs.ServiceUnavailable) || errs.NotSent(err) || errs.Answered(err) || !strings.Contains(errs.Chain(err), "nothing is heard on the link") {
		t.Errorf("the call that was lost ended by %v", errs.Chain(err))
	}
	must(t, p.Check(t.Context()))
}

// What may be repeated is not lost with its link.
func TestALookUpOnALostLink(t *testing.T) {
	t.Parallel()
	_, line, p := behind(t)
	must(t, p.look(t.Context()))
	line.lose()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience) // far more than that takes
	defer cancel()
	must(t, p.look(ctx))
}
