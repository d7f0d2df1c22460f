package spend_test

import (
	"context"
	"math"
	"path/filepath"
	"testing"
	"time"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/edge/spend"
	"tollgate.dev/services/edge/spend/journal"
)

// TestReserveAndSettleAllocate holds what a call allocates: its record, which is the
// caller's, and its id, with a budget in each of four scopes and a log.
func TestReserveAndSettleAllocate(t *testing.T) {
	log, err := journal.Open(journal.Options{Dir: filepath.Join(t.TempDir(), "wal"), Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	m := runGenerous(t, spend.Options{Journal: log})
	call := newNames(1, 1).call(0)
	// The least of many: what others allocate at the same time is theirs, and the race detector
	// has pools forget what they hold.
	least := math.Inf(1)
	for range 1000 {
		least = min(least, testing.AllocsPerRun(1, func() {
			res, err := m.Reserve(context.Background(), call, 1000)
			if err != nil {
				t.Error(err)
				return
			}
			m.Settle(res, &eventv1.UsageRecord{TenantId: call.Tenant, KeyId: call.Key, CostNanos: 900})
		}))
	}
	if least > 4 {
		t.Errorf("a reservation and its settlement allocate %v times, at most 4 are planned", least)
	}
	m.close(t)
}

// TestKeysInMemory holds what a known key takes with its share of a user and a tenant, each
// with a budget: a million keys are to take less than 1 GB.
func TestKeysInMemory(t *testing.T) {
	const keys, each = 20_000, 1000
	names := newNames(keys, keys/100)
	m := runGenerous(t, spend.Options{IdleAfter: 100 * time.Hour})
	before := heap()
	know(t, m, names)
	if taken := heap() - before; taken > keys*each {
		t.Errorf("%d keys take %d bytes, %d each", keys, taken, taken/keys)
	}
	m.close(t)
}

// runGenerous runs a Meter whose budget service grants whatever is asked for, in every scope.
func runGenerous(t *testing.T, opts spend.Options) *running {
	t.Helper()
	server := rpc.NewServer()
	budgetv1connect.RegisterBudgetServiceHandler(server, &generous{budgets: everyKind})
	return run(t, budgetv1connect.NewBudgetServiceClient(rpc.InProcess(server)), opts)
}
