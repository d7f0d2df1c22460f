package pricing

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxPriceMap bounds how much of a price map is read; LiteLLM's has 3 MB.
const maxPriceMap = 64 << 20

// LoadLiteLLM reads a price map in LiteLLM's format (model_prices_and_context_window.json):
// an object of models, each with its costs in dollars a token. Read from LiteLLM 1.109.1's
// map and documentation, November 2026.
//
// Numbers are read by their digits. The map was written by programs with binary floats, so
// digits below a pico-dollar a token are rounded away (9.499999999999999e-07 is 9.5e-07).
// Keys that it doesn't know are ignored. A malformed or negative number in one that it knows
// is an error with the model's name, and all of them are reported at once.
//
// unpriced names the models without a cost that is charged by tokens, images or searches
// (speech by the second, tiered_pricing, or none): they are left out rather than free. The
// provider's name is taken off the front of the ids ("groq/openai/gpt-oss-20b"). Prices and
// names come sorted.
func LoadLiteLLM(r io.Reader) (prices []Price, unpriced []string, err error) {
	var models map[string]json.RawMessage
	if err := json.NewDecoder(io.LimitReader(r, maxPriceMap)).Decode(&models); err != nil {
		return nil, nil, fmt.Errorf("read price map: %w", err)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(models)) {
		if name == "sample_spec" { // the map's own documentation
			continue
		}
		p, priced, err := litellmModel(name, models[name])
		switch {
		case err != nil:
			errs = append(errs, err)
		case priced:
			prices = append(prices, p)
		default:
			unpriced = append(unpriced, name)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, fmt.Errorf("price map: %w", err)
	}
	return prices, unpriced, nil
}

// litellmModel reads one model of a price map; priced is false when it has no usable cost.
func litellmModel(name string, data json.RawMessage) (p Price, priced bool, err error) {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	var fields map[string]any
	if err := dec.Decode(&fields); err != nil {
		return Price{}, false, fmt.Errorf("%s: not an object: %w", name, err)
	}
	e := Entry{Model: name, Source: "LiteLLM price map"}
	e.Provider, _ = fields["litellm_provider"].(string)
	if e.Provider == "text-completion-openai" {
		e.Provider = "openai"
	}
	if front, rest, ok := strings.Cut(name, "/"); ok && front == e.Provider && rest != "" {
		e.Model = rest
	}
	if source, ok := fields["source"].(string); ok {
		e.Source += ": " + source
	}
	if err := e.applyLiteLLM(fields); err != nil {
		return Price{}, false, fmt.Errorf("%s: %w", name, err)
	}
	if e.Provider == "" || !chargeable(&e) {
		return Price{}, false, nil
	}
	p, err = NewPrice(e)
	p.partial = true
	return p, err == nil, err
}

// chargeable tells whether an entry can price a call: it has a rate, and one for answers
// where the mode has answers.
func chargeable(e *Entry) bool {
	_, in := e.Rates.Get(Input)
	_, out := e.Rates.Get(Output)
	switch e.Mode {
	case "chat", "responses", "completion":
		return in && out
	default:
		return !e.Rates.Empty()
	}
}

// Override returns the price with a deployment's own costs put over it: the fields that
// LiteLLM takes in model_info and litellm_params (input_cost_per_token and the others of its
// price map). Values may be numbers of any kind or numeric strings. Fields that are no
// prices are ignored; a malformed or negative number is an error. Classes that the fields
// don't name keep their rates. Announced changes of the provider's list price no longer
// apply to the result.
//
// Overriding the zero Price with a Provider and a Model prices a model that no table knows.
func (p Price) Override(fields map[string]any) (Price, error) {
	e := Entry{
		Provider: p.Provider, Model: p.Model, Aliases: p.Aliases, Mode: p.Mode,
		ContextWindow: p.ContextWindow, MaxOutputTokens: p.MaxOutputTokens, MaxImageTokens: p.MaxImageTokens,
		Schedule: p.schedule.clone(), Retires: p.Retires, Source: "configuration", Note: p.Note,
	}
	if err := e.applyLiteLLM(fields); err != nil {
		return Price{}, fmt.Errorf("price of %s/%s: %w", p.Provider, p.Model, err)
	}
	over, err := NewPrice(e)
	over.partial = p.partial || p.schedule.Rates.Empty()
	return over, err
}

func (s Schedule) clone() Schedule {
	s.Above = slices.Clone(s.Above)
	s.ServiceTiers = maps.Clone(s.ServiceTiers)
	for name, t := range s.ServiceTiers {
		t.Above = slices.Clone(t.Above)
		s.ServiceTiers[name] = t
	}
	return s
}

// applyLiteLLM puts the fields of a price map's model over the entry.
func (e *Entry) applyLiteLLM(fields map[string]any) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if value := fields[name]; value != nil {
			if err := e.applyField(name, value); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
	}
	e.Schedule.dropEqualReasoning()
	return errors.Join(errs...)
}

func (e *Entry) applyField(name string, value any) error {
	switch name {
	case "mode":
		e.Mode, _ = value.(string)
	case "deprecation_date":
		if day, ok := value.(string); ok {
			if _, err := time.Parse(dateLayout, day); err == nil {
				e.Retires = day
			}
		}
	case "max_input_tokens":
		return setCount(&e.ContextWindow, value)
	case "max_output_tokens":
		return setCount(&e.MaxOutputTokens, value)
	case "search_context_cost_per_query":
		return e.applySearch(value)
	default:
		if c, above, tier, ok := parseCostKey(name); ok {
			rate, err := litellmRate(value)
			if err != nil {
				return err
			}
			e.Schedule.set(c, above, tier, rate)
		}
	}
	return nil
}

// applySearch takes the dearest of the search context sizes: the usage doesn't tell which
// one a call had.
func (e *Entry) applySearch(value any) error {
	sizes, ok := value.(map[string]any)
	if !ok {
		return errors.New("not an object")
	}
	for _, cost := range sizes {
		rate, err := litellmRate(cost)
		if err != nil {
			return err
		}
		known, _ := e.Rates.Get(WebSearch)
		e.Rates.Set(WebSearch, max(known, rate))
	}
	return nil
}

// costKeys are LiteLLM's names of the classes, without the suffixes of steps and tiers.
var costKeys = map[string]Class{
	"input_cost_per_token":                       Input,
	"cache_read_input_token_cost":                CachedInput,
	"cache_creation_input_token_cost":            CacheWrite,
	"cache_creation_input_token_cost_above_1hr":  CacheWrite1h,
	"cache_creation_input_token_cost_above_12hr": CacheWrite1h,
	"input_cost_per_audio_token":                 AudioInput,
	"cache_read_input_audio_token_cost":          CachedAudio,
	"input_cost_per_image_token":                 ImageInput,
	"output_cost_per_token":                      Output,
	"output_cost_per_reasoning_token":            Reasoning,
	"output_cost_per_audio_token":                AudioOutput,
	"output_cost_per_image_token":                ImageOutput,
	"input_cost_per_image":                       Image,
	"output_cost_per_image":                      Image,
}

var costTiers = []struct {
	suffix string
	tier   ServiceTier
}{{"_flex", Flex}, {"_priority", Priority}, {"_batches", Batch}, {"_ultrafast", Ultrafast}}

// parseCostKey takes a name like input_cost_per_token_above_200k_tokens_priority apart.
func parseCostKey(name string) (c Class, above int64, tier ServiceTier, ok bool) {
	for _, t := range costTiers {
		if base, cut := strings.CutSuffix(name, t.suffix); cut {
			name, tier = base, t.tier
			break
		}
	}
	if base, cut := strings.CutSuffix(name, "k_tokens"); cut {
		i := strings.LastIndex(base, "_above_")
		if i < 0 {
			return 0, 0, 0, false
		}
		thousands, err := strconv.ParseInt(base[i+len("_above_"):], 10, 32)
		if err != nil || thousands <= 0 {
			return 0, 0, 0, false
		}
		name, above = base[:i], thousands*1000
	}
	c, ok = costKeys[name]
	return c, above, tier, ok
}

// set puts a rate into the schedule, making the step and the tier where they are missing.
func (s *Schedule) set(c Class, above int64, tier ServiceTier, rate Rate) {
	t := TierRates{s.Rates, s.Above}
	if tier != Standard {
		t = s.ServiceTiers[tier.String()]
	}
	switch {
	case above == 0 && c == Image:
		// A picture may have a price on the way in and one on the way out: the dearer holds.
		known, _ := t.Rates.Get(c)
		t.Rates.Set(c, max(known, rate))
	case above == 0:
		t.Rates.Set(c, rate)
	default:
		i, found := slices.BinarySearchFunc(t.Above, above, func(step Step, above int64) int {
			return int(step.PromptTokens - above) // both are thousands of tokens, far from overflow
		})
		if !found {
			t.Above = slices.Insert(t.Above, i, Step{PromptTokens: above})
		}
		t.Above[i].Rates.Set(c, rate)
	}
	if tier == Standard {
		s.Rates, s.Above = t.Rates, t.Above
		return
	}
	if s.ServiceTiers == nil {
		s.ServiceTiers = map[string]TierRates{}
	}
	s.ServiceTiers[tier.String()] = t
}

// dropEqualReasoning removes a reasoning rate that only repeats the output rate, as the map
// has it for Gemini: else the tiers, which don't repeat it, would keep the standard one.
func (s *Schedule) dropEqualReasoning() {
	reasoning, ok := s.Rates.Get(Reasoning)
	if output, has := s.Rates.Get(Output); ok && has && output == reasoning {
		s.Rates.set &^= 1 << Reasoning
	}
}

// litellmRate reads a cost in dollars a unit.
func litellmRate(value any) (Rate, error) {
	text, ok := numberText(value)
	if !ok {
		return 0, fmt.Errorf("%T is no number", value)
	}
	rate, _, err := parseRate(text, 12)
	return rate, err
}

func setCount(to *int64, value any) error {
	text, ok := numberText(value)
	if !ok {
		return fmt.Errorf("%T is no number", value)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f < 0 || f > math.MaxInt32 || f != math.Trunc(f) {
		return fmt.Errorf("%.20q is no count of tokens", text)
	}
	*to = int64(f)
	return nil
}

// numberText returns a number's digits, from whatever JSON and YAML decoders make of it. A
// float64 gives the shortest digits that stand for it, which are those that were written.
func numberText(value any) (string, bool) {
	switch v := value.(type) {
	case json.Number:
		return v.String(), true
	case string:
		return v, true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	default:
		return "", false
	}
}
