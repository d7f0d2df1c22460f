package anthropic

import (
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
)

// wireUsage is the API's `usage`, whose input counts are disjoint. Reports of a
// stream are cumulative and may leave members out, so each is decoded on top of
// the one before.
type wireUsage struct {
	InputTokens              int64 `json:"input_tokens"`
	CacheReadInputTokens     int64 `json:"cache_read_input_tokens"`
	CacheCreationInputTokens int64 `json:"cache_creation_input_tokens"`
	CacheCreation            struct {
		FiveMinutes int64 `json:"ephemeral_5m_input_tokens"`
		OneHour     int64 `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`
	OutputTokens        int64 `json:"output_tokens"`
	OutputTokensDetails struct {
		ThinkingTokens int64 `json:"thinking_tokens"`
	} `json:"output_tokens_details"`
	ServerToolUse struct {
		WebSearchRequests int64 `json:"web_search_requests"`
	} `json:"server_tool_use"`
	ServiceTier string `json:"service_tier"`
	// InferenceGeo is where the model ran; `not_available` for models without a choice.
	InferenceGeo string `json:"inference_geo"`
}

// disjoint returns the counts by the class that they are billed in.
func (u *wireUsage) disjoint() *usagev1.Usage {
	// The total counts, where there is one; the split may be missing, or older than it.
	hour := max(u.CacheCreation.OneHour, 0)
	written := max(u.CacheCreationInputTokens, 0)
	if written == 0 {
		written = hour + max(u.CacheCreation.FiveMinutes, 0)
	}
	hour = min(hour, written)
	output := max(u.OutputTokens, 0)
	thinking := min(max(u.OutputTokensDetails.ThinkingTokens, 0), output)
	tier := u.ServiceTier
	if tier == "standard" {
		tier = "" // the default
	}
	region := u.InferenceGeo
	if region == "global" || region == "not_available" {
		region = ""
	}
	return &usagev1.Usage{
		Region:        region,
		Input:         max(u.InputTokens, 0),
		CachedInput:   max(u.CacheReadInputTokens, 0),
		CacheWrite:    written - hour,
		CacheWrite_1H: hour,
		Output:        output - thinking,
		Reasoning:     thinking,
		WebSearches:   max(u.ServerToolUse.WebSearchRequests, 0),
		ServiceTier:   tier,
	}
}

// openAITier is the tier as OpenAI's clients know it.
func (u *wireUsage) openAITier() string {
	if u.ServiceTier == "standard" {
		return "default"
	}
	return u.ServiceTier
}
