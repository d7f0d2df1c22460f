package gemini

import (
	"bytes"
	"encoding/json"
	"strings"

	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/openaiwire"
	"tollgate.dev/services/router/chat"
)

// decoder decodes the answer to one call.
type decoder struct {
	// model is the name that answers without one get.
	model        string
	created      int64
	tier         string
	want         int // candidates
	includeUsage bool
	logprobs     bool

	r response
	stream
}

// Response decodes a whole answer.
func (d *decoder) Response(body []byte) (chat.Answer, error) {
	r := &d.r
	if err := r.read(body); err != nil {
		return chat.Answer{}, err
	}
	var usage *usagev1.Usage
	if r.hasUsage {
		usage = r.usage.usage(d.tier)
	}
	id := answerID(r.responseID, body)
	out := chat.Completion{
		ID: id, Object: "chat.completion", Created: d.created, Model: d.model,
		Usage: openaiwire.UsageFrom(usage), ServiceTier: usage.GetServiceTier(),
	}
	if r.modelVersion != "" {
		out.Model = r.modelVersion
	}
	for i := range r.candidates {
		choice, err := d.choice(id, i, &r.candidates[i])
		if err != nil {
			return chat.Answer{Usage: usage}, err
		}
		out.Choices = append(out.Choices, choice)
	}
	if len(out.Choices) == 0 {
		if r.blockReason == "" {
			return chat.Answer{Usage: usage}, errs.New(errs.ProviderError, "the provider's answer is empty")
		}
		out.Choices = []chat.Choice{{Message: chat.AnswerMessage{Role: "assistant"}, FinishReason: "content_filter"}}
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return chat.Answer{Usage: usage}, errs.New(errs.ProviderError, "the provider's answer cannot be read").WithCause(err)
	}
	return chat.Answer{Body: bytes.TrimSuffix(buf.Bytes(), []byte("\n")), Usage: usage}, nil
}

// choice translates the candidate that stands at a position of the answer.
func (d *decoder) choice(id string, at int, c *candidate) (chat.Choice, error) {
	index, err := c.position(at)
	if err != nil {
		return chat.Choice{}, err
	}
	out := chat.Choice{Index: index, Message: chat.AnswerMessage{Role: "assistant"}}
	var text, thought strings.Builder
	f := fields{citations: c.citations, grounding: c.grounding}
	said := false
	for i := range c.parts {
		p := &c.parts[i]
		switch {
		case p.call != nil:
			out.Message.ToolCalls = append(out.Message.ToolCalls, toolCall(id, index, len(out.Message.ToolCalls), p))
			continue
		case p.foreign != nil:
			f.parts = append(f.parts, jsonscan.AppendCanonical(nil, p.foreign))
			continue // with its signature
		case p.thought:
			thought.WriteString(p.text)
		default:
			said = said || p.hasText
			text.WriteString(p.text)
		}
		if p.signature != "" {
			f.signatures = append(f.signatures, p.signature)
		}
	}
	if out.FinishReason, err = finish(c.finishReason, len(out.Message.ToolCalls)); err != nil {
		return out, err
	}
	if said && (text.Len() > 0 || len(out.Message.ToolCalls) == 0) {
		s := text.String()
		out.Message.Content = &s
	}
	out.Message.ReasoningContent = thought.String()
	out.Message.ProviderFields = f.append(nil, "")
	if d.logprobs && c.logprobs != nil {
		out.Logprobs = appendLogprobs(nil, c.logprobs)
	}
	return out, nil
}

func toolCall(answer string, candidate, n int, p *part) chat.AnswerToolCall {
	call := chat.AnswerToolCall{
		ID: p.call.id, Type: "function",
		Function: chat.AnswerFunction{Name: p.call.name, Arguments: p.call.arguments()},
	}
	if call.ID == "" {
		call.ID = callID(answer, candidate, n, p.call)
	}
	if p.signature != "" {
		call.ProviderFields = signatureField(nil, p.signature)
	}
	return call
}
