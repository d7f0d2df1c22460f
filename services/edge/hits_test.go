package edge_test

import (
	"net/http"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
)

// An answer that another request's serves is in the ledger with how it was found: it costs nothing,
// it saves what it cost when it was made, and the budget is as it was before.
func TestHitsOfEveryTierAreInTheLedger(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		hit   cachev1.HitKind
		score float64
		cache string
		want  *eventv1.CacheHit
	}{
		"near":     {cachev1.HitKind_HIT_KIND_NEAR, 0.98, "semantic", &eventv1.CacheHit{Tier: "near", Score: 0.98, AgeMillis: 60_000, EntryId: "entry"}},
		"semantic": {cachev1.HitKind_HIT_KIND_SEMANTIC, 0.9731, "semantic", &eventv1.CacheHit{Tier: "semantic", Score: 0.9731, AgeMillis: 60_000, EntryId: "entry"}},
		"exact":    {cachev1.HitKind_HIT_KIND_EXACT, 1, "hit", &eventv1.CacheHit{Tier: "exact", Score: 1, AgeMillis: 60_000, EntryId: "entry"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, more []string) {
				t.Helper()
				r := newRig(t)
				r.budget.limit("acme", 1e9)
				r.complete(chat("Hi"))
				if miss := r.ledger(1)[0]; miss.GetCacheHit() != nil || miss.GetCostNanos() != answerCost {
					t.Errorf("a miss is in the ledger as %v", miss)
				}
				r.cache.similar = &cachev1.LookupResponse{Hit: tc.hit, Score: tc.score, EntryId: "entry", Entry: &cachev1.Entry{
					Body: []byte(answerBody), Usage: answerUsage(), CostNanos: answerCost, Provider: "openai", UpstreamModel: "m-1",
					DeploymentId: "m-1", CreatedMillis: r.clock.Now().Add(-time.Minute).UnixMilli(),
				}}
				a := r.complete(chat("please, hi", more...))
				if a.status != http.StatusOK || a.header.Get("X-Cache") != tc.cache || said(t, a.body) != "Hello" {
					t.Errorf("%d %s %s", a.status, a.header.Get("X-Cache"), a.body)
				}
				rec := r.ledger(2)[1]
				if rec.GetCache() != tc.cache || !proto.Equal(rec.GetCacheHit(), tc.want) || rec.GetCostNanos() != 0 || rec.GetSavedCacheNanos() != answerCost || len(rec.GetDraws()) > 0 {
					t.Errorf("the ledger has %v", rec)
				}
				if state := r.meter.State(scopesOfAcme); len(state) != 1 || state[0].Spent != answerCost {
					t.Errorf("of the budget is spent %+v", state)
				}
			})
		})
	}
}
