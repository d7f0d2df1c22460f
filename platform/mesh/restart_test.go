package mesh_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/mesh"
)

// restart ends a replica as a process does, and starts it anew: it says that it drains, waits
// until nobody begins a call any more, and lets those that are under way end.
func (r *replica) restart(settled func()) {
	r.tb.Helper()
	r.draining.Store(true)
	settled()
	ctx, cancel := context.WithTimeout(r.tb.Context(), patience)
	defer cancel()
	must(r.tb, r.http.Shutdown(ctx))
	r.served.Wait()
	r.start()
}

// Under a steady load, one of two replicas is restarted again and again: no call fails, not even
// of those that may not be sent twice.
func TestRestartsLoseNothing(t *testing.T) {
	const workers, restarts = 8, 4
	stream := func(_ context.Context, _ string, send func(string) error) error {
		return errors.Join(send("a"), send("b"), send("c"))
	}
	fixed, restarted := newReplica(t), newReplica(t)
	fixed.stream, restarted.stream = stream, stream
	p := running(t, mesh.PeerOptions{}, fixed, restarted)

	var done [workers]atomic.Int64
	var stopped atomic.Bool
	var load sync.WaitGroup
	defer load.Wait()
	defer stopped.Store(true)
	for w := range workers {
		load.Go(func() {
			body := strings.Repeat("x", 100+w*10_000)
			for !stopped.Load() {
				if resp, err := p.router.Complete(t.Context(), completeOf("m", body)); err != nil || len(resp.GetBody()) != len(body) {
					t.Errorf("a call: %v", errs.Chain(err))
				}
				s, err := p.router.StreamComplete(t.Context(), streamOf("m"))
				if err == nil {
					err = opened{t, s}.drain()
				}
				if err != nil {
					t.Errorf("a stream: %v", errs.Chain(err))
				}
				done[w].Add(1)
			}
		})
	}
	// Each worker has begun a call since, and ended it.
	goesOn := func() {
		t.Helper()
		var before [workers]int64
		for w := range workers {
			before[w] = done[w].Load()
		}
		for w := range workers {
			eventually(t, "the load goes on", func() bool { return done[w].Load() >= before[w]+2 })
		}
	}
	for range restarts {
		goesOn()
		before := restarted.calls.Load()
		eventually(t, "the restarted replica has calls", func() bool { return restarted.calls.Load() > before })
		restarted.restart(func() {
			p.await(t, 1)
			goesOn()
			before := restarted.calls.Load()
			goesOn()
			if n := restarted.calls.Load() - before; n != 0 {
				t.Errorf("%d calls went to a replica that drains", n)
			}
		})
		p.await(t, 2)
	}
}
