package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/budget"
)

// Running totals are the ledger's sums, whoever writes at the same time, however often a record
// comes, and whatever stands in the ledger that is no usage.
func runningTotals(t *testing.T, f *fixture) {
	t.Helper()
	tenants := []string{"", "acme", "beta", "other"}
	f.put(t, budget.Budget{Scope: acme, Limit: 1000})
	slice := f.lease(t, "a", acme, 500)
	var records []*eventv1.UsageRecord
	for i := range 400 {
		r := f.usage(tenants[i%len(tenants)], money.Nano(i))
		r.KeyId = fmt.Sprint("k", i%7)
		if i%7 == 0 {
			r.KeyId = ""
		}
		r.UserId = fmt.Sprint("u", i%3)
		if i%3 == 0 {
			r.UserId = ""
		}
		records = append(records, r)
	}
	var wg sync.WaitGroup
	for part := range slices.Chunk(records, 40) {
		for range 2 { // each comes twice
			wg.Go(func() {
				for some := range slices.Chunk(part, 7) {
					if _, err := f.svc.Record(t.Context(), some); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	// A lost lease is charged to its budget, and is nobody's usage.
	if n := f.hear(t, 2*time.Minute); n != 1 {
		t.Fatalf("%d leases are lost", n)
	}
	f.balance(t, acme, slice.Lease.Granted, 0)

	all, err := f.store.Usage(t.Context(), budget.UsageQuery{AllTenants: true, Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(r *eventv1.UsageRecord) bool {
		return r.GetError() == budget.LeaseLostError || r.GetNotice() != nil
	})
	if len(all) != len(records) {
		t.Fatalf("the ledger has %d calls, not %d", len(all), len(records))
	}
	scope := func(kind budget.ScopeKind, ids ...string) (out []budget.Scope) {
		for _, id := range ids {
			out = append(out, budget.Scope{Kind: kind, ID: id})
		}
		return out
	}
	everything := func(*eventv1.UsageRecord) bool { return true }
	nothing := func(*eventv1.UsageRecord) string { return "" }
	for name, c := range map[string]struct {
		q     budget.SpendQuery
		of    func(*eventv1.UsageRecord) bool
		group func(*eventv1.UsageRecord) string
	}{
		"everything":   {budget.SpendQuery{}, everything, nothing},
		"keys":         {budget.SpendQuery{Group: budget.ByKey}, everything, (*eventv1.UsageRecord).GetKeyId},
		"tenants":      {budget.SpendQuery{Group: budget.ByTenant}, everything, (*eventv1.UsageRecord).GetTenantId},
		"a key":        {budget.SpendQuery{Scopes: scope(budget.Key, "k3")}, func(r *eventv1.UsageRecord) bool { return r.GetKeyId() == "k3" }, nothing},
		"a tenant":     {budget.SpendQuery{Scopes: scope(budget.Tenant, "beta")}, func(r *eventv1.UsageRecord) bool { return r.GetTenantId() == "beta" }, nothing},
		"a user":       {budget.SpendQuery{Scopes: scope(budget.User, "beta/u1")}, func(r *eventv1.UsageRecord) bool { return r.GetTenantId() == "beta" && r.GetUserId() == "u1" }, nothing},
		"some keys":    {budget.SpendQuery{Group: budget.ByKey, Scopes: scope(budget.Key, "k1", "k2", "k1", "none")}, func(r *eventv1.UsageRecord) bool { return r.GetKeyId() == "k1" || r.GetKeyId() == "k2" }, (*eventv1.UsageRecord).GetKeyId},
		"two tenants":  {budget.SpendQuery{Scopes: scope(budget.Tenant, "acme", "beta")}, func(r *eventv1.UsageRecord) bool { return r.GetTenantId() == "acme" || r.GetTenantId() == "beta" }, nothing},
		"of no key":    {budget.SpendQuery{Group: budget.ByKey, Scopes: scope(budget.Key, "none")}, func(*eventv1.UsageRecord) bool { return false }, nothing},
		"some tenants": {budget.SpendQuery{Group: budget.ByTenant, Scopes: scope(budget.Tenant, "acme", "none")}, func(r *eventv1.UsageRecord) bool { return r.GetTenantId() == "acme" }, (*eventv1.UsageRecord).GetTenantId},
	} {
		if _, _, ok := c.q.Totals(); !ok {
			t.Errorf("%s: the ledger is added up for it", name)
		}
		sums := map[string]budget.Spend{}
		for _, r := range all {
			if !c.of(r) {
				continue
			}
			sum := sums[c.group(r)]
			sum.Group = c.group(r)
			sum.Cost += money.Nano(r.GetCostNanos())
			sum.Records++
			sum.Tokens += 15
			sums[sum.Group] = sum
		}
		want := make([]budget.Spend, 0, len(sums))
		for _, sum := range sums {
			want = append(want, sum)
		}
		slices.SortFunc(want, func(a, b budget.Spend) int {
			return cmp.Or(cmp.Compare(b.Cost, a.Cost), strings.Compare(a.Group, b.Group))
		})
		got, err := f.svc.GetSpend(t.Context(), c.q)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
}
