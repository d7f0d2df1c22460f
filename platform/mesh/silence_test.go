package mesh_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/mesh"
)

// cable is a network before a replica that can be cut without a word: connections stay open,
// can be made, and carry nothing. Its links can be lost alone.
type cable struct {
	listener net.Listener
	running  sync.WaitGroup

	mu    sync.Mutex
	cut   bool
	mend  chan struct{} // closed when it is mended
	conns []net.Conn
	links []*atomic.Bool // whether each one is lost
}

// wire lays a cable to a replica.
func wire(tb testing.TB, to *replica) *cable {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	must(tb, err)
	c := &cable{listener: listener, mend: make(chan struct{})}
	close(c.mend)
	c.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := (&net.Dialer{}).DialContext(tb.Context(), "tcp", to.addr)
			if err != nil {
				_ = conn.Close()
				continue
			}
			c.mu.Lock()
			c.conns = append(c.conns, conn, far)
			c.mu.Unlock()
			lost := new(atomic.Bool)
			c.running.Go(func() { c.carry(far, conn, lost) })
			c.running.Go(func() { c.carry(conn, far, lost) })
		}
	})
	tb.Cleanup(func() {
		c.set(false)
		_ = listener.Close()
		c.mu.Lock()
		for _, conn := range c.conns {
			_ = conn.Close()
		}
		c.mu.Unlock()
		c.running.Wait()
	})
	return c
}

func (c *cable) url() string { return "http://" + c.listener.Addr().String() }

func (c *cable) carry(to, from net.Conn, lost *atomic.Bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		c.mu.Lock()
		mend := c.mend
		if bytes.HasPrefix(buf[:n], []byte("GET "+mesh.LinkPath)) {
			c.links = append(c.links, lost)
		}
		c.mu.Unlock()
		<-mend
		if n > 0 && !lost.Load() {
			if _, werr := to.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// set cuts the cable, or mends it.
func (c *cable) set(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case cut && !c.cut:
		c.mend = make(chan struct{})
	case !cut && c.cut:
		close(c.mend)
	}
	c.cut = cut
}

// lose has the links that are open carry nothing any more, without a word. What is made later is
// whole, and so are all other connections.
func (c *cable) lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, lost := range c.links {
		lost.Store(true)
	}
}

// A process that hangs keeps its connections. Its calls are broken off, none is sent to it any
// more, and when it answers again it is as good as before.
func TestAHangingEndpoint(t *testing.T) {
	t.Parallel()
	a := newReplica(t)
	leave := make(chan struct{})
	a.stream = func(ctx context.Context, _ string, send func(string) error) error {
		err := send("begun")
		select {
		case <-leave:
		case <-ctx.Done():
		}
		return err
	}
	line := wire(t, a)
	p := newPeer(t, mesh.PeerOptions{URLs: []string{line.url()}})
	p.run(t)
	p.await(t, 1)
	stream := openStream(t, p, "m")
	must(t, p.complete(t.Context(), "m")) // opens the link
	line.set(true)
	whole := make(chan error, 1)
	go func() { whole <- p.complete(t.Context(), "m") }()
	// Nothing says when a call ends but the peer itself.
	for name, err := range map[string]error{"stream": stream.drain(), "whole": <-whole} {
		if !errs.Is(err, errs.ServiceUnavailable) || errs.NotSent(err) || errs.Answered(err) {
			t.Errorf("the %s call ended by %v", name, errs.Chain(err))
		}
	}
	eventually(t, "no call is sent", func() bool {
		err := p.complete(t.Context(), "m")
		return errs.Is(err, errs.ServiceUnavailable) && errs.NotSent(err)
	})
	if err := p.Check(t.Context()); err == nil {
		t.Error("it is said to be ready")
	}
	close(leave)
	line.set(false)
	p.await(t, 1)
	must(t, p.complete(t.Context(), "m"))
}

// A call that may be repeated is asked elsewhere before its time is over, and those that follow
// avoid whoever let it wait.
func TestAHangingEndpointAmongOthers(t *testing.T) {
	t.Parallel()
	a, b := newReplica(t), newReplica(t)
	line := wire(t, a)
	p := newPeer(t, mesh.PeerOptions{URLs: []string{line.url()}}, b)
	p.run(t)
	p.await(t, 2)
	line.set(true)
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		must(t, p.look(ctx))
		cancel()
	}
	if retried, _, _ := p.now(); retried > 2 {
		t.Errorf("%d of 20 calls went to the endpoint that hangs", retried)
	}
	must(t, p.complete(t.Context(), "m"))
	line.set(false)
	p.await(t, 2)
}
