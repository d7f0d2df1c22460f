package compressor

import (
	"tollgate.dev/platform/pricing"
	"tollgate.dev/services/compressor/prompt"
)

// Providers keep the beginnings of prompts and charge less for one that they find again. A
// compression that writes such a beginning anew each time, or makes it too short to be kept,
// costs more than it saves. Three rules keep it from that: a text becomes the same bytes in
// every turn ([Stage]), nothing up to a breakpoint of the caller's changes (package prompt),
// and a prompt that goes on is not made shorter than what the provider keeps (this file).

// Prices tell what a model's tokens cost.
type Prices interface {
	// Price is that of a deployment, or else of its provider's model; false when there is
	// none.
	Price(deploymentID, provider, model string) (*pricing.Price, bool)
}

// CacheEffect is what a compression does to the provider's prompt cache, as far as the
// price table tells that there is one.
type CacheEffect struct {
	// Read are those of the tokens saved that the provider would have read from its cache:
	// what stood in earlier turns. They would have cost that rate.
	Read int64
	// Lost are tokens that are not read from the cache although they would be without the
	// compression, because the prompt is too short for it now.
	Lost int64
}

// promptCache is a provider's prompt cache for one model. The zero value is none that is
// cheaper than the prompt itself, or only where the caller says so by breakpoints.
type promptCache struct {
	// least is the shortest prompt, in tokens, that is kept.
	least int64
}

// How long a prompt has to be, in tokens, to be kept without a word of the caller.
// Sources, read in November 2026: OpenAI, "Prompt caching" (1,024 tokens, then in steps of
// 128; GPT-4o and later); Google, "Context caching" (Gemini 2.5 Flash 1,024 and Pro 4,096;
// the later ones at most that); Groq, "Prompt Caching" (128 to 1,024, by model).
const (
	leastKept       = 1024
	leastKeptGemini = 4096
	// keptStep is the step in which OpenAI counts what it has kept. A prompt is held that
	// much above the least, so that its next turn finds what this one left.
	keptStep = 128
)

// cacheOf returns the cache of the model that a request is for. Anthropic keeps what ends at a breakpoint
// of the caller's, and nothing else ("Prompt caching", November 2026). A model without a
// price is taken to have a cache.
func (s *Service) cacheOf(req *Request) promptCache {
	if s.opts.Prices == nil || req.Provider == "anthropic" {
		return promptCache{}
	}
	price, ok := s.opts.Prices.Price(req.DeploymentID, req.Provider, req.Model)
	if ok && price.Rate(pricing.CachedInput, pricing.Standard, 0) >= price.Rate(pricing.Input, pricing.Standard, 0) {
		return promptCache{}
	}
	if req.Provider == "gemini" {
		return promptCache{least: leastKeptGemini}
	}
	return promptCache{least: leastKept}
}

// floors are, by turn, what the prompt up to its end is not to fall below. A first turn
// without tools has none: as far as anybody can tell it is the only one.
func (c promptCache) floors(p *prompt.Prompt, before []int64) []int64 {
	floors := make([]int64, len(before))
	for i := range floors {
		if c.least > 0 && (i > 0 || p.Tools) {
			floors[i] = c.least + keptStep
		}
	}
	return floors
}

// effect compares the sizes of the prompt up to the end of each turn. What the provider has
// kept is what the turn before the last one ended in.
func (c promptCache) effect(before, after []int64) (e CacheEffect) {
	last := len(before) - 2
	if c.least == 0 || last < 0 || before[last] < c.least {
		return e
	}
	e.Read = before[last] - after[last]
	if after[last] < c.least {
		e.Lost = after[last]
	}
	return e
}
