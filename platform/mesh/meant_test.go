package mesh_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/mesh"
)

// serving has a replica serve some services only, of those that are registered.
func serving(names ...string) func(*replica) {
	return func(r *replica) {
		r.options.Services = append([]string{}, names...)
	}
}

// A process of another service that has come to a replica's address is not ready for it, however
// ready it is, and hears of no call.
func TestAnotherServiceIsAtTheAddress(t *testing.T) {
	stranger := newReplica(t, serving(cachev1connect.CacheServiceName))
	var log lines
	p := newPeer(t, mesh.PeerOptions{Log: slog.New(slog.NewTextHandler(&log, nil))}, stranger)
	calls := map[string]func() error{
		"a call": func() error { return p.complete(t.Context(), "m") },
		"a stream": func() error {
			s, err := p.router.StreamComplete(t.Context(), streamOf("m"))
			must(t, err)
			return opened{t, s}.drain()
		},
	}
	for name, call := range calls {
		if err := call(); !errs.Is(err, errs.ServiceUnavailable) || !errs.NotSent(err) {
			t.Errorf("before anything is known of it, %s: %v", name, errs.Chain(err))
		}
	}
	p.run(t)
	eventually(t, "it is known what is there", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.misdirected == 1 && p.ready == 0 && p.known == 1
	})
	if err := p.Check(t.Context()); !errs.Is(err, errs.ServiceUnavailable) {
		t.Errorf("the health check says %v", err)
	}
	if text := log.String(); !strings.Contains(text, `it serves \"cache\", not router`) || strings.Contains(text, "a peer is ready") {
		t.Errorf("the log says %s", text)
	}
	for name, call := range calls {
		if err := call(); !errs.NotSent(err) {
			t.Errorf("%s: %v", name, errs.Chain(err))
		}
	}
	if n := stranger.calls.Load(); n != 0 {
		t.Errorf("it heard of %d calls", n)
	}

	stranger.kill()
	stranger.options.Services = services()
	stranger.start()
	p.await(t, 1)
	must(t, p.complete(t.Context(), "m"))
}

// A call that a process does not have goes to another one that does, also if it must not be made
// twice: two releases run side by side while one follows the other.
func TestAnotherReleaseHasNoSuchProcedure(t *testing.T) {
	old, current := newReplica(t, serving(cachev1connect.CacheServiceName)), newReplica(t)
	p := running(t, mesh.PeerOptions{Name: cachev1connect.CacheServiceName}, old, current)
	const calls = 10
	for range calls {
		must(t, p.complete(t.Context(), "m"))
	}
	if n := current.calls.Load(); n != calls || old.calls.Load() != 0 {
		t.Errorf("of %d calls %d came to the one that has them", calls, n)
	}
	p.await(t, 2)
	current.kill()
	p.await(t, 1)
	if err := p.complete(t.Context(), "m"); !errs.Is(err, errs.ServiceUnavailable) || !errs.NotSent(err) {
		t.Errorf("nobody has it: %v", errs.Chain(err))
	}
}

// What is not named is not served, though it is registered.
func TestOnlyNamedServicesAreServed(t *testing.T) {
	for name, names := range map[string][]string{"none": {}, "another": {cachev1connect.CacheServiceName}} {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t, serving(names...))
			resp, err := http.Post(r.url()+routerv1connect.RouterServiceCompleteProcedure, "application/json", strings.NewReader("{}"))
			must(t, err)
			must(t, resp.Body.Close())
			if resp.StatusCode != http.StatusNotFound || r.calls.Load() != 0 {
				t.Errorf("it answers %d, %d calls came", resp.StatusCode, r.calls.Load())
			}
		})
	}
}
