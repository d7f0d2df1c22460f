package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/rpc"
)

// broken fails in the ways that handlers do.
type broken struct {
	cachev1connect.UnimplementedCacheServiceHandler
	routerv1connect.UnimplementedRouterServiceHandler

	deeper cachev1connect.CacheServiceClient
}

func (broken) Lookup(_ context.Context, req *cachev1.LookupRequest) (*cachev1.LookupResponse, error) {
	if len(req.GetFingerprint()) == 0 {
		panic("a prompt of the caller's")
	}
	return nil, errors.New("disk full")
}

func (b broken) Store(ctx context.Context, _ *cachev1.StoreRequest) (*cachev1.StoreResponse, error) {
	_, err := b.deeper.Lookup(ctx, &cachev1.LookupRequest{Fingerprint: []byte("fp")})
	return nil, err
}

func (broken) StreamComplete(_ context.Context, req *routerv1.StreamCompleteRequest, _ routerv1connect.RouterServiceStreamCompleteServerStream) error {
	if req.GetCall().GetModel() == "panics" {
		panic("a prompt of the caller's")
	}
	return errors.New("disk full")
}

// Whatever the transport and the kind of call: a fault is said once, where it arose, with
// its cause, its procedure and the request's id, and its caller hears none of it.
func TestFaultsAreSaidOnce(t *testing.T) {
	var buf bytes.Buffer
	log, err := obs.NewLogger(&buf, obs.LogOptions{Level: slog.LevelInfo})
	if err != nil {
		t.Fatal(err)
	}
	clk := clocktest.New()
	server := rpc.NewServer(rpc.ReportFaults(obs.NewFaults(log, clk)))
	local := rpc.InProcess(server)
	handler := broken{deeper: cachev1connect.NewCacheServiceClient(local)}
	cachev1connect.RegisterCacheServiceHandler(server, handler)
	routerv1connect.RegisterRouterServiceHandler(server, handler)
	mux := http.NewServeMux()
	rpc.Mount(mux, server)
	web := httptest.NewServer(mux)
	defer web.Close()

	for name, conn := range map[string]*connect.Client{"in process": local, "remote": rpc.Remote(web.Client(), web.URL)} {
		caches, router := cachev1connect.NewCacheServiceClient(conn), routerv1connect.NewRouterServiceClient(conn)
		stream := func(ctx context.Context, model string) error {
			s, err := router.StreamComplete(ctx, &routerv1.StreamCompleteRequest{Call: &routerv1.Call{Model: model}})
			if err != nil {
				return err
			}
			_, err = s.Receive()
			return errors.Join(err, s.Close())
		}
		for _, c := range []struct {
			name, at, cause, stack string
			call                   func(ctx context.Context) error
		}{
			{"an error", cachev1connect.CacheServiceLookupProcedure, "disk full", "", func(ctx context.Context) error {
				_, err := caches.Lookup(ctx, &cachev1.LookupRequest{Fingerprint: []byte("fp")})
				return err
			}},
			{"a panic", cachev1connect.CacheServiceLookupProcedure, "panic: a value of type string", "broken.Lookup", func(ctx context.Context) error {
				_, err := caches.Lookup(ctx, &cachev1.LookupRequest{})
				return err
			}},
			{"an error two services away", cachev1connect.CacheServiceLookupProcedure, "disk full", "", func(ctx context.Context) error {
				_, err := caches.Store(ctx, &cachev1.StoreRequest{})
				return err
			}},
			{"a stream's error", routerv1connect.RouterServiceStreamCompleteProcedure, "disk full", "", func(ctx context.Context) error {
				return stream(ctx, "fails")
			}},
			{"a stream's panic", routerv1connect.RouterServiceStreamCompleteProcedure, "panic: a value of type string", "broken.StreamComplete", func(ctx context.Context) error {
				return stream(ctx, "panics")
			}},
		} {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				buf.Reset()
				clk.Advance(time.Second)
				ctx, info := connect.NewClientContext(t.Context())
				if name == "remote" {
					info.RequestHeader().Set("X-Request-Id", "req_7")
				} else {
					ctx = obs.WithRequest(ctx, &obs.Request{ID: "req_7"})
				}
				err := c.call(ctx)
				if !errs.Is(err, errs.Internal) || strings.Contains(err.Error(), "disk") || strings.Contains(err.Error(), "prompt") {
					t.Errorf("the caller hears %v", err)
				}
				line := buf.String()
				if strings.Count(line, "\n") != 1 {
					t.Fatalf("the log has %q", line)
				}
				for _, want := range []string{`"at":"` + c.at + `"`, `"cause":"` + c.cause + `"`, `"request_id":"req_7"`, c.stack} {
					if !strings.Contains(line, want) {
						t.Errorf("%s is not in %s", want, line)
					}
				}
				if strings.Contains(line, "prompt") {
					t.Errorf("the log quotes the caller: %s", line)
				}
			})
		}
	}
}
