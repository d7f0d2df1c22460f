package chat_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/services/router/chat"
)

// OpenAI's totals hold every class of tokens, each once.
func TestUsageFrom(t *testing.T) {
	got := chat.UsageFrom(&usagev1.Usage{
		Input: 1, CachedInput: 2, CacheWrite: 4, CacheWrite_1H: 8, AudioInput: 16, CachedAudio: 32, ImageInput: 64,
		Output: 1, Reasoning: 2, AudioOutput: 4, ImageOutput: 8, Images: 99, WebSearches: 99,
	})
	if got.PromptTokens != 127 || got.CompletionTokens != 15 || got.TotalTokens != 142 {
		t.Errorf("totals are %d + %d = %d", got.PromptTokens, got.CompletionTokens, got.TotalTokens)
	}
	want := chat.PromptTokensDetails{CachedTokens: 34, AudioTokens: 48, CacheCreationTokens: 12}
	if *got.PromptTokensDetails != want {
		t.Errorf("prompt details are %+v", *got.PromptTokensDetails)
	}
	if d := *got.CompletionTokensDetails; d.ReasoningTokens != 2 || d.AudioTokens != 4 {
		t.Errorf("completion details are %+v", d)
	}
	if got.CacheReadInputTokens != 34 || got.CacheCreationInputTokens != 12 {
		t.Errorf("Anthropic's names say %d and %d", got.CacheReadInputTokens, got.CacheCreationInputTokens)
	}
	if chat.UsageFrom(nil) != nil {
		t.Error("no usage must stay none")
	}
}

func TestDisjoint(t *testing.T) {
	for name, tc := range map[string]struct {
		in   *chat.Usage
		want *usagev1.Usage
	}{
		"none":   {nil, nil},
		"totals": {&chat.Usage{PromptTokens: 5, CompletionTokens: 3}, &usagev1.Usage{Input: 5, Output: 3, ServiceTier: "flex"}},
		"classes": {
			&chat.Usage{
				PromptTokens: 100, CompletionTokens: 50,
				PromptTokensDetails:     &chat.PromptTokensDetails{CachedTokens: 40, AudioTokens: 10, CacheCreationTokens: 20},
				CompletionTokensDetails: &chat.CompletionTokensDetails{ReasoningTokens: 30, AudioTokens: 5},
			},
			&usagev1.Usage{Input: 30, CachedInput: 40, AudioInput: 10, CacheWrite: 20, Output: 15, Reasoning: 30, AudioOutput: 5, ServiceTier: "flex"},
		},
		"more details than tokens": {
			&chat.Usage{
				PromptTokens: 10, CompletionTokens: -5,
				PromptTokensDetails:     &chat.PromptTokensDetails{CachedTokens: 40, AudioTokens: -1},
				CompletionTokensDetails: &chat.CompletionTokensDetails{ReasoningTokens: 3},
			},
			&usagev1.Usage{CachedInput: 10, ServiceTier: "flex"},
		},
	} {
		if got := tc.in.Disjoint("flex"); !proto.Equal(got, tc.want) {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}
