package pricing

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// dateLayout is how entries write days.
const dateLayout = "2006-01-02"

// Entry is a model's prices as they are written down, in prices.yaml or by a platform that
// has its own. NewPrice checks it and works out the rates that it leaves to the rules.
type Entry struct {
	// Provider is openai, anthropic, gemini, groq, or the name of another one.
	Provider string `yaml:"provider"`
	// Model is the provider's own id.
	Model string `yaml:"model"`
	// Aliases are further ids with the same price, such as dated snapshots.
	Aliases []string `yaml:"aliases"`
	// Mode is chat, responses, completion or embedding.
	Mode string `yaml:"mode"`
	// ContextWindow is how many tokens prompt and answer may have together; 0 is unknown.
	ContextWindow int64 `yaml:"context_window"`
	// MaxOutputTokens is the longest answer, reasoning included; 0 is none or unknown.
	MaxOutputTokens int64 `yaml:"max_output_tokens"`
	// MaxImageTokens is the most prompt tokens that one image can cost, as the provider
	// documents it; 0 is no images or unknown.
	MaxImageTokens int64 `yaml:"max_image_tokens"`
	// Schedule holds the rates.
	Schedule `yaml:",inline"`
	// Changes are announced later rates.
	Changes []Change `yaml:"changes"`
	// Retires is the day (YYYY-MM-DD) on which the provider stops, or stopped, to serve the
	// model; prices of past days stay of use.
	Retires string `yaml:"retires"`
	// Source says where the rates come from.
	Source string `yaml:"source"`
	// AsOf is the day (YYYY-MM-DD) on which the source said so.
	AsOf string `yaml:"as_of"`
	// Note is anything else that a reader should know.
	Note string `yaml:"note"`
}

// Schedule is a complete set of rates: the standard ones, those of longer prompts, and those
// of other service tiers.
type Schedule struct {
	// Rates are the standard tier's.
	Rates Rates `yaml:"rates"`
	// Above are the standard tier's rates of longer prompts.
	Above []Step `yaml:"above"`
	// ServiceTiers are the other tiers, by name.
	ServiceTiers map[string]TierRates `yaml:"service_tiers"`
}

// TierRates are the rates of one service tier.
type TierRates struct {
	// Rates are those of prompts of any length.
	Rates Rates `yaml:"rates"`
	// Above are those of longer prompts.
	Above []Step `yaml:"above"`
}

// Step is a set of rates for prompts of more than PromptTokens tokens. They hold for every
// token of such a call, not only for those above the step.
type Step struct {
	PromptTokens int64 `yaml:"prompt_tokens"`
	Rates        Rates `yaml:"rates"`
}

// Change is a schedule that replaces the entry's on a day.
type Change struct {
	// From is the day, YYYY-MM-DD, from whose start in UTC the schedule holds.
	From     string `yaml:"from"`
	Schedule `yaml:",inline"`
}

// NewPrice checks an entry and returns its price as of its first schedule; Table.At applies
// the changes. The error names every fault and the model.
func NewPrice(e Entry) (Price, error) {
	errs := e.faults()
	p := Price{
		Provider: e.Provider, Model: e.Model, Aliases: slices.Clone(e.Aliases), Mode: e.Mode,
		ContextWindow: e.ContextWindow, MaxOutputTokens: e.MaxOutputTokens, MaxImageTokens: e.MaxImageTokens,
		Retires: e.Retires, Source: e.Source, AsOf: e.AsOf, Note: e.Note,
	}
	var err error
	if p.rates, err = resolve(e.Schedule); err != nil {
		errs = append(errs, err)
	}
	p.schedule = e.Schedule
	p.plan = []planned{{rates: p.rates, schedule: e.Schedule}}
	for _, c := range e.Changes {
		from, err := time.Parse(dateLayout, c.From)
		if err != nil {
			errs = append(errs, fmt.Errorf("changes: from %q is no day", c.From))
			continue
		}
		bands, err := resolve(c.Schedule)
		if err != nil {
			errs = append(errs, fmt.Errorf("changes from %s: %w", c.From, err))
		}
		p.plan = append(p.plan, planned{from: from, rates: bands, schedule: c.Schedule})
	}
	if !slices.IsSortedFunc(p.plan, func(a, b planned) int { return a.from.Compare(b.from) }) {
		errs = append(errs, errors.New("changes: not in order of their days"))
	}
	if err := errors.Join(errs...); err != nil {
		return Price{}, fmt.Errorf("price of %s/%s: %w", e.Provider, e.Model, err)
	}
	return p, nil
}

// faults returns what is wrong with an entry's plain fields.
func (e *Entry) faults() []error {
	var errs []error
	for _, f := range []struct {
		name  string
		wrong bool
	}{
		{"provider", e.Provider == ""},
		{"model", e.Model == ""},
		{"context_window", e.ContextWindow < 0},
		{"max_output_tokens", e.MaxOutputTokens < 0},
		{"max_image_tokens", e.MaxImageTokens < 0},
		{"aliases", slices.Contains(e.Aliases, "")},
		{"retires", !isDayOrEmpty(e.Retires)},
		{"as_of", !isDayOrEmpty(e.AsOf)},
	} {
		if f.wrong {
			errs = append(errs, fmt.Errorf("%s: missing, negative, or no day", f.name))
		}
	}
	return errs
}

func isDayOrEmpty(s string) bool {
	_, err := time.Parse(dateLayout, s)
	return s == "" || err == nil
}

// band holds the rates of prompts of more than above tokens, every tier and class filled in.
type band struct {
	above int64
	rates [numTiers][NumClasses]Rate
}

// resolve fills in what a schedule leaves out:
//
//   - A class without a rate costs what its fallback class costs.
//   - A longer prompt's step that leaves a class out leaves it at the rate of the step below,
//     but never below its fallback's rate where the step raises that.
//   - A service tier that leaves a class out leaves it at the standard rate, or at the tier's
//     rate of the fallback class where that is above standard, or where the class has no
//     standard rate of its own.
//
// Where the rules have a choice they take the dearer rate: a cost that is reported too high
// is noticed, one that is too low overspends a budget.
func resolve(s Schedule) ([]band, error) {
	tiers, errs := [numTiers]TierRates{Standard: {s.Rates, s.Above}}, []error(nil)
	for name, rates := range s.ServiceTiers {
		t, ok := ParseServiceTier(name)
		if !ok || t == Standard || t == Auto || t.String() != name {
			errs = append(errs, fmt.Errorf("service tier %q: no such tier", name))
			continue
		}
		tiers[t] = rates
	}
	var steps []int64
	for t := range tiers {
		for i, step := range tiers[t].Above {
			if step.PromptTokens <= 0 || (i > 0 && step.PromptTokens <= tiers[t].Above[i-1].PromptTokens) {
				errs = append(errs, fmt.Errorf("%s tier: steps not above zero and rising", ServiceTier(t)))
			}
			steps = append(steps, step.PromptTokens)
		}
	}
	if s.Rates.Empty() {
		errs = append(errs, errors.New("no rates"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	slices.Sort(steps)
	bands := make([]band, 1, len(steps)+1)
	for _, above := range slices.Compact(steps) {
		bands = append(bands, band{above: above})
	}
	for i := range bands {
		resolveStandard(bands, i, tiers[Standard])
		for t := Flex; t < numTiers; t++ {
			resolveTier(bands, i, t, tiers[t], s.Rates.set)
		}
	}
	return bands, nil
}

// explicit returns the rate that a tier itself has for a class at a prompt length, and the
// step that it is from (0 is the base).
func explicit(t TierRates, c Class, above int64) (rate Rate, step int64, ok bool) {
	rate, ok = t.Rates.Get(c)
	for _, s := range t.Above {
		if r, has := s.Rates.Get(c); has && s.PromptTokens <= above {
			rate, step, ok = r, s.PromptTokens, true
		}
	}
	return rate, step, ok
}

func resolveStandard(bands []band, i int, t TierRates) {
	out := &bands[i].rates[Standard]
	for _, c := range fallbackOrder {
		f := fallbacks[c]
		rate, step, ok := explicit(t, c, bands[i].above)
		switch {
		case !ok:
			rate = out[f] // itself, still zero, for a class that is free without a rate
		case f != c:
			if _, fstep, has := explicit(t, f, bands[i].above); has && fstep > step {
				rate = max(rate, out[f])
			}
		}
		out[c] = rate
	}
}

func resolveTier(bands []band, i int, tier ServiceTier, t TierRates, ownStandard ClassSet) {
	standard, out := &bands[i].rates[Standard], &bands[i].rates[tier]
	if t.Rates.Empty() && len(t.Above) == 0 {
		*out = *standard
		return
	}
	for _, c := range fallbackOrder {
		f := fallbacks[c]
		rate, step, ok := explicit(t, c, bands[i].above)
		switch {
		case ok:
			// A tier that doesn't know the standard tier's step is no way around it.
			if at := bandIndex(bands, step); standard[c] != bands[at].rates[Standard][c] {
				rate = max(rate, standard[c])
			}
		case f == c || out[f] == standard[f]:
			rate = standard[c]
		case !ownStandard.Has(c):
			rate = out[f]
		default:
			rate = standard[c]
			if out[f] > standard[f] {
				rate = max(rate, out[f])
			}
		}
		out[c] = rate
	}
}

// bandIndex returns the index of the last band that starts at or below a step.
func bandIndex(bands []band, step int64) int {
	i, found := slices.BinarySearchFunc(bands, step, func(b band, s int64) int { return cmp.Compare(b.above, s) })
	if found {
		return i
	}
	return max(i-1, 0)
}

// fallbackOrder lists the classes with each after its fallback.
var fallbackOrder = [NumClasses]Class{
	Input, CachedInput, CacheWrite, CacheWrite1h, AudioInput, CachedAudio, ImageInput,
	Output, Reasoning, AudioOutput, ImageOutput, Image, WebSearch,
}
