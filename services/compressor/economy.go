package compressor

import (
	"slices"
	"strings"

	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/prompt"
)

// Providers keep the beginnings of prompts and charge less for one that they find again. A
// compression that writes such a beginning anew each time, or makes it too short to be kept,
// costs more than it saves. Four rules keep it from that: a text becomes the same bytes in
// every turn ([Stage]), nothing up to a breakpoint of the caller's changes (package prompt),
// a prompt that goes on is not made shorter than what the provider keeps (this file), and
// documents that are asked about again and again stay as they are (beginnings.go).

// Prices tell what a model's tokens cost.
type Prices interface {
	// Price is that of a deployment, or else of its provider's model; false when there is
	// none.
	Price(deploymentID, provider, model string) (*pricing.Price, bool)
}

// Listed are the prices of a table alone, whatever the deployment.
type Listed struct{ Table *pricing.Table }

// Price is [Prices]'.
func (l Listed) Price(_, provider, model string) (*pricing.Price, bool) {
	price, ok := l.Table.Lookup(provider, model)
	return &price, ok
}

// CacheEffect is what a compression does to the provider's prompt cache, as far as the
// price table tells that there is one.
type CacheEffect struct {
	// Read are those of the tokens saved that the provider would have read from its cache:
	// what stood in earlier turns, and in earlier prompts with the same beginning. They would
	// have cost that rate.
	Read int64
	// Lost are tokens that are not read from the cache although they would be without the
	// compression, because the prompt is too short for it now, because the original goes out
	// after earlier turns were compressed, or because an earlier prompt with the same beginning
	// was compressed.
	Lost int64
}

// Saved is [pricing.Compressed]'s at a price.
func (r *Result) Saved(price *pricing.Price) money.Nano {
	return pricing.Compressed{
		Original: r.Original, Compressed: r.Compressed, Read: r.Cache.Read, Lost: r.Cache.Lost,
	}.Saved(func(u pricing.Usage) money.Nano { return price.Cost(u, pricing.Options{}) })
}

// promptCache is a provider's prompt cache for one model. The zero value is none that is
// cheaper than the prompt itself, or only where the caller says so by breakpoints.
type promptCache struct {
	// from is the shortest prompt, in tokens, that may be kept, and least the shortest that
	// surely is.
	from, least int64
	// within tells that it finds as much of a prompt as is the same, and not whole messages alone.
	within bool
	tariff
}

// How long a prompt has to be, in tokens, to be kept without a word of the caller.
// Sources, read in November 2026: OpenAI, "Prompt caching" (1,024 tokens, then in steps of
// 128; GPT-4o and later); Google, "Context caching" (Gemini 2.5: 2,048; later ones: 4,096);
// Groq, "Prompt Caching" (128 to 1,024, by model).
const (
	leastKept         = 1024
	leastKeptGroq     = 128
	leastKeptGemini25 = 2048
	leastKeptGemini   = 4096
)

// caches returns the cache of the deployment that is likely to serve, and what holds for the
// caches of all that may.
func (s *Service) caches(req *Request) (likely, strictest promptCache) {
	likely = s.cacheOf(&Deployment{req.Provider, req.Model, req.DeploymentID})
	strictest = likely
	for i := range req.Others {
		strictest = strictest.and(s.cacheOf(&req.Others[i]))
	}
	return likely, strictest
}

// and is a cache of which nothing is lost that is not lost of either.
func (c promptCache) and(other promptCache) promptCache {
	switch {
	case other.least == 0:
		return c
	case c.least == 0:
		return other
	}
	if other.deeper(c.tariff) {
		c.tariff = other.tariff
	}
	c.from, c.least, c.within = min(c.from, other.from), max(c.least, other.least), c.within || other.within
	return c
}

// cacheOf returns the cache of a deployment's model. Anthropic keeps what ends at
// a breakpoint of the caller's, and nothing else ("Prompt caching", November 2026). A model of
// which nobody knows what a cached token costs is taken to have a cache that costs nothing to read.
func (s *Service) cacheOf(d *Deployment) promptCache {
	if s.opts.Prices == nil || d.Provider == "anthropic" {
		return promptCache{}
	}
	c := promptCache{from: leastKept, least: leastKept, within: true, tariff: tariff{input: 1}}
	if price, ok := s.opts.Prices.Price(d.ID, d.Provider, d.Model); ok {
		// Who charges for what is kept keeps prompts up to their last message, and finds them
		// again there (OpenAI since GPT-5.6).
		c.within = price.Rate(pricing.CacheWrite, pricing.Standard, 0) <= price.Rate(pricing.Input, pricing.Standard, 0)
		c.input = int64(price.Rate(pricing.Input, pricing.Standard, 0))
		if price.Tells(pricing.CachedInput) {
			c.cached = int64(price.Rate(pricing.CachedInput, pricing.Standard, 0))
		}
	}
	switch {
	case !c.discounts():
		return promptCache{}
	case d.Provider == "gemini" && strings.HasPrefix(strings.TrimPrefix(d.Model, "gemini/"), "gemini-2.5"):
		c.from, c.least = leastKeptGemini25, leastKeptGemini25
	case d.Provider == "gemini":
		c.from, c.least = leastKeptGemini25, leastKeptGemini
	case d.Provider == "groq":
		c.from = leastKeptGroq
	}
	// What primes the answer is counted with a prompt, and no part of the next one.
	c.from += tokens.PerReply
	c.least += tokens.PerReply
	return c
}

// plan is how short a prompt may become.
type plan struct {
	// floors are, by turn, what the prompt up to its end is not to fall below.
	floors []int64
	// more tells that there are others than [promptCache.floors].
	more bool
	// again tells that the prompt before this one went out shorter than what is kept, and is
	// written once more now.
	again bool
}

// floors are those that are known before any stage: a conversation with tools goes on, and
// each turn of it has one.
func (c promptCache) floors(p *prompt.Prompt) []int64 {
	floors := make([]int64, len(p.Turns))
	if p.Tools {
		for i := range floors {
			floors[i] = c.least
		}
	}
	return floors
}

// plan finds how short a prompt may become, turn by turn, by what stages made of it with no
// other floors than the first ones.
//
// A conversation without tools may end with any turn: its last turn has no floor if what is
// saved now is at least what a next turn would lose, which then has to send a prompt of that
// length anew in place of reading the longer one from the cache. An earlier turn that had
// none keeps its bytes if the turn after it made the prompt long enough; if not, the provider
// has kept nothing of it yet, and it is written once more, in a length that is kept.
//
// What stages make of a turn with those floors depends on the turns up to it. So what a turn
// becomes depends on the turns up to the next one, and on nothing else.
//
// sent is the turn that the prompt before this one ended in.
func (c promptCache) plan(p *prompt.Prompt, before, after []int64, sent int) plan {
	out := plan{floors: c.floors(p)}
	if c.least == 0 || p.Tools {
		return out
	}
	held := int64(0) // what floors of earlier turns keep
	for i := range out.floors {
		size := after[i] + held
		pays, last := c.pays(before[i], size), i == len(before)-1
		if size >= c.least || pays && (last || after[i+1]+held >= c.least) {
			continue
		}
		out.floors[i], out.more = c.least, true
		out.again = out.again || pays && i == sent
		held += max(min(c.least+prompt.FloorStep, before[i])-size, 0)
	}
	return out
}

// pays tells whether a prompt that becomes too short to be kept saves at least what the next
// turn loses by that.
func (c promptCache) pays(before, after int64) bool {
	if before < c.from {
		return true // it would not be kept either
	}
	again := min(before, c.least+prompt.FloorStep)
	return c.cost(ledger{plain: before - after}) >= c.cost(ledger{plain: again})-c.cost(ledger{read: before})
}

// effect compares the sizes of the prompt up to the end of each turn. What the provider would have
// kept is what the turn before the last one ended in; what it has is what turn sent did.
func (c promptCache) effect(p plan, before, after []int64, sent int) (e CacheEffect) {
	last := len(before) - 2
	if c.kept(before, last) == 0 {
		return e
	}
	e.Read = before[last] - after[last]
	e.Lost = after[last]
	if !p.again {
		e.Lost -= c.kept(after, sent)
	}
	return e
}

// lost is what the provider would have read of the originals of earlier turns, and does not
// read if the original goes out now: those turns went out otherwise. One that had nothing to
// compress, and all before it, did not.
func (c promptCache) lost(p *prompt.Prompt, sent *course, before []int64) (effect CacheEffect, engine string) {
	last := sent.reached(len(before) - 2)
	if sent.unsent() || c.kept(before, last) == 0 {
		return effect, ""
	}
	for i := range p.Turns[:last+1] {
		if changes(&p.Turns[i]) {
			effect.Lost = c.unread(before, i, last)
			return effect, None
		}
	}
	return effect, ""
}

// changes tells whether a turn has anything that may be changed.
func changes(t *prompt.Turn) bool {
	for _, content := range t.Contents {
		if content.Changed() || slices.ContainsFunc(content.Texts, func(t *prompt.Text) bool { return !t.Locked }) {
			return true
		}
	}
	return false
}

// guessed are the sizes of the prompt up to the end of each turn where there was no time to
// count, for [promptCache.lost] alone: OpenAI's rule of thumb, four bytes a token.
func guessed(p *prompt.Prompt) []int64 {
	sizes, size := make([]int64, len(p.Turns)), 0
	for i := range p.Turns {
		for _, text := range p.Turns[i].Fixed {
			size += len(text)
		}
		for _, c := range p.Turns[i].Contents {
			size += len(c.Original)
		}
		sizes[i] = int64(size / 4)
	}
	return sizes
}
