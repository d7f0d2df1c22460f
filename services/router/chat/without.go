package chat

import (
	"slices"

	"tollgate.dev/platform/jsonscan"
)

// Refused is a member of the request that a provider's error says it cannot honour. The zero
// Refused is none.
type Refused struct {
	// Member is its name.
	Member string
	// Instead is the limit on the output that the provider wants in the place of another one.
	Instead string
}

// The limits on the output. A call that was reserved for by one of them never goes out
// without any.
const (
	memberMaxTokens     = "max_tokens"
	memberMaxCompletion = "max_completion_tokens"
)

// Without takes the member that a provider has refused out of the request, if the call drops
// such members, or gives it the name that the provider wants. It reports whether the request
// is another one now. What the call asks, how its answer comes and what bounds its cost is
// never dropped.
func (c *Call) Without(refused Refused) bool {
	member, ok := c.Fields.Get(refused.Member)
	if !ok || !c.DropParams {
		return false
	}
	_, stands := c.Fields.Get(refused.Instead)
	var patch jsonscan.Patch
	patch.Reset(c.Fields)
	patch.Delete(refused.Member)
	gone := []string{refused.Member}
	switch refused.Member {
	case "model", "messages", "stream", "stream_options":
		return false
	case "service_tier":
		return false // the provider would choose, and may choose a dearer one
	case memberMaxTokens, memberMaxCompletion:
		if refused.Instead == "" {
			return false
		}
		if !stands {
			patch.Set(refused.Instead, member.Raw(c.Fields.Doc()))
			gone = nil // it is honoured, by its other name
		}
	case "logprobs": // which each of these would be refused without
		gone = append(gone, "top_logprobs")
	case "tools":
		gone = append(gone, "tool_choice", "parallel_tool_calls")
	case "functions":
		gone = append(gone, "function_call")
	}
	for i, name := range gone {
		if i > 0 && !patch.Delete(name) {
			continue
		}
		if !slices.Contains(c.dropped, name) {
			c.dropped = append(c.dropped, name)
		}
	}
	body := patch.Apply(nil)
	fields := new(jsonscan.Fields)
	if err := fields.Scan(body); err != nil {
		return false // it was an object without a member twice, and still is
	}
	c.Body, c.Fields, c.request = body, fields, nil
	return true
}
