package config

import "testing"

// No key may be both a price that is read and one that has no effect, and no table may hold a key twice: the first
// would hide a warning, the second is a slip.
func TestTables(t *testing.T) {
	for name, table := range map[string][]string{
		"top level": knownTopLevel, "litellm_params": knownLiteLLMParams, "model_info": knownModelInfo, "router": knownRouterSettings,
		"litellm_settings": knownLiteLLMSettings, "cache_params": knownCacheParams, "general": knownGeneralSettings,
		"providers": otherProviders, "prices": append(append([]string{}, priceFields...), knownPriceFields...),
	} {
		seen := map[string]bool{}
		for _, k := range table {
			if seen[k] {
				t.Errorf("%s: %s is listed twice", name, k)
			}
			seen[k] = true
		}
	}
}
