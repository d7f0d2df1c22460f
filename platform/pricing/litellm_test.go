package pricing_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/platform/pricing"
)

func TestLoadLiteLLM(t *testing.T) {
	f, err := os.Open("testdata/litellm.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	prices, unpriced, err := pricing.LoadLiteLLM(f)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"dashscope/tiered", "half-priced", "whisper-x"}; !slices.Equal(unpriced, want) {
		t.Errorf("without a price: %v, want %v", unpriced, want)
	}
	tab := pricing.NewTable(prices...)
	tests := []struct {
		provider, model string
		class           pricing.Class
		tier            pricing.ServiceTier
		prompt          int64
		want            string // dollars a unit
	}{
		{"openai", "gpt-x", pricing.Input, pricing.Standard, 0, "0.00000125"},
		{"openai", "gpt-x", pricing.CachedInput, pricing.Standard, 0, "0.000000125"},
		{"openai", "gpt-x", pricing.CachedInput, pricing.Flex, 0, "0.0000000625"},
		{"openai", "gpt-x", pricing.CachedInput, pricing.Batch, 0, "0.000000125"},
		{"openai", "gpt-x", pricing.Output, pricing.Priority, 0, "0.00002"},
		{"openai", "gpt-x", pricing.WebSearch, pricing.Standard, 0, "0.05"},
		{"anthropic", "claude-x", pricing.CacheWrite1h, pricing.Standard, 200_000, "0.000006"},
		{"anthropic", "claude-x", pricing.CacheWrite1h, pricing.Standard, 200_001, "0.000012"},
		{"anthropic", "claude-x", pricing.CachedInput, pricing.Standard, 200_001, "0.0000006"},
		{"gemini", "gemini-x", pricing.AudioInput, pricing.Standard, 0, "0.000001"},
		{"gemini", "gemini-x", pricing.Reasoning, pricing.Batch, 0, "0.00000125"}, // equal to output, so it follows output
		{"gemini", "gemini-x", pricing.Image, pricing.Standard, 0, "0.039"},
		{"groq", "openai/gpt-oss-20b", pricing.Input, pricing.Standard, 0, "0.000000075"},
		{"", "groq/openai/gpt-oss-20b", pricing.Output, pricing.Standard, 0, "0.0000003"},
		{"novita", "x", pricing.Input, pricing.Standard, 0, "0.00000095"}, // a float's noise is gone
		{"novita", "x", pricing.Output, pricing.Standard, 0, "0.0000002"},
		{"ollama", "free", pricing.Output, pricing.Standard, 0, "0"},
		{"openai", "text-embedding-x", pricing.Input, pricing.Standard, 0, "0.00000002"},
	}
	for _, tt := range tests {
		p, ok := tab.Lookup(tt.provider, tt.model)
		if !ok {
			t.Errorf("%s/%s is missing", tt.provider, tt.model)
			continue
		}
		if got := p.Rate(tt.class, tt.tier, tt.prompt).DollarsPerUnit(); got != tt.want {
			t.Errorf("%s %s %s at %d tokens: %s, want %s", tt.model, tt.tier, tt.class, tt.prompt, got, tt.want)
		}
	}
	p, _ := tab.Lookup("openai", "gpt-x")
	if p.ContextWindow != 272_000 || p.MaxOutputTokens != 128_000 || p.Mode != "chat" || p.Retires != "2027-01-14" || !strings.Contains(p.Source, "https://example.com/pricing") {
		t.Errorf("the plain fields came out as %+v", p)
	}
}

func TestLoadLiteLLMReportsEveryFault(t *testing.T) {
	_, _, err := pricing.LoadLiteLLM(strings.NewReader(`{
		"neg": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": -1e-06, "output_cost_per_token": 1e-06},
		"word": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": "cheap", "output_cost_per_token": 1e-06},
		"bool": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token_flex": true},
		"search": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "search_context_cost_per_query": {"low": -1}},
		"limit": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "max_input_tokens": 1.5},
		"huge": {"litellm_provider": "openai", "input_cost_per_token": 1e30},
		"list": [],
		"fine": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "max_tokens": "whatever", "input_cost_per_token_above_xk_tokens": "ignored"}
	}`))
	for _, want := range []string{"neg: input_cost_per_token: negative", "word: input_cost_per_token", "bool: output_cost_per_token_flex", "search: search_context", "limit: max_input_tokens", "huge: input_cost_per_token", "list: not an object"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error doesn't say %q:\n%v", want, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "fine") {
		t.Errorf("a sound model is in the error: %v", err)
	}
	for _, bad := range []string{"", "[]", "{", `{"a": nonsense}`} {
		if _, _, err := pricing.LoadLiteLLM(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was read without an error", bad)
		}
	}
}

func TestOverride(t *testing.T) {
	base := price(t, "openai", "gpt-6-sol")
	p, err := base.Override(map[string]any{
		"input_cost_per_token":         1e-06, // what a YAML decoder makes of 0.000001
		"output_cost_per_token":        json.Number("0.000004"),
		"cache_read_input_token_cost":  "1e-7",
		"input_cost_per_token_batches": 0,
		"max_output_tokens":            4096,
		"mode":                         "chat",
		"id":                           "deployment-1",
		"output_cost_per_image":        nil,
		"supports_vision":              true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		class pricing.Class
		tier  pricing.ServiceTier
		want  string
	}{
		{pricing.Input, pricing.Standard, "1"},
		{pricing.Output, pricing.Standard, "4"},
		{pricing.CachedInput, pricing.Standard, "0.1"},
		{pricing.CacheWrite, pricing.Standard, "2.5"}, // not named: kept
		{pricing.Input, pricing.Batch, "0"},
		{pricing.Output, pricing.Flex, "5"}, // not named: kept
	} {
		if got := p.Rate(tt.class, tt.tier, 0).DollarsPerMillion(); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.tier, tt.class, got, tt.want)
		}
	}
	if p.MaxOutputTokens != 4096 || p.ContextWindow != base.ContextWindow {
		t.Errorf("limits are %d and %d", p.MaxOutputTokens, p.ContextWindow)
	}
	if again := price(t, "openai", "gpt-6-sol"); again.Rate(pricing.Input, pricing.Batch, 0) != base.Rate(pricing.Input, pricing.Batch, 0) || base.Rate(pricing.Input, pricing.Batch, 0) == 0 {
		t.Error("Override changed the price that it was called on")
	}

	own, err := (pricing.Price{Provider: "openai", Model: "house-model"}).Override(map[string]any{"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06})
	if err != nil || own.Rate(pricing.Output, pricing.Standard, 0) != 2_000_000 {
		t.Errorf("a model of one's own: %+v, %v", own, err)
	}
	if _, err := base.Override(map[string]any{"input_cost_per_token": -1}); err == nil || !strings.Contains(err.Error(), "gpt-6-sol") {
		t.Errorf("a negative override gave %v", err)
	}
	if _, err := (pricing.Price{Provider: "openai", Model: "m"}).Override(map[string]any{"mode": "chat"}); err == nil {
		t.Error("an override without any rate made a price")
	}
}

// A deployment's costs leave out what nobody wrote down; an entry of the table what the provider
// does not have.
func TestTells(t *testing.T) {
	costs := map[string]any{"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}
	over := func(p pricing.Price, fields map[string]any) pricing.Price {
		t.Helper()
		p, err := p.Override(fields)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	unknown := pricing.Price{Provider: "openai", Model: "house-model"}
	mapped, _, err := pricing.LoadLiteLLM(strings.NewReader(`{"m": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06}}`))
	if err != nil || len(mapped) != 1 {
		t.Fatal(mapped, err)
	}
	for name, tc := range map[string]struct {
		price pricing.Price
		want  bool
	}{
		"a model that the table lists with it":     {price(t, "openai", "gpt-5"), true},
		"one that it lists without":                {price(t, "openai", "gpt-4"), true},
		"costs over one that it lists without":     {over(price(t, "openai", "gpt-4"), costs), true},
		"costs of a model that nobody lists":       {over(unknown, costs), false},
		"such costs twice":                         {over(over(unknown, costs), costs), false},
		"such costs with the same rate for cached": {over(unknown, map[string]any{"input_cost_per_token": 1e-06, "cache_read_input_token_cost": 1e-06}), true},
		"LiteLLM's map":                            {mapped[0], false},
	} {
		if got := tc.price.Tells(pricing.CachedInput); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
		if !tc.price.Tells(pricing.Input) {
			t.Errorf("%s does not tell its input", name)
		}
	}
}

// The loader neither panics nor makes a price that can go wrong, whatever it is given.
func FuzzLoadLiteLLM(f *testing.F) {
	seed, err := os.ReadFile("testdata/litellm.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"a":{"litellm_provider":"p","input_cost_per_token":1e-400,"input_cost_per_token_above_1k_tokens":3}}`))
	f.Add([]byte(`{"a":{"litellm_provider":"p","input_cost_per_token_above_9k_tokens_flex":3,"mode":"chat"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		prices, _, err := pricing.LoadLiteLLM(strings.NewReader(string(data)))
		if err != nil {
			return
		}
		tab := pricing.NewTable(prices...)
		for _, p := range prices {
			if _, ok := tab.Lookup(p.Provider, p.Model); !ok {
				t.Fatalf("%q/%q was loaded, but is not found", p.Provider, p.Model)
			}
			for tier := pricing.Standard; tier <= pricing.Ultrafast; tier++ {
				u := pricing.Usage{Input: 100_000, CacheWrite1h: 150_000, Output: 9, Reasoning: 3}
				o := pricing.Options{ServiceTier: tier}
				if cost, bound := p.Cost(u, o), p.UpperBound(u.Prompt(), u.Completion(), o); cost < 0 || cost > bound {
					t.Fatalf("%q: cost %d, bound %d", p.Model, cost, bound)
				}
			}
		}
	})
}
