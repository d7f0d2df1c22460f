package pricing_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
)

// day is inside the introductory prices of November 2026.
var day = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func table(t testing.TB) *pricing.Table {
	t.Helper()
	tab, err := pricing.Default(day)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func price(t testing.TB, provider, model string) pricing.Price {
	t.Helper()
	p, ok := table(t).Lookup(provider, model)
	if !ok {
		t.Fatalf("%s/%s is not in the shipped table", provider, model)
	}
	return p
}

func dollars(t testing.TB, text string) money.Nano {
	t.Helper()
	n, err := money.ParseDollars(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Costs worked out by hand from the providers' price lists; the arithmetic is beside each.
func TestCost(t *testing.T) {
	tests := []struct {
		name, provider, model string
		usage                 pricing.Usage
		tier                  pricing.ServiceTier
		want                  string
	}{
		{
			"gpt-4o: 1000×2.50 + 500×10.00", "openai", "gpt-4o",
			pricing.Usage{Input: 1000, Output: 500}, pricing.Standard, "0.0075",
		},
		{
			"gpt-4o, 2048 of 3000 cached: 952×2.50 + 2048×1.25 + 100×10", "openai", "gpt-4o",
			pricing.Usage{Input: 952, CachedInput: 2048, Output: 100}, pricing.Standard, "0.00594",
		},
		{
			"gpt-4o batch is half: 1000×1.25 + 500×5.00", "openai", "gpt-4o",
			pricing.Usage{Input: 1000, Output: 500}, pricing.Batch, "0.00375",
		},
		{
			"gpt-4o priority: 1000×4.25 + 500×17", "openai", "gpt-4o",
			pricing.Usage{Input: 1000, Output: 500}, pricing.Priority, "0.01275",
		},
		{
			"gpt-4o has no flex lane: standard", "openai", "gpt-4o",
			pricing.Usage{Input: 1000, Output: 500}, pricing.Flex, "0.0075",
		},
		{
			"the May 2024 snapshot kept its price: 1000×5 + 500×15", "openai", "gpt-4o-2024-05-13",
			pricing.Usage{Input: 1000, Output: 500}, pricing.Standard, "0.0125",
		},
		{
			"gpt-4o-mini: 10×0.15 + 4×0.60 + 6×0.075 micro-dollars", "openai", "gpt-4o-mini",
			pricing.Usage{Input: 10, Output: 4, CachedInput: 6}, pricing.Standard, "0.00000435",
		},
		{
			"gpt-5, thinking is output: 1000×1.25 + (100+900)×10", "openai", "gpt-5",
			pricing.Usage{Input: 1000, Output: 100, Reasoning: 900}, pricing.Standard, "0.01125",
		},
		{
			"gpt-5 flex: 1000×0.625 + 1000×5", "openai", "gpt-5",
			pricing.Usage{Input: 1000, Output: 100, Reasoning: 900}, pricing.Flex, "0.005625",
		},
		{
			"gpt-6-sol at 272000 tokens: 272000×2", "openai", "gpt-6-sol",
			pricing.Usage{Input: 272_000}, pricing.Standard, "0.544",
		},
		{
			"gpt-6-sol above: 272001×4 + 1000×15", "openai", "gpt-6-sol",
			pricing.Usage{Input: 272_001, Output: 1000}, pricing.Standard, "1.103004",
		},
		{
			"text-embedding-3-small: 8191×0.02", "openai", "text-embedding-3-small",
			pricing.Usage{Input: 8191}, pricing.Standard, "0.00016382",
		},
		{
			"claude-sonnet-4-5, all four prompt classes: 100×3 + 1000×0.30 + 2000×3.75 + 4000×6 + 500×15",
			"anthropic", "claude-sonnet-4-5",
			pricing.Usage{Input: 100, CachedInput: 1000, CacheWrite: 2000, CacheWrite1h: 4000, Output: 500}, pricing.Standard, "0.0396",
		},
		{
			"Anthropic's batch discount stacks with the cache: half of the above", "anthropic", "claude-sonnet-4-5",
			pricing.Usage{Input: 100, CachedInput: 1000, CacheWrite: 2000, CacheWrite1h: 4000, Output: 500}, pricing.Batch, "0.0198",
		},
		{
			"claude-opus-4-1: 10×15 + 10×75", "anthropic", "claude-opus-4-1-20250805",
			pricing.Usage{Input: 10, Output: 10}, pricing.Standard, "0.0009",
		},
		{
			"claude-haiku-5-5, the step counts cached tokens too: 90000×0.05 + 10001×0.50 + 10×2.50", "anthropic", "claude-haiku-5-5",
			pricing.Usage{Input: 10_001, CachedInput: 90_000, Output: 10}, pricing.Standard, "0.0095255",
		},
		{
			"claude-haiku-5-5 at 100000: 90000×0.01 + 10000×0.10 + 10×0.50", "anthropic", "claude-haiku-5-5",
			pricing.Usage{Input: 10_000, CachedInput: 90_000, Output: 10}, pricing.Standard, "0.001905",
		},
		{
			"claude-opus-5-5 in fast mode: 1000×8 + 1000×40", "anthropic", "claude-opus-5-5",
			pricing.Usage{Input: 1000, Output: 1000}, pricing.Priority, "0.048",
		},
		{
			"three web searches at $10 a thousand", "anthropic", "claude-opus-4-5",
			pricing.Usage{WebSearches: 3}, pricing.Standard, "0.03",
		},
		{
			"gemini-2.5-pro at 200000: 200000×1.25 + 1000×10", "gemini", "gemini-2.5-pro",
			pricing.Usage{Input: 200_000, Output: 400, Reasoning: 600}, pricing.Standard, "0.26",
		},
		{
			"gemini-2.5-pro above: 200001×2.50 + 1000×15", "gemini", "gemini-2.5-pro",
			pricing.Usage{Input: 200_001, Output: 400, Reasoning: 600}, pricing.Standard, "0.5150025",
		},
		{
			"gemini-2.5-flash, sound is dearer: 100×0.30 + 1000×1.00 + 10×2.50", "gemini", "gemini-2.5-flash",
			pricing.Usage{Input: 100, AudioInput: 1000, Output: 10}, pricing.Standard, "0.001055",
		},
		{
			"gpt-oss-20b on Groq has fractions of a nano-dollar: 3×0.0375 + 1×0.075 → 187.5", "groq", "openai/gpt-oss-20b",
			pricing.Usage{Input: 1, CachedInput: 3}, pricing.Standard, "0.000000188",
		},
		{
			"llama-3.3-70b-versatile: 1000×0.59 + 1000×0.79", "groq", "llama-3.3-70b-versatile",
			pricing.Usage{Input: 1000, Output: 1000}, pricing.Standard, "0.00138",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := price(t, tt.provider, tt.model)
			o := pricing.Options{ServiceTier: tt.tier}
			want := dollars(t, tt.want)
			if got := p.Cost(tt.usage, o); got != want {
				t.Errorf("cost %s, want %s", got, want)
			}
			for _, tier := range []pricing.ServiceTier{tt.tier, pricing.Auto} {
				if tier == pricing.Auto && tt.tier > pricing.Priority {
					continue
				}
				tokens := tt.usage
				tokens.WebSearches = 0
				bound := p.UpperBound(tokens.Prompt(), tokens.Completion(), pricing.Options{ServiceTier: tier})
				if cost := p.Cost(tokens, o); bound < cost {
					t.Errorf("bound %s in tier %s is below the cost %s", bound, tier, cost)
				}
			}
		})
	}
}

func TestClassesHaveTheirRates(t *testing.T) {
	p := price(t, "anthropic", "claude-sonnet-4-5")
	for usage, want := range map[pricing.Usage]string{
		{Input: 100}: "0.0003", {CachedInput: 1000}: "0.0003", {CacheWrite: 1000}: "0.00375",
		{CacheWrite1h: 4000}: "0.024", {Reasoning: 500}: "0.0075", {Output: 500}: "0.0075",
	} {
		if got := p.Cost(usage, pricing.Options{}); got != dollars(t, want) {
			t.Errorf("%+v costs %s, want $%s", usage, got, want)
		}
	}
}

func TestUpperBound(t *testing.T) {
	sonnet := price(t, "anthropic", "claude-sonnet-4-5")
	pro := price(t, "gemini", "gemini-2.5-pro")
	flash := price(t, "gemini", "gemini-2.5-flash")
	gpt := price(t, "openai", "gpt-4o")
	embedding := price(t, "openai", "text-embedding-3-large")
	tests := []struct {
		name           string
		p              pricing.Price
		prompt, output int64
		o              pricing.Options
		want           string
	}{
		{"every prompt token as an hour-long cache write: 1000×6 + 100×15", sonnet, 1000, 100, pricing.Options{}, "0.0075"},
		{"no hour-long writes asked for: 1000×3.75 + 100×15", sonnet, 1000, 100, pricing.Options{Without: pricing.Classes(pricing.CacheWrite1h)}, "0.00525"},
		{"no cache writes at all: 1000×3 + 100×15", sonnet, 1000, 100, pricing.Options{Without: pricing.Classes(pricing.CacheWrite, pricing.CacheWrite1h)}, "0.0045"},
		{"the step can't be reached: 200000×1.25", pro, 200_000, 0, pricing.Options{}, "0.25"},
		{"the step may be reached: 200001×2.50", pro, 200_001, 0, pricing.Options{}, "0.5000025"},
		{"sound is the dearest: 1000×1.00", flash, 1000, 0, pricing.Options{}, "0.001"},
		{"no sound in the request: 1000×0.30", flash, 1000, 0, pricing.Options{Without: pricing.Classes(pricing.AudioInput, pricing.CachedAudio)}, "0.0003"},
		{"no limit given is the model's, 16384×10", gpt, 0, -1, pricing.Options{}, "0.16384"},
		{"the lane left open is the dearest, 1000×4.25", gpt, 1000, 0, pricing.Options{ServiceTier: pricing.Auto}, "0.00425"},
		{"a bound rounds up: 1×0.13 micro-dollars is 130 nano", embedding, 1, 0, pricing.Options{}, "0.00000013"},
		{"negative counts are none", gpt, -5, 0, pricing.Options{}, "0"},
	}
	for _, tt := range tests {
		if got := tt.p.UpperBound(tt.prompt, tt.output, tt.o); got != dollars(t, tt.want) {
			t.Errorf("%s: %s, want $%s", tt.name, got, tt.want)
		}
	}
	oss := price(t, "groq", "gpt-oss-20b")
	if got := oss.UpperBound(3, 0, pricing.Options{ServiceTier: pricing.Batch}); got != 113 { // 3×37.5 nano
		t.Errorf("a bound of 112.5 nano-dollars came out as %d", got)
	}
}

// No usage that fits in the numbers of a bound costs more than the bound, for any model,
// lane, and split of the tokens.
func TestUpperBoundHoldsForEveryModel(t *testing.T) {
	for _, p := range table(t).Prices() {
		for tier := pricing.Standard; tier <= pricing.Ultrafast; tier++ {
			o := pricing.Options{ServiceTier: tier}
			for _, n := range []int64{1, 7, 99_999, 100_001, 128_001, 200_001, 272_001, 1_000_000} {
				bound := p.UpperBound(n, n, o)
				for _, u := range []pricing.Usage{
					{Input: n, Output: n}, {CachedInput: n, Reasoning: n}, {CacheWrite: n, AudioOutput: n},
					{CacheWrite1h: n, ImageOutput: n}, {AudioInput: n, Output: n}, {CachedAudio: n, Output: n},
					{ImageInput: n, Output: n}, {Input: n / 2, Output: n}, {Input: n / 3, CacheWrite1h: n / 3, Output: n / 2},
				} {
					if cost := p.Cost(u, o); cost > bound {
						t.Fatalf("%s/%s, %s: %+v costs %s, above the bound %s", p.Provider, p.Model, tier, u, cost, bound)
					}
				}
			}
		}
	}
}

func TestCostRoundsOnceHalfUp(t *testing.T) {
	p := mustPrice(t, "0.0005", "0.0002") // 500 and 200 pico-dollars a token
	tests := map[pricing.Usage]money.Nano{
		{Input: 1}:            1, // 0.5 up
		{Output: 2}:           0, // 0.4 down
		{Input: 1, Output: 2}: 1, // 0.9, not 1+0 rounded apart
		{Input: 3}:            2, // 1.5 up
		{Input: 2, Output: 2}: 1, // 1.4 down
	}
	for u, want := range tests {
		if got := p.Cost(u, pricing.Options{}); got != want {
			t.Errorf("%+v costs %d, want %d", u, got, want)
		}
	}
}

func TestOverflowSaturates(t *testing.T) {
	p := mustPrice(t, "1000000000", "1000000000") // $1000 a token
	huge := pricing.Usage{Input: math.MaxInt64 / 2, Output: math.MaxInt64 / 2}
	if got := p.Cost(huge, pricing.Options{}); got != money.Max {
		t.Errorf("cost %d, want the largest amount", got)
	}
	if got := p.UpperBound(math.MaxInt64, math.MaxInt64, pricing.Options{}); got != money.Max {
		t.Errorf("bound %d, want the largest amount", got)
	}
	if got := p.Cost(pricing.Usage{Input: -5, Output: 1}, pricing.Options{}); got != 1000*money.Dollar {
		t.Errorf("a negative count changed the cost to %s", got)
	}
	// $9,223,372,036 is the last whole dollar that fits.
	if got := p.Cost(pricing.Usage{Input: 9_223_372}, pricing.Options{}); got != 9_223_372_000*money.Dollar {
		t.Errorf("a cost near the bound is %s", got)
	}
}

// Cost agrees with arbitrary precision for any counts.
func FuzzCost(f *testing.F) {
	f.Add(int64(1), int64(2), int64(3), int64(4))
	f.Add(int64(math.MaxInt64), int64(1), int64(0), int64(-1))
	tab, err := pricing.Default(day)
	if err != nil {
		f.Fatal(err)
	}
	p, _ := tab.Lookup("anthropic", "claude-haiku-5-5")
	f.Fuzz(func(t *testing.T, input, cached, written, output int64) {
		u := pricing.Usage{Input: input, CachedInput: cached, CacheWrite1h: written, Output: output}
		sum := new(big.Int)
		for c, n := range map[pricing.Class]int64{pricing.Input: input, pricing.CachedInput: cached, pricing.CacheWrite1h: written, pricing.Output: output} {
			rate := p.Rate(c, pricing.Standard, u.Prompt())
			sum.Add(sum, new(big.Int).Mul(big.NewInt(int64(rate)), big.NewInt(max(n, 0))))
		}
		sum.Add(sum, big.NewInt(500)).Quo(sum, big.NewInt(1000))
		want := money.Max
		if sum.IsInt64() {
			want = money.Nano(sum.Int64())
		}
		if got := p.Cost(u, pricing.Options{}); got != want {
			t.Errorf("%+v costs %d, want %d", u, got, want)
		}
	})
}

func mustPrice(t testing.TB, input, output string) pricing.Price {
	t.Helper()
	tab, err := load("prices: [{provider: p, model: m, mode: chat, rates: {input: " + input + ", output: " + output + "}}]")
	if err != nil {
		t.Fatal(err)
	}
	p, _ := tab.Lookup("p", "m")
	return p
}

func TestNothingAllocates(t *testing.T) {
	tab, p := table(t), price(t, "openai", "gpt-6-sol")
	u := pricing.Usage{Input: 300_000, CachedInput: 7, Output: 9}
	for name, f := range map[string]func(){
		"Cost":       func() { p.Cost(u, pricing.Options{}) },
		"UpperBound": func() { p.UpperBound(300_000, -1, pricing.Options{ServiceTier: pricing.Auto}) },
		"Lookup":     func() { _, _ = tab.Lookup("openai", "openai/gpt-6-sol-2026-09-22") },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocated %v times", name, n)
		}
	}
}

func BenchmarkCost(b *testing.B) {
	p := price(b, "openai", "gpt-6-sol")
	u := pricing.Usage{Input: 1000, CachedInput: 2000, Output: 300, Reasoning: 200}
	b.ReportAllocs()
	for b.Loop() {
		p.Cost(u, pricing.Options{})
	}
}

func BenchmarkUpperBound(b *testing.B) {
	p := price(b, "openai", "gpt-6-sol")
	b.ReportAllocs()
	for b.Loop() {
		p.UpperBound(300_000, 4096, pricing.Options{})
	}
}

func BenchmarkLookup(b *testing.B) {
	tab := table(b)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = tab.Lookup("groq", "groq/openai/gpt-oss-120b")
	}
}

// Anthropic charges a tenth more for tokens of calls that are held to a region, and not for
// searches; others charge nothing for what their callers cannot ask for.
func TestRegionalCalls(t *testing.T) {
	u := pricing.Usage{Input: 1_000_003, CachedInput: 77, Output: 501, WebSearches: 2}
	regional := pricing.Options{Regional: true}
	claude := price(t, "anthropic", "claude-opus-4-6")
	tokens, searches := u, pricing.Usage{WebSearches: 2}
	tokens.WebSearches = 0
	plain := claude.Cost(tokens, pricing.Options{})
	if got, want := claude.Cost(u, regional), plain+(plain+5)/10+claude.Cost(searches, pricing.Options{}); got != want {
		t.Errorf("Anthropic charges %v, want %v", got, want)
	}
	if got, want := claude.UpperBound(1000, 1000, regional), claude.UpperBound(1000, 1000, pricing.Options{}); got != want+(want+9)/10 {
		t.Errorf("bound %v, want a tenth above %v", got, want)
	}
	gpt := price(t, "openai", "gpt-4o")
	if gpt.Cost(u, regional) != gpt.Cost(u, pricing.Options{}) || gpt.UpperBound(1, 1, regional) != gpt.UpperBound(1, 1, pricing.Options{}) {
		t.Error("OpenAI charges for a region")
	}
	if got := claude.Cost(pricing.Usage{Input: math.MaxInt64, Output: math.MaxInt64}, regional); got != money.Max {
		t.Errorf("an absurd call costs %v", got)
	}
}
