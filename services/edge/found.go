package edge

import (
	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/cachetier"
)

// hit says that the caller hears another call's answer, kept or just made.
func (c *completion) hit(tier cachev1.Tier, how *eventv1.CacheHit) {
	if c.found != nil {
		return
	}
	c.cache = cacheHit
	if tier != cachev1.Tier_TIER_EXACT {
		c.cache = cacheSemantic
	}
	c.found = how
	c.found.Tier = cachetier.Name(tier)
	c.e.Metrics.CacheHit(tier)
}

// foundBy is how the cache found an answer.
func (c *completion) foundBy(found *cachev1.LookupResponse) (cachev1.Tier, *eventv1.CacheHit) {
	how := &eventv1.CacheHit{Score: found.GetScore(), EntryId: found.GetEntryId()}
	if made := found.GetEntry().GetCreatedMillis(); made > 0 {
		how.AgeMillis = max(0, c.e.Clock.Now().UnixMilli()-made)
	}
	tier := cachetier.Of(found.GetHit())
	if tier <= cachev1.Tier_TIER_EXACT {
		tier, how.Score = cachev1.Tier_TIER_EXACT, 1
	}
	return tier, how
}

// underWay is how an identical call under way is found.
func underWay() (cachev1.Tier, *eventv1.CacheHit) {
	return cachev1.Tier_TIER_EXACT, &eventv1.CacheHit{Score: 1}
}
