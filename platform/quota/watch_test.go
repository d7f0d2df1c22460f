package quota_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/platform/quota"
	"tollgate.dev/platform/rpc"
)

// watchServer answers WatchUsage with what is in a ledger and ends each stream after some
// records, as a network does.
type watchServer struct {
	budgetv1connect.UnimplementedBudgetServiceHandler
	tenants []string
	n       int64
	each    int64 // records a stream

	mu   sync.Mutex
	asks []map[string]int64
}

func (s *watchServer) WatchUsage(ctx context.Context, req *budgetv1.WatchUsageRequest, stream budgetv1connect.BudgetServiceWatchUsageServerStream) error {
	from := map[string]int64{}
	for _, p := range req.GetPositions() {
		from[p.GetTenantId()] = p.GetSequence()
	}
	s.mu.Lock()
	s.asks = append(s.asks, from)
	s.mu.Unlock()
	left := s.each
	for _, tenant := range s.tenants {
		for sequence := from[tenant] + 1; sequence <= s.n; sequence++ {
			if left--; left < 0 {
				return errors.New("the connection broke")
			}
			res := &budgetv1.WatchUsageResponse{}
			res.Records = append(res.Records, record(tenant, sequence))
			if err := stream.Send(res); err != nil {
				return err
			}
		}
	}
	if err := stream.Send(&budgetv1.WatchUsageResponse{CaughtUp: true}); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// A consumer without Kafka goes on over broken streams, and after a restart, where it was.
func TestConsumerOverRPC(t *testing.T) {
	tenants := []string{"a", "b", ""}
	service := &watchServer{tenants: tenants, n: 40, each: 7}
	server, mux := rpc.NewServer(), http.NewServeMux()
	budgetv1connect.RegisterBudgetServiceHandler(server, service)
	rpc.Mount(mux, server)
	remote := httptest.NewServer(mux)
	defer remote.Close()
	client := budgetv1connect.NewBudgetServiceClient(rpc.Remote(remote.Client(), remote.URL))

	b := newBook()
	consume := func(until int64) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		seen := int64(0)
		b.after = func() error {
			if seen++; seen == until {
				cancel()
			}
			return nil
		}
		watch := quota.FromWatch(client, quota.WatchOptions{Positions: b.last})
		if err := quota.NewConsumer(watch, b, quota.Options{Backoff: time.Microsecond, BackoffMax: time.Millisecond}).Run(ctx); err != nil {
			t.Fatal(err)
		}
		if err := watch.Close(); err != nil {
			t.Error(err)
		}
		if seen != until {
			t.Fatalf("%d effects, want %d", seen, until)
		}
	}
	consume(50)
	consume(70)
	b.audit(t, 40, tenants...)
	service.mu.Lock()
	defer service.mu.Unlock()
	if len(service.asks) < 120/7 || !slices.ContainsFunc(service.asks, func(m map[string]int64) bool { return m["a"] == 40 && m["b"] > 0 }) {
		t.Errorf("the streams began at %v", service.asks)
	}
}
