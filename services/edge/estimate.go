package edge

import (
	"encoding/json"
	"strings"

	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/tokens"
)

// estimatedPrompt is about how long the prompt is, in tokens, for limits on tokens
// per minute; the call's real usage corrects it. Four bytes make a token on average
// (OpenAI, "What are tokens and how to count them?").
func estimatedPrompt(req *chatRequest) int64 { return int64(len(req.body))/4 + 1 }

// estimate counts what the provider did not report. It is for calls that were cut off
// and for providers that report nothing: it takes milliseconds where the rest of a
// call takes microseconds.
func (c *completion) estimate() *usagev1.Usage {
	encoding := tokens.ForModel(c.outcome.served.GetProvider(), c.outcome.served.GetUpstreamModel())
	count := func(text string) int64 {
		n, err := c.e.counter.Count(encoding, text)
		if err != nil {
			// Bytes bound tokens: too many is better than none.
			return int64(len(text))
		}
		return n.Tokens
	}
	prompt, messages := promptText(c.req.body)
	input := count(prompt) + tokens.ChatOverhead(messages, 0) + c.req.images*min(c.model.imageTokens, typicalImageTokens)
	return &usagev1.Usage{
		// Never more than what was reserved for the prompt.
		Input:     min(input, c.model.promptBound(&c.req)),
		Output:    count(answerText(c.outcome.body, c.outcome.chunks)),
		Estimated: true,
	}
}

// typicalImageTokens is what an image is taken to cost where nobody reported it:
// Anthropic's figure for the largest size that it does not scale down, about 1,600 tokens
// (https://docs.anthropic.com/en/docs/build-with-claude/vision, November 2026).
const typicalImageTokens = 1600

// promptText gathers what the model reads of a request.
func promptText(body []byte) (text string, messages int) {
	var req struct {
		Messages []struct {
			Content   json.RawMessage `json:"content"`
			ToolCalls json.RawMessage `json:"tool_calls"`
		} `json:"messages"`
		Tools json.RawMessage `json:"tools"`
	}
	if json.Unmarshal(body, &req) != nil {
		return string(body), 1
	}
	var b strings.Builder
	for _, m := range req.Messages {
		writeContent(&b, m.Content)
		b.Write(m.ToolCalls)
	}
	b.Write(req.Tools)
	return b.String(), len(req.Messages)
}

func writeContent(b *strings.Builder, content json.RawMessage) {
	var text string
	if json.Unmarshal(content, &text) == nil {
		b.WriteString(text)
		return
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(content, &parts) != nil {
		b.Write(content)
		return
	}
	for _, p := range parts {
		b.WriteString(p.Text)
	}
}

// answerText gathers what the model wrote, of a whole answer or of chunks.
func answerText(body []byte, chunks [][]byte) string {
	type said struct {
		Content   string          `json:"content"`
		Refusal   string          `json:"refusal"`
		Reasoning string          `json:"reasoning_content"`
		ToolCalls json.RawMessage `json:"tool_calls"`
	}
	var b strings.Builder
	add := func(data []byte) {
		var answer struct {
			Choices []struct {
				Message said `json:"message"`
				Delta   said `json:"delta"`
			} `json:"choices"`
		}
		if json.Unmarshal(data, &answer) != nil {
			return
		}
		for _, choice := range answer.Choices {
			for _, s := range []said{choice.Message, choice.Delta} {
				b.WriteString(s.Reasoning)
				b.WriteString(s.Content)
				b.WriteString(s.Refusal)
				b.Write(s.ToolCalls)
			}
		}
	}
	if len(body) > 0 {
		add(body)
	}
	for _, chunk := range chunks {
		add(chunk)
	}
	return b.String()
}
