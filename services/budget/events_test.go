package budget_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/quota"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/budget/event"
)

// Every kind of event that the service makes satisfies the schema, decodes to what its
// ledger entry says, and is there.
func TestEventsSatisfyTheSchema(t *testing.T) {
	store, clk := newStore(t), clocktest.New()
	svc, ids := budget.New(store, budget.Options{Clock: clk}), id.NewGenerator(clk)
	call := func(cost int64, draws ...*eventv1.LeaseDraw) *eventv1.UsageRecord {
		return &eventv1.UsageRecord{
			EventId: ids.NewString(), OccurredMillis: clk.Now().UnixMilli(), TenantId: "acme", PlatformId: "r1", KeyId: "k1", UserId: "u1",
			RequestId: "req_1", CorrelationId: "c", Model: "m", Provider: "p", CostNanos: cost, Cache: "miss", LatencyMillis: 5,
			Usage: &usagev1.Usage{Input: 10, CachedInput: 3, Output: 5, Reasoning: 2}, Draws: draws,
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	scope := budget.Scope{Kind: budget.Key, ID: "k1"}
	_, err := svc.PutBudget(t.Context(), budget.Budget{Scope: scope, Limit: 100, Window: "1h"})
	must(err)
	leases, err := svc.Lease(t.Context(), "a", []budget.Ask{{Scope: scope, Need: 100, TenantID: "acme", PlatformID: "r1"}}, nil)
	must(err)
	lease := leases.Grants[0][0].Lease.ID
	hit, failed, bare := call(0), call(0), call(0)
	hit.Cache, hit.SavedCacheNanos, failed.Error = "semantic", 7, "provider_timeout"
	hit.CacheHit = &eventv1.CacheHit{Tier: "semantic", Score: 0.9731, AgeMillis: 5, EntryId: "entry"}
	bare.KeyId, bare.UserId, bare.Usage, bare.Cache, bare.PlatformId = "", "", nil, "", ""
	_, err = svc.Record(t.Context(), []*eventv1.UsageRecord{call(10, &eventv1.LeaseDraw{LeaseId: lease, Nanos: 10}), hit, failed, bare})
	must(err)
	for range 20 { // loses the lease, and reaches the thresholds with it
		clk.Advance(5 * time.Second)
		_, err = svc.Expire(t.Context())
		must(err)
	}
	_, err = svc.Record(t.Context(), []*eventv1.UsageRecord{call(20, &eventv1.LeaseDraw{LeaseId: lease, Nanos: 20})}) // corrects it
	must(err)
	clk.Advance(time.Hour)
	_, err = svc.CloseWindows(t.Context())
	must(err)

	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(event.Schema()))
	must(err)
	compiler := jsonschema.NewCompiler()
	must(compiler.AddResource("schema.json", doc))
	schema, err := compiler.Compile("schema.json")
	must(err)
	outbox := store.Outbox()
	epoch, err := outbox.Claim(t.Context(), "test", time.Hour)
	must(err)
	rows, err := outbox.Pending(t.Context(), epoch, nil, 1000)
	must(err)
	records, _, err := svc.ListUsage(t.Context(), budget.UsageQuery{TenantID: "acme", Limit: 1000}, "")
	must(err)
	if len(rows) != len(records) {
		t.Fatalf("%d events and %d entries", len(rows), len(records))
	}
	kinds := map[string]int{}
	for i, row := range rows {
		envelope, err := event.Envelope(row.Record)
		must(err)
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(envelope))
		must(err)
		if err := schema.Validate(v); err != nil {
			t.Errorf("%v\n%s", err, envelope)
		}
		e, err := quota.Decode(envelope)
		must(err)
		again, err := e.Encode()
		must(err)
		entry, err := quota.FromRecord(records[i]).Encode()
		must(err)
		if !bytes.Equal(again, envelope) || !bytes.Equal(entry, envelope) {
			t.Errorf("the event is\n%s\ndecoded\n%s\nof the ledger\n%s", envelope, again, entry)
		}
		kind := string(e.Type)
		if kind == "" {
			kind = "quota.updated"
			if e.Payload.Error != nil {
				kind += " " + *e.Payload.Error
			}
		}
		if e.Payload.CacheHit != nil {
			kinds["with a cache hit"]++
		}
		kinds[kind]++
		if usage := kind == "quota.updated" || kind == "quota.updated provider_timeout"; usage != e.IsUsage() {
			t.Errorf("%s: usage is %v", kind, e.IsUsage())
		}
	}
	for kind, want := range map[string]int{
		"quota.updated": 4, "quota.updated provider_timeout": 1, "quota.updated lease_lost": 1, "quota.updated lease_corrected": 1,
		"budget.threshold_reached": 3, "budget.window_reset": 1, "with a cache hit": 1,
	} {
		if kinds[kind] != want {
			t.Errorf("%d events are %s, want %d; all: %v", kinds[kind], kind, want, kinds)
		}
	}
}
