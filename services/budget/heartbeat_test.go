package budget_test

import (
	"testing"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/budget"
)

// A watch that has nothing to tell says so, as often as it promises.
func TestWatchHasAHeartbeat(t *testing.T) {
	clk := clocktest.New()
	server := rpc.NewServer()
	budgetv1connect.RegisterBudgetServiceHandler(server, budget.Handler(budget.New(newStore(t), budget.Options{Clock: clk})))
	stream, err := budgetv1connect.NewBudgetServiceClient(rpc.InProcess(server)).WatchBudgets(t.Context(), &budgetv1.WatchBudgetsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		msg, err := stream.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if msg.GetReset_() != (n == 0) || len(msg.GetChanged()) > 0 || msg.GetHeartbeatMillis() != 300 {
			t.Fatalf("message %d is %v", n, msg)
		}
		clk.WaitForTimers(t, 1)
		clk.Advance(rpc.Heartbeat)
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
}
