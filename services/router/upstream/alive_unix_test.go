//go:build unix

package upstream

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
)

// joined holds back what is written, to go out in one piece.
type joined struct {
	net.Conn

	held    bytes.Buffer
	holding atomic.Bool
}

func (j *joined) Write(p []byte) (int, error) {
	if j.holding.Load() {
		return j.held.Write(p)
	}
	return j.Conn.Write(p)
}

func (j *joined) flush() {
	j.holding.Store(false)
	_, _ = j.Conn.Write(j.held.Bytes())
	j.held.Reset()
}

// secured is raw over TLS.
func secured(t *testing.T, script func(c *tls.Conn, below *joined, in *bufio.Reader)) (string, *Client) {
	t.Helper()
	certified := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	certified.Close()
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	base, client := raw(t, func(c net.Conn, _ *bufio.Reader, _ int) {
		below := &joined{Conn: c}
		over := tls.Server(below, &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12})
		script(over, below, bufio.NewReader(over))
		_ = over.Close()
	})
	client.opts.RootCAs = roots
	return "https" + base[len("http"):], client
}

// idleIsReadable waits until something has come on each idle connection: bytes, or its end.
func idleIsReadable(t *testing.T, client *Client) {
	t.Helper()
	for _, p := range client.pools {
		for _, c := range p.idle {
			if err := c.raw.Read(func(fd uintptr) bool {
				var b [1]byte
				_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
				return !errors.Is(err, syscall.EAGAIN)
			}); err != nil {
				t.Error(err)
			}
		}
	}
}

// A connection that the provider closes while it is idle is replaced without anybody
// noticing, under TLS too, whose farewell comes before the end.
func TestIdleConnectionThatWasClosed(t *testing.T) {
	plain, client := raw(t, func(c net.Conn, in *bufio.Reader, _ int) {
		_, _ = take(in)
		_, _ = io.WriteString(c, short)
	})
	https, trusting := secured(t, func(c *tls.Conn, _ *joined, in *bufio.Reader) {
		_, _ = take(in)
		_, _ = io.WriteString(c, short)
	})
	for base, client := range map[string]*Client{plain: client, https: trusting} {
		for range 3 {
			if got, err := read(t, client, base, "{}"); err != nil || got != "ok" {
				t.Errorf("%s: got %q, %v", base, got, err)
			}
			idleIsReadable(t, client)
		}
	}
}

// A second answer reaches nobody either when TLS has read it along with the first.
func TestSecondAnswerUnderTLS(t *testing.T) {
	base, client := secured(t, func(c *tls.Conn, below *joined, in *bufio.Reader) {
		for {
			body, err := take(in)
			if err != nil {
				return
			}
			below.holding.Store(true)
			for range 2 { // a record each
				_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			}
			below.flush()
		}
	})
	for _, body := range []string{"a", "b", "c"} {
		if got, err := read(t, client, base, body); err != nil || got != body {
			t.Errorf("asked %q, got %q, %v", body, got, err)
		}
	}
}
