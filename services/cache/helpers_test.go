package cache_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a service as its callers see it, in one process.
type fixture struct {
	cachev1connect.CacheServiceClient
	service *cache.Service
	clock   *clocktest.Fake
	log     *buffer
}

func newFixture(t testing.TB, store cache.Store, opts cache.Options) *fixture {
	t.Helper()
	f := &fixture{log: &buffer{}}
	f.clock, _ = opts.Clock.(*clocktest.Fake)
	if f.clock == nil {
		f.clock = clocktest.New()
	}
	opts.Clock = f.clock
	opts.Logger = slog.New(slog.NewTextHandler(f.log, nil))
	if store == nil {
		store = memory.New(memory.Options{Clock: f.clock})
	}
	f.service, f.CacheServiceClient = serve(t, store, opts)
	return f
}

func serve(t testing.TB, store cache.Store, opts cache.Options) (*cache.Service, cachev1connect.CacheServiceClient) {
	t.Helper()
	service, err := cache.New(store, opts)
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer()
	cachev1connect.RegisterCacheServiceHandler(server, cache.NewHandler(service))
	return service, cachev1connect.NewCacheServiceClient(rpc.InProcess(server))
}

func namespace() *cachev1.Namespace {
	return &cachev1.Namespace{TenantId: "t", Provider: "openai", Model: "gpt-4o"}
}

func fingerprint(request string) []byte {
	sum := sha256.Sum256([]byte(request))
	return sum[:]
}

func (f *fixture) lookup(t testing.TB, req *cachev1.LookupRequest) *cachev1.LookupResponse {
	t.Helper()
	if req.GetNamespace() == nil {
		req.Namespace = namespace()
	}
	got, err := f.Lookup(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if hit := got.GetEntry() != nil; hit != (got.GetHit() != cachev1.HitKind_HIT_KIND_UNSPECIFIED) || hit != (got.GetEntryId() != "") {
		t.Fatalf("entry %t, hit %v", hit, got.GetHit())
	}
	return got
}

// hits reports whether the request is found.
func (f *fixture) hits(t testing.TB, request string) bool {
	t.Helper()
	return f.lookup(t, &cachev1.LookupRequest{Fingerprint: fingerprint(request)}).GetEntry() != nil
}

func (f *fixture) store(t testing.TB, req *cachev1.StoreRequest) bool {
	t.Helper()
	if req.GetNamespace() == nil {
		req.Namespace = namespace()
	}
	got, err := f.Store(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return got.GetStored()
}

// keep stores an answer to the request.
func (f *fixture) keep(t testing.TB, request string) bool {
	t.Helper()
	return f.store(t, &cachev1.StoreRequest{Fingerprint: fingerprint(request), Entry: &cachev1.Entry{Body: []byte("secret answer to " + request)}})
}

// fakeStore is a store whose calls a test decides.
type fakeStore struct {
	cache.Store
	mu         sync.Mutex
	err        error
	block      bool // until the context ends
	gets, puts int
}

// newFakeStore is one in whose time nothing ends.
func newFakeStore() *fakeStore {
	return &fakeStore{Store: memory.New(memory.Options{Clock: clocktest.New()})}
}

func (s *fakeStore) set(err error, block bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.block = err, block
}

func (s *fakeStore) counts() (gets, puts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gets, s.puts
}

func (s *fakeStore) state(ctx context.Context, n *int) error {
	s.mu.Lock()
	if n != nil {
		*n++
	}
	err, block := s.err, s.block
	s.mu.Unlock()
	if block {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (s *fakeStore) Get(ctx context.Context, key cache.Key) (cache.Record, bool, error) {
	if err := s.state(ctx, &s.gets); err != nil {
		return cache.Record{}, false, err
	}
	return s.Store.Get(ctx, key)
}

func (s *fakeStore) Put(ctx context.Context, key cache.Key, rec cache.Record) (bool, error) {
	if err := s.state(ctx, &s.puts); err != nil {
		return false, err
	}
	return s.Store.Put(ctx, key, rec)
}

func (s *fakeStore) Invalidate(ctx context.Context, sel cache.Selector, until time.Time) (int64, error) {
	if err := s.state(ctx, nil); err != nil {
		return 0, err
	}
	return s.Store.Invalidate(ctx, sel, until)
}

// buffer is a log that is read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) lines(part string) int { return strings.Count(b.String(), part) }

// proxy stands between a client and a server, and can be cut.
type proxy struct {
	listener net.Listener
	target   string
	wg       sync.WaitGroup
	mu       sync.Mutex
	cut      bool          // refuse and close connections
	stall    bool          // take connections and carry nothing
	slow     time.Duration // after which the server's answers are carried
	conns    map[net.Conn]struct{}
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, conns: make(map[net.Conn]struct{})}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.set(true, false)
		p.wg.Wait()
	})
	return p
}

// set changes what the proxy does, and closes what was open: a stalled connection is
// closed too, and its client's next one stalls.
func (p *proxy) set(cut, stall bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.stall = cut, stall
	for c := range p.conns {
		_ = c.Close()
	}
}

// delay has answers take longer, on the connections that are open as well.
func (p *proxy) delay(slow time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slow = slow
}

func (p *proxy) delayed() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.slow
}

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		if p.cut {
			_ = c.Close()
			p.mu.Unlock()
			continue
		}
		p.conns[c] = struct{}{}
		stall := p.stall
		p.mu.Unlock()
		p.wg.Go(func() { p.carry(c, stall) })
	}
}

func (p *proxy) carry(c net.Conn, stall bool) {
	defer func() {
		p.mu.Lock()
		delete(p.conns, c)
		p.mu.Unlock()
		_ = c.Close()
	}()
	if stall {
		_, _ = io.Copy(io.Discard, c)
		return
	}
	up, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.target)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(c, late{up, p.delayed})
		_ = c.Close()
	})
	_, _ = io.Copy(up, c)
	_ = up.Close()
	back.Wait()
}

// late is what is read after a while.
type late struct {
	io.Reader
	delay func() time.Duration
}

func (l late) Read(b []byte) (int, error) {
	n, err := l.Reader.Read(b)
	if d := l.delay(); n > 0 && d > 0 {
		_ = clock.Sleep(context.Background(), clock.Real(), d) // of a real server and its real clients
	}
	return n, err
}
