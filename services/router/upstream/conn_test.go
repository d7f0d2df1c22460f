package upstream

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
)

// raw serves each connection by a script, which gets the connection and how many there
// were before it.
func raw(t *testing.T, script func(c net.Conn, in *bufio.Reader, nth int)) (string, *Client) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for nth := 0; ; nth++ {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			script(c, bufio.NewReader(c), nth)
			_ = c.Close()
		}
	}()
	client := New(Options{Allowlist: Allowlist{listener.Addr().String()}})
	t.Cleanup(func() {
		client.Close()
		_ = listener.Close()
		<-done
	})
	return "http://" + listener.Addr().String(), client
}

// take reads one request and returns its body.
func take(in *bufio.Reader) (string, error) {
	r, err := http.ReadRequest(in)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(r.Body)
	return string(body), err
}

func read(t *testing.T, client *Client, url, body string) (string, error) {
	t.Helper()
	resp, err := client.Do(t.Context(), request(url, body))
	if err != nil {
		return "", err
	}
	got, err := io.ReadAll(resp.Body)
	if cerr := resp.Body.Close(); cerr != nil {
		t.Error(cerr)
	}
	return string(got), err
}

const short = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// A provider that reads a request on a connection that had served before, and closes it
// without an answer, may work on it: nobody but the router, which asks who pays, sends it
// again.
func TestReusedConnectionThatDies(t *testing.T) {
	var requests atomic.Int32
	base, client := raw(t, func(c net.Conn, in *bufio.Reader, _ int) {
		for range 2 {
			if _, err := take(in); err != nil {
				return
			}
			if requests.Add(1) == 2 {
				return
			}
			_, _ = io.WriteString(c, short)
		}
	})
	if got, err := read(t, client, base, "{}"); err != nil || got != "ok" {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := read(t, client, base, "{}"); !errs.Is(err, errs.ProviderUnavailable) || Unsent(err) {
		t.Errorf("got %v, want one of unknown cost", err)
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("the provider got %d requests of 2", n)
	}
	if got, err := read(t, client, base, "{}"); err != nil || got != "ok" {
		t.Errorf("got %q, %v", got, err)
	}
}

// deadConn takes nothing, as a connection that was reset.
type deadConn struct{ net.Conn }

func (deadConn) Write([]byte) (int, error)        { return 0, syscall.EPIPE }
func (deadConn) Read([]byte) (int, error)         { return 0, io.EOF }
func (deadConn) SetDeadline(time.Time) error      { return nil }
func (deadConn) SetReadDeadline(time.Time) error  { return nil }
func (deadConn) SetWriteDeadline(time.Time) error { return nil }
func (deadConn) Close() error                     { return nil }

// A connection that takes nothing of a request any more is replaced without anybody noticing.
func TestConnectionThatTakesNothing(t *testing.T) {
	base, client := raw(t, func(c net.Conn, in *bufio.Reader, _ int) {
		if _, err := take(in); err == nil {
			_, _ = io.WriteString(c, short)
		}
	})
	for _, size := range []int{2, 2 * joinBelow} {
		p := client.pool(request(base, "").URL)
		dead := newConn(deadConn{}, deadConn{}, p)
		dead.served, dead.idle = 1, client.opts.Clock.Now()
		p.mu.Lock()
		p.idle = []*conn{dead}
		p.mu.Unlock()
		if got, err := read(t, client, base, strings.Repeat("a", size)); err != nil || got != "ok" {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

// What a provider sends unasked is nobody's answer: not the next caller's either, who may be
// of another tenant.
func TestSecondAnswerReachesNobody(t *testing.T) {
	base, client := raw(t, func(c net.Conn, in *bufio.Reader, _ int) {
		for {
			body, err := take(in)
			if err != nil {
				return
			}
			answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			_, _ = io.WriteString(c, answer+answer)
		}
	})
	for _, body := range []string{"a", "b", "c"} {
		if got, err := read(t, client, base, body); err != nil || got != body {
			t.Errorf("asked %q, got %q, %v", body, got, err)
		}
	}
}

// A new connection that dies without an answer is a failure: the request may have been
// read.
func TestFreshConnectionThatDies(t *testing.T) {
	var connections atomic.Int32
	base, client := raw(t, func(_ net.Conn, in *bufio.Reader, _ int) {
		connections.Add(1)
		_, _ = take(in)
	})
	if _, err := read(t, client, base, "{}"); !errs.Is(err, errs.ProviderUnavailable) || connections.Load() != 1 {
		t.Errorf("got %v after %d connections", err, connections.Load())
	}
}

// Whether a request left is what decides who pays for it.
func TestUnsent(t *testing.T) {
	sent := make(chan struct{})
	base, client := raw(t, func(c net.Conn, in *bufio.Reader, nth int) {
		switch nth {
		case 0: // read whole, and never answered
			_, _ = take(in)
		case 1: // read whole, and being worked on
			_, _ = take(in)
			close(sent)
			_, _ = in.Peek(1)
		case 2: // the rest is never read
			_, _ = in.Peek(1)
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // so that closing resets it
			}
		}
	})
	_, err := client.Do(t.Context(), request(base, "{}"))
	if err == nil || Unsent(err) {
		t.Errorf("one that was read: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-sent
		cancel()
	}()
	if _, err := client.Do(ctx, request(base, "{}")); !errs.Is(err, errs.ClientClosed) || Unsent(err) {
		t.Errorf("one whose caller left while it was worked on: %v", err)
	}
	if _, err := client.Do(t.Context(), request(base, strings.Repeat("a", 64<<20))); err == nil || !Unsent(err) {
		t.Errorf("one of which a part left: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := client.Do(ctx, request(base, "{}")); !errs.Is(err, errs.ClientClosed) || !Unsent(err) {
		t.Errorf("one whose caller had left before: %v", err)
	}
	if _, err := client.Do(t.Context(), request("https://elsewhere.example", "{}")); !errs.Is(err, errs.ProviderHostNotAllowed) || !Unsent(err) {
		t.Errorf("one that must not leave: %v", err)
	}
	if Unsent(nil) || Unsent(io.EOF) {
		t.Error("any error is one of a request that did not leave")
	}
}

func TestAnswers(t *testing.T) {
	large := strings.Repeat("x", maxHeader)
	for name, tc := range map[string]struct {
		answer string
		want   string
		reason errs.Reason
		broken bool
	}{
		"length":            {answer: short, want: "ok"},
		"chunked":           {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", want: "ok"},
		"trailer":           {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n", want: "ok"},
		"until close":       {answer: "HTTP/1.1 200 OK\r\n\r\nok", want: "ok"},
		"empty":             {answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		"no content":        {answer: "HTTP/1.1 204 No Content\r\n\r\n"},
		"early hints":       {answer: "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + short, want: "ok"},
		"only hints":        {answer: strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 10), reason: errs.ProviderUnavailable},
		"large header":      {answer: "HTTP/1.1 200 OK\r\nX: " + large + "\r\n\r\nok", reason: errs.ProviderUnavailable},
		"no HTTP":           {answer: "SSH-2.0\r\n\r\n", reason: errs.ProviderUnavailable},
		"half a header":     {answer: "HTTP/1.1 200 OK\r\nContent-", reason: errs.ProviderUnavailable},
		"short body":        {answer: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", want: "ok", broken: true},
		"short chunk":       {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok", want: "ok", broken: true},
		"no last chunk":     {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", want: "ok", broken: true},
		"more than it said": {answer: short + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", want: "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			base, client := raw(t, func(c net.Conn, in *bufio.Reader, _ int) {
				if _, err := take(in); err != nil {
					t.Error(err)
				}
				_, _ = io.WriteString(c, tc.answer)
			})
			for range 2 { // what one answer leaves behind must not reach the next
				got, err := read(t, client, base, "{}")
				switch {
				case tc.reason != "":
					if !errs.Is(err, tc.reason) {
						t.Errorf("got %q, %v", got, err)
					}
				case got != tc.want || tc.broken != (err != nil) || tc.broken && !errors.Is(err, io.ErrUnexpectedEOF):
					t.Errorf("got %q, %v", got, err)
				}
				for _, p := range client.pools {
					for _, c := range p.idle {
						_, _ = c.reader.Peek(1) // the script closes it, after the answer
					}
				}
			}
		})
	}
}

// Bodies of any size go out whole, also those that are not joined to the header.
func TestRequestBodies(t *testing.T) {
	base, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || int64(len(body)) != r.ContentLength {
			t.Errorf("%d of %d, %v", len(body), r.ContentLength, err)
		}
		_, _ = w.Write(body)
	})
	for _, size := range []int{0, 1, joinBelow, joinBelow + 1, 20_000, 5 << 20} {
		body := strings.Repeat("a", size)
		if got, err := read(t, client, base, body); err != nil || got != body {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
	}
}

// A provider that refuses a large request without reading it is heard.
func TestEarlyAnswer(t *testing.T) {
	base, client := raw(t, func(c net.Conn, in *bufio.Reader, _ int) {
		_, _ = in.ReadString('\n')
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
		_, _ = io.Copy(io.Discard, in)
	})
	resp, err := client.Do(t.Context(), request(base, strings.Repeat("a", 8<<20)))
	if err != nil || resp.Status != http.StatusRequestEntityTooLarge {
		t.Fatalf("got %+v, %v", resp, err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
}

func TestHeaderInjection(t *testing.T) {
	base, client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	for name, value := range map[string]string{"X-A": "a\r\nX-Evil: 1", "X-A\r\nX-Evil": "1", "X-B": "nul\x00", "X C": "1"} {
		req := request(base, "{}")
		req.Header[name] = []string{value}
		if _, err := client.Do(t.Context(), req); err == nil {
			t.Errorf("%q: %q was sent", name, value)
		}
	}
}

// The context bounds every wait: for the header, and in the body.
func TestContextEndsTheExchange(t *testing.T) {
	for name, before := range map[string]string{"header": "", "body": "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan struct{})
			base, client := raw(t, func(c net.Conn, in *bufio.Reader, _ int) {
				_, _ = take(in)
				_, _ = io.WriteString(c, before)
				close(asked)
				_, _ = in.Peek(1) // until the client gives up
			})
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-asked
				cancel()
			}()
			resp, err := client.Do(ctx, request(base, "{}"))
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				err = Classify(ctx, err)
				if cerr := resp.Body.Close(); cerr != nil {
					t.Error(cerr)
				}
			}
			if !errs.Is(err, errs.ClientClosed) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	var open atomic.Int32
	closed := make(chan struct{}, 8)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
			closed <- struct{}{}
		default:
		}
	}
	server.Start()
	defer server.Close()
	clk := clocktest.New()
	client := New(Options{
		Allowlist: Allowlist{strings.TrimPrefix(server.URL, "http://")}, IdleTimeout: time.Minute, MaxIdlePerHost: 1, Clock: clk,
	})
	defer client.Close()
	// Two at once make two connections, of which one is kept.
	first, err := client.Do(t.Context(), request(server.URL, "{}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, client, server.URL, "{}"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(first.Body); err != nil {
		t.Fatal(err)
	}
	if err := first.Body.Close(); err != nil {
		t.Fatal(err)
	}
	<-closed
	if n := open.Load(); n != 1 {
		t.Errorf("%d connections are open, want 1", n)
	}
	clk.WaitForTimers(t, 1)
	clk.Advance(time.Minute)
	<-closed
	if n := open.Load(); n != 0 {
		t.Errorf("%d connections are open after the idle time", n)
	}
	if _, err := read(t, client, server.URL, "{}"); err != nil {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	peers := make(chan string, 8)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peers <- r.RemoteAddr
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))
	defer server.Close()
	host := server.Listener.Addr().String()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	trusting := New(Options{Allowlist: Allowlist{host}, RootCAs: roots})
	defer trusting.Close()
	large := string(bytes.Repeat([]byte("a"), 100_000))
	for _, body := range []string{"{}", large, "{}"} {
		if got, err := read(t, trusting, server.URL, body); err != nil || got != body {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
	}
	if a, b, c := <-peers, <-peers, <-peers; a != b || b != c {
		t.Errorf("connections were not reused: %s %s %s", a, b, c)
	}
	strict := New(Options{Allowlist: Allowlist{host}})
	defer strict.Close()
	if _, err := read(t, strict, server.URL, "{}"); !errs.Is(err, errs.ProviderUnavailable) {
		t.Errorf("an unknown certificate gives %v", err)
	}
}

// The end of a stream's body comes after all that matters. A body that is finished waits
// for it, so that the connection serves the next call; not for long, and not for much.
func TestFinishedBodies(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
	flood := strings.Repeat("2000\r\n"+strings.Repeat("x", 0x2000)+"\r\n", 3) + "0\r\n\r\n"
	for name, tc := range map[string]struct {
		rest            string
		late, cancelled bool
		conns           int32
	}{
		"its end":                       {rest: "0\r\n\r\n", conns: 1},
		"its end, later":                {rest: "0\r\n\r\n", late: true, conns: 1},
		"its end, after the call":       {rest: "0\r\n\r\n", late: true, cancelled: true, conns: 1},
		"no end":                        {conns: 2},
		"much more":                     {rest: flood, conns: 2},
		"another end than was promised": {rest: "oops\r\n", conns: 2},
	} {
		t.Run(name, func(t *testing.T) {
			finished := make(chan struct{})
			var conns atomic.Int32
			base, client := raw(t, func(c net.Conn, in *bufio.Reader, nth int) {
				conns.Add(1)
				if nth == 0 {
					if _, err := take(in); err != nil {
						return
					}
					_, _ = io.WriteString(c, head)
					if tc.late {
						<-finished
					}
					_, _ = io.WriteString(c, tc.rest)
				}
				for { // the connection's further calls
					if _, err := take(in); err != nil {
						return
					}
					_, _ = io.WriteString(c, short)
				}
			})
			clk := clocktest.New()
			client.opts.Clock = clk
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			resp, err := client.Do(ctx, request(base, "{}"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(resp.Body, make([]byte, 2)); err != nil {
				t.Fatal(err)
			}
			resp.Body.Finish()
			if tc.rest == "" {
				clk.WaitForTimers(t, 1)
				clk.Advance(lingerTime)
			}
			if tc.cancelled {
				cancel()
			}
			close(finished)
			client.Wait()
			if got, err := read(t, client, base, "{}"); err != nil || got != "ok" {
				t.Errorf("got %q, %v", got, err)
			}
			if n := conns.Load(); n != tc.conns {
				t.Errorf("%d connections, want %d", n, tc.conns)
			}
		})
	}
}

// One connection serves streams that follow each other, although each caller leaves with
// the last event and the body's end comes after that.
func TestStreamsInTurnShareAConnection(t *testing.T) {
	left := make(chan struct{})
	var conns atomic.Int32
	base, client := raw(t, func(c net.Conn, in *bufio.Reader, _ int) {
		conns.Add(1)
		for {
			if _, err := take(in); err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
			<-left
			_, _ = io.WriteString(c, "0\r\n\r\n")
		}
	})
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		resp, err := client.Do(ctx, request(base, "{}"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 2)); err != nil {
			t.Fatal(err)
		}
		resp.Body.Finish()
		cancel()
		left <- struct{}{}
		client.Wait()
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("20 streams took %d connections", n)
	}
}

func TestCloseEndsWhatIsIdle(t *testing.T) {
	base, client := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") })
	if _, err := read(t, client, base, "{}"); err != nil {
		t.Fatal(err)
	}
	client.Close()
	// Calls that are under way may still end; their connections are not kept.
	if _, err := read(t, client, base, "{}"); err != nil {
		t.Fatal(err)
	}
	for _, p := range client.pools {
		if len(p.idle) != 0 {
			t.Errorf("%d connections are kept", len(p.idle))
		}
	}
}

func BenchmarkExchange(b *testing.B) {
	for _, size := range []int{600, 20_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(w, short)
			}))
			defer server.Close()
			client := New(Options{Allowlist: Allowlist{strings.TrimPrefix(server.URL, "http://")}})
			defer client.Close()
			req := request(server.URL, strings.Repeat("a", size))
			b.ReportAllocs()
			for b.Loop() {
				resp, err := client.Do(b.Context(), req)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(resp.Body, make([]byte, resp.Length)); err != nil {
					b.Fatal(err)
				}
				if err := resp.Body.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
