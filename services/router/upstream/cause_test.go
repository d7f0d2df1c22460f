package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret/secrettest"
)

// nowhere is a resolver that knows no name.
func nowhere() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer func() { _ = server.Close() }()
			// Over a stream, a message has its length before it (RFC 1035 §4.2.2).
			head := make([]byte, 2)
			if _, err := io.ReadFull(server, head); err != nil {
				return
			}
			query := make([]byte, int(head[0])<<8|int(head[1]))
			if _, err := io.ReadFull(server, query); err != nil {
				return
			}
			query[2], query[3] = 0x85, 0x83 // an authoritative answer: there is no such name
			_, _ = server.Write(slices.Concat(head, query))
		}()
		return client, nil
	}}
}

// Each way to fail on the way to a provider has a cause of its own, for operators, and a
// reason, for callers.
func TestCauses(t *testing.T) {
	secured := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer secured.Close()
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer plain.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secured.Certificate())
	host := func(s *httptest.Server) string { return s.Listener.Addr().String() }
	_, port, err := net.SplitHostPort(host(secured))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		url    string
		opts   Options
		reason errs.Reason
		cause  string
	}{
		"refused": {"http://" + host(gone), Options{Allowlist: Allowlist{host(gone)}}, errs.ProviderUnavailable, "connection refused"},
		"no such name": {
			"https://api.example.com", Options{Allowlist: Allowlist{"api.example.com"}, Resolver: nowhere()},
			errs.ProviderUnavailable, "dns: no such host",
		},
		"an authority that nobody knows": {
			"https://" + host(secured), Options{Allowlist: Allowlist{host(secured)}},
			errs.ProviderUnavailable, "tls: certificate of an unknown authority",
		},
		"another host's certificate": {
			"https://other.test:" + port, Options{Allowlist: Allowlist{"other.test:" + port}, Resolver: rebound(t), RootCAs: roots},
			errs.ProviderUnavailable, "tls: certificate of another host",
		},
		"no TLS": {
			"https://" + host(plain), Options{Allowlist: Allowlist{host(plain)}},
			errs.ProviderUnavailable, "tls: the provider speaks none",
		},
		"closed": {"http://" + host(plain), Options{Allowlist: Allowlist{host(plain)}}, errs.ProviderUnavailable, "connection closed early"},
		"off the list": {
			"https://evil.example", Options{Allowlist: Allowlist{"api.example.com"}},
			errs.ProviderHostNotAllowed, "host not on the allowlist",
		},
		"rebound": {
			"https://api.example.com:" + port, Options{Allowlist: Allowlist{"api.example.com"}, Resolver: rebound(t)},
			errs.ProviderHostNotAllowed, "address not allowed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := New(tc.opts)
			defer client.Close()
			_, err := client.Do(t.Context(), request(tc.url, "{}"))
			if !errs.Is(err, tc.reason) || Cause(err) != tc.cause {
				t.Errorf("got %v, because of %q", err, Cause(err))
			}
			secrettest.AssertNoLeak(t, Cause(err), key, tc.url)
		})
	}
}

// Errors that no test can bring about everywhere.
func TestCauseOf(t *testing.T) {
	timeout := &net.OpError{Op: "dial", Err: context.DeadlineExceeded}
	for want, err := range map[string]error{
		"connection reset":                          &net.OpError{Op: "read", Err: syscall.ECONNRESET},
		"network unreachable":                       syscall.ENETUNREACH,
		"host unreachable":                          syscall.EHOSTUNREACH,
		"dns: no answer in time":                    &net.DNSError{IsTimeout: true},
		"dns: look-up failed":                       &net.DNSError{Err: "server misbehaving"},
		"connecting timed out":                      MarkUnsent(timeout),
		"no answer in time":                         timeout,
		"tls: certificate expired or not yet valid": x509.CertificateInvalidError{Reason: x509.Expired},
		"tls: certificate invalid":                  x509.CertificateInvalidError{Reason: x509.NotAuthorizedToSign},
		"tls handshake failed":                      handshakeError{tls.AlertError(40)},
		"header too large":                          errHeaderSize,
		"":                                          errors.New("the text of an error"),
	} {
		wrapped := errs.New(errs.ProviderUnavailable, "x").WithCause(fmt.Errorf("wrapped: %w", err))
		var named error = wrapped
		if Unsent(err) {
			named = MarkUnsent(named)
		}
		if got := Cause(named); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}

// A provider that takes a connection and never shakes hands is given up in time.
func TestHandshakeTimesOut(t *testing.T) {
	base, _ := raw(t, func(_ net.Conn, in *bufio.Reader, _ int) { _, _ = io.Copy(io.Discard, in) })
	host := strings.TrimPrefix(base, "http://")
	client := New(Options{Allowlist: Allowlist{host}, DialTimeout: 50 * time.Millisecond})
	defer client.Close()
	if _, err := client.Do(t.Context(), request("https://"+host, "{}")); Cause(err) != "connecting timed out" || !Unsent(err) {
		t.Errorf("got %v, because of %q", err, Cause(err))
	}
}
