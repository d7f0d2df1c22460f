package gemini

import usagev1 "tollgate.dev/gen/tollgate/usage/v1"

// usageMetadata is UsageMetadata of a response. promptTokenCount includes what was
// cached; candidatesTokenCount does not include the thoughts.
type usageMetadata struct {
	prompt, cached, candidates, toolUse, thoughts                  int64
	promptDetails, cacheDetails, candidatesDetails, toolUseDetails modalities
	serviceTier                                                    string
}

// modalities are the tokens of a []ModalityTokenCount that are not text.
type modalities struct{ audio, image int64 }

// usage is the disjoint form. What contradicts itself is cut to what the totals
// allow. Google bills images, video and documents of a prompt at the rate of text and
// audio apart (https://ai.google.dev/gemini-api/docs/pricing), so only
// audio is split from the prompt. asked is the tier that was asked for, which counts
// when the answer names none.
func (u *usageMetadata) usage(asked string) *usagev1.Usage {
	out := &usagev1.Usage{ServiceTier: asked}
	switch u.serviceTier {
	case "":
	case "standard", "unspecified":
		out.ServiceTier = ""
	default:
		out.ServiceTier = u.serviceTier
	}
	prompt := count(u.prompt)
	cached := min(count(u.cached), prompt)
	fresh := prompt - cached
	out.CachedAudio = min(u.cacheDetails.audio, cached)
	out.CachedInput = cached - out.CachedAudio
	out.AudioInput = min(max(u.promptDetails.audio-out.CachedAudio, 0), fresh)
	out.Input = fresh - out.AudioInput
	tool := count(u.toolUse)
	toolAudio := min(u.toolUseDetails.audio, tool)
	out.AudioInput += toolAudio
	out.Input += tool - toolAudio
	answer := count(u.candidates)
	out.AudioOutput = min(u.candidatesDetails.audio, answer)
	answer -= out.AudioOutput
	out.ImageOutput = min(u.candidatesDetails.image, answer)
	out.Output = answer - out.ImageOutput
	out.Reasoning = count(u.thoughts)
	return out
}

// maxTokens bounds a count, so that sums stay in range.
const maxTokens = 1 << 40

func count(n int64) int64 { return min(max(n, 0), maxTokens) }
