package mesh

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
)

// node is a process on a machine that can be lost: it answers probes, and lets calls wait.
type node struct {
	listener net.Listener
	entered  chan struct{}
	lost     atomic.Bool
	running  sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func newNode(t *testing.T) *node {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{listener: l, entered: make(chan struct{}, 1)}
	n.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.mu.Lock()
			n.conns = append(n.conns, c)
			n.mu.Unlock()
			n.running.Go(func() { n.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		n.mu.Lock()
		for _, c := range n.conns {
			_ = c.Close()
		}
		n.mu.Unlock()
		n.running.Wait()
	})
	return n
}

func (n *node) serve(c net.Conn) {
	for in := bufio.NewReader(c); ; {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		switch {
		case n.lost.Load():
		case strings.HasPrefix(req.URL.Path, readinessPath):
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		default:
			n.entered <- struct{}{}
		}
	}
}

// An orchestrator takes a replica out of its name, and its machine away before its calls have
// ended. They are broken off as in any process that hangs.
func TestAnEndpointThatLeftIsLost(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	_, port, _ := net.SplitHostPort(n.listener.Addr().String())
	dns := &names{addresses: []string{"127.0.0.1"}}
	p, err := NewPeer(PeerOptions{
		Service: "router", Name: routerv1connect.RouterServiceName, URLs: []string{"http://router.svc:" + port}, Clock: clock.Real(), Log: slog.New(slog.DiscardHandler), lookup: dns.lookup,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = p.Run(ctx) })
	defer func() {
		cancel()
		running.Wait()
		_ = p.Close()
	}()
	within, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	await := func(what string, f func() bool) {
		t.Helper()
		for !f() {
			if clock.Sleep(within, clock.Real(), 2*time.Millisecond) != nil {
				t.Fatalf("waited in vain until %s", what)
			}
		}
	}
	await("it is ready", func() bool { return slices.Equal(p.addresses(), []string{"127.0.0.1:" + port}) && p.Check(ctx) == nil })
	ended := make(chan error, 1)
	running.Go(func() {
		s, err := routerv1connect.NewRouterServiceClient(p.Client()).StreamComplete(ctx, &routerv1.StreamCompleteRequest{})
		if err == nil {
			_, err = s.Receive()
			_ = s.Close() // it has ended
		}
		ended <- err
	})
	<-n.entered
	dns.set(nil, "127.0.0.2")
	await("it has left", func() bool { return slices.Equal(p.addresses(), []string{"127.0.0.2:" + port}) })
	n.lost.Store(true)
	select {
	case err := <-ended:
		if !errs.Is(err, errs.ServiceUnavailable) || errs.NotSent(err) || errs.Answered(err) {
			t.Errorf("its call ends with %v", errs.Chain(err))
		}
	case <-within.Done():
		t.Error("its call does not end")
	}
}

// Who has left is watched for as long as it has calls, and forgotten then.
func TestWhoLeftIsForgotten(t *testing.T) {
	p, err := NewPeer(PeerOptions{Service: "router", Name: routerv1connect.RouterServiceName, URLs: []string{"http://127.0.0.1:1"}, Clock: clock.Real(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	left := newEndpoint(p.targets[0], "127.0.0.1:2", nil)
	p.left = []*endpoint{left}
	left.calls.Add(1)
	for range 2 * idleRounds {
		if !slices.Contains(p.watched(), left) {
			t.Fatal("an endpoint with a call is not watched")
		}
	}
	left.calls.Add(-1)
	for range idleRounds - 1 {
		if !slices.Contains(p.watched(), left) {
			t.Error("it was forgotten in the moment in which a call could be on its way")
		}
	}
	if all := p.watched(); len(all) != 1 || len(p.left) != 0 {
		t.Errorf("%d endpoints are watched", len(all))
	}
}
