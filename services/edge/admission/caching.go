package admission

import (
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
)

// Caching is how answers of one model are cached for a principal.
type Caching struct {
	// Disabled is set when neither the cache is asked nor an answer kept.
	Disabled bool
	// TTL is how long an answer lives; 0 is the configuration's.
	TTL time.Duration
	// Last is the last tier that may answer; unspecified is the configuration's, and so is a
	// later one.
	Last cachev1.Tier
	// Threshold is the least score of an answer to another request; nil is the configuration's,
	// and so is a smaller one.
	Threshold *float64
}

// Caching is how the answers of a model are cached: a time to live is the key's or else the
// tenant's; in all else the stricter of the two holds. What either says of the model goes
// over what it says of all.
func (p *Principal) Caching(model string) Caching {
	return cachingOf(p.Key.GetCache(), model).Over(cachingOf(p.Tenant.GetCache(), model))
}

// Over is c with what it leaves to another; a life is c's or else the other's, and in all else
// the stricter holds.
func (c Caching) Over(other Caching) Caching {
	c.Disabled = c.Disabled || other.Disabled
	if c.TTL == 0 {
		c.TTL = other.TTL
	}
	if c.Last == cachev1.Tier_TIER_UNSPECIFIED || other.Last != cachev1.Tier_TIER_UNSPECIFIED && other.Last < c.Last {
		c.Last = other.Last
	}
	if c.Threshold == nil || other.Threshold != nil && *other.Threshold > *c.Threshold {
		c.Threshold = other.Threshold
	}
	return c
}

func cachingOf(p *keystorev1.CachePolicy, model string) Caching {
	if p == nil {
		return Caching{}
	}
	c := Caching{Disabled: p.GetDisabled(), TTL: millis(p.GetTtlMillis()), Last: p.GetLastTier(), Threshold: p.Threshold}
	own := p.GetModels()[model]
	if own == nil {
		return c
	}
	if own.Disabled != nil {
		c.Disabled = own.GetDisabled()
	}
	if own.GetTtlMillis() != 0 {
		c.TTL = millis(own.GetTtlMillis())
	}
	if own.GetLastTier() != cachev1.Tier_TIER_UNSPECIFIED {
		c.Last = own.GetLastTier()
	}
	if own.Threshold != nil {
		c.Threshold = own.Threshold
	}
	return c
}

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
