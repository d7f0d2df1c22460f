package edge

import (
	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/obs"
)

// hit says that the caller hears another call's answer, kept or just made.
func (c *completion) hit(kind obs.CacheKind, how *eventv1.CacheHit) {
	if c.found != nil {
		return
	}
	c.cache = cacheHit
	if kind != obs.CacheExact {
		c.cache = cacheSemantic
	}
	c.found = how
	c.found.Tier = kind.String()
	c.e.Metrics.CacheHit(kind)
}

// foundBy is how the cache found an answer.
func (c *completion) foundBy(found *cachev1.LookupResponse) (obs.CacheKind, *eventv1.CacheHit) {
	how := &eventv1.CacheHit{Score: found.GetScore(), EntryId: found.GetEntryId()}
	if made := found.GetEntry().GetCreatedMillis(); made > 0 {
		how.AgeMillis = max(0, c.e.Clock.Now().UnixMilli()-made)
	}
	switch found.GetHit() {
	case cachev1.HitKind_HIT_KIND_NEAR:
		return obs.CacheNear, how
	case cachev1.HitKind_HIT_KIND_SEMANTIC:
		return obs.CacheSemantic, how
	default:
		how.Score = 1
		return obs.CacheExact, how
	}
}

// underWay is how an identical call under way is found.
func underWay() (obs.CacheKind, *eventv1.CacheHit) {
	return obs.CacheExact, &eventv1.CacheHit{Score: 1}
}

// lookUpKind is what the metrics call a tier's look-up.
func lookUpKind(tier cachev1.Tier) obs.CacheKind {
	switch tier {
	case cachev1.Tier_TIER_NEAR:
		return obs.CacheNear
	case cachev1.Tier_TIER_SEMANTIC:
		return obs.CacheSemantic
	default:
		return obs.CacheExact
	}
}
