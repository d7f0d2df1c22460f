package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/rpc"
)

type cacheHandler struct {
	cachev1connect.UnimplementedCacheServiceHandler
}

func (cacheHandler) Lookup(ctx context.Context, req *cachev1.LookupRequest) (*cachev1.LookupResponse, error) {
	switch req.GetNamespace().GetTenantId() {
	case "broke":
		return nil, errs.New(errs.BudgetExceeded, "spent").WithDetail("budget", "b")
	case "patient":
		<-ctx.Done()
		return nil, fmt.Errorf("read: %w", ctx.Err())
	case "early": // as a service does whose deadline was rounded down
		deadline, _ := ctx.Deadline()
		early, cancel := context.WithDeadline(ctx, deadline.Add(-time.Millisecond))
		defer cancel()
		<-early.Done()
		return nil, fmt.Errorf("read: %w", early.Err())
	case "late":
		<-ctx.Done()
		return nil, errs.New(errs.ProviderTimeout, "the provider did not answer in time")
	case "slow": // its own deadline, not its caller's
		return nil, fmt.Errorf("commit: %w", context.DeadlineExceeded)
	}
	return &cachev1.LookupResponse{
		Hit:   cachev1.HitKind_HIT_KIND_EXACT,
		Entry: &cachev1.Entry{Body: req.GetFingerprint(), Chunks: [][]byte{[]byte("a"), []byte("b")}},
	}, nil
}

// transports are both ways to the same handler.
func transports(t *testing.T) map[string]*connect.Client {
	t.Helper()
	server := rpc.NewServer()
	cachev1connect.RegisterCacheServiceHandler(server, cacheHandler{})
	mux := http.NewServeMux()
	rpc.Mount(mux, server)
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	return map[string]*connect.Client{"in process": rpc.InProcess(server), "remote": rpc.Remote(web.Client(), web.URL)}
}

// Both transports must be indistinguishable to a consumer.
func TestTransportsAgree(t *testing.T) {
	for name, conn := range transports(t) {
		t.Run(name, func(t *testing.T) {
			client := cachev1connect.NewCacheServiceClient(conn)
			got, err := client.Lookup(t.Context(), &cachev1.LookupRequest{Fingerprint: []byte("fp")})
			if err != nil {
				t.Fatal(err)
			}
			if string(got.GetEntry().GetBody()) != "fp" || len(got.GetEntry().GetChunks()) != 2 {
				t.Errorf("got %v", got)
			}
			_, err = client.Lookup(t.Context(), &cachev1.LookupRequest{Namespace: &cachev1.Namespace{TenantId: "broke"}})
			if !errs.Is(err, errs.BudgetExceeded) || errs.Of(err).Details["budget"] != "b" {
				t.Errorf("got %v, want budget_exceeded", err)
			}
			_, err = client.Store(t.Context(), &cachev1.StoreRequest{})
			if !errs.Is(err, errs.Internal) {
				t.Errorf("an unimplemented procedure gives %v", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if name == "remote" {
				if _, err = client.Lookup(ctx, &cachev1.LookupRequest{}); !errs.Is(err, errs.ClientClosed) {
					t.Errorf("a cancelled call gives %v", err)
				}
			}
		})
	}
}

// A caller whose own time is over hears whom it was too short for. A deadline is a provider's
// where somebody says so, and nowhere else.
func TestDeadlines(t *testing.T) {
	for name, conn := range transports(t) {
		t.Run(name, func(t *testing.T) {
			client := cachev1connect.NewCacheServiceClient(conn)
			ask := func(ctx context.Context, tenant string) *errs.Error {
				_, err := client.Lookup(ctx, &cachev1.LookupRequest{Namespace: &cachev1.Namespace{TenantId: tenant}})
				return errs.Of(err)
			}
			ending, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if err := ask(ending, "early"); !errs.Is(err, errs.ServiceUnavailable) || errs.Answered(err) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a service that gives up within the last millisecond: %s", errs.Chain(err))
			}
			short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			err := ask(short, "patient")
			if !errs.Is(err, errs.ServiceUnavailable) || err.Message != "the cache service did not answer in time" || errs.Answered(err) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a service that hangs: %s", errs.Chain(err))
			}
			if reason, ours := errs.FaultOf(t.Context(), err); !ours || reason != errs.ServiceUnavailable {
				t.Errorf("whoever has time left does not tell of it: %s %v", reason, ours)
			}
			if err := ask(t.Context(), "slow"); !errs.Is(err, errs.ServiceUnavailable) || !errs.Answered(err) {
				t.Errorf("a service that gave up: %s", errs.Chain(err))
			}
			if name == "in process" { // over a network the caller does not wait for the answer
				if err := ask(short, "late"); !errs.Is(err, errs.ProviderTimeout) {
					t.Errorf("a provider that hangs: %s", errs.Chain(err))
				}
			}
		})
	}
}

func TestShareCopyEqualsMerge(t *testing.T) {
	src := &cachev1.StoreRequest{
		Namespace:   &cachev1.Namespace{TenantId: "t", Model: "m"},
		Fingerprint: []byte{1, 2},
		Entry:       &cachev1.Entry{Chunks: [][]byte{{3}}, CostNanos: 7},
	}
	dst := &cachev1.StoreRequest{Fingerprint: []byte("old"), Ttl: nil}
	if err := rpc.ShareCopy(dst, src); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(dst, src) {
		t.Errorf("got %v, want %v", dst, src)
	}
	if &dst.Fingerprint[0] != &src.Fingerprint[0] {
		t.Error("bytes were copied")
	}
	if rpc.ShareCopy("x", src) == nil || rpc.ShareCopy(dst, "x") == nil {
		t.Error("what is no message must be refused")
	}
}

func BenchmarkInProcess(b *testing.B) {
	server := rpc.NewServer()
	cachev1connect.RegisterCacheServiceHandler(server, cacheHandler{})
	client := cachev1connect.NewCacheServiceClient(rpc.InProcess(server))
	req := &cachev1.LookupRequest{Fingerprint: make([]byte, 20_000), Namespace: &cachev1.Namespace{TenantId: "t"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Lookup(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}
