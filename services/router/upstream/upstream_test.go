package upstream

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret/secrettest"
)

func TestMain(m *testing.M) {
	// net/http keeps a connection that it closes for half a second, on a goroutine of its own.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

func TestAllowlist(t *testing.T) {
	list := Allowlist{"api.openai.com", "vllm.internal:8000", "[2001:DB8::1]:443", "2001:db8::2", "10.0.0.5", "127.0.0.1:9", "LocalHost.", "[::1]", "Upper.Example"}
	for raw, ok := range map[string]bool{
		"https://api.openai.com/v1":            true,
		"https://api.openai.com:8443/v1":       true, // without a port: all of them
		"https://API.OpenAI.com./v1":           true,
		"https://upper.example":                true,
		"https://evil.com":                     false,
		"https://api.openai.com.evil.com":      false,
		"https://evil-api.openai.com":          false,
		"https://api.openai.com@evil.com/":     false, // that was a user name
		"https://vllm.internal:8000":           true,
		"https://vllm.internal":                false,
		"https://vllm.internal:8001":           false,
		"https://[2001:db8::1]":                true, // 443 is the scheme's
		"https://[2001:db8:0:0::1]:443":        true,
		"https://[2001:db8::1]:444":            false,
		"https://[2001:0db8::2]:1234":          true,
		"https://10.0.0.5":                     true,
		"https://[::ffff:10.0.0.5]":            true,
		"https://10.0.0.6":                     false,
		"http://api.openai.com":                false,
		"http://10.0.0.5":                      false,
		"http://127.0.0.1:9/x":                 true,
		"http://127.0.0.1:10":                  false,
		"http://localhost:1":                   true,
		"http://LOCALHOST.:1":                  true,
		"http://[::1]:1":                       true,
		"http://[::2]:1":                       false,
		"http://localhost.evil.com":            false,
		"ftp://api.openai.com":                 false,
		"//api.openai.com":                     false,
		"https://":                             false,
		"https://api.openai.com%2eevil.com/v1": false,
	} {
		u, err := url.Parse(raw)
		if err != nil {
			if ok {
				t.Errorf("%s: %v", raw, err)
			}
			continue
		}
		err = list.Check(u)
		if (err == nil) != ok || err != nil && !errs.Is(err, errs.ProviderHostNotAllowed) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	if err := (Allowlist{"", "."}).Check(&url.URL{Scheme: "https"}); err == nil {
		t.Error("an empty entry allows the empty host")
	}
}

func TestPermittedAddresses(t *testing.T) {
	for _, tc := range []struct {
		host     string
		withPort bool
		address  string
		ok       bool
	}{
		{"api.openai.com", false, "162.159.140.245", true},
		{"api.openai.com", false, "2606:4700::1", true},
		{"api.openai.com", false, "127.0.0.1", false},
		{"api.openai.com", false, "10.1.2.3", false},
		{"api.openai.com", false, "172.16.0.1", false},
		{"api.openai.com", false, "192.168.0.1", false},
		{"api.openai.com", false, "169.254.169.254", false},
		{"api.openai.com", false, "100.100.100.200", false},
		{"api.openai.com", false, "0.0.0.0", false},
		{"api.openai.com", false, "0.1.2.3", false},
		{"api.openai.com", false, "255.255.255.255", false},
		{"api.openai.com", false, "224.0.0.1", false},
		{"api.openai.com", false, "::1", false},
		{"api.openai.com", false, "::", false},
		{"api.openai.com", false, "fd00::1", false},
		{"api.openai.com", false, "fe80::1", false},
		{"api.openai.com", false, "64:ff9b::a00:1", false}, // 10.0.0.1 by NAT64
		{"api.openai.com", false, "64:ff9b::a29f:8cf5", true},
		{"api.openai.com", false, "2002:a00:1::", false},
		{"vllm.internal", true, "10.1.2.3", true},
		{"vllm.internal", true, "127.0.0.1", true},
		{"vllm.internal", true, "169.254.169.254", false},
		{"vllm.internal", true, "fe80::1", false},
		{"vllm.internal", true, "0.0.0.0", false},
		{"localhost", false, "127.0.0.1", true},
		{"localhost", true, "10.0.0.1", false}, // it is called without TLS
		{"api.localhost", false, "1.1.1.1", false},
	} {
		if got := permitted(tc.host, tc.withPort)(netip.MustParseAddr(tc.address)); got != tc.ok {
			t.Errorf("%s (port %v) at %s: %v", tc.host, tc.withPort, tc.address, got)
		}
	}
	if permitted("10.0.0.5", false) != nil {
		t.Error("a listed address is that address")
	}
}

// rebound is a resolver that says every name is at 127.0.0.1.
func rebound(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		query := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			if _, err := conn.WriteTo(answerA(query[:n]), from); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp4", conn.LocalAddr().String())
	}}
}

// answerA answers a DNS query (RFC 1035 §4): A records with 127.0.0.1, and no others.
func answerA(query []byte) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5
	out := append([]byte(nil), query[:end]...)
	binary.BigEndian.PutUint16(out[2:], 0x8580) // a response, authoritative
	for at := 6; at < 12; at += 2 {
		binary.BigEndian.PutUint16(out[at:], 0)
	}
	if binary.BigEndian.Uint16(query[end-4:]) == 1 {
		binary.BigEndian.PutUint16(out[6:], 1)
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1)
	}
	return out
}

func request(rawURL, body string) *Request {
	u, err := url.Parse(rawURL)
	if err != nil {
		panic(err)
	}
	return &Request{URL: u, Header: http.Header{"Authorization": {"Bearer " + key}}, Body: []byte(body)}
}

const key = "sk-a-credential-of-the-gateway"

// serve runs a server on loopback, and a client that may call it.
func serve(t *testing.T, handler http.HandlerFunc) (string, *Client) {
	t.Helper()
	server := httptest.NewServer(handler)
	host := strings.TrimPrefix(server.URL, "http://")
	client := New(Options{Allowlist: Allowlist{host}})
	t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return server.URL, client
}

// A public name that resolves inside is refused at the dialer, whatever its port.
func TestRebinding(t *testing.T) {
	called := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client := New(Options{Allowlist: Allowlist{"api.example.com"}, Resolver: rebound(t)})
	defer client.Close()
	_, err = client.Do(t.Context(), request("https://api.example.com:"+port+"/", "{}"))
	if !errs.Is(err, errs.ProviderHostNotAllowed) || called {
		t.Errorf("got %v; called %v", err, called)
	}

	// Listed with its port the same name is meant to be inside.
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	inside := New(Options{Allowlist: Allowlist{"example.com:" + port}, Resolver: rebound(t), RootCAs: roots})
	defer inside.Close()
	resp, err := inside.Do(t.Context(), request("https://example.com:"+port+"/", "{}"))
	if err != nil || !called {
		t.Fatalf("got %v", err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
}

func TestDialerHoldsTheList(t *testing.T) {
	d := &dialer{allow: Allowlist{"api.openai.com:443"}.rules()}
	for _, address := range []string{"api.openai.com:80", "127.0.0.1:443", "evil.com:443"} {
		if _, err := d.DialContext(t.Context(), "tcp", address); !errs.Is(err, errs.ProviderHostNotAllowed) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := d.DialContext(t.Context(), "tcp", "no port"); err == nil {
		t.Error("no port")
	}
	client := New(Options{Allowlist: Allowlist{"api.openai.com"}})
	defer client.Close()
	if _, err := client.Do(t.Context(), request("https://evil.com/", "")); !errs.Is(err, errs.ProviderHostNotAllowed) {
		t.Errorf("got %v", err)
	}
}

func TestExchange(t *testing.T) {
	base, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.ContentLength != int64(len(body)) || r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("%s %v %v %v", r.Method, r.Header, r.ContentLength, err)
		}
		w.Header().Set("X-Echo", r.URL.String())
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(append(body, '!'))
	})
	resp, err := client.Do(t.Context(), request(base+"/a%2Fb?x=1", `{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != `{"a":1}!` || resp.Status != http.StatusTeapot || resp.Length != int64(len(body)) || resp.Header.Get("X-Echo") != "/a%2Fb?x=1" {
		t.Errorf("got %d %v %s, %v", resp.Status, resp.Header, body, err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	paths := make(chan string, 2)
	base, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		paths <- r.URL.Path
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	resp, err := client.Do(t.Context(), request(base+"/first", "{}"))
	if err != nil || resp.Status != http.StatusTemporaryRedirect {
		t.Fatalf("got %v, %v", resp, err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	if len(paths) != 1 {
		t.Errorf("%d requests came", len(paths))
	}
}

func TestClosingTheBodyCancels(t *testing.T) {
	ended := make(chan struct{})
	base, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		_, _ = io.ReadAll(r.Body) // only then is the connection watched
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	resp, err := client.Do(t.Context(), request(base, "{}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 9)); err != nil || resp.Length != -1 {
		t.Fatalf("length %d, %v", resp.Length, err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	<-ended
}

func TestConnectionIsReused(t *testing.T) {
	peers := make(chan string, 10)
	base, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		peers <- r.RemoteAddr
		_, _ = io.WriteString(w, "x")
	})
	for range 5 {
		resp, err := client.Do(t.Context(), request(base, "{}"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); err != nil {
			t.Error(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	first := <-peers
	for range 4 {
		if peer := <-peers; peer != first {
			t.Error("a second connection was made")
		}
	}
}

func TestErrors(t *testing.T) {
	cause := errs.New(errs.ProviderTimeout, "the router's own limit")
	ended := func(cause error) func(context.Context) context.Context {
		return func(ctx context.Context) context.Context {
			ctx, cancel := context.WithCancelCause(ctx)
			cancel(cause)
			return ctx
		}
	}
	late := func(ctx context.Context) context.Context {
		ctx, cancel := context.WithTimeout(ctx, time.Nanosecond)
		t.Cleanup(cancel)
		return ctx
	}
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		ctx     func(context.Context) context.Context
		reason  errs.Reason
		message string
	}{
		"the caller left":       {ctx: ended(nil), reason: errs.ClientClosed},
		"the caller's deadline": {ctx: late, reason: errs.ProviderTimeout},
		"a cause with a reason": {ctx: ended(cause), reason: errs.ProviderTimeout, message: cause.Message},
		"a cause without one":   {ctx: ended(errors.New("x")), reason: errs.ClientClosed},
		"a connection that closes": {
			handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			reason:  errs.ProviderUnavailable,
		},
		"a header that is too large": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Big", strings.Repeat("x", 2*maxHeader))
			},
			reason: errs.ProviderUnavailable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.handler == nil {
				tc.handler = func(http.ResponseWriter, *http.Request) {}
			}
			base, client := serve(t, tc.handler)
			ctx := t.Context()
			if tc.ctx != nil {
				ctx = tc.ctx(ctx)
			}
			_, err := client.Do(ctx, request(base+"/path-of-the-call", "{}"))
			if !errs.Is(err, tc.reason) || tc.message != "" && errs.Of(err).Message != tc.message {
				t.Fatalf("got %v, want %s", err, tc.reason)
			}
			secrettest.AssertNoLeak(t, err.Error(), key, "path-of-the-call", base)
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		gone := httptest.NewServer(nil)
		gone.Close()
		client := New(Options{Allowlist: Allowlist{strings.TrimPrefix(gone.URL, "http://")}})
		defer client.Close()
		if _, err := client.Do(t.Context(), request(gone.URL, "{}")); !errs.Is(err, errs.ProviderUnavailable) || !Unsent(err) {
			t.Errorf("got %v", err)
		}
	})
}

func TestClassify(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, over := context.WithTimeout(t.Context(), 0)
	defer over()
	hasty, leave := context.WithCancelCause(t.Context())
	leave(fmt.Errorf("half of its time: %w", context.DeadlineExceeded))
	timeout := &net.OpError{Op: "read", Err: &net.DNSError{IsTimeout: true}}
	for name, tc := range map[string]struct {
		ctx  context.Context //nolint:containedctx // a case
		err  error
		want errs.Reason
	}{
		"cut":                 {t.Context(), io.ErrUnexpectedEOF, errs.ProviderError},
		"a timeout":           {t.Context(), timeout, errs.ProviderTimeout},
		"a deadline":          {t.Context(), context.DeadlineExceeded, errs.ProviderTimeout},
		"out of time":         {late, io.ErrUnexpectedEOF, errs.ProviderTimeout},
		"out of a part of it": {hasty, io.ErrUnexpectedEOF, errs.ProviderTimeout},
		"cancelled":           {cancelled, io.ErrUnexpectedEOF, errs.ClientClosed},
		"a reason of its own": {cancelled, errs.New(errs.RequestTooLarge, "x"), errs.RequestTooLarge},
	} {
		if err := Classify(tc.ctx, tc.err); !errs.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An answer that does not come is given up when the context ends, in mid-body too.
func TestContextEndsTheBody(t *testing.T) {
	base, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	resp, err := client.Do(ctx, request(base, "{}"))
	if err != nil {
		t.Fatal(err)
	}
	limit := errs.New(errs.ProviderTimeout, "over")
	cancel(limit)
	_, err = io.ReadAll(resp.Body)
	if err := Classify(ctx, err); errs.Of(err).Message != "over" {
		t.Errorf("got %v", err)
	}
	_ = resp.Body.Close()
}
