package edge_test

import (
	"context"
	"net/http"
	"testing"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/edge"
)

// unreached is a cache that no call gets to.
type unreached struct {
	cachev1connect.CacheServiceClient

	err error
}

func (u unreached) Lookup(context.Context, *cachev1.LookupRequest) (*cachev1.LookupResponse, error) {
	return nil, u.err
}

// What the embedding of a question costs is what the look-up says. What nobody knows is charged by
// the question's tokens; what certainly did not happen costs nothing.
func TestWhatEmbeddingsCost(t *testing.T) {
	t.Parallel()
	const question = "Which river flows through Rome?" // 5 words and a mark
	away := errs.New(errs.ServiceUnavailable, "away")
	for name, tc := range map[string]struct {
		embedded  *usagev1.Usage
		cache     error // the service's own
		transport error
		tokens    int64 // 0: nothing is in the ledger
		estimated bool
	}{
		"billed":                          {embedded: &usagev1.Usage{Input: 9}, tokens: 9},
		"remembered":                      {},
		"asked, and the bill is unknown":  {embedded: &usagev1.Usage{Estimated: true}, tokens: 6, estimated: true},
		"the cache fails":                 {cache: away, tokens: 6, estimated: true},
		"the cache does not answer":       {transport: away.WithCause(context.DeadlineExceeded), tokens: 6, estimated: true},
		"the cache refuses":               {cache: errs.New(errs.InvalidRequest, "no")},
		"nothing was sent to the cache":   {transport: away.WithCause(errs.ErrNotSent)},
		"the cache's own peer was unsent": {cache: away.WithCause(errs.ErrNotSent), tokens: 6, estimated: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(s *setup) {
				s.options.Embedder = &edge.Embedder{
					Model: "e", Provider: "openai", UpstreamModel: "text-embedding-3-small", DeploymentID: "e-1",
					Most: func(bytes int) int64 { return int64(bytes) + 8 },
				}
				if tc.transport != nil {
					s.cacheThrough = func(c cachev1connect.CacheServiceClient) cachev1connect.CacheServiceClient {
						return unreached{c, tc.transport}
					}
				}
			})
			r.budget.limit("acme", 1e9)
			r.cache.away, r.cache.similar = tc.cache, &cachev1.LookupResponse{Embedded: tc.embedded}
			if a := r.complete(chat(question)); a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			want := int64(answerCost)
			if tc.tokens == 0 {
				r.ledger(1)
			} else {
				rec := r.ledger(2)[0]
				want += tc.tokens * 1000
				if rec.GetCallType() != "cache.embedding" || rec.GetModel() != "e" || rec.GetUsage().GetInput() != tc.tokens ||
					rec.GetUsage().GetEstimated() != tc.estimated || rec.GetCostNanos() != tc.tokens*1000 {
					t.Errorf("the ledger has %v", rec)
				}
			}
			if state := r.meter.State(scopesOfAcme); len(state) != 1 || int64(state[0].Spent) != want {
				t.Errorf("of the budget is spent %+v, want %d", state, want)
			}
		})
	}
}
