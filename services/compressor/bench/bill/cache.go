package bill

import (
	"tollgate.dev/platform/pricing"
	"tollgate.dev/services/compressor/bench/trace"
)

// Kind is where a provider's prompt cache ends what it keeps.
type Kind uint8

// The kinds of caches.
const (
	// Off keeps nothing.
	Off Kind = iota
	// Anywhere finds the longest beginning that a prompt has in common with an earlier one.
	Anywhere
	// Newest keeps a prompt up to its last message, and finds it there only.
	Newest
	// Marked keeps a prompt up to each of the caller's breakpoints.
	Marked
)

// Rules are a provider's cache as it is documented.
type Rules struct {
	Kind Kind
	// Least is the shortest prompt, in tokens, that is kept.
	Least int64
	// Step is in what steps tokens are found; 0 and 1 are each of them.
	Step int64
	// Writes tells that what is kept costs the price's rate of cache writes.
	Writes bool
}

// Model is one to bill.
type Model struct {
	// Provider and Name are as in the price table.
	Provider, Name string
	// Note tells models apart that are there more than once.
	Note string
	// Breakpoints are the client's.
	Breakpoints trace.Breakpoints
	// Rules are the provider's cache.
	Rules Rules
}

// Models returns those that are billed. Sources, read in November 2026:
//
//   - OpenAI, "Prompt caching" (developers.openai.com/api/docs/guides/prompt-caching): from
//     1,024 tokens on; before GPT-5.6 in steps of 128 and without a fee for writes; since
//     then up to the newest message, found at such a place only, and writes cost 1.25 times
//     the input.
//   - Google, "Context caching" (ai.google.dev/gemini-api/docs/caching, of October 2026): from
//     2,048 tokens on for Gemini 2.5, and 4,096 for later ones. Steps are not documented; none is the strictest for us.
//   - Groq, "Prompt Caching" (console.groq.com/docs/prompt-caching): exact beginnings, from
//     128 to 1,024 tokens on; models that are not listed keep nothing.
//   - Anthropic, "Prompt caching" (platform.claude.com): up to breakpoints, from 1,024 tokens on
//     for Claude Sonnet 4.5, found at most 20 blocks before one; writes cost 1.25 times the
//     input. Clients set a breakpoint after the system prompt, and many one that moves with
//     the last message. They do the same where a router hands such a prompt to another provider,
//     which ends its cache where it wants to.
func Models() []Model {
	openai := Rules{Kind: Anywhere, Least: 1024, Step: 128}
	marked := Rules{Kind: Marked, Least: 1024, Writes: true}
	return []Model{
		{Provider: "openai", Name: "gpt-4o", Rules: openai},
		{Provider: "openai", Name: "gpt-5", Rules: openai},
		{Provider: "openai", Name: "gpt-6-luna", Rules: Rules{Kind: Newest, Least: 1024, Writes: true}},
		{Provider: "gemini", Name: "gemini-2.5-pro", Rules: Rules{Kind: Anywhere, Least: 2048}},
		{Provider: "openai", Name: "gpt-5", Note: "questions", Breakpoints: trace.Questions, Rules: openai},
		{Provider: "gemini", Name: "gemini-2.5-pro", Note: "questions", Breakpoints: trace.Questions, Rules: Rules{Kind: Anywhere, Least: 2048}},
		{Provider: "gemini", Name: "gemini-2.5-flash", Rules: Rules{Kind: Anywhere, Least: 2048}},
		{Provider: "gemini", Name: "gemini-3.1-pro-preview", Rules: Rules{Kind: Anywhere, Least: 4096}},
		{Provider: "groq", Name: "openai/gpt-oss-120b", Rules: Rules{Kind: Anywhere, Least: 1024}},
		{Provider: "groq", Name: "openai/gpt-oss-120b", Note: "128", Rules: Rules{Kind: Anywhere, Least: 128}},
		{Provider: "groq", Name: "llama-3.3-70b-versatile"},
		{Provider: "anthropic", Name: "claude-sonnet-4-5", Rules: marked},
		{Provider: "anthropic", Name: "claude-sonnet-4-5", Note: "system", Breakpoints: trace.System, Rules: marked},
		{Provider: "anthropic", Name: "claude-sonnet-4-5", Note: "moving", Breakpoints: trace.Moving, Rules: marked},
	}
}

// lookback is how many blocks before a breakpoint Anthropic looks for what it has kept.
const lookback = 20

// Sharing returns models whose caches find documents again that another question follows, one
// for each price of cached tokens: a tenth of the others', a quarter, the half; and two whose
// caches do not: at the price of the others, and in whole messages alone.
func Sharing() []Model {
	openai := Rules{Kind: Anywhere, Least: 1024, Step: 128}
	return []Model{
		{Provider: "openai", Name: "gpt-5", Rules: openai},
		{Provider: "openai", Name: "gpt-4.1", Rules: openai},
		{Provider: "openai", Name: "gpt-4o", Rules: openai},
		{Provider: "groq", Name: "llama-3.3-70b-versatile"},
		{Provider: "openai", Name: "gpt-6-luna", Rules: Rules{Kind: Newest, Least: 1024, Writes: true}},
	}
}

// cache is a provider's for an account. It keeps everything until it is told to forget.
type cache struct {
	rules Rules
	sent  [][]block
	kept  map[string]bool // beginnings up to a breakpoint
}

func newCache(rules Rules) *cache { return &cache{rules: rules, kept: map[string]bool{}} }

func (c *cache) forget() { *c = *newCache(c.rules) }

// send is a request's usage, and keeps the prompt.
func (c *cache) send(s *scale, prompt []block) (u pricing.Usage, err error) {
	total, last := int64(0), -1
	ends := make([]int64, len(prompt))
	for i, b := range prompt {
		total += b.tokens
		ends[i] = total
		if b.marked || c.rules.Kind == Newest && i == len(prompt)-2 { // the very last primes the answer
			last = i
		}
	}
	switch c.rules.Kind {
	case Anywhere:
		for _, earlier := range c.sent {
			n, err := s.common(earlier, prompt)
			if err != nil {
				return u, err
			}
			u.CachedInput = max(u.CachedInput, n)
		}
		if u.CachedInput < c.rules.Least {
			u.CachedInput = 0
		}
		u.CachedInput -= u.CachedInput % max(c.rules.Step, 1)
		c.sent = append(c.sent, prompt)
	case Newest, Marked:
		if last < 0 || ends[last] < c.rules.Least {
			break
		}
		for i := last; i >= 0 && u.CachedInput == 0; i-- {
			if c.kept[beginning(prompt[:i+1])] && (c.rules.Kind == Newest || isNearBreakpoint(prompt, i)) {
				u.CachedInput = ends[i]
			}
		}
		u.CacheWrite = ends[last] - u.CachedInput
		for i := range prompt {
			if i == last || prompt[i].marked && ends[i] >= c.rules.Least {
				c.kept[beginning(prompt[:i+1])] = true
			}
		}
	case Off:
	}
	u.Input = total - u.CachedInput - u.CacheWrite
	return u, nil
}

// isNearBreakpoint tells whether there is a breakpoint at a block, or soon after it.
func isNearBreakpoint(prompt []block, i int) bool {
	for _, b := range prompt[i:min(i+lookback, len(prompt))] {
		if b.marked {
			return true
		}
	}
	return false
}
