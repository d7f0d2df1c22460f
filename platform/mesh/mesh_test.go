package mesh_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"go.uber.org/goleak"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/mesh"
	"tollgate.dev/platform/rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds a wait for what happens soon on a machine that is not busy.
const patience = 30 * time.Second

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// eventually waits until f is true.
func eventually(tb testing.TB, what string, f func() bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	for !f() {
		if clock.Sleep(ctx, clock.Real(), 2*time.Millisecond) != nil {
			tb.Fatalf("waited in vain until %s", what)
		}
	}
}

// fake is a service of two kinds: what a test sets answers.
type fake struct {
	routerv1connect.UnimplementedRouterServiceHandler
	cachev1connect.UnimplementedCacheServiceHandler

	complete func(ctx context.Context, model string) error
	stream   func(ctx context.Context, model string, send func(text string) error) error
	lookup   func(ctx context.Context, req *cachev1.LookupRequest) (*cachev1.LookupResponse, error)
	calls    atomic.Int64
}

func (f *fake) Complete(ctx context.Context, req *routerv1.CompleteRequest) (*routerv1.CompleteResponse, error) {
	f.calls.Add(1)
	if f.complete != nil {
		if err := f.complete(ctx, req.GetCall().GetModel()); err != nil {
			return nil, err
		}
	}
	return &routerv1.CompleteResponse{Body: req.GetCall().GetBody()}, nil
}

func (f *fake) StreamComplete(ctx context.Context, req *routerv1.StreamCompleteRequest, s routerv1connect.RouterServiceStreamCompleteServerStream) error {
	f.calls.Add(1)
	return f.stream(ctx, req.GetCall().GetModel(), func(text string) error {
		return s.Send(&routerv1.StreamCompleteResponse{Chunks: [][]byte{[]byte(text)}})
	})
}

func (f *fake) Lookup(ctx context.Context, req *cachev1.LookupRequest) (*cachev1.LookupResponse, error) {
	f.calls.Add(1)
	if f.lookup != nil {
		return f.lookup(ctx, req)
	}
	return &cachev1.LookupResponse{Entry: &cachev1.Entry{Body: req.GetFingerprint()}}, nil
}

func services() []string {
	return []string{routerv1connect.RouterServiceName, cachev1connect.CacheServiceName}
}

// replica is one process of a service.
type replica struct {
	*fake

	tb           testing.TB
	options      mesh.HandlerOptions
	interceptors []connect.ServerInterceptor
	draining     atomic.Bool
	drained      chan struct{}
	down         atomic.Value // error: why it is not ready
	addr         string
	http         *mesh.Server
	served       sync.WaitGroup
	opened       atomic.Int64 // connections
	conns        sync.Map     // by the address of their other end
}

// hangUp ends the connection with an address.
func (r *replica) hangUp(addr string) {
	if conn, ok := r.conns.Load(addr); ok {
		_ = conn.(net.Conn).Close() //nolint:forcetypeassert // there are no others
	}
}

type reason struct{ err error }

// newReplica returns a replica that listens.
func newReplica(tb testing.TB, change ...func(*replica)) *replica {
	tb.Helper()
	r := &replica{fake: &fake{}, tb: tb, addr: "127.0.0.1:0", drained: make(chan struct{})}
	r.down.Store(reason{})
	for _, f := range change {
		f(r)
	}
	r.start()
	tb.Cleanup(r.kill)
	return r
}

// start listens, on the same port as before if there was one.
func (r *replica) start() {
	r.tb.Helper()
	r.draining.Store(false)
	procedures := rpc.NewServer(r.interceptors...)
	routerv1connect.RegisterRouterServiceHandler(procedures, r.fake)
	cachev1connect.RegisterCacheServiceHandler(procedures, r.fake)
	o := r.options
	o.RPC, o.Draining, o.Drained = procedures, r.draining.Load, r.drained
	if o.Services == nil {
		o.Services = services()
	}
	o.Ready = func(context.Context) error {
		why, _ := r.down.Load().(reason)
		return why.err
	}
	handler := mesh.NewHandler(o)
	r.http = mesh.NewServer(handler, handler, slog.New(slog.DiscardHandler))
	r.http.ConnState = func(conn net.Conn, s http.ConnState) {
		if s == http.StateNew {
			r.opened.Add(1)
			r.conns.Store(conn.RemoteAddr().String(), conn)
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(r.tb.Context(), "tcp", r.addr)
	must(r.tb, err)
	r.addr = listener.Addr().String()
	server := r.http
	r.served.Go(func() {
		if r.options.Credentials.Certificates != nil {
			_ = server.ServeTLS(listener, "", "")
			return
		}
		_ = server.Serve(listener)
	})
}

// hangs has completions wait until their callers leave, and tells when one has come.
func (r *replica) hangs() (entered chan struct{}) {
	entered = make(chan struct{}, 1)
	r.complete = func(ctx context.Context, _ string) error {
		entered <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	return entered
}

// kill ends a replica at once, with what it has under way.
func (r *replica) kill() {
	_ = r.http.Close()
	r.served.Wait()
}

func (r *replica) url() string {
	if r.options.Credentials.Certificates != nil {
		return "https://" + r.addr
	}
	return "http://" + r.addr
}

// seen is what a peer told its observer.
type seen struct {
	mu                        sync.Mutex
	retried                   int
	ready, misdirected, known int
}

func (s *seen) Retried(string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retried++
}

func (s *seen) Endpoints(_ string, ready, misdirected, known int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready, s.misdirected, s.known = ready, misdirected, known
}

func (s *seen) now() (retried, ready, known int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.retried, s.ready, s.known
}

// peer is a peer with its clients.
type peer struct {
	*mesh.Peer
	*seen

	router routerv1connect.RouterServiceClient
	cache  cachev1connect.CacheServiceClient
}

// newPeer returns a peer that nobody runs.
func newPeer(tb testing.TB, opts mesh.PeerOptions, replicas ...*replica) *peer {
	tb.Helper()
	out := &peer{seen: &seen{}}
	opts.Service, opts.Observer = "router", out.seen
	if opts.Name == "" {
		opts.Name = routerv1connect.RouterServiceName
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Clock == nil {
		opts.Clock = clock.Real()
	}
	for _, r := range replicas {
		opts.URLs = append(opts.URLs, r.url())
	}
	p, err := mesh.NewPeer(opts)
	must(tb, err)
	tb.Cleanup(func() { must(tb, p.Close()) })
	out.Peer = p
	out.router, out.cache = routerv1connect.NewRouterServiceClient(p.Client()), cachev1connect.NewCacheServiceClient(p.Client())
	return out
}

// running returns a peer that is run, once all of its replicas that are ready are known to be.
func running(tb testing.TB, opts mesh.PeerOptions, replicas ...*replica) *peer {
	tb.Helper()
	p := newPeer(tb, opts, replicas...)
	p.run(tb)
	p.await(tb, len(replicas))
	return p
}

func (p *peer) run(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = p.Run(ctx) })
	tb.Cleanup(func() {
		cancel()
		done.Wait()
	})
}

// await waits until as many endpoints are ready.
func (p *peer) await(tb testing.TB, n int) {
	tb.Helper()
	eventually(tb, "the endpoints are ready", func() bool {
		_, ready, _ := p.now()
		return ready == n
	})
}

func (p *peer) complete(ctx context.Context, model string) error {
	_, err := p.router.Complete(ctx, completeOf(model, "{}"))
	return err
}

func (p *peer) look(ctx context.Context) error {
	_, err := p.cache.Lookup(ctx, &cachev1.LookupRequest{Fingerprint: []byte("fp")})
	return err
}
