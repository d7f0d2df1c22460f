package chat

import (
	"encoding/json"

	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/pricing"
)

// Completion is a chat.completion object, for codecs that have to make one.
type Completion struct {
	ID                string          `json:"id"`
	Object            string          `json:"object"` // always chat.completion
	Created           int64           `json:"created"`
	Model             string          `json:"model"`
	Choices           []Choice        `json:"choices"`
	Usage             *Usage          `json:"usage,omitempty"`
	ServiceTier       string          `json:"service_tier,omitempty"`
	SystemFingerprint string          `json:"system_fingerprint,omitempty"`
	ProviderFields    json.RawMessage `json:"provider_specific_fields,omitempty"`
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
	ID          string        `json:"id"`
	Object      string        `json:"object"` // always chat.completion.chunk
	Created     int64         `json:"created"`
	Model       string        `json:"model"`
	Choices     []ChunkChoice `json:"choices"` // empty, not null, in the usage chunk
	Usage       *Usage        `json:"usage,omitempty"`
	ServiceTier string        `json:"service_tier,omitempty"`
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

// Usage is OpenAI's usage object. Its counts overlap: prompt_tokens includes the
// cached ones, completion_tokens the reasoning ones.
type Usage struct {
	PromptTokens            int64                    `json:"prompt_tokens"`
	CompletionTokens        int64                    `json:"completion_tokens"`
	TotalTokens             int64                    `json:"total_tokens"`
	PromptTokensDetails     *PromptTokensDetails     `json:"prompt_tokens_details,omitempty"`
	CompletionTokensDetails *CompletionTokensDetails `json:"completion_tokens_details,omitempty"`
	// Anthropic's own names, which LiteLLM's clients read as well.
	CacheCreationInputTokens int64 `json:"cache_creation_input_tokens,omitempty"`
	CacheReadInputTokens     int64 `json:"cache_read_input_tokens,omitempty"`
}

// PromptTokensDetails splits prompt_tokens.
type PromptTokensDetails struct {
	CachedTokens        int64 `json:"cached_tokens"`
	AudioTokens         int64 `json:"audio_tokens,omitempty"`
	CacheCreationTokens int64 `json:"cache_creation_tokens,omitempty"`
}

// CompletionTokensDetails splits completion_tokens.
type CompletionTokensDetails struct {
	ReasoningTokens          int64 `json:"reasoning_tokens"`
	AudioTokens              int64 `json:"audio_tokens,omitempty"`
	AcceptedPredictionTokens int64 `json:"accepted_prediction_tokens,omitempty"`
	RejectedPredictionTokens int64 `json:"rejected_prediction_tokens,omitempty"`
}

// UsageFrom renders disjoint counts in OpenAI's overlapping form.
func UsageFrom(u *usagev1.Usage) *Usage {
	if u == nil {
		return nil
	}
	used := pricing.UsageOf(u)
	written, cached := used.Written(), used.Cached()
	out := &Usage{
		PromptTokens: used.Prompt(), CompletionTokens: used.Completion(), TotalTokens: used.Total(),
		CacheCreationInputTokens: written, CacheReadInputTokens: cached,
	}
	out.PromptTokensDetails = &PromptTokensDetails{
		CachedTokens: cached, AudioTokens: u.GetAudioInput() + u.GetCachedAudio(), CacheCreationTokens: written,
	}
	out.CompletionTokensDetails = &CompletionTokensDetails{
		ReasoningTokens: u.GetReasoning(), AudioTokens: u.GetAudioOutput(),
	}
	return out
}
