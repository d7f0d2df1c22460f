package mesh_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/mesh"
	"tollgate.dev/platform/rpc"
)

// Calls that are under way at the same time share a connection, without TLS and with it, and
// each gets the answer to what it asked, whatever its size.
func TestCallsShareALink(t *testing.T) {
	t.Parallel()
	for name, credentials := range map[string]mesh.Credentials{"plain": {}, "secured": newAuthority(t, "ours").certified()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const calls = 40
			r := newReplica(t, with(credentials))
			var together sync.WaitGroup
			together.Add(calls)
			r.lookup = func(_ context.Context, req *cachev1.LookupRequest) (*cachev1.LookupResponse, error) {
				together.Done()
				together.Wait()
				return &cachev1.LookupResponse{Entry: &cachev1.Entry{Body: req.GetFingerprint()}}, nil
			}
			p := running(t, mesh.PeerOptions{Credentials: credentials}, r)
			var asking sync.WaitGroup
			for i := range calls {
				asking.Go(func() {
					// From nothing to 3 MB, around the bounds of frames too.
					size := []int{0, 10, 64<<10 - 50, 64 << 10, 128 << 10, 3_000_000}[i%6]
					sum := sha256.Sum256([]byte{byte(i)})
					want := bytes.Repeat(sum[:], size/len(sum)+1)[:size]
					resp, err := p.cache.Lookup(t.Context(), &cachev1.LookupRequest{Fingerprint: want})
					if err != nil || !bytes.Equal(resp.GetEntry().GetBody(), want) {
						t.Errorf("call %d with %d bytes: %d bytes, %v", i, size, len(resp.GetEntry().GetBody()), err)
					}
				})
			}
			asking.Wait()
			if n := r.opened.Load(); n > calls/4 { // some are of probes, which may be late
				t.Errorf("%d calls at a time made %d connections", calls, n)
			}
		})
	}
}

// A caller that leaves takes nobody with it: its handler hears of that, and others go on.
func TestOneOfManyLeaves(t *testing.T) {
	r := newReplica(t)
	entered, ended, leave := make(chan string, 2), make(chan string, 2), make(chan struct{})
	r.complete = func(ctx context.Context, model string) error {
		entered <- model
		select {
		case <-ctx.Done():
		case <-leave:
		}
		ended <- model
		return ctx.Err()
	}
	p := running(t, mesh.PeerOptions{}, r)
	stays := make(chan error, 1)
	go func() { stays <- p.complete(t.Context(), "stays") }()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	leaves := make(chan error, 1)
	go func() { leaves <- p.complete(ctx, "leaves") }()
	<-entered
	opened := r.opened.Load()
	cancel()
	if err := <-leaves; !errs.Is(err, errs.ClientClosed) {
		t.Errorf("who left is told %v", err)
	}
	if who := <-ended; who != "leaves" {
		t.Errorf("the call that ended is the one that %s", who)
	}
	close(leave)
	must(t, <-stays)
	must(t, p.complete(t.Context(), "another"))
	if n := r.opened.Load(); n != opened {
		t.Errorf("%d connections were opened", n-opened)
	}
}

// A caller whose time is over while the link is full waits no longer, and the link serves others
// when there is room again.
func TestALinkThatIsFull(t *testing.T) {
	r := newReplica(t)
	line := wire(t, r)
	p := newPeer(t, mesh.PeerOptions{URLs: []string{line.url()}}) // nobody probes it
	must(t, p.complete(t.Context(), "m"))
	line.set(true)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	// More than the network takes in.
	if err := func() error {
		_, err := p.router.Complete(ctx, completeOf("m", strings.Repeat("x", 32<<20)))
		return err
	}(); !errs.Is(err, errs.ServiceUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a caller whose time is over is told %v", err)
	}
	line.set(false)
	opened := r.opened.Load()
	for range 3 {
		must(t, p.complete(t.Context(), "m"))
	}
	if n := r.opened.Load(); n != opened {
		t.Errorf("%d connections were opened", n-opened)
	}
}

// Who takes no links is called over HTTP.
func TestWithoutLinks(t *testing.T) {
	r := newReplica(t)
	r.complete = func(_ context.Context, model string) error {
		if model == "none" {
			return errs.New(errs.ModelNotFound, "there is no such model").WithParam("model")
		}
		return nil
	}
	asked := 0
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == mesh.LinkPath {
			asked++
			http.NotFound(w, req)
			return
		}
		r.http.Handler.ServeHTTP(w, req)
	}))
	defer web.Close()
	p := newPeer(t, mesh.PeerOptions{URLs: []string{web.URL}})
	for range 3 {
		must(t, p.complete(t.Context(), "m"))
		must(t, p.look(t.Context()))
	}
	err := p.complete(t.Context(), "none")
	if e := errs.Of(err); e.Reason != errs.ModelNotFound || e.Param != "model" || !errs.Answered(err) {
		t.Errorf("it fails with %v", err)
	}
	if asked != 1 {
		t.Errorf("it was asked for links %d times", asked)
	}
}

// Who accepts a connection and says nothing holds a call up for its time at most, and has not
// heard of it.
func TestASilentEndpoint(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = listener.Close() }()
	p := newPeer(t, mesh.PeerOptions{URLs: []string{"http://" + listener.Addr().String()}})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var asking sync.WaitGroup
	for range 3 {
		asking.Go(func() {
			if err := p.complete(ctx, "m"); !errs.Is(err, errs.ServiceUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it is told %v", err)
			}
		})
	}
	asking.Wait()
}

// A process that ends lets the calls that are under way end, and takes no others.
func TestAServerThatEnds(t *testing.T) {
	r := newReplica(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	r.complete = func(context.Context, string) error {
		entered <- struct{}{}
		<-leave
		return nil
	}
	p := running(t, mesh.PeerOptions{}, r)
	under := make(chan error, 1)
	go func() { under <- p.complete(t.Context(), "m") }()
	<-entered
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		ended <- r.http.Shutdown(ctx)
	}()
	eventually(t, "no call is taken", func() bool { return errs.NotSent(p.look(t.Context())) })
	select {
	case err := <-ended:
		t.Errorf("it ended under a call: %v", err)
	default:
	}
	close(leave)
	must(t, <-under)
	must(t, <-ended)
}

// A process that is to end has a time for that, and says which calls it did not wait for.
func TestAServerThatCannotEnd(t *testing.T) {
	r := newReplica(t)
	entered := r.hangs()
	p := running(t, mesh.PeerOptions{}, r)
	under := make(chan error, 1)
	go func() { under <- p.complete(t.Context(), "m") }()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := r.http.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ends with %v", err)
	}
	must(t, r.http.Close())
	if err := <-under; !errs.Is(err, errs.ServiceUnavailable) || errs.NotSent(err) || errs.Answered(err) {
		t.Errorf("the call ends with %v", err)
	}
}

// Only what a process serves can be called on a link, and its messages have a bound.
func TestWhatLinksRefuse(t *testing.T) {
	r := newReplica(t)
	p := running(t, mesh.PeerOptions{}, r)
	elsewhere := budgetv1connect.NewBudgetServiceClient(p.Client())
	if _, err := elsewhere.GetSpend(t.Context(), &budgetv1.GetSpendRequest{}); !errs.Is(err, errs.ServiceUnavailable) || !errs.NotSent(err) {
		t.Errorf("a service that is elsewhere: %v", err)
	}
	_, err := p.router.Complete(t.Context(), completeOf("m", strings.Repeat("x", rpc.MaxMessageBytes)))
	if err == nil || r.calls.Load() != 0 {
		t.Errorf("a message that is too long: %v, after %d calls", err, r.calls.Load())
	}
	r.lookup = func(context.Context, *cachev1.LookupRequest) (*cachev1.LookupResponse, error) {
		return &cachev1.LookupResponse{Entry: &cachev1.Entry{Body: make([]byte, rpc.MaxMessageBytes)}}, nil
	}
	if err := p.look(t.Context()); remoteCode(err) != connect.CodeResourceExhausted {
		t.Errorf("an answer that is too long: %v", err)
	}
	must(t, p.complete(t.Context(), "m"))
}

// remoteCode is the code of what the other end said; 0 when that was nothing.
func remoteCode(err error) connect.Code {
	ce, ok := errors.AsType[*connect.Error](err)
	if !ok || !ce.IsRemote() {
		return 0
	}
	return ce.Code()
}

// What is no link, or no frame, ends its connection and nothing else.
func TestNoise(t *testing.T) {
	r := newReplica(t)
	p := running(t, mesh.PeerOptions{}, r)
	ask := "GET " + mesh.LinkPath + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tollgate-link\r\n\r\n"
	for name, tc := range map[string]struct{ text, answer string }{
		"no upgrade":        {strings.Replace(ask, "tollgate-link", "websocket", 1), "HTTP/1.1 426"},
		"a long frame":      {ask + "\xff\xff\xff\xff\x01\x00\x00\x00\x01", "HTTP/1.1 101"},
		"an empty call":     {ask + "\x00\x00\x00\x00\x01\x00\x00\x00\x01", "HTTP/1.1 101"},
		"a call of nothing": {ask + "\x00\x00\x00\x02\x01\x00\x00\x00\x01\x7fx", "HTTP/1.1 101"},
	} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.addr)
		must(t, err)
		must(t, conn.SetDeadline(time.Now().Add(patience)))
		_, err = io.WriteString(conn, tc.text)
		must(t, err)
		if name == "no upgrade" {
			must(t, conn.(*net.TCPConn).CloseWrite()) //nolint:forcetypeassert // it is TCP
		}
		got, err := io.ReadAll(conn)
		if err != nil && !strings.Contains(err.Error(), "reset") || !strings.HasPrefix(string(got), tc.answer) {
			t.Errorf("%s: %.40q, %v", name, got, err)
		}
		_ = conn.Close()
	}
	must(t, p.complete(t.Context(), "m"))
}
