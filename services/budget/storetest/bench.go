package storetest

import (
	"fmt"
	"sync"
	"testing"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/budget"

	"tollgate.dev/platform/clock"
)

// BenchmarkRecord settles calls of 20 tenants with three budgets each, from 4 replicas that send
// batches of 500 at once, and reports records a second.
func BenchmarkRecord(b *testing.B, store budget.Store) {
	svc := budget.New(store, budget.Options{})
	ids := id.NewGenerator(clock.Real())
	const replicas, batch, tenants = 4, 500, 20
	draws := make([][][]*eventv1.LeaseDraw, replicas)
	for r := range replicas {
		draws[r] = make([][]*eventv1.LeaseDraw, tenants)
		for i := range tenants {
			for kind, name := range map[budget.ScopeKind]string{
				budget.Platform: "r1", budget.Tenant: fmt.Sprint("t", i), budget.Key: fmt.Sprint("k", i),
			} {
				scope := budget.Scope{Kind: kind, ID: name}
				if _, err := svc.PutBudget(b.Context(), budget.Budget{Scope: scope, Limit: 1_000_000 * money.Dollar, Window: "1mo"}); err != nil {
					b.Fatal(err)
				}
				got, err := svc.Lease(b.Context(), fmt.Sprint("replica", r), []budget.Ask{{Scope: scope, Need: 100 * money.Dollar}}, nil)
				if err != nil {
					b.Fatal(err)
				}
				draws[r][i] = append(draws[r][i], &eventv1.LeaseDraw{LeaseId: got.Grants[0][0].Lease.ID, Nanos: 1000})
			}
		}
	}
	b.ResetTimer()
	var wg sync.WaitGroup
	for r := range replicas {
		wg.Go(func() {
			for left := b.N / replicas; left > 0; left -= batch {
				records := make([]*eventv1.UsageRecord, min(batch, left))
				for i := range records {
					records[i] = &eventv1.UsageRecord{
						EventId: ids.NewString(), TenantId: fmt.Sprint("t", i%tenants), PlatformId: "r1", KeyId: fmt.Sprint("k", i%tenants),
						UserId: "u", RequestId: ids.NewRequestID(), Model: "gpt-4o", Provider: "openai", CostNanos: 1000, Draws: draws[r][i%tenants],
					}
				}
				if _, err := svc.Record(b.Context(), records); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
