package compressor

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// DefaultProfile is the profile of a request that names none.
const DefaultProfile = "default"

// Profile says how much to compress, by which stages, and from where on.
type Profile struct {
	// Rate is the share of the tokens of what may be changed, in (0, 1], that stages which
	// lose something aim to keep. Stages that lose nothing do what they can.
	Rate float64
	// MinTokens is the size of a prompt, in tokens, from which it is compressed: what was
	// sent while it was smaller stays. Texts with tags of the caller's own are compressed
	// in a prompt of any size.
	MinTokens int64
	// Stages are the names of those that run; nil is all.
	Stages []string
	// Engine is which of the stages that shorten text by what it says may run, [Extractive]
	// or [LLMLingua2]; empty is the former.
	Engine string
}

// runs tells whether a stage runs for the profile.
func (p *Profile) runs(stage string) bool {
	if isEngine(stage) && stage != p.engine() {
		return false
	}
	return p.Stages == nil || slices.Contains(p.Stages, stage)
}

// engine is which of the stages that shorten text may run.
func (p *Profile) engine() string { return cmp.Or(p.Engine, Extractive) }

// checkProfiles returns all that is wrong with profiles, in the order of their names.
func checkProfiles(profiles map[string]Profile, stages []Stage) error {
	var faults []error
	if _, ok := profiles[DefaultProfile]; !ok {
		faults = append(faults, errors.New("there is no profile default"))
	}
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		p := profiles[name]
		for _, fault := range p.faults(stages) {
			faults = append(faults, fmt.Errorf("profile %q %w", name, fault))
		}
	}
	return errors.Join(faults...)
}

// faults are all that is wrong with a profile.
func (p *Profile) faults(stages []Stage) (faults []error) {
	if !(p.Rate > 0 && p.Rate <= 1) || p.MinTokens < 0 {
		faults = append(faults, errors.New("wants a rate in (0, 1] and a size of 0 or more"))
	}
	exists := func(stage string) bool {
		return slices.ContainsFunc(stages, func(s Stage) bool { return s.Name() == stage })
	}
	known := p.Engine == "" || isEngine(p.Engine)
	for _, stage := range p.Stages {
		switch {
		case !exists(stage) && stage != LLMLingua2:
			faults = append(faults, fmt.Errorf("names a stage %q that there is not: there are %s", stage, strings.Join(Names(), ", ")))
		case known && !p.runs(stage):
			faults = append(faults, fmt.Errorf("names the stage %q, and has another engine", stage))
		}
	}
	switch {
	case !known:
		faults = append(faults, fmt.Errorf("names an engine %q that there is not", p.Engine))
	case p.Engine == LLMLingua2 && !exists(LLMLingua2):
		faults = append(faults, errors.New("has the engine llmlingua2, for which there is no model"))
	}
	return faults
}

// Profiles are those of the product.
func Profiles() map[string]Profile {
	return map[string]Profile{
		DefaultProfile: {Rate: 0.5, MinTokens: 500},
		"rag":          {Rate: 0.33, MinTokens: 1000},
		"chat":         {Rate: 0.6, MinTokens: 300},
	}
}

// The engines: what a prompt was shortened by.
const (
	// Lossless stages lose nothing.
	Lossless = "lossless"
	// NearLossless ones leave out what repeats, what is overwritten and what is no text.
	NearLossless = "near_lossless"
	// Extractive leaves out sentences.
	Extractive = "extractive"
	// LLMLingua2 leaves out words.
	LLMLingua2 = "llmlingua2"
	// None stands where the original goes out although earlier turns, or earlier prompts with
	// the same beginning, went out compressed, so that the provider does not find them in its
	// cache.
	None = "none"
)

func isEngine(stage string) bool { return stage == Extractive || stage == LLMLingua2 }
