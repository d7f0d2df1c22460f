// Package openaiwire has what of OpenAI's chat completions is written in several services: the
// router in the answers of other providers, the edge in answers that it keeps. Source: "The
// chat completion object" (platform.openai.com/docs/api-reference/chat, November 2026).
package openaiwire

import (
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/pricing"
)

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
