package edge

import (
	"context"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/services/edge/spend"
)

// Embedder is the model that embeds questions for the cache, where it is paid for each.
type Embedder struct {
	// Model is its name here; Provider, UpstreamModel and DeploymentID are of the deployment
	// that is asked.
	Model, Provider, UpstreamModel, DeploymentID string
	// Most is more than it bills for a text of so many bytes, in tokens.
	Most func(bytes int) int64
}

// embeddingCallType is what the ledger calls the embedding of a question.
const embeddingCallType = "cache.embedding"

// embedding is what a look-up's embedding may cost and did. The zero value is none that is paid.
type embedding struct {
	reservation spend.Reservation
	price       *pricing.Price
	reserved    bool
}

// reserveEmbedding sets aside what the embedding of the call's question may cost. A call whose
// budgets cannot pay for it is looked for without.
func (c *completion) reserveEmbedding(ctx context.Context) (m embedding) {
	by, req := c.e.opts.Embedder, &c.asked.lookup
	if by == nil || req.Question == nil || !c.e.embeds(req.GetLast()) {
		return m
	}
	m.price, _ = c.e.Prices.Price(by.DeploymentID, by.Provider, by.UpstreamModel)
	most := m.cost(&usagev1.Usage{Input: by.Most(len(req.GetQuestion().GetText()))})
	call := c.told()
	call.Model, call.CallType = by.Model, embeddingCallType
	var err error
	if m.reservation, err = c.e.Meter.Reserve(ctx, call, most); err != nil {
		if !errs.Is(err, errs.BudgetExceeded) {
			c.e.Log.WarnContext(ctx, "a question is not embedded for the cache, as nothing can be set aside for it", "error", err)
		}
		req.Last = cachev1.Tier_TIER_NEAR
		return embedding{}
	}
	m.reserved = true
	return m
}

// embeds tells whether a look-up up to a tier may embed its question.
func (e *Edge) embeds(last cachev1.Tier) bool {
	return last == cachev1.Tier_TIER_UNSPECIFIED || last == cachev1.Tier_TIER_SEMANTIC
}

// settleEmbedding puts into the ledger what the embedding of the call's question was billed,
// as the look-up says that ended with err. Where nobody knows whether a provider was asked, or what
// it bills, the question is charged by its tokens, as that of a call which a provider did not answer.
func (c *completion) settleEmbedding(m embedding, used *usagev1.Usage, err error) {
	if !m.reserved {
		return
	}
	by := c.e.opts.Embedder
	if err != nil && !notLookedUp(err) || used.GetEstimated() {
		used = &usagev1.Usage{Input: c.questionEstimate(), Estimated: true}
	}
	if used == nil {
		c.e.Meter.Release(m.reservation)
		return
	}
	cost := m.cost(used)
	c.earlier.cost = money.AddSat(c.earlier.cost, cost)
	now, p := c.e.Clock.Now(), c.principal
	c.e.Meter.Settle(m.reservation, &eventv1.UsageRecord{
		OccurredMillis: now.UnixMilli(),
		TenantId:       p.TenantID, PlatformId: c.platform(), KeyId: p.KeyID, UserId: c.user(),
		RequestId: c.requestID, CorrelationId: c.correlation(),
		Provider: by.Provider, Model: by.Model, UpstreamModel: by.UpstreamModel, DeploymentId: by.DeploymentID,
		Usage: used, CostNanos: int64(cost), LatencyMillis: now.Sub(c.started).Milliseconds(),
		Cache: cacheBypass, CallType: embeddingCallType, StartedMillis: c.started.UnixMilli(),
		Unpriced: m.price == nil, Tags: p.Tags,
	})
}

// notLookedUp says that a look-up with that error asked nobody: it did not reach the cache's service,
// or was refused there.
func notLookedUp(err error) bool {
	return errs.NotSent(err) || errs.Answered(err) && errs.Is(err, errs.InvalidRequest)
}

// questionEstimate is about how many tokens the embedder reads of the call's question, and never
// more than what was reserved for it.
func (c *completion) questionEstimate() (n int64) {
	by, text := c.e.opts.Embedder, c.asked.lookup.GetQuestion().GetText()
	most := by.Most(len(text))
	c.e.counting.do(func() {
		counted, err := c.e.Counter.Count(c.e.Prices.Encoding(by.DeploymentID, by.Provider, by.UpstreamModel), text)
		if n = counted.Tokens; err != nil {
			n = most // too many is better than none
		}
	})
	return min(n, most)
}

func (m embedding) cost(u *usagev1.Usage) money.Nano {
	if m.price == nil || u == nil {
		return 0
	}
	return m.price.Cost(pricing.UsageOf(u), pricing.Options{ServiceTier: pricing.Standard})
}
