package spend_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/edge/spend"
)

// hanging is a budget service whose watches say one thing, and then nothing more.
type hanging struct {
	generous
	heartbeat int32
	watches   atomic.Int64
}

func (h *hanging) WatchBudgets(ctx context.Context, _ *budgetv1.WatchBudgetsRequest, stream budgetv1connect.BudgetServiceWatchBudgetsServerStream) error {
	if err := stream.Send(&budgetv1.WatchBudgetsResponse{Reset_: true, HeartbeatMillis: h.heartbeat}); err != nil {
		return err
	}
	h.watches.Add(1)
	<-ctx.Done()
	return nil
}

// A watch that promised heartbeats and is silent is begun again, at another replica perhaps.
func TestASilentWatchIsBroken(t *testing.T) {
	t.Parallel()
	h, clk := &hanging{heartbeat: 300}, clocktest.New()
	server := rpc.NewServer()
	budgetv1connect.RegisterBudgetServiceHandler(server, h)
	run(t, budgetv1connect.NewBudgetServiceClient(rpc.InProcess(server)), spend.Options{Clock: clk})
	for deadline := time.Now().Add(20 * time.Second); h.watches.Load() < 3; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("it watched %d times", h.watches.Load())
		}
		clk.Advance(10 * time.Millisecond)
	}
}
