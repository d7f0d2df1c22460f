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
// audio apart (https://ai.google.dev/gemini-api/docs/pricing, read 2026-11-23), so only
// audio is split from the prompt. asked is the tier that was asked for, which counts
// when the answer names none.
func (m *usageMetadata) usage(asked string) *usagev1.Usage {
	u := &usagev1.Usage{ServiceTier: asked}
	switch m.serviceTier {
	case "":
	case "standard", "unspecified":
		u.ServiceTier = ""
	default:
		u.ServiceTier = m.serviceTier
	}
	prompt := count(m.prompt)
	cached := min(count(m.cached), prompt)
	fresh := prompt - cached
	u.CachedAudio = min(m.cacheDetails.audio, cached)
	u.CachedInput = cached - u.CachedAudio
	u.AudioInput = min(max(m.promptDetails.audio-u.CachedAudio, 0), fresh)
	u.Input = fresh - u.AudioInput
	tool := count(m.toolUse)
	toolAudio := min(m.toolUseDetails.audio, tool)
	u.AudioInput += toolAudio
	u.Input += tool - toolAudio
	out := count(m.candidates)
	u.AudioOutput = min(m.candidatesDetails.audio, out)
	out -= u.AudioOutput
	u.ImageOutput = min(m.candidatesDetails.image, out)
	u.Output = out - u.ImageOutput
	u.Reasoning = count(m.thoughts)
	return u
}

// maxTokens bounds a count, so that sums stay in range.
const maxTokens = 1 << 40

func count(n int64) int64 { return min(max(n, 0), maxTokens) }
