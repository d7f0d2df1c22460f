package mesh_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	connectv1 "connectrpc.com/connect"
	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/reflect/protoreflect"

	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/mesh"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/platform/secret"
)

// h2c is an HTTP client of HTTP/2 without TLS, which sends a token if there is one.
func h2c(tb testing.TB, token string) *http.Client {
	tb.Helper()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	tb.Cleanup(transport.CloseIdleConnections)
	if token == "" {
		return &http.Client{Transport: transport}
	}
	return &http.Client{Transport: as{transport, token}}
}

func tokens(token, previous string) mesh.Credentials {
	return mesh.Credentials{Token: secret.New(token), Previous: secret.New(previous)}
}

func TestTokens(t *testing.T) {
	for name, tc := range map[string]struct {
		asked, sent mesh.Credentials
		admitted    bool
	}{
		"none is asked for":          {tokens("", ""), tokens("", ""), true},
		"one more than is asked for": {tokens("", ""), tokens("a", ""), true},
		"the right one":              {tokens("a", ""), tokens("a", ""), true},
		"the former one":             {tokens("b", "a"), tokens("a", ""), true},
		"the new one":                {tokens("b", "a"), tokens("b", "a"), true},
		"none":                       {tokens("a", ""), tokens("", ""), false},
		"another one":                {tokens("a", ""), tokens("b", ""), false},
		"one that begins like it":    {tokens("abc", ""), tokens("ab", ""), false},
		"the former one, too late":   {tokens("b", ""), tokens("a", ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t, with(tc.asked))
			r.stream = func(_ context.Context, _ string, send func(string) error) error { return send("a") }
			var log lines
			p := newPeer(t, mesh.PeerOptions{Credentials: tc.sent, Log: slog.New(slog.NewTextHandler(&log, nil))}, r)
			p.run(t)
			if tc.admitted {
				p.await(t, 1)
			} else {
				eventually(t, "the log names the credentials", func() bool {
					return strings.Contains(log.String(), "a peer refuses this process's credentials")
				})
				if err := p.Check(t.Context()); !errs.Is(err, errs.ServiceUnavailable) || strings.Contains(log.String(), "a peer is ready") {
					t.Errorf("the health check says %v, the log %s", err, log.String())
				}
			}
			_, err := p.router.Complete(t.Context(), completeOf("m", strings.Repeat("x", 100)))
			_, errLarge := p.router.Complete(t.Context(), completeOf("m", strings.Repeat("x", 1<<20)))
			s, errStream := p.router.StreamComplete(t.Context(), streamOf("m"))
			if errStream == nil {
				_, errStream = s.Receive()
				must(t, s.Close())
			}
			for kind, err := range map[string]error{"call": err, "large call": errLarge, "stream": errStream} {
				if tc.admitted {
					if err != nil {
						t.Errorf("a %s: %v", kind, err)
					}
					continue
				}
				if !errs.Is(err, errs.ServiceUnavailable) || !errs.NotSent(err) || !strings.Contains(errs.Chain(err), "refuses") {
					t.Errorf("a %s: %v", kind, errs.Chain(err))
				}
			}
			if !tc.admitted && r.calls.Load() > 0 {
				t.Error("the service was asked all the same")
			}
		})
	}
}

// Whoever is refused hears it in the words of its protocol.
func TestRefusals(t *testing.T) {
	r := newReplica(t, with(tokens("right", "")))
	for name, client := range map[string]*connect.Client{
		"gRPC":            rpc.Remote(h2c(t, "wrong"), r.url(), connecthttp.WithGRPC()),
		"gRPC, no header": rpc.Remote(h2c(t, ""), r.url(), connecthttp.WithGRPC()),
		"gRPC-Web":        rpc.Remote(h2c(t, "wrong"), r.url(), connecthttp.WithGRPCWeb()),
		"Connect":         rpc.Remote(h2c(t, "wrong"), r.url()),
	} {
		_, err := routerv1connect.NewRouterServiceClient(client).Complete(t.Context(), completeOf("m", ""))
		if connect.CodeOf(err) != connect.CodeUnauthenticated || strings.Contains(err.Error()+errs.Chain(err), "right") {
			t.Errorf("%s: %v", name, errs.Chain(err))
		}
	}
	for path, want := range map[string]int{
		"/": 401, "/tollgate.router.v1.RouterService/Complete": 401, "/grpc.reflection.v1.ServerReflection/": 401,
		"/health/liveness": 200, "/health/readiness": 200, "/health/other": 401,
	} {
		if got, _ := get(t, r, path); got != want {
			t.Errorf("GET %s is %d, want %d", path, got, want)
		}
	}
}

func get(tb testing.TB, r *replica, path string) (status int, closes bool) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, r.url()+path, http.NoBody)
	must(tb, err)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	must(tb, err)
	_, _ = io.Copy(io.Discard, resp.Body)
	must(tb, resp.Body.Close())
	return resp.StatusCode, resp.Close
}

func TestHealth(t *testing.T) {
	r := newReplica(t, with(tokens("right", "")))
	client := grpchealth.NewClient(h2c(t, ""), r.url(), connectv1.WithGRPC())
	asks := func(service string, want grpchealth.Status) {
		t.Helper()
		resp, err := client.Check(t.Context(), &grpchealth.CheckRequest{Service: service})
		if err != nil || resp.Status != want {
			t.Errorf("%q is %v, %v; want %v", service, resp, err, want)
		}
	}
	asks("", grpchealth.StatusServing)
	asks(routerv1connect.RouterServiceName, grpchealth.StatusServing)
	if _, err := client.Check(t.Context(), &grpchealth.CheckRequest{Service: "tollgate.none"}); connectv1.CodeOf(err) != connectv1.CodeNotFound {
		t.Errorf("a service that is not there: %v", err)
	}
	if status, closes := get(t, r, "/health/readiness"); status != http.StatusOK || closes {
		t.Errorf("readiness is %d, closes %v", status, closes)
	}
	r.down.Store(reason{errors.New("no database")})
	asks("", grpchealth.StatusNotServing)
	if status, closes := get(t, r, "/health/readiness"); status != http.StatusServiceUnavailable || closes {
		t.Errorf("readiness is %d, closes %v", status, closes)
	}
	r.down.Store(reason{})
	r.draining.Store(true)
	asks(cachev1connect.CacheServiceName, grpchealth.StatusNotServing)
	if status, closes := get(t, r, "/health/readiness"); status != http.StatusServiceUnavailable || !closes {
		t.Errorf("while it drains, readiness is %d, closes %v", status, closes)
	}
	if status, _ := get(t, r, "/health/liveness"); status != http.StatusOK {
		t.Errorf("while it drains, liveness is %d", status)
	}
}

func TestReflection(t *testing.T) {
	r := newReplica(t, with(tokens("right", "")))
	stream := grpcreflect.NewClient(h2c(t, "right"), r.url(), connectv1.WithGRPC()).NewStream(t.Context())
	names, err := stream.ListServices()
	must(t, err)
	slices.Sort(names)
	if !slices.Equal(names, []protoreflect.FullName{cachev1connect.CacheServiceName, routerv1connect.RouterServiceName}) {
		t.Errorf("it lists %v", names)
	}
	files, err := stream.FileContainingSymbol(routerv1connect.RouterServiceName)
	if err != nil || len(files) == 0 || files[0].GetPackage() != "tollgate.router.v1" {
		t.Errorf("the router is in %d files, %v", len(files), err)
	}
	_, err = stream.Close()
	must(t, err)
	refused := grpcreflect.NewClient(h2c(t, "wrong"), r.url(), connectv1.WithGRPC()).NewStream(t.Context())
	if _, err := refused.ListServices(); connectv1.CodeOf(err) != connectv1.CodeUnauthenticated {
		t.Errorf("without the token: %v", err)
	}
	_, _ = refused.Close()
}

// as adds a key to each request.
type as struct {
	http.RoundTripper
	key string
}

func (a as) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+a.key)
	return a.RoundTripper.RoundTrip(r)
}
