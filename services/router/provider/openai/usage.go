package openai

import (
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/jsonscan"
)

// counts are the numbers of a usage object, which overlap: the prompt's tokens include
// the cached ones, the completion's the reasoning. A count that is not there is 0.
type counts struct {
	prompt, completion, total                           int64
	cached, cacheWrite, promptAudio                     int64
	reasoning, completionAudio                          int64
	hasPrompt, hasCompletion, hasTotal, hasPromptDetail bool
}

// usage reads the usage of an answer or a chunk; nil when it has none. Groq streams it
// in `x_groq` as well, whether or not it was asked for.
func (d *decoder) usage(a *answer, doc []byte) *usagev1.Usage {
	switch {
	case a.usage.Kind == jsonscan.KindObject:
		return readUsage(a.usage.Raw(doc), d.tier)
	case a.groq.Kind == jsonscan.KindObject:
		groq := a.groq.Raw(doc)
		var own []byte
		_ = jsonscan.ScanObject(groq, func(m jsonscan.Member) error {
			if string(m.Key) == "usage" && m.Kind == jsonscan.KindObject {
				own = m.Raw(groq)
			}
			return nil
		})
		if own != nil {
			return readUsage(own, d.tier)
		}
	}
	return nil
}

// readUsage splits a usage object into the classes that are billed. It is nil for an
// object without the two main counts. Counts that contradict each other are cut to what
// the totals allow.
func readUsage(raw []byte, tier string) *usagev1.Usage {
	var c counts
	// The document is valid, so the scan cannot fail.
	_ = jsonscan.ScanObject(raw, func(m jsonscan.Member) error {
		c.member(m, m.Raw(raw))
		return nil
	})
	if !c.hasPrompt && !c.hasCompletion {
		return nil
	}
	out := &usagev1.Usage{ServiceTier: tier}
	prompt, completion := c.prompt, c.completion
	out.CachedInput, prompt = take(c.cached, prompt)
	out.CacheWrite, prompt = take(c.cacheWrite, prompt)
	out.AudioInput, prompt = take(c.promptAudio, prompt)
	if c.hasTotal && c.reasoning > 0 && c.total-c.reasoning == c.prompt+c.completion {
		// xAI counts reasoning beside completion_tokens, not in them, as Google's
		// documentation of the Grok models says (capabilities/reasoning, read 2026-11-23).
		out.Reasoning = c.reasoning
	} else {
		out.Reasoning, completion = take(c.reasoning, completion)
	}
	out.AudioOutput, completion = take(c.completionAudio, completion)
	out.Input, out.Output = prompt, completion
	return out
}

// member reads a member of the usage object. Beside OpenAI's own names it knows those
// of compatible servers for cached tokens: `prompt_cache_hit_tokens` (DeepSeek) and
// `cached_tokens` (Moonshot).
func (c *counts) member(m jsonscan.Member, raw []byte) {
	switch string(m.Key) {
	case "prompt_tokens":
		c.prompt, c.hasPrompt = count(raw)
	case "completion_tokens":
		c.completion, c.hasCompletion = count(raw)
	case "total_tokens":
		c.total, c.hasTotal = count(raw)
	case "prompt_cache_hit_tokens", "cached_tokens":
		if !c.hasPromptDetail {
			c.cached, _ = count(raw)
		}
	case "prompt_tokens_details":
		c.details(m, raw, func(name []byte, n int64) {
			switch string(name) {
			case "cached_tokens":
				c.cached, c.hasPromptDetail = n, true
			case "cache_write_tokens", "cache_creation_tokens":
				c.cacheWrite = n
			case "audio_tokens":
				c.promptAudio = n
			}
		})
	case "completion_tokens_details":
		c.details(m, raw, func(name []byte, n int64) {
			switch string(name) {
			case "reasoning_tokens":
				c.reasoning = n
			case "audio_tokens":
				c.completionAudio = n
			}
		})
	}
}

func (c *counts) details(m jsonscan.Member, raw []byte, each func(name []byte, n int64)) {
	if m.Kind != jsonscan.KindObject {
		return
	}
	_ = jsonscan.ScanObject(raw, func(m jsonscan.Member) error {
		if n, ok := count(m.Raw(raw)); ok {
			each(m.Key, n)
		}
		return nil
	})
}

// maxCount is far above any real count, and far below where sums overflow.
const maxCount = 1 << 50

func count(raw []byte) (int64, bool) {
	n, ok := jsonscan.Int64(raw)
	return min(max(n, 0), maxCount), ok
}

func take(want, from int64) (taken, rest int64) {
	taken = min(want, from)
	return taken, from - taken
}
