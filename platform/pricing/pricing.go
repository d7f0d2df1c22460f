// Package pricing turns what a provider reports as usage into money.
//
// A [Table] holds one [Price] a model. The shipped table is prices.yaml, one entry a model
// with its source and date; [Table.With] puts overrides over it, and [LoadLiteLLM] reads
// LiteLLM's price map. A model that is in no table has no price: [Table.Lookup] says so,
// and the caller decides what that means.
//
// Rates are whole pico-dollars a unit ([Rate]), so that $0.0375 a million tokens is exact.
// A cost is summed in 128 bits and rounded once, half up, to nano-dollars. Nothing here
// allocates after loading, and everything is safe for concurrent use.
package pricing

import (
	"fmt"
	"strings"

	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
)

// Class is a kind of usage that has a rate of its own.
type Class uint8

// The classes. Each falls back to another where a provider has no rate of its own for it;
// the comment names which.
const (
	// Input is a prompt token that came from no cache.
	Input Class = iota
	// CachedInput is a prompt token read from the provider's prompt cache (→ Input).
	CachedInput
	// CacheWrite is a prompt token written to the cache for its usual lifetime: Anthropic's
	// five minutes, OpenAI's default retention (→ Input).
	CacheWrite
	// CacheWrite1h is a prompt token written to the cache for the longer lifetime that the
	// provider sells: Anthropic's hour, OpenAI's extended retention (→ CacheWrite).
	CacheWrite1h
	// AudioInput is a prompt token of sound (→ Input).
	AudioInput
	// CachedAudio is a prompt token of sound read from the cache (→ AudioInput).
	CachedAudio
	// ImageInput is a prompt token of an image, where images have another rate (→ Input).
	ImageInput
	// Output is a visible answer token.
	Output
	// Reasoning is a thinking token (→ Output).
	Reasoning
	// AudioOutput is an answer token of sound (→ Output).
	AudioOutput
	// ImageOutput is an answer token of an image (→ Output).
	ImageOutput
	// Image is one image, where the provider charges by the image (→ free).
	Image
	// WebSearch is one call of the provider's own search tool (→ free).
	WebSearch
	// NumClasses is how many classes there are.
	NumClasses
)

var classNames = [NumClasses]string{
	"input", "cached_input", "cache_write", "cache_write_1h", "audio_input", "cached_audio", "image_input",
	"output", "reasoning", "audio_output", "image_output", "image", "web_search",
}

// fallbacks names the class whose rate stands in for one that has none; a class that names
// itself is free without a rate.
var fallbacks = [NumClasses]Class{
	Input: Input, CachedInput: Input, CacheWrite: Input, CacheWrite1h: CacheWrite,
	AudioInput: Input, CachedAudio: AudioInput, ImageInput: Input,
	Output: Output, Reasoning: Output, AudioOutput: Output, ImageOutput: Output,
	Image: Image, WebSearch: WebSearch,
}

// String returns the class's name as prices.yaml spells it.
func (c Class) String() string {
	if c >= NumClasses {
		return fmt.Sprintf("Class(%d)", uint8(c))
	}
	return classNames[c]
}

func parseClass(name string) (Class, bool) {
	for c, n := range classNames {
		if n == name {
			return Class(c), true
		}
	}
	return 0, false
}

// ClassSet is a set of classes.
type ClassSet uint16

// Classes returns the set of the classes given.
func Classes(cs ...Class) ClassSet {
	var s ClassSet
	for _, c := range cs {
		s |= 1 << c
	}
	return s
}

// Has tells whether c is in the set.
func (s ClassSet) Has(c Class) bool { return s&(1<<c) != 0 }

const (
	promptClasses = ClassSet(1<<Input | 1<<CachedInput | 1<<CacheWrite | 1<<CacheWrite1h |
		1<<AudioInput | 1<<CachedAudio | 1<<ImageInput)
	outputClasses = ClassSet(1<<Output | 1<<Reasoning | 1<<AudioOutput | 1<<ImageOutput)
)

// Usage is what one call used. The classes are disjoint: a token is in exactly one field.
// Providers report overlapping numbers, so a codec takes them apart first:
//
//   - OpenAI, Groq: prompt_tokens includes cached, cache-write and audio tokens, and
//     completion_tokens includes reasoning and audio tokens; subtract them.
//   - Anthropic: input_tokens already excludes cache reads and writes; the two lifetimes of
//     writes are in cache_creation. output_tokens includes thinking.
//   - Gemini: promptTokenCount includes cachedContentTokenCount, candidatesTokenCount
//     excludes thoughtsTokenCount; modality details tell audio and images.
//
// An image that the provider reports in tokens is in ImageInput or ImageOutput, one that it
// charges by the piece in Images; never in both. Negative counts cost nothing.
type Usage struct {
	Input        int64 // tokens from no cache, neither sound nor image
	CachedInput  int64 // tokens read from a cache
	CacheWrite   int64 // tokens written to a cache, usual lifetime
	CacheWrite1h int64 // tokens written to a cache, longer lifetime
	AudioInput   int64 // tokens of sound, uncached
	CachedAudio  int64 // tokens of sound read from a cache
	ImageInput   int64 // tokens of images, if reported apart; else in Input
	Output       int64 // visible answer tokens, without reasoning
	Reasoning    int64 // thinking tokens
	AudioOutput  int64 // tokens of sound
	ImageOutput  int64 // tokens of generated images
	Images       int64 // images charged by the piece
	WebSearches  int64 // calls of the provider's search tool
}

// UsageOf reads a usage that a provider reported, or that was estimated. It is the one place
// where the message's fields and the classes meet: whoever sums tokens does it by the sums of
// what it returns.
func UsageOf(u *usagev1.Usage) Usage {
	return Usage{
		Input: u.GetInput(), CachedInput: u.GetCachedInput(), CacheWrite: u.GetCacheWrite(), CacheWrite1h: u.GetCacheWrite_1H(),
		AudioInput: u.GetAudioInput(), CachedAudio: u.GetCachedAudio(), ImageInput: u.GetImageInput(),
		Output: u.GetOutput(), Reasoning: u.GetReasoning(), AudioOutput: u.GetAudioOutput(), ImageOutput: u.GetImageOutput(),
		Images: u.GetImages(), WebSearches: u.GetWebSearches(),
	}
}

// Prompt returns all prompt tokens: the number that price tiers by prompt length go by.
func (u Usage) Prompt() int64 {
	return u.Input + u.CachedInput + u.CacheWrite + u.CacheWrite1h + u.AudioInput + u.CachedAudio + u.ImageInput
}

// Completion returns all answer tokens, reasoning included.
func (u Usage) Completion() int64 { return u.Output + u.Reasoning + u.AudioOutput + u.ImageOutput }

// Total returns Prompt plus Completion.
func (u Usage) Total() int64 { return u.Prompt() + u.Completion() }

// Cached returns the prompt tokens that were read from a cache.
func (u Usage) Cached() int64 { return u.CachedInput + u.CachedAudio }

// Written returns the prompt tokens that were written to a cache, for however long.
func (u Usage) Written() int64 { return u.CacheWrite + u.CacheWrite1h }

// Plus returns the sum of two usages, class by class.
func (u Usage) Plus(v Usage) Usage {
	return Usage{
		Input: u.Input + v.Input, CachedInput: u.CachedInput + v.CachedInput, CacheWrite: u.CacheWrite + v.CacheWrite, CacheWrite1h: u.CacheWrite1h + v.CacheWrite1h,
		AudioInput: u.AudioInput + v.AudioInput, CachedAudio: u.CachedAudio + v.CachedAudio, ImageInput: u.ImageInput + v.ImageInput,
		Output: u.Output + v.Output, Reasoning: u.Reasoning + v.Reasoning, AudioOutput: u.AudioOutput + v.AudioOutput, ImageOutput: u.ImageOutput + v.ImageOutput,
		Images: u.Images + v.Images, WebSearches: u.WebSearches + v.WebSearches,
	}
}

// Of returns the count of one class.
func (u Usage) Of(c Class) int64 {
	counts := u.counts()
	if c >= NumClasses {
		return 0
	}
	return counts[c]
}

func (u *Usage) counts() [NumClasses]int64 {
	return [NumClasses]int64{
		Input: u.Input, CachedInput: u.CachedInput, CacheWrite: u.CacheWrite, CacheWrite1h: u.CacheWrite1h,
		AudioInput: u.AudioInput, CachedAudio: u.CachedAudio, ImageInput: u.ImageInput,
		Output: u.Output, Reasoning: u.Reasoning, AudioOutput: u.AudioOutput, ImageOutput: u.ImageOutput,
		Image: u.Images, WebSearch: u.WebSearches,
	}
}

// ServiceTier is the lane that a call is served in, where a provider sells several.
type ServiceTier uint8

// The service tiers. A model without rates of its own for a tier costs its standard rates.
const (
	// Standard is the tier of a call that names none.
	Standard ServiceTier = iota
	// Flex is the cheaper, slower synchronous lane of OpenAI and Gemini.
	Flex
	// Priority is the dearer, faster lane: OpenAI's fast mode (called priority processing
	// until July 2026), Gemini's priority, Anthropic's speed "fast". Anthropic's service_tier
	// "priority" is something else: committed capacity, without a rate a token.
	Priority
	// Batch is the asynchronous lane.
	Batch
	// Ultrafast is OpenAI's dearest lane, on few models.
	Ultrafast
	numTiers
	// Auto leaves the lane to the provider's project settings. A bound takes the dearest of
	// standard, flex and priority; a cost takes standard, since the answer names the lane
	// that served it.
	Auto
)

var tierNames = [numTiers]string{"standard", "flex", "priority", "batch", "ultrafast"}

// String returns the tier's name as prices.yaml spells it.
func (t ServiceTier) String() string {
	switch {
	case t < numTiers:
		return tierNames[t]
	case t == Auto:
		return "auto"
	default:
		return fmt.Sprintf("ServiceTier(%d)", uint8(t))
	}
}

// ParseServiceTier reads a tier as requests and answers name it: OpenAI's default, flex,
// fast, priority, batch, auto; Groq's on_demand; Anthropic's standard and standard_only;
// Gemini's names in any case. No name is Standard. ok is false for a name that it doesn't
// know; the tier is then Standard.
func ParseServiceTier(name string) (tier ServiceTier, ok bool) {
	switch strings.ToLower(name) {
	case "", "standard", "default", "standard_only", "on_demand":
		return Standard, true
	case "flex":
		return Flex, true
	case "priority", "fast":
		return Priority, true
	case "batch", "batches":
		return Batch, true
	case "ultrafast":
		return Ultrafast, true
	case "auto":
		return Auto, true
	default:
		return Standard, false
	}
}

// Options says how a call is served. The zero value is the standard tier.
type Options struct {
	// ServiceTier is the lane that served, or will serve, the call.
	ServiceTier ServiceTier
	// Regional says that the call was, or may be, held to a region, which some providers
	// charge for.
	Regional bool
	// Without names classes that the call can't have, which makes an upper bound tighter:
	// no audio in the request, no hour-long cache writes asked for. Costs ignore it.
	Without ClassSet
}
