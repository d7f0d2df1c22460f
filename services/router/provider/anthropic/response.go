package anthropic

import (
	"encoding/json"
	"strings"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/openaiwire"
	"tollgate.dev/services/router/chat"
)

// wireMessage is a whole answer.
type wireMessage struct {
	Type        string          `json:"type"`
	ID          string          `json:"id"`
	Model       string          `json:"model"`
	Content     []wireBlock     `json:"content"`
	StopReason  string          `json:"stop_reason"`
	StopDetails stopDetails     `json:"stop_details"`
	Usage       json.RawMessage `json:"usage"`
}

// wireBlock is a block of content.
type wireBlock struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	Thinking  string          `json:"thinking"`
	Signature string          `json:"signature"`
	Data      string          `json:"data"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
}

// stopDetails explain a refusal.
type stopDetails struct {
	Explanation string `json:"explanation"`
}

// Response decodes a whole message. Blocks of types that only tools of the
// provider's own lead to are passed over.
func (d *decoder) Response(body []byte) (chat.Answer, error) {
	var m wireMessage
	if err := json.Unmarshal(body, &m); err != nil {
		return chat.Answer{}, broken("the provider's answer is no valid message").WithCause(err)
	}
	if m.Type != "message" || m.StopReason == "" {
		return chat.Answer{}, broken("the provider's answer is no finished message")
	}
	answer := chat.AnswerMessage{Role: "assistant"}
	var text, thinking strings.Builder
	hasText := false
	var order blockOrder
	for i := range m.Content {
		order.note(m.Content[i].Type, len(m.Content[i].Text))
		switch b := &m.Content[i]; b.Type {
		case "text":
			hasText = true
			text.WriteString(b.Text)
		case "thinking":
			thinking.WriteString(b.Thinking)
			answer.ThinkingBlocks = append(answer.ThinkingBlocks,
				chat.ThinkingBlock{Type: b.Type, Thinking: b.Thinking, Signature: b.Signature})
		case "redacted_thinking":
			answer.ThinkingBlocks = append(answer.ThinkingBlocks, chat.ThinkingBlock{Type: b.Type, Data: b.Data})
		case "tool_use":
			answer.ToolCalls = append(answer.ToolCalls, chat.AnswerToolCall{
				ID: b.ID, Type: "function",
				Function: chat.AnswerFunction{Name: b.Name, Arguments: arguments(b.Input)},
			})
		}
	}
	if hasText {
		s := text.String()
		answer.Content = &s
	}
	answer.ReasoningContent = thinking.String()
	if !order.usual() {
		answer.ProviderFields = order.append(nil)
	}
	if m.StopReason == "refusal" && m.StopDetails.Explanation != "" {
		answer.Refusal = &m.StopDetails.Explanation
	}
	completion := chat.Completion{
		ID: m.ID, Object: "chat.completion", Created: d.created, Model: m.Model,
		Choices: []chat.Choice{{Message: answer, FinishReason: finishReason(m.StopReason)}},
	}
	out := chat.Answer{}
	if given(m.Usage) {
		if err := json.Unmarshal(m.Usage, &d.usage); err != nil {
			return chat.Answer{}, broken("the provider's usage cannot be read").WithCause(err)
		}
		out.Usage = d.usage.disjoint()
		completion.Usage = openaiwire.UsageFrom(out.Usage)
		completion.ServiceTier = d.usage.openAITier()
	}
	var err error
	if out.Body, err = json.Marshal(&completion); err != nil {
		return chat.Answer{}, broken("the provider's answer cannot be translated").WithCause(err)
	}
	return out, nil
}

// arguments is a call's input as the text that OpenAI's clients expect.
func arguments(input json.RawMessage) string {
	if !given(input) {
		return "{}"
	}
	return string(jsonscan.AppendCanonical(nil, input))
}

func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// finishReason translates a stop_reason. Reasons to come are taken for a stop.
func finishReason(stop string) string {
	switch stop {
	case "max_tokens", "model_context_window_exceeded":
		return "length"
	case "tool_use":
		return "tool_calls"
	case "refusal":
		return "content_filter"
	}
	return "stop" // end_turn, stop_sequence, pause_turn
}

func broken(what string) *errs.Error { return errs.New(errs.ProviderError, what) }
