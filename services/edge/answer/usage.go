package answer

import (
	"strconv"

	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/pricing"
)

// Usage is what a call consumed as OpenAI's usage object, whose counts overlap: the prompt's
// tokens include the cached ones, the answer's those of the thought. It is for a stream whose
// caller did not ask for it. Nil is nil.
func Usage(u *usagev1.Usage) []byte {
	if u == nil {
		return nil
	}
	used := pricing.UsageOf(u)
	number := func(n int64) []byte { return strconv.AppendInt(nil, n, 10) }
	prompt := object{{"cached_tokens", number(used.Cached())}, {"audio_tokens", number(u.GetAudioInput() + u.GetCachedAudio())}}
	if written := used.Written(); written > 0 {
		prompt = append(prompt, field{"cache_creation_tokens", number(written)})
	}
	completion := object{{"reasoning_tokens", number(u.GetReasoning())}, {"audio_tokens", number(u.GetAudioOutput())}}
	return object{
		{"prompt_tokens", number(used.Prompt())}, {"completion_tokens", number(used.Completion())}, {"total_tokens", number(used.Total())},
		{"prompt_tokens_details", prompt.append(nil)}, {"completion_tokens_details", completion.append(nil)},
	}.append(nil)
}
