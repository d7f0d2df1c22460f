package chat

import (
	"encoding/json"

	"tollgate.dev/platform/openaiwire"
)

// Completion is a chat.completion object, for codecs that have to make one.
type Completion struct {
	ID                string            `json:"id"`
	Object            string            `json:"object"` // always chat.completion
	Created           int64             `json:"created"`
	Model             string            `json:"model"`
	Choices           []Choice          `json:"choices"`
	Usage             *openaiwire.Usage `json:"usage,omitempty"`
	ServiceTier       string            `json:"service_tier,omitempty"`
	SystemFingerprint string            `json:"system_fingerprint,omitempty"`
	ProviderFields    json.RawMessage   `json:"provider_specific_fields,omitempty"`
}

// Choice is one answer.
type Choice struct {
	Index        int             `json:"index"`
	Message      AnswerMessage   `json:"message"`
	Logprobs     json.RawMessage `json:"logprobs"`
	FinishReason string          `json:"finish_reason"`
}

// AnswerMessage is what the assistant said.
type AnswerMessage struct {
	Role string `json:"role"`
	// Content is null when the answer has no text.
	Content          *string          `json:"content"`
	Refusal          *string          `json:"refusal"`
	ToolCalls        []AnswerToolCall `json:"tool_calls,omitempty"`
	ReasoningContent string           `json:"reasoning_content,omitempty"`
	ThinkingBlocks   []ThinkingBlock  `json:"thinking_blocks,omitempty"`
	ProviderFields   json.RawMessage  `json:"provider_specific_fields,omitempty"`
}

// AnswerToolCall is a call in an answer or, with Index, a piece of one in a chunk.
type AnswerToolCall struct {
	Index          *int            `json:"index,omitempty"`
	ID             string          `json:"id,omitempty"`
	Type           string          `json:"type,omitempty"`
	Function       AnswerFunction  `json:"function"`
	ProviderFields json.RawMessage `json:"provider_specific_fields,omitempty"`
}

// AnswerFunction is the function of a call.
type AnswerFunction struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

// Chunk is a chat.completion.chunk object.
type Chunk struct {
	ID          string            `json:"id"`
	Object      string            `json:"object"` // always chat.completion.chunk
	Created     int64             `json:"created"`
	Model       string            `json:"model"`
	Choices     []ChunkChoice     `json:"choices"` // empty, not null, in the usage chunk
	Usage       *openaiwire.Usage `json:"usage,omitempty"`
	ServiceTier string            `json:"service_tier,omitempty"`
}

// ChunkChoice is a piece of one answer.
type ChunkChoice struct {
	Index        int             `json:"index"`
	Delta        Delta           `json:"delta"`
	Logprobs     json.RawMessage `json:"logprobs,omitempty"`
	FinishReason *string         `json:"finish_reason"`
}

// Delta is what a chunk adds to the message.
type Delta struct {
	Role             string           `json:"role,omitempty"`
	Content          *string          `json:"content,omitempty"`
	ToolCalls        []AnswerToolCall `json:"tool_calls,omitempty"`
	ReasoningContent string           `json:"reasoning_content,omitempty"`
	ThinkingBlocks   []ThinkingBlock  `json:"thinking_blocks,omitempty"`
	ProviderFields   json.RawMessage  `json:"provider_specific_fields,omitempty"`
}
