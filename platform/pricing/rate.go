package pricing

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"tollgate.dev/platform/money"
)

// Rate is a price in pico-dollars, 1e-12 US dollars, a unit: a token, an image, or a search
// call. One dollar a million tokens is 1,000,000.
type Rate int64

// maxRate is $1000 a unit. Nothing costs that much; a rate above it is a mistake of units.
const maxRate Rate = 1_000_000_000_000_000

var (
	errNegativeRate = errors.New("negative rate")
	errHugeRate     = errors.New("rate above $1000 a unit")
	errInexactRate  = errors.New("rate finer than a pico-dollar a unit")
)

// parseRate reads a decimal number of dollars a 10^(12-places) units. Digits below a
// pico-dollar are rounded to nearest; exact tells whether there were any.
func parseRate(text string, places int) (rate Rate, exact bool, err error) {
	v, exact, err := money.ParseFixed(text, places)
	switch rate = Rate(v); {
	case err != nil:
		return 0, false, err
	case rate < 0:
		return 0, false, errNegativeRate
	case rate > maxRate:
		return 0, false, errHugeRate
	}
	return rate, exact, nil
}

// DollarsPerUnit returns the rate in dollars a unit as exact decimal digits, the form of
// LiteLLM's input_cost_per_token ("0.0000025").
func (r Rate) DollarsPerUnit() string { return r.format(12) }

// DollarsPerMillion returns the rate in dollars a million units as exact decimal digits,
// the form of price lists ("2.5").
func (r Rate) DollarsPerMillion() string { return r.format(6) }

func (r Rate) format(places int) string {
	digits := fmt.Sprintf("%0*d", places+1, int64(r))
	point := len(digits) - places
	return strings.TrimRight(strings.TrimRight(digits[:point]+"."+digits[point:], "0"), ".")
}

// Rates is a set of rates, some of which may be missing. The zero value has none.
type Rates struct {
	values [NumClasses]Rate
	set    ClassSet
}

// Get returns the rate of a class; ok is false where the set has none.
func (r Rates) Get(c Class) (rate Rate, ok bool) { return r.values[c], r.set.Has(c) }

// Set puts in the rate of a class.
func (r *Rates) Set(c Class, rate Rate) {
	r.values[c] = rate
	r.set |= 1 << c
}

// Empty tells whether the set has no rate at all.
func (r Rates) Empty() bool { return r.set == 0 }

// UnmarshalYAML reads a mapping of class names to decimal dollars: a million tokens for the
// token classes, one unit for image and web_search. The digits are read exactly.
func (r *Rates) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: rates must be a mapping of classes to dollars", node.Line)
	}
	var errs []error
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if err := r.setYAML(key.Value, value.Value); err != nil {
			errs = append(errs, fmt.Errorf("line %d: %s: %w", key.Line, key.Value, err))
		}
	}
	return errors.Join(errs...)
}

func (r *Rates) setYAML(name, value string) error {
	c, ok := parseClass(name)
	if !ok {
		return errors.New("no such class")
	}
	if r.set.Has(c) {
		return errors.New("given twice")
	}
	places := 6
	if c == Image || c == WebSearch {
		places = 12
	}
	rate, exact, err := parseRate(value, places)
	if err != nil {
		return err
	}
	if !exact {
		return errInexactRate
	}
	r.Set(c, rate)
	return nil
}
