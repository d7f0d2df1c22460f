package admission

import (
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
)

const (
	exact    = cachev1.Tier_TIER_EXACT
	near     = cachev1.Tier_TIER_NEAR
	semantic = cachev1.Tier_TIER_SEMANTIC
)

func TestCaching(t *testing.T) {
	type policy = keystorev1.CachePolicy
	type own = keystorev1.ModelCachePolicy
	of := func(p *own) map[string]*own { return map[string]*own{"m": p} }
	for name, tc := range map[string]struct {
		key, tenant *policy
		want        Caching
		threshold   float64 // in place of the pointer; below 0 is none
	}{
		"neither":                      {nil, nil, Caching{}, -1},
		"the key's life":               {&policy{TtlMillis: 5000}, nil, Caching{TTL: 5 * time.Second}, -1},
		"the tenant's":                 {nil, &policy{Disabled: true, TtlMillis: 7000}, Caching{Disabled: true, TTL: 7 * time.Second}, -1},
		"the key's life over":          {&policy{TtlMillis: 5000}, &policy{TtlMillis: 7000}, Caching{TTL: 5 * time.Second}, -1},
		"the tenant's life below":      {&policy{}, &policy{TtlMillis: 7000}, Caching{TTL: 7 * time.Second}, -1},
		"the tenant opts out":          {&policy{TtlMillis: 5000}, &policy{Disabled: true}, Caching{Disabled: true, TTL: 5 * time.Second}, -1},
		"the key opts out":             {&policy{Disabled: true}, &policy{}, Caching{Disabled: true}, -1},
		"the key's tier is stricter":   {&policy{LastTier: exact}, &policy{LastTier: semantic}, Caching{Last: exact}, -1},
		"the tenant's is stricter":     {&policy{LastTier: semantic}, &policy{LastTier: near}, Caching{Last: near}, -1},
		"the tenant's alone":           {&policy{}, &policy{LastTier: near}, Caching{Last: near}, -1},
		"the key's alone":              {&policy{LastTier: semantic}, &policy{}, Caching{Last: semantic}, -1},
		"the higher threshold":         {&policy{Threshold: new(0.8)}, &policy{Threshold: new(0.9)}, Caching{}, 0.9},
		"the key's is higher":          {&policy{Threshold: new(1.0)}, &policy{Threshold: new(0.0)}, Caching{}, 1},
		"0 is a threshold":             {nil, &policy{Threshold: new(0.0)}, Caching{}, 0},
		"the model's own":              {nil, &policy{TtlMillis: 1000, LastTier: near, Threshold: new(0.9), Models: of(&own{TtlMillis: 2000, LastTier: semantic, Threshold: new(0.7)})}, Caching{TTL: 2 * time.Second, Last: semantic}, 0.7},
		"another model's":              {nil, &policy{TtlMillis: 1000, Models: map[string]*own{"n": {TtlMillis: 2000}}}, Caching{TTL: time.Second}, -1},
		"the model's own is off":       {nil, &policy{Models: of(&own{Disabled: new(true)})}, Caching{Disabled: true}, -1},
		"the model's own is on":        {nil, &policy{Disabled: true, Models: of(&own{Disabled: new(false)})}, Caching{}, -1},
		"the tenant's model, key says": {&policy{LastTier: exact}, &policy{Models: of(&own{LastTier: semantic})}, Caching{Last: exact}, -1},
	} {
		p := newPrincipal(&keystorev1.Key{Cache: tc.key}, &keystorev1.Tenant{Cache: tc.tenant}, "")
		got := p.Caching("m")
		threshold := -1.0
		if got.Threshold != nil {
			threshold = *got.Threshold
		}
		if got.Threshold = nil; got != tc.want || threshold != tc.threshold {
			t.Errorf("%s: %+v with threshold %v, want %+v with %v", name, got, threshold, tc.want, tc.threshold)
		}
	}
	if got := newMaster("").Caching("m"); got != (Caching{}) {
		t.Errorf("the master key has %+v", got)
	}
}
