package cachetier_test

import (
	"slices"
	"testing"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/cachetier"
)

// All tiers and kinds of hits that the contract has are in the list, in their order and once.
func TestTheListIsComplete(t *testing.T) {
	names := cachetier.Names()
	if len(names) != len(cachev1.Tier_name)-1 || len(names) != len(cachev1.HitKind_name)-1 || len(names) != cachetier.Count {
		t.Errorf("%d names of %d tiers and %d kinds of hits", len(names), len(cachev1.Tier_name)-1, len(cachev1.HitKind_name)-1)
	}
	for i, name := range names {
		tier := cachev1.Tier(i + 1)
		if cachetier.Named(name) != tier || cachetier.Name(tier) != name || cachetier.Place(tier) != i {
			t.Errorf("%q is %v, which is %q at %d", name, cachetier.Named(name), cachetier.Name(tier), cachetier.Place(tier))
		}
		if hit := cachetier.HitKind(tier); hit == cachev1.HitKind_HIT_KIND_UNSPECIFIED || cachetier.Of(hit) != tier {
			t.Errorf("%q finds by %v, which is of %v", name, hit, cachetier.Of(hit))
		}
	}
}

func TestWhatIsNoTier(t *testing.T) {
	for _, name := range []string{"", "Exact", "far", "exact "} {
		if got := cachetier.Named(name); got != cachev1.Tier_TIER_UNSPECIFIED {
			t.Errorf("%q is %v", name, got)
		}
	}
	for tier, place := range map[cachev1.Tier]int{-1: 0, 0: 0, 100: cachetier.Count - 1} {
		if cachetier.Name(tier) != "" || cachetier.HitKind(tier) != cachev1.HitKind_HIT_KIND_UNSPECIFIED || cachetier.Place(tier) != place {
			t.Errorf("%d is %q, finds by %v and is at %d", tier, cachetier.Name(tier), cachetier.HitKind(tier), cachetier.Place(tier))
		}
	}
	for _, hit := range []cachev1.HitKind{-1, 0, 100} {
		if got := cachetier.Of(hit); got != cachev1.Tier_TIER_UNSPECIFIED {
			t.Errorf("%d is of %v", hit, got)
		}
	}
	changed := cachetier.Names()
	changed[0] = "another"
	if slices.Contains(cachetier.Names(), "another") {
		t.Error("the names are shared")
	}
}
