package pricing

import (
	"bytes"
	_ "embed" // for the shipped table
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed prices.yaml
var shipped []byte

// Table finds prices. It is immutable and safe for concurrent use.
type Table struct {
	prices    []Price
	ids       map[key]int
	aliases   map[key]int
	providers []string // in the order that a lookup without a provider goes by
}

type key struct{ provider, model string }

// providerOrder is where a lookup without a provider looks first.
var providerOrder = []string{"openai", "anthropic", "gemini", "groq"}

// Default returns the shipped table as it holds at a time.
func Default(now time.Time) (*Table, error) {
	t, err := Load(bytes.NewReader(shipped))
	if err != nil {
		return nil, fmt.Errorf("shipped prices: %w", err)
	}
	return t.At(now), nil
}

// Load reads a table in the format of prices.yaml: a list of Entry under the key prices.
// Unknown keys, faulty entries and names given twice are errors; all are reported at once.
// Use At to apply announced changes.
func Load(r io.Reader) (*Table, error) {
	var file struct {
		Prices []Entry `yaml:"prices"`
	}
	dec := yaml.NewDecoder(r)
	dec.KnownFields(true)
	if err := dec.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read prices: %w", err)
	}
	var errs []error
	seen := map[key]bool{}
	prices := make([]Price, 0, len(file.Prices))
	for _, e := range file.Prices {
		p, err := NewPrice(e)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, name := range append([]string{p.Model}, p.Aliases...) {
			k := key{p.Provider, name}
			if seen[k] {
				errs = append(errs, fmt.Errorf("price of %s/%s: the name is given twice", p.Provider, name))
			}
			seen[k] = true
		}
		prices = append(prices, p)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return NewTable(prices...), nil
}

// NewTable returns a table of prices. Of two with the same provider and model, the later
// one counts.
func NewTable(prices ...Price) *Table {
	t := &Table{ids: make(map[key]int, len(prices)), aliases: make(map[key]int, len(prices))}
	for _, p := range prices {
		p.Provider = canonicalProvider(p.Provider)
		k := key{p.Provider, p.Model}
		i, ok := t.ids[k]
		if !ok {
			i = len(t.prices)
			t.prices = append(t.prices, Price{})
			t.ids[k] = i
		}
		t.prices[i] = p
	}
	for i := range t.prices {
		p := &t.prices[i]
		for _, alias := range p.Aliases {
			t.aliases[key{p.Provider, alias}] = i
		}
		if !slices.Contains(t.providers, p.Provider) {
			t.providers = append(t.providers, p.Provider)
		}
	}
	slices.SortFunc(t.providers, func(a, b string) int {
		ia, ib := slices.Index(providerOrder, a), slices.Index(providerOrder, b)
		switch {
		case ia >= 0 && ib >= 0:
			return ia - ib
		case ia >= 0:
			return -1
		case ib >= 0:
			return 1
		default:
			return strings.Compare(a, b)
		}
	})
	return t
}

// With returns a copy of the table with prices put over those of the same provider and
// model, and added where there are none. A name that an override has as its model or an
// alias is the override's.
func (t *Table) With(overrides ...Price) *Table {
	return NewTable(append(slices.Clone(t.prices), overrides...)...)
}

// At returns a copy of the table with the rates that hold at a time. It can be asked of any
// table, also of one that was made for another time.
func (t *Table) At(now time.Time) *Table {
	prices := slices.Clone(t.prices)
	for i := range prices {
		prices[i] = prices[i].at(now)
	}
	return NewTable(prices...)
}

// NextChange returns the first time after now at which At gives other rates; ok is false
// when no change is announced.
func (t *Table) NextChange(now time.Time) (next time.Time, ok bool) {
	for i := range t.prices {
		for _, s := range t.prices[i].plan {
			if s.from.After(now) && (!ok || s.from.Before(next)) {
				next, ok = s.from, true
			}
		}
	}
	return next, ok
}

// Prices returns a copy of the table's prices, in the order in which they were given.
func (t *Table) Prices() []Price { return slices.Clone(t.prices) }

// Lookup finds the price of a model of a provider. It tries, in this order:
//
//  1. the provider's own id,
//  2. an alias,
//  3. both, with the provider's name (or Gemini's "models") and a slash taken off the front,
//     the form of LiteLLM's model names ("groq/openai/gpt-oss-120b"),
//  4. all that, with a snapshot's suffix taken off the end: "-2025-08-07", "-20250929",
//     "-latest", and Gemini's "-001".
//
// A snapshot with another price than its model has an entry or alias of its own, so rule 4
// never hides it. "google" is another name of gemini. Without a provider, a name with a
// known provider in front is that provider's; any other is tried with each provider:
// openai, anthropic, gemini, groq, then the others by name.
//
// ok is false for a model that the table doesn't know.
func (t *Table) Lookup(provider, model string) (p Price, ok bool) {
	i, ok := t.find(canonicalProvider(provider), model)
	if !ok {
		return Price{}, false
	}
	return t.prices[i], true
}

func (t *Table) find(provider, model string) (int, bool) {
	if provider != "" {
		return t.findIn(provider, model)
	}
	if front, rest, ok := strings.Cut(model, "/"); ok {
		if i, ok := t.findIn(canonicalProvider(front), rest); ok {
			return i, true
		}
	}
	for _, p := range t.providers {
		if i, ok := t.findIn(p, model); ok {
			return i, true
		}
	}
	return 0, false
}

func (t *Table) findIn(provider, model string) (int, bool) {
	for range 2 { // as it is, then without the snapshot's suffix
		name := model
		for {
			k := key{provider, name}
			if i, ok := t.ids[k]; ok {
				return i, true
			}
			if i, ok := t.aliases[k]; ok {
				return i, true
			}
			front, rest, ok := strings.Cut(name, "/")
			if !ok || (canonicalProvider(front) != provider && (provider != "gemini" || front != "models")) {
				break
			}
			name = rest
		}
		base, ok := trimSnapshot(provider, model)
		if !ok {
			break
		}
		model = base
	}
	return 0, false
}

func canonicalProvider(name string) string {
	if name == "google" {
		return "gemini"
	}
	return name
}

// trimSnapshot takes a snapshot's suffix off a model's name.
func trimSnapshot(provider, model string) (string, bool) {
	if base, ok := strings.CutSuffix(model, "-latest"); ok {
		return base, true
	}
	shapes := []string{"-dddd-dd-dd", "-dddddddd"}
	for _, shape := range shapes {
		if base, ok := cutShape(model, shape); ok {
			return base, true
		}
	}
	if provider == "gemini" {
		return cutShape(model, "-ddd")
	}
	return model, false
}

// cutShape takes a suffix off that has digits where shape has d's.
func cutShape(s, shape string) (string, bool) {
	at := len(s) - len(shape)
	if at <= 0 {
		return s, false
	}
	for i := range len(shape) {
		c := s[at+i]
		if digit := c >= '0' && c <= '9'; digit != (shape[i] == 'd') || (!digit && c != shape[i]) {
			return s, false
		}
	}
	return s[:at], true
}
