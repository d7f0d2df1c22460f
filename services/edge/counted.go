package edge

import (
	"strings"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/tokens"
)

const (
	// maxCounted is the longest body whose prompt is counted, in bytes: a millisecond of
	// work as a rule, and some twenty for text that was made to be hard. Who is out of money
	// could have longer ones counted for nothing.
	maxCounted = 64 << 10
	// densest is how many bytes of a prompt a token stands for at most, as a rule. It
	// tells prompts that are not worth a count, and nothing depends on it.
	densest = 32
	// perPart is taken for each part of a message's text beyond the first: how a provider
	// joins them is not documented, and neither is how the joint is counted.
	perPart = 8
)

// countedPrompt is a number of tokens that the prompt cannot exceed, closer to the truth
// than the bound by its length where the model's tokenizer is published. It takes
// longer than all the rest: it is for calls that the bound by length would refuse, or cut short.
func (c *completion) countedPrompt() int64 {
	if len(c.req.body) > maxCounted || !c.req.countable() || !c.worthCounting() {
		return c.model.promptBound(&c.req)
	}
	var n int64
	c.e.counting.do(func() { n = c.countDeployments() })
	return n
}

// countDeployments is what the prompt comes to at most at any deployment.
func (c *completion) countDeployments() int64 {
	bound, most := c.model.promptBound(&c.req), int64(0)
	for _, d := range c.model.deployments {
		n, ok := countPrompt(c.e.Counter, &c.req, d.GetProvider(), d.GetUpstreamModel())
		if !ok {
			return bound
		}
		most = max(most, n)
	}
	if most == 0 {
		return bound
	}
	return min(most, bound)
}

// worthCounting says that some count could make the call fit into its budgets.
func (c *completion) worthCounting() bool {
	least, _ := c.costRange(int64(len(c.req.body)) / densest)
	remaining := money.Max
	for _, b := range c.e.Meter.State(c.principal.Scopes()) {
		if !b.Soft {
			remaining = min(remaining, b.Remaining)
		}
	}
	return least <= remaining
}

// countable says that the prompt is text that is all in the request.
func (c *chatRequest) countable() bool {
	_, predicted := c.fields.Get("prediction")
	return !c.unbounded && c.images == 0 && !c.audio && !c.searches && !predicted
}

// countPrompt bounds a prompt's tokens at a deployment: texts by count, everything else by
// its bytes, as [tokens.Bound] does. It is false where no tokenizer is published.
func countPrompt(counter *tokens.Counter, req *chatRequest, provider, model string) (int64, bool) {
	encoding := tokens.ForModel(provider, model)
	if !encoding.Exact() || strings.Contains(model, "search") {
		return 0, false
	}
	text := func(raw []byte) int64 {
		s, err := jsonscan.String(raw)
		if err != nil {
			return int64(len(raw))
		}
		n, err := counter.Count(encoding, s)
		if err != nil || n.Estimated {
			return int64(len(raw))
		}
		return n.Tokens
	}
	bound := tokens.ChatPreamble(provider, model)
	if req.tools {
		bound += tokens.ToolPreamble
	}
	for m := range req.fields.All() {
		switch name := string(m.Key); {
		case name == "messages":
			n, ok := countMessages(m.Raw(req.body), text)
			if !ok {
				return 0, false
			}
			bound += n
		case !outsideThePrompt(name):
			bound += memberBytes(m)
		}
	}
	return bound, true
}

// countMessages bounds the tokens of a list of messages.
func countMessages(messages []byte, text func(raw []byte) int64) (bound int64, ok bool) {
	err := jsonscan.ScanArray(messages, func(_ int, v jsonscan.Value) error {
		message := v.Raw(messages)
		bound += tokens.PerMessage
		return jsonscan.ScanObject(message, func(m jsonscan.Member) error {
			raw := m.Raw(message)
			switch name := string(m.Key); {
			case m.Kind == jsonscan.KindNull:
			case m.Kind == jsonscan.KindString && (name == "role" || name == "content"):
				bound += text(raw)
			case m.Kind == jsonscan.KindString && name == "name":
				bound += text(raw) + tokens.PerName
			case m.Kind == jsonscan.KindArray && name == "content":
				n, err := countParts(raw, text)
				bound += n
				return err
			default:
				bound += memberBytes(m)
			}
			return nil
		})
	})
	return bound, err == nil
}

// countParts bounds the tokens of a message's content that is a list of parts.
func countParts(parts []byte, text func(raw []byte) int64) (bound int64, err error) {
	err = jsonscan.ScanArray(parts, func(i int, v jsonscan.Value) error {
		part := v.Raw(parts)
		if i > 0 {
			bound += perPart
		}
		return jsonscan.ScanObject(part, func(m jsonscan.Member) error {
			switch name := string(m.Key); {
			case name == "type":
			case name == "text" && m.Kind == jsonscan.KindString:
				bound += text(m.Raw(part))
			default:
				bound += memberBytes(m)
			}
			return nil
		})
	})
	return bound, err
}

// memberBytes is how long a member is, its name included.
func memberBytes(m jsonscan.Member) int64 { return int64(m.ValueEnd - m.KeyStart) }

// outsideThePrompt are members that the model does not read.
func outsideThePrompt(name string) bool {
	switch name {
	case "model", "max_tokens", "max_completion_tokens", "n", "stream", "stream_options", "temperature", "top_p",
		"presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "seed", "stop", "user",
		"metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
		"cache", "caching", "compress", "drop_params", "timeout", "num_retries", "tags", "fallbacks", "no-log":
		return true
	}
	return false
}
