package spend_test

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
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
	// again lets a watch say it again; nil never does.
	again chan struct{}
}

func (h *hanging) WatchBudgets(ctx context.Context, _ *budgetv1.WatchBudgetsRequest, stream budgetv1connect.BudgetServiceWatchBudgetsServerStream) error {
	if err := stream.Send(&budgetv1.WatchBudgetsResponse{Reset_: true, HeartbeatMillis: h.heartbeat}); err != nil {
		return err
	}
	h.watches.Add(1)
	for {
		select {
		case <-h.again:
			if err := stream.Send(&budgetv1.WatchBudgetsResponse{HeartbeatMillis: h.heartbeat}); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
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

// interrupted tells of each watch that broke.
type interrupted struct {
	slog.Handler

	told chan struct{}
}

func (interrupted) Enabled(context.Context, slog.Level) bool { return true }

func (i interrupted) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "watching budgets was interrupted") {
		i.told <- struct{}{}
	}
	return nil
}

// What has lain in the socket while this process was stopped is not trusted: the watch breaks
// though no timer has fired.
func TestAWatchOfAStoppedProcessIsBroken(t *testing.T) {
	t.Parallel()
	h, clk := &hanging{heartbeat: 300, again: make(chan struct{})}, clocktest.New()
	server := rpc.NewServer()
	budgetv1connect.RegisterBudgetServiceHandler(server, h)
	told := make(chan struct{}, 8)
	run(t, budgetv1connect.NewBudgetServiceClient(rpc.InProcess(server)), spend.Options{
		Clock: clk, Logger: slog.New(interrupted{slog.DiscardHandler, told}),
	})
	h.again <- struct{}{} // the watch is open
	clk.Skip(10 * time.Second)
	h.again <- struct{}{}
	select {
	case <-told:
	case <-time.After(20 * time.Second):
		t.Fatal("the watch goes on")
	}
}
