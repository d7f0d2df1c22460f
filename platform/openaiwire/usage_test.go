package openaiwire_test

import (
	"testing"

	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/openaiwire"
)

// OpenAI's totals hold every class of tokens, each once.
func TestUsageFrom(t *testing.T) {
	got := openaiwire.UsageFrom(&usagev1.Usage{
		Input: 1, CachedInput: 2, CacheWrite: 4, CacheWrite_1H: 8, AudioInput: 16, CachedAudio: 32, ImageInput: 64,
		Output: 1, Reasoning: 2, AudioOutput: 4, ImageOutput: 8, Images: 99, WebSearches: 99,
	})
	if got.PromptTokens != 127 || got.CompletionTokens != 15 || got.TotalTokens != 142 {
		t.Errorf("totals are %d + %d = %d", got.PromptTokens, got.CompletionTokens, got.TotalTokens)
	}
	want := openaiwire.PromptTokensDetails{CachedTokens: 34, AudioTokens: 48, CacheCreationTokens: 12}
	if *got.PromptTokensDetails != want {
		t.Errorf("prompt details are %+v", *got.PromptTokensDetails)
	}
	if d := *got.CompletionTokensDetails; d.ReasoningTokens != 2 || d.AudioTokens != 4 {
		t.Errorf("completion details are %+v", d)
	}
	if got.CacheReadInputTokens != 34 || got.CacheCreationInputTokens != 12 {
		t.Errorf("Anthropic's names say %d and %d", got.CacheReadInputTokens, got.CacheCreationInputTokens)
	}
	if openaiwire.UsageFrom(nil) != nil {
		t.Error("no usage must stay none")
	}
}
