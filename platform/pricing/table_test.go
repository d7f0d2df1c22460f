package pricing_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/pricing"
)

func load(text string) (*pricing.Table, error) { return pricing.Load(strings.NewReader(text)) }

// Every model that the shipped configuration names, and every form of name that a caller may
// use, has a price.
func TestLookup(t *testing.T) {
	tab := table(t)
	tests := []struct{ provider, model, want string }{
		{"openai", "gpt-4o", "gpt-4o"},
		{"openai", "gpt-4o-2024-08-06", "gpt-4o"},
		{"openai", "gpt-4o-2024-11-20", "gpt-4o"},
		{"openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13"},
		{"openai", "gpt-4o-mini", "gpt-4o-mini"},
		{"openai", "gpt-4-turbo", "gpt-4-turbo"},
		{"openai", "gpt-3.5-turbo", "gpt-3.5-turbo"},
		{"openai", "text-embedding-3-small", "text-embedding-3-small"},
		{"openai", "text-embedding-3-large", "text-embedding-3-large"},
		{"openai", "gpt-4.1", "gpt-4.1"},
		{"openai", "gpt-4.1-mini-2025-04-14", "gpt-4.1-mini"},
		{"openai", "gpt-4.1-nano", "gpt-4.1-nano"},
		{"openai", "o3", "o3"},
		{"openai", "o4-mini", "o4-mini"},
		{"openai", "gpt-5", "gpt-5"},
		{"openai", "gpt-5-mini", "gpt-5-mini"},
		{"openai", "gpt-5-nano", "gpt-5-nano"},
		{"openai", "gpt-5.1", "gpt-5.1"},
		{"openai", "gpt-5.2", "gpt-5.2"},
		{"openai", "gpt-5.4", "gpt-5.4"},
		{"openai", "gpt-5.5", "gpt-5.5"},
		{"openai", "gpt-5.6", "gpt-5.6-sol"},
		{"openai", "gpt-6-astra", "gpt-6-astra"},
		{"openai", "gpt-6-luna", "gpt-6-luna"},
		{"openai", "gpt-6.1-sol", "gpt-6.1-sol"},
		{"anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5"},
		{"anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"},
		{"anthropic", "claude-opus-4-1", "claude-opus-4-1"},
		{"anthropic", "claude-haiku-3-5", "claude-3-5-haiku"},
		{"anthropic", "claude-3-5-haiku-latest", "claude-3-5-haiku"},
		{"anthropic", "claude-haiku-4-5", "claude-haiku-4-5"},
		{"anthropic", "claude-opus-4-5", "claude-opus-4-5"},
		{"anthropic", "claude-opus-5-5", "claude-opus-5-5"},
		{"anthropic", "claude-sonnet-5-5", "claude-sonnet-5-5"},
		{"anthropic", "claude-fable-5-2", "claude-fable-5-2"},
		{"gemini", "gemini-2.5-pro", "gemini-2.5-pro"},
		{"gemini", "gemini-2.5-flash", "gemini-2.5-flash"},
		{"gemini", "gemini-2.5-flash-lite", "gemini-2.5-flash-lite"},
		{"gemini", "gemini-1.5-pro", "gemini-1.5-pro"},
		{"gemini", "gemini-1.5-pro-002", "gemini-1.5-pro"},
		{"gemini", "gemini-3-pro-preview", "gemini-3-pro-preview"},
		{"gemini", "gemini-3.1-pro-preview", "gemini-3.1-pro-preview"},
		{"gemini", "gemini-3.8-flash", "gemini-3.8-flash"},
		{"gemini", "gemini-4-argon", "gemini-4-argon"},
		{"groq", "llama-3.3-70b-versatile", "llama-3.3-70b-versatile"},
		{"groq", "mixtral-8x7b-32768", "mixtral-8x7b-32768"},
		{"groq", "llama-3.1-8b-instant", "llama-3.1-8b-instant"},
		{"groq", "openai/gpt-oss-120b", "openai/gpt-oss-120b"},
		{"groq", "gpt-oss-20b", "openai/gpt-oss-20b"},
		{"groq", "qwen/qwen3.8-27b", "qwen/qwen3.8-27b"},
		{"groq", "moonshotai/kimi-k2-instruct-0905", "moonshotai/kimi-k2-instruct-0905"},

		// The provider in front, as LiteLLM writes model names.
		{"openai", "openai/gpt-4o", "gpt-4o"},
		{"anthropic", "anthropic/claude-sonnet-4-5-20250929", "claude-sonnet-4-5"},
		{"gemini", "gemini/gemini-2.5-pro", "gemini-2.5-pro"},
		{"gemini", "models/gemini-2.5-pro", "gemini-2.5-pro"},
		{"google", "google/gemini-2.5-pro", "gemini-2.5-pro"},
		{"groq", "groq/openai/gpt-oss-120b", "openai/gpt-oss-120b"},
		// No provider: the one in front, or the first that has it.
		{"", "groq/llama-3.3-70b-versatile", "llama-3.3-70b-versatile"},
		{"", "openai/gpt-oss-120b", "openai/gpt-oss-120b"},
		{"", "claude-opus-4-5", "claude-opus-4-5"},
		// A snapshot that was not known when the table was made.
		{"openai", "gpt-6-sol-2026-12-24", "gpt-6-sol"},
		{"anthropic", "claude-opus-5-5-20270101", "claude-opus-5-5"},
		{"openai", "openai/gpt-6-sol-2026-12-24", "gpt-6-sol"},
	}
	for _, tt := range tests {
		if p, ok := tab.Lookup(tt.provider, tt.model); !ok || p.Model != tt.want {
			t.Errorf("Lookup(%q, %q) = %q, %v; want %q", tt.provider, tt.model, p.Model, ok, tt.want)
		}
	}
	for _, tt := range []struct{ provider, model string }{
		{"openai", "gpt-99"},
		{"openai", ""},
		{"", ""},
		{"", "/"},
		{"openai", "claude-opus-4-5"},    // another provider's
		{"openai", "openai/gpt-oss-20b"}, // open weights, but not sold by OpenAI
		{"openai", "gpt-4o-2024-08"},     // no snapshot's suffix
		{"openai", "gpt-4o-20240806x"},
		{"openai", "-2024-08-06"},
		{"openai", "gpt-4.1-001"}, // a suffix of Gemini's
		{"openai", "GPT-4o"},      // ids are exact
		{"gemini", "models/"},
	} {
		if p, ok := tab.Lookup(tt.provider, tt.model); ok {
			t.Errorf("Lookup(%q, %q) found %s/%s", tt.provider, tt.model, p.Provider, p.Model)
		}
	}
}

// The shipped entries say where they come from and are plausible: what a slip of a digit or
// a swapped column would break.
func TestShippedTableIsSane(t *testing.T) {
	for _, p := range table(t).Prices() {
		name := p.Provider + "/" + p.Model
		rate := func(c pricing.Class) pricing.Rate { return p.Rate(c, pricing.Standard, 0) }
		if p.Source == "" || p.AsOf == "" || p.Mode == "" || p.ContextWindow == 0 {
			t.Errorf("%s: source, date, mode or context window is missing", name)
		}
		if !slices.Contains([]string{"openai", "anthropic", "gemini", "groq"}, p.Provider) {
			t.Errorf("%s: no such provider", name)
		}
		if rate(pricing.Input) == 0 || (p.Mode != "embedding" && rate(pricing.Output) < rate(pricing.Input)) {
			t.Errorf("%s: no input rate, or output below input", name)
		}
		if rate(pricing.CachedInput) > rate(pricing.Input) || rate(pricing.CacheWrite) < rate(pricing.Input) || rate(pricing.CacheWrite1h) < rate(pricing.CacheWrite) {
			t.Errorf("%s: the cache classes are not in order", name)
		}
		if p.MaxOutputTokens > p.ContextWindow || p.MaxImageTokens > p.ContextWindow {
			t.Errorf("%s: a limit is above the context window", name)
		}
		for _, above := range append(p.Steps(), 0) {
			for _, c := range []pricing.Class{pricing.Input, pricing.CachedInput, pricing.Output} {
				std := p.Rate(c, pricing.Standard, above+1)
				for _, cheap := range []pricing.ServiceTier{pricing.Flex, pricing.Batch} {
					if r := p.Rate(c, cheap, above+1); r > std {
						t.Errorf("%s: %s %s above %d is dearer than standard", name, cheap, c, above)
					}
				}
				for _, dear := range []pricing.ServiceTier{pricing.Priority, pricing.Ultrafast} {
					if r := p.Rate(c, dear, above+1); r < std {
						t.Errorf("%s: %s %s above %d is cheaper than standard", name, dear, c, above)
					}
				}
				if std < p.Rate(c, pricing.Standard, 0) {
					t.Errorf("%s: %s is cheaper above %d", name, c, above)
				}
			}
		}
	}
}

func TestAnnouncedChanges(t *testing.T) {
	tab := table(t)
	at := func(day string) pricing.Rate {
		now, err := time.Parse(time.RFC3339, day)
		if err != nil {
			t.Fatal(err)
		}
		p, _ := tab.At(now).Lookup("gemini", "gemini-4-argon")
		return p.Rate(pricing.Output, pricing.Standard, 0)
	}
	if before, after := at("2026-11-30T23:59:59Z"), at("2026-12-01T00:00:00Z"); before != 10_000_000 || after != 20_000_000 {
		t.Errorf("gemini-4-argon's output costs %d, then %d pico-dollars; want 10 and 20 dollars a million", before, after)
	}
	if back := at("2026-11-01T00:00:00Z"); back != 10_000_000 {
		t.Errorf("At of an earlier day gives %d", back)
	}
	first, ok := tab.NextChange(day)
	if want := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC); !ok || !first.Equal(want) {
		t.Errorf("the next change is %v, %v; want %v", first, ok, want)
	}
	if last, ok := tab.NextChange(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)); ok {
		t.Errorf("a change in %v, which nobody announced", last)
	}
}

// What an entry leaves out is filled in by the rules of the package.
func TestRulesForMissingRates(t *testing.T) {
	tab, err := load(`
prices:
  - provider: p
    model: m
    rates: {input: 2, cached_input: 1, output: 10, reasoning: 12}
    above: [{prompt_tokens: 1000, rates: {input: 4, output: 20}}]
    service_tiers:
      flex: {rates: {input: 1, output: 5}}
      priority: {rates: {input: 4, output: 20}, above: [{prompt_tokens: 1000, rates: {input: 9}}]}
`)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := tab.Lookup("p", "m")
	tests := []struct {
		class  pricing.Class
		tier   pricing.ServiceTier
		prompt int64
		want   string
		why    string
	}{
		{pricing.CacheWrite1h, pricing.Standard, 0, "2", "falls back through cache_write to input"},
		{pricing.AudioInput, pricing.Standard, 1001, "4", "follows input up the step"},
		{pricing.CachedInput, pricing.Standard, 1000, "1", "its own below the step"},
		{pricing.CachedInput, pricing.Standard, 1001, "4", "the step raised input and says nothing of it: dearer"},
		{pricing.Reasoning, pricing.Standard, 1001, "20", "not below output in the step"},
		{pricing.Image, pricing.Standard, 0, "0", "free without a rate"},
		{pricing.Input, pricing.Flex, 0, "1", "the tier's"},
		{pricing.CachedInput, pricing.Flex, 0, "1", "standard's, where the tier is a discount"},
		{pricing.CacheWrite, pricing.Flex, 0, "1", "the tier's input, where standard has none of its own"},
		{pricing.Reasoning, pricing.Flex, 0, "12", "standard's own"},
		{pricing.Input, pricing.Flex, 1001, "4", "a tier without the step is no way around it"},
		{pricing.CachedInput, pricing.Priority, 0, "4", "the tier's input, where that is above standard's"},
		{pricing.Input, pricing.Priority, 1001, "9", "the tier's own step"},
		{pricing.Output, pricing.Priority, 1001, "20", "as dear as the standard step"},
		{pricing.Output, pricing.Batch, 1001, "20", "no such tier: standard"},
		{pricing.Input, pricing.Auto, 0, "2", "a cost of an open lane is standard's"},
	}
	for _, tt := range tests {
		if got := p.Rate(tt.class, tt.tier, tt.prompt).DollarsPerMillion(); got != tt.want {
			t.Errorf("%s, %s, %d tokens: $%s a million, want $%s (%s)", tt.class, tt.tier, tt.prompt, got, tt.want, tt.why)
		}
	}
}

func TestWith(t *testing.T) {
	base := table(t)
	mine, err := load(`
prices:
  - {provider: openai, model: gpt-4o, rates: {input: 1, output: 1}}
  - {provider: openai, model: my-tune, aliases: [gpt-4o-mini-2024-07-18], rates: {input: 7, output: 7}}
  - {provider: acme, model: x, rates: {input: 5, output: 5}}
`)
	if err != nil {
		t.Fatal(err)
	}
	merged := base.With(mine.Prices()...)
	input := func(tab *pricing.Table, provider, model string) string {
		p, ok := tab.Lookup(provider, model)
		if !ok {
			return "none"
		}
		return p.Rate(pricing.Input, pricing.Standard, 0).DollarsPerMillion()
	}
	for _, tt := range []struct{ provider, model, before, after string }{
		{"openai", "gpt-4o", "2.5", "1"},
		{"openai", "gpt-4o-2024-05-13", "5", "5"},
		{"openai", "gpt-4o-mini", "0.15", "0.15"},
		{"openai", "gpt-4o-mini-2024-07-18", "0.15", "7"},
		{"openai", "my-tune", "none", "7"},
		{"acme", "x", "none", "5"},
		{"", "acme/x", "none", "5"},
	} {
		if got := input(base, tt.provider, tt.model); got != tt.before {
			t.Errorf("With changed the table: %s is %s, was %s", tt.model, got, tt.before)
		}
		if got := input(merged, tt.provider, tt.model); got != tt.after {
			t.Errorf("merged %s/%s is %s, want %s", tt.provider, tt.model, got, tt.after)
		}
	}
}

func TestLoadReportsEveryFault(t *testing.T) {
	_, err := load(`
prices:
  - {provider: p, model: a, rates: {input: -1, output: 1}}
`)
	if err == nil || !strings.Contains(err.Error(), "negative") {
		t.Errorf("a negative rate gave %v", err)
	}
	_, err = load(`
prices:
  - {provider: p, model: a, rates: {input: 1}, above: [{prompt_tokens: 5, rates: {input: 2}}, {prompt_tokens: 5, rates: {input: 3}}]}
  - {provider: p, model: b, rates: {input: 1}, service_tiers: {warp: {rates: {input: 1}}}}
  - {provider: p, model: c}
  - {provider: p, model: d, rates: {input: 1}, aliases: [d]}
  - {provider: p, model: e, rates: {input: 1}, as_of: yesterday, context_window: -1}
  - {provider: p, model: f, rates: {input: 1}, changes: [{from: soon, rates: {input: 1}}, {from: "2027-01-01"}]}
  - {model: g, rates: {input: 1}}
`)
	for _, want := range []string{"p/a: standard tier: steps", `p/b: service tier "warp"`, "p/c: no rates", "p/d: the name is given twice", "as_of", "context_window", `from "soon"`, "changes from 2027-01-01: no rates", "provider"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error doesn't say %q:\n%v", want, err)
		}
	}
	for _, bad := range []string{
		"prices: [{provider: p, model: m, rates: {input: 1, inputs: 2}}]",
		"prices: [{provider: p, model: m, rates: {input: 0.0000001}}]",  // below a pico-dollar
		"prices: [{provider: p, model: m, rates: {input: 1000000001}}]", // above $1000 a token
		"prices: [{provider: p, model: m, rates: {input: 1, input: 2}}]",
		"prices: [{provider: p, model: m, rates: {input: [1]}}]",
		"prices: [{provider: p, model: m, rates: 5}]",
		"prices: [{provider: p, model: m, price: 5, rates: {input: 1}}]",
		"prices: {}",
	} {
		if _, err := load(bad); err == nil {
			t.Errorf("%s was read without an error", bad)
		}
	}
}

func TestParseServiceTier(t *testing.T) {
	for name, want := range map[string]pricing.ServiceTier{
		"": pricing.Standard, "default": pricing.Standard, "standard_only": pricing.Standard, "on_demand": pricing.Standard,
		"flex": pricing.Flex, "priority": pricing.Priority, "fast": pricing.Priority, "PRIORITY": pricing.Priority,
		"batch": pricing.Batch, "ultrafast": pricing.Ultrafast, "auto": pricing.Auto,
	} {
		if got, ok := pricing.ParseServiceTier(name); !ok || got != want {
			t.Errorf("ParseServiceTier(%q) = %s, %v; want %s", name, got, ok, want)
		}
	}
	if got, ok := pricing.ParseServiceTier("warp"); ok || got != pricing.Standard {
		t.Errorf("an unknown tier is %s, %v", got, ok)
	}
}

func TestUsageTotals(t *testing.T) {
	u := pricing.Usage{Input: 1, CachedInput: 2, CacheWrite: 4, CacheWrite1h: 8, AudioInput: 16, CachedAudio: 32, ImageInput: 64,
		Output: 128, Reasoning: 256, AudioOutput: 512, ImageOutput: 1024, Images: 2048, WebSearches: 4096}
	if u.Prompt() != 127 || u.Completion() != 1920 || u.Total() != 2047 {
		t.Errorf("prompt %d, completion %d, total %d", u.Prompt(), u.Completion(), u.Total())
	}
	var sum int64
	for c := range pricing.NumClasses {
		sum += u.Of(c)
	}
	if sum != 8191 {
		t.Errorf("the classes add up to %d, want every field once", sum)
	}
}

func TestRateText(t *testing.T) {
	for rate, want := range map[pricing.Rate][2]string{
		2_500_000:      {"2.5", "0.0000025"},
		37_500:         {"0.0375", "0.0000000375"},
		1:              {"0.000001", "0.000000000001"},
		0:              {"0", "0"},
		10_000_000_000: {"10000", "0.01"},
	} {
		if got := rate.DollarsPerMillion(); got != want[0] {
			t.Errorf("%d pico-dollars is %s a million, want %s", rate, got, want[0])
		}
		if got := rate.DollarsPerUnit(); got != want[1] {
			t.Errorf("%d pico-dollars is %s a unit, want %s", rate, got, want[1])
		}
	}
}

func TestImageBound(t *testing.T) {
	// gpt-4o: 85 + 8 tiles × 170, the most that 768 × 2048 pixels make.
	if p := price(t, "openai", "gpt-4o"); p.ImageBound() != 1445 {
		t.Errorf("an image costs gpt-4o up to %d tokens", p.ImageBound())
	}
	if p := price(t, "groq", "qwen/qwen3.8-27b"); p.ImageBound() != p.ContextWindow {
		t.Errorf("an undocumented image bound is %d, want the context window", p.ImageBound())
	}
}
