package edge_test

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/mesh"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/platform/secret"
)

// far is a router whose completions take another way than its rig's, while that is on.
type far struct {
	routerv1connect.RouterServiceClient

	away routerv1connect.RouterServiceClient
	on   *atomic.Bool
}

func (f far) Complete(ctx context.Context, req *routerv1.CompleteRequest) (*routerv1.CompleteResponse, error) {
	if f.on.Load() {
		return f.away.Complete(ctx, req)
	}
	return f.RouterServiceClient.Complete(ctx, req)
}

func (f far) StreamComplete(ctx context.Context, req *routerv1.StreamCompleteRequest) (routerv1connect.RouterServiceStreamCompleteClientStream, error) {
	if f.on.Load() {
		return f.away.StreamComplete(ctx, req)
	}
	return f.RouterServiceClient.StreamComplete(ctx, req)
}

// served is a router that is served by f, over a network.
func served(tb testing.TB, f http.HandlerFunc) routerv1connect.RouterServiceClient {
	tb.Helper()
	server := httptest.NewServer(f)
	tb.Cleanup(server.Close)
	return dialled(tb, server.URL)
}

func dialled(tb testing.TB, url string) routerv1connect.RouterServiceClient {
	tb.Helper()
	peer, err := mesh.NewPeer(mesh.PeerOptions{Service: "router", Name: routerv1connect.RouterServiceName, URLs: []string{url}, Clock: clock.Real(), Log: slog.New(slog.DiscardHandler)})
	must(tb, err)
	tb.Cleanup(func() { must(tb, peer.Close()) })
	return routerv1connect.NewRouterServiceClient(peer.Client())
}

// linkless is an endpoint that takes no links.
func linkless(f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == mesh.LinkPath {
			http.NotFound(w, r)
			return
		}
		f(w, r)
	}
}

// A call that the router certainly has not heard of, or that it says it could not serve, costs
// nothing. Where it is lost on the way, nobody knows what the provider did: it is charged.
func TestARouterThatIsAway(t *testing.T) {
	t.Parallel()
	// sorry is a router that cannot serve.
	sorry := &routerFake{
		whole: func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
			return nil, errs.New(errs.ServiceUnavailable, "no database")
		},
		stream: func(context.Context, *routerv1.Call, func(*routerv1.StreamCompleteResponse) error) error {
			return errs.New(errs.ServiceUnavailable, "no database")
		},
	}
	server, router := rpc.NewServer(), []string{routerv1connect.RouterServiceName}
	routerv1connect.RegisterRouterServiceHandler(server, sorry)
	// lost is one that ends with the call.
	lost := rpc.NewServer(func(connect.ServerFunc) connect.ServerFunc {
		return func(context.Context, connect.Spec, connect.ServerStream) error { panic(http.ErrAbortHandler) }
	})
	routerv1connect.RegisterRouterServiceHandler(lost, sorry)

	for name, tc := range map[string]struct {
		router  func(testing.TB) routerv1connect.RouterServiceClient
		charged bool
	}{
		"and says so, in process": {func(testing.TB) routerv1connect.RouterServiceClient {
			return routerv1connect.NewRouterServiceClient(rpc.InProcess(server))
		}, false},
		"and says so, over a network": {func(tb testing.TB) routerv1connect.RouterServiceClient {
			tb.Helper()
			return served(tb, mesh.NewHandler(mesh.HandlerOptions{RPC: server, Services: router}).ServeHTTP)
		}, false},
		"and nobody listens": {func(tb testing.TB) routerv1connect.RouterServiceClient {
			tb.Helper()
			gone := httptest.NewServer(http.NotFoundHandler())
			gone.Close()
			return dialled(tb, gone.URL)
		}, false},
		"because it refuses the edge": {func(tb testing.TB) routerv1connect.RouterServiceClient {
			tb.Helper()
			return served(tb, mesh.NewHandler(mesh.HandlerOptions{RPC: server, Services: router, Credentials: mesh.Credentials{Token: secret.New("other")}}).ServeHTTP)
		}, false},
		"and takes the call with it": {func(tb testing.TB) routerv1connect.RouterServiceClient {
			tb.Helper()
			return served(tb, mesh.NewHandler(mesh.HandlerOptions{RPC: lost, Services: router}).ServeHTTP)
		}, true},
		"and takes the call with it, over HTTP": {func(tb testing.TB) routerv1connect.RouterServiceClient {
			tb.Helper()
			return served(tb, linkless(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
		}, true},
		"says one that stands between": {func(tb testing.TB) routerv1connect.RouterServiceClient {
			tb.Helper()
			return served(tb, linkless(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, more []string) {
				t.Helper()
				on := &atomic.Bool{}
				r := newRig(t, func(s *setup) {
					s.through = func(c routerv1connect.RouterServiceClient) routerv1connect.RouterServiceClient {
						return far{c, tc.router(t), on}
					}
				})
				on.Store(true)
				a := r.complete(chat("Hi", append(more, `"max_tokens":100`)...))
				if a.status != http.StatusServiceUnavailable || a.reason() != string(errs.ServiceUnavailable) {
					t.Errorf("it is told %d %s", a.status, a.body)
				}
				on.Store(false)
				r.complete(chat("there", more...)) // stands in the ledger behind all before it
				if !tc.charged {
					r.ledger(1)
					return
				}
				if rec := r.ledger(2)[0]; rec.GetError() != string(errs.ServiceUnavailable) || rec.GetUsage().GetOutput() != 100 {
					t.Errorf("it is charged %v", rec)
				}
			})
		})
	}
}

// A caller who leaves while the edge is still on its way to the router pays nothing: the router
// never hears of the call.
func TestCallersThatLeaveBeforeTheRouterHears(t *testing.T) {
	t.Parallel()
	// It is asked for a link, and does not answer.
	mute, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { must(t, mute.Close()) })
	on := &atomic.Bool{}
	r := newRig(t, func(s *setup) {
		s.through = func(c routerv1connect.RouterServiceClient) routerv1connect.RouterServiceClient {
			return far{c, dialled(t, "http://"+mute.Addr().String()), on}
		}
	})
	on.Store(true)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	go func() {
		defer leave()
		if conn, err := mute.Accept(); err == nil {
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	resp, err := r.open(ctx, http.MethodPost, chatPath, call{key: acmeKey, body: chat("Hi", `"cache":{"no-store":true}`)})
	if err == nil {
		_ = resp.Body.Close()
		t.Fatal("a caller that left was answered")
	}
	eventually(t, "the call's end", func() bool { return strings.Contains(r.log.String(), string(errs.ClientClosed)) })
	on.Store(false)
	r.complete(chat("there")) // stands in the ledger behind all before it
	if rec := r.ledger(1)[0]; rec.GetError() != "" || rec.GetCostNanos() != answerCost {
		t.Errorf("a call that never went out is charged: %v", rec)
	}
}

// What a call can do without holds it up for its time at most, also when it hangs. Without such
// a bound this test would not end.
func TestWhatHangsHoldsUpNoCall(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, more []string) {
		t.Helper()
		r := newRig(t, func(s *setup) {
			s.options.CacheTimeout = 20 * time.Millisecond
			s.options.CompressionTimeouts = map[string]time.Duration{"default": 20 * time.Millisecond, "rag": 20 * time.Millisecond, "chat": 20 * time.Millisecond}
		})
		r.cache.hangs.Store(true)
		r.compressor.hangs.Store(true)
		a := r.complete(chat("Hi", append(more, `"compress":"default"`)...))
		if a.status != http.StatusOK || a.header.Get("X-Cache") != "miss" || a.header.Get("X-Tollgate-Compression") != "" {
			t.Errorf("it is told %d %v %s", a.status, a.header, a.body)
		}
		if r.compressor.calls.Load() != 1 {
			t.Error("nobody was to compress")
		}
	})
}

// A router that hangs is waited for a little longer than the call's time, and no longer: what it
// did is not known, and charged. Without such a bound this test would not end.
func TestARouterThatHangs(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"beyond every call's time": "", "beyond this call's time": `"timeout":0.02`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(s *setup) {
				s.options.RequestTimeout, s.options.RouterGrace = time.Hour, 20*time.Millisecond
				if more == "" {
					s.options.RequestTimeout = 20 * time.Millisecond
				}
			})
			r.router.whole = func(ctx context.Context, _ *routerv1.Call) (*routerv1.CompleteResponse, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			members := []string{`"max_tokens":100`}
			if more != "" {
				members = append(members, more)
			}
			a := r.complete(chat("Hi", members...))
			if a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "the router service did not answer in time") {
				t.Errorf("it is told %d %s", a.status, a.body)
			}
			if rec := r.ledger(1)[0]; rec.GetError() != string(errs.ServiceUnavailable) || rec.GetUsage().GetOutput() != 100 {
				t.Errorf("it is charged %v", rec)
			}
		})
	}
}
