package mesh_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect/v2"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/mesh"
)

// breaksOff is a replica that hangs up on its first n calls, after it has heard them.
func breaksOff(tb testing.TB, n int64) *replica {
	tb.Helper()
	var left atomic.Int64
	left.Store(n)
	return newReplica(tb, func(r *replica) {
		r.interceptors = append(r.interceptors, func(next connect.ServerFunc) connect.ServerFunc {
			return func(ctx context.Context, spec connect.Spec, s connect.ServerStream) error {
				if left.Add(-1) >= 0 {
					r.calls.Add(1)
					if info, ok := connect.CallInfoForServerContext(ctx); ok {
						r.hangUp(info.PeerAddr)
					}
					panic(http.ErrAbortHandler)
				}
				return next(ctx, spec, s)
			}
		})
	})
}

// What has been sent is sent again only where that does no harm, and not for ever.
func TestOnlyIdempotentCallsAreRepeated(t *testing.T) {
	for name, size := range map[string]int{"small": 100, "large": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			r := breaksOff(t, 2)
			p := running(t, mesh.PeerOptions{}, r)
			body := strings.Repeat("f", size)
			resp, err := p.cache.Lookup(t.Context(), &cachev1.LookupRequest{Fingerprint: []byte(body)})
			if err != nil || string(resp.GetEntry().GetBody()) != body {
				t.Errorf("a lookup that was lost twice: %d bytes, %v", len(resp.GetEntry().GetBody()), err)
			}
			if retried, _, _ := p.now(); retried != 2 || r.calls.Load() != 3 {
				t.Errorf("it came %d times, repeated %d times", r.calls.Load(), retried)
			}
		})
	}
	t.Run("not for ever", func(t *testing.T) {
		r := breaksOff(t, 100)
		p := running(t, mesh.PeerOptions{}, r)
		err := p.look(t.Context())
		if !errs.Is(err, errs.ServiceUnavailable) || errs.NotSent(err) || errs.Answered(err) || r.calls.Load() != 3 {
			t.Errorf("after %d calls: %v", r.calls.Load(), err)
		}
	})
	t.Run("completions never", func(t *testing.T) {
		r, other := breaksOff(t, 100), breaksOff(t, 100)
		p := running(t, mesh.PeerOptions{}, r, other)
		err := p.complete(t.Context(), "m")
		if !errs.Is(err, errs.ServiceUnavailable) || errs.NotSent(err) || errs.Answered(err) || r.calls.Load()+other.calls.Load() != 1 {
			t.Errorf("after %d calls: %v", r.calls.Load()+other.calls.Load(), err)
		}
		s, err := p.router.StreamComplete(t.Context(), streamOf("m"))
		if err == nil {
			_, err = s.Receive()
			err = errors.Join(err, s.Close())
		}
		if !errs.Is(err, errs.ServiceUnavailable) || errs.NotSent(err) || errs.Answered(err) || r.calls.Load()+other.calls.Load() != 2 {
			t.Errorf("a stream, after %d calls: %v", r.calls.Load()+other.calls.Load(), err)
		}
	})
	t.Run("another endpoint is asked", func(t *testing.T) {
		r, other := breaksOff(t, 100), newReplica(t)
		p := running(t, mesh.PeerOptions{}, r, other)
		for range 4 {
			must(t, p.look(t.Context()))
		}
		if other.calls.Load() != 4 {
			t.Errorf("%d of 4 came there", other.calls.Load())
		}
	})
}

// A stream that breaks off in the middle is no stream that ended, and no caller that left.
func TestABrokenStreamSaysSo(t *testing.T) {
	r := newReplica(t)
	r.stream = func(_ context.Context, _ string, send func(string) error) error {
		if err := send("a"); err != nil {
			return err
		}
		panic(http.ErrAbortHandler)
	}
	p := running(t, mesh.PeerOptions{}, r)
	err := openStream(t, p, "m").drain()
	if !errs.Is(err, errs.ServiceUnavailable) || errs.NotSent(err) || errs.Answered(err) {
		t.Errorf("it ends with %v", err)
	}
}

// A replica that takes the call with it, in every way in which a connection can end: a link, and
// one of HTTP where links are not taken.
func TestConnectionsThatEnd(t *testing.T) {
	closes := func(c net.Conn) { _ = c.Close() }
	resets := func(c net.Conn) {
		_ = c.(*net.TCPConn).SetLinger(0) //nolint:forcetypeassert // a listener of TCP
		_ = c.Close()
	}
	says := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = io.WriteString(c, text)
			_ = c.Close()
		}
	}
	for name, tc := range map[string]struct {
		links bool
		end   func(net.Conn)
	}{
		"closed":               {false, closes},
		"reset":                {false, resets},
		"after half a header":  {false, says("HTTP/1.1 200 OK\r\nContent-Ty")},
		"after half an answer": {false, says("HTTP/1.1 200 OK\r\nContent-Type: application/proto\r\nContent-Length: 100\r\n\r\nhalf")},

		"a link closed":                 {true, closes},
		"a link reset":                  {true, resets},
		"a link after half a header":    {true, says("\x00\x00")},
		"a link after half a frame":     {true, says("\x00\x00\x00\x08\x02\x00\x00\x00\x01half")},
		"a link after half an answer":   {true, says("\x00\x00\x00\x04\x82\x00\x00\x00\x01half")},
		"a link after a frame too long": {true, says("\xff\xff\xff\xff\x02\x00\x00\x00\x01")},
		"a link after a call of no one": {true, says("\x00\x00\x00\x00\x02\x00\x00\x00\x63")},
	} {
		t.Run(name, func(t *testing.T) {
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == mesh.LinkPath && !tc.links {
					http.NotFound(w, r)
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				if tc.links {
					agree(t, conn)
				}
				tc.end(conn)
			}))
			defer web.Close()
			p := newPeer(t, mesh.PeerOptions{URLs: []string{web.URL}})
			for kind, err := range map[string]error{"completion": p.complete(t.Context(), "m"), "lookup": p.look(t.Context())} {
				if errs.Of(err).Message != "the router service is away" || errs.NotSent(err) || errs.Answered(err) {
					t.Errorf("a %s: %v", kind, errs.Chain(err))
				}
			}
		})
	}
}

// agree makes a link of a connection, and reads the first call's frame.
func agree(tb testing.TB, conn net.Conn) {
	tb.Helper()
	var head [9]byte
	_, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tollgate-link\r\n\r\n")
	if err == nil {
		_, err = io.ReadFull(conn, head[:])
	}
	if err == nil {
		_, err = io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head[:])))
	}
	if err != nil {
		tb.Error(err)
	}
}

// A caller that leaves, or whose time is over, hears of that; its time is the handler's as well.
func TestDeadlinesAndCallersThatLeave(t *testing.T) {
	ended := make(chan error, 1)
	r := newReplica(t)
	entered := make(chan bool, 1)
	r.complete = func(ctx context.Context, _ string) error {
		_, limited := ctx.Deadline()
		entered <- limited
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}
	p := running(t, mesh.PeerOptions{}, r)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	go func() {
		if <-entered {
			t.Error("a handler has a deadline that nobody set")
		}
		leave()
	}()
	if err := p.complete(ctx, "m"); !errs.Is(err, errs.ClientClosed) {
		t.Errorf("a caller that left is told %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("its handler ends with %v", err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience/2)
	defer cancel()
	seen := make(chan bool, 1)
	r.complete = func(ctx context.Context, _ string) error {
		_, limited := ctx.Deadline()
		seen <- limited
		return nil
	}
	must(t, p.complete(ctx, "m"))
	if !<-seen {
		t.Error("the handler does not know the caller's deadline")
	}
	over, done := context.WithTimeout(t.Context(), 0)
	defer done()
	if err := p.complete(over, "m"); !errs.Is(err, errs.ServiceUnavailable) || !errors.Is(err, context.DeadlineExceeded) || !errs.NotSent(err) {
		t.Errorf("a caller without time is told %v", err)
	}
}

// with has a replica ask for credentials.
func with(c mesh.Credentials) func(*replica) {
	return func(r *replica) { r.options.Credentials = c }
}
