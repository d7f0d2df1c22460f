package edge

import (
	"strings"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/cachetier"
	"tollgate.dev/platform/errs"
)

// cacheRequest is a key's or team's own caching, as it is asked for and shown.
type cacheRequest struct {
	Disabled bool `json:"disabled"`
	// TTL is in seconds; 0 is not given.
	TTL int64 `json:"ttl"`
	// Tier is the last one that may answer; empty is not given.
	Tier string `json:"tier,omitempty"`
	// Threshold is the least score of an answer to another request.
	Threshold *float64 `json:"similarity_threshold,omitempty"`
	// Models are what differs for single models.
	Models map[string]modelCacheRequest `json:"models,omitempty"`
}

// modelCacheRequest is what differs for one model.
type modelCacheRequest struct {
	Disabled  *bool    `json:"disabled,omitempty"`
	TTL       int64    `json:"ttl,omitempty"`
	Tier      string   `json:"tier,omitempty"`
	Threshold *float64 `json:"similarity_threshold,omitempty"`
}

// check refuses what cannot be meant.
func (c *cacheRequest) check() error {
	if err := checkCaching("cache", c.TTL, c.Tier, c.Threshold); err != nil {
		return err
	}
	for name, m := range c.Models {
		if err := checkCaching("cache.models."+shown(name), m.TTL, m.Tier, m.Threshold); err != nil {
			return err
		}
	}
	return nil
}

func checkCaching(at string, ttl int64, tier string, threshold *float64) error {
	switch {
	case ttl < 0 || ttl > maxTTLSeconds:
		return badSeconds(at + ".ttl")
	case tier != "" && cachetier.Named(tier) == cachev1.Tier_TIER_UNSPECIFIED:
		return badTier(at + ".tier")
	case threshold != nil && !(*threshold >= 0 && *threshold <= 1):
		return badThreshold(at + ".similarity_threshold")
	}
	return nil
}

// badTier refuses what is no tier.
func badTier(name string) error {
	return errs.Newf(errs.InvalidRequest, "%s must be %s", name, strings.Join(cachetier.Names(), ", ")).WithParam(name)
}

// badThreshold refuses what is no score.
func badThreshold(name string) error {
	return errs.Newf(errs.InvalidRequest, "%s must be a number from 0 to 1", name).WithParam(name)
}

// policy is the request that was checked, as the keystore keeps it.
func (c *cacheRequest) policy() *keystorev1.CachePolicy {
	p := &keystorev1.CachePolicy{Disabled: c.Disabled, TtlMillis: c.TTL * 1000, LastTier: cachetier.Named(c.Tier), Threshold: c.Threshold}
	for name, m := range c.Models {
		if p.Models == nil {
			p.Models = make(map[string]*keystorev1.ModelCachePolicy, len(c.Models))
		}
		p.Models[name] = &keystorev1.ModelCachePolicy{
			Disabled: m.Disabled, TtlMillis: m.TTL * 1000, LastTier: cachetier.Named(m.Tier), Threshold: m.Threshold,
		}
	}
	return p
}

// cacheRequestOf shows a policy as it is asked for; nil for none.
func cacheRequestOf(p *keystorev1.CachePolicy) *cacheRequest {
	if p == nil {
		return nil
	}
	c := &cacheRequest{Disabled: p.GetDisabled(), TTL: p.GetTtlMillis() / 1000, Tier: cachetier.Name(p.GetLastTier()), Threshold: p.Threshold}
	for name, m := range p.GetModels() {
		if c.Models == nil {
			c.Models = make(map[string]modelCacheRequest, len(p.GetModels()))
		}
		c.Models[name] = modelCacheRequest{Disabled: m.Disabled, TTL: m.GetTtlMillis() / 1000, Tier: cachetier.Name(m.GetLastTier()), Threshold: m.Threshold}
	}
	return c
}
