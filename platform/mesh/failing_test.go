package mesh_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/mesh"
)

// A replica that fails at once has the fewest calls under way. It does not attract the others for
// that, and has its share again once it is well.
func TestWhoFailsAttractsNoCalls(t *testing.T) {
	for name, reason := range map[string]errs.Reason{"unavailable": errs.ServiceUnavailable, "internal": errs.Internal} {
		for kind, call := range map[string]func(*peer) error{
			"calls": func(p *peer) error { return p.complete(t.Context(), "m") },
			"streams": func(p *peer) error {
				s, err := p.router.StreamComplete(t.Context(), streamOf("m"))
				must(t, err)
				return opened{t, s}.drain()
			},
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				sick, well := newReplica(t), newReplica(t)
				var healed atomic.Bool
				sick.complete = func(context.Context, string) error {
					if healed.Load() {
						return nil
					}
					return errs.New(reason, "something is away")
				}
				sick.stream = func(ctx context.Context, model string, send func(string) error) error {
					if err := sick.complete(ctx, model); err != nil {
						return err
					}
					return send("a")
				}
				well.complete = func(ctx context.Context, _ string) error {
					return clock.Sleep(ctx, clock.Real(), 20*time.Millisecond)
				}
				well.stream = func(ctx context.Context, model string, send func(string) error) error {
					if err := well.complete(ctx, model); err != nil {
						return err
					}
					return send("a")
				}
				p := running(t, mesh.PeerOptions{}, sick, well)
				const callers, calls = 8, 25
				var wg sync.WaitGroup
				for range callers {
					wg.Go(func() {
						for range calls {
							_ = call(p) // some fail
						}
					})
				}
				wg.Wait()
				if n := sick.calls.Load(); n > callers*calls/4 {
					t.Errorf("of %d calls %d went to the one that fails", callers*calls, n)
				}
				healed.Store(true)
				before := sick.calls.Load()
				eventually(t, "it has its share again", func() bool {
					must(t, call(p))
					return sick.calls.Load() > before+5
				})
			})
		}
	}
}

// What a replica is unavailable for is asked of another one, once, if it may be asked twice.
func TestAnotherReplicaIsAskedOnce(t *testing.T) {
	away := func(context.Context, *cachev1.LookupRequest) (*cachev1.LookupResponse, error) {
		return nil, errs.New(errs.ServiceUnavailable, "the database is away")
	}
	a, b, c := newReplica(t), newReplica(t), newReplica(t)
	a.lookup = away
	p := running(t, mesh.PeerOptions{}, a, b, c)
	for a.calls.Load() == 0 {
		must(t, p.look(t.Context()))
	}

	all := []*replica{newReplica(t), newReplica(t), newReplica(t)}
	for _, r := range all {
		r.lookup = away
		r.complete = func(context.Context, string) error { return errs.New(errs.ServiceUnavailable, "the database is away") }
	}
	heard := func() (n int64) {
		for _, r := range all {
			n += r.calls.Load()
		}
		return n
	}
	p = running(t, mesh.PeerOptions{}, all...)
	if err := p.look(t.Context()); !errs.Is(err, errs.ServiceUnavailable) || !errs.Answered(err) || heard() != 2 {
		t.Errorf("%d were asked: %v", heard(), errs.Chain(err))
	}

	p = running(t, mesh.PeerOptions{}, all...)
	before := heard()
	if err := p.complete(t.Context(), "m"); !errs.Is(err, errs.ServiceUnavailable) || !errs.Answered(err) || heard() != before+1 {
		t.Errorf("%d were asked for a completion: %v", heard()-before, errs.Chain(err))
	}
}
