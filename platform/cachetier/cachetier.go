// Package cachetier is the one list of the cache's tiers: what the configuration, headers, metrics
// and the ledger call them, and how the contract says that one found an answer. A tier is added to
// the contract and here. It has the bounds of what the cache is asked besides.
package cachetier

import cachev1 "tollgate.dev/gen/tollgate/cache/v1"

// tiers in their order, the strictest first.
var tiers = [...]struct {
	tier cachev1.Tier
	name string
	hit  cachev1.HitKind
}{
	{cachev1.Tier_TIER_EXACT, "exact", cachev1.HitKind_HIT_KIND_EXACT},
	{cachev1.Tier_TIER_NEAR, "near", cachev1.HitKind_HIT_KIND_NEAR},
	{cachev1.Tier_TIER_SEMANTIC, "semantic", cachev1.HitKind_HIT_KIND_SEMANTIC},
}

// Count is how many tiers there are.
const Count = len(tiers)

// Names are the tiers' names, the strictest first.
func Names() []string {
	names := make([]string, 0, Count)
	for _, t := range tiers {
		names = append(names, t.name)
	}
	return names
}

// Named is the tier with a name; unspecified for what is none.
func Named(name string) cachev1.Tier {
	for _, t := range tiers {
		if t.name == name {
			return t.tier
		}
	}
	return cachev1.Tier_TIER_UNSPECIFIED
}

// Name is a tier's name; empty for none, and for one of a later release.
func Name(tier cachev1.Tier) string {
	for _, t := range tiers {
		if t.tier == tier {
			return t.name
		}
	}
	return ""
}

// HitKind is how a tier finds answers; unspecified for none.
func HitKind(tier cachev1.Tier) cachev1.HitKind {
	for _, t := range tiers {
		if t.tier == tier {
			return t.hit
		}
	}
	return cachev1.HitKind_HIT_KIND_UNSPECIFIED
}

// Of is the tier that found an answer so; unspecified for a miss.
func Of(hit cachev1.HitKind) cachev1.Tier {
	for _, t := range tiers {
		if t.hit == hit {
			return t.tier
		}
	}
	return cachev1.Tier_TIER_UNSPECIFIED
}

// Place is a tier's in [Names]. None counts as the first, as in the contract; one of a later release
// as the last.
func Place(tier cachev1.Tier) int {
	for i, t := range tiers {
		if tier <= t.tier {
			return i
		}
	}
	return Count - 1
}
