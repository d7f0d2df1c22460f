package canon_test

import (
	"testing"

	"tollgate.dev/services/cache/canon"
)

// pairs are prompts and whether they are the same.
type pairs []struct {
	a, b string
	want bool
}

func (ps pairs) test(t *testing.T) {
	t.Helper()
	for _, c := range ps {
		if how, ok := canon.Same(of(c.a), of(c.b)); ok != c.want {
			t.Errorf("%s, %s: %v by %v, want %t: %s | %s", c.a, c.b, ok, how, c.want, of(c.a), of(c.b))
		}
	}
}

// A raised or lowered sign is another than the plain one, but where both are written.
func TestRaisedSigns(t *testing.T) {
	pairs{
		{"How much is 7²?", "How much is 72?", false},
		{"How much is 7²?", "how much is 7²", true},
		{"How big is 10⁹?", "How big is 109?", false},
		{"What is the derivative of y³?", "What is the derivative of y3?", false},
		{"How small is 10⁻⁹ m?", "How small is 10-9 m?", false},
		{"What is ³√27?", "What is 3√27?", false},
		{"Is 1½ cups of rice a lot?", "Is 11/2 cups of rice a lot?", false},
		{"Is 5½ a big shoe size?", "Is 51⁄2 a big shoe size?", false},
		{"What does ③ stand for?", "What does 3 stand for?", false},
		{"What is log₂8?", "What is log28?", false},
		{"What is 101₂?", "What is 1012?", false},
		{"How fast does 2ⁿ grow?", "How fast does 2n grow?", false},
		{"What is aₙ?", "What is an?", false},
		{"What is 5ⅷ?", "What is 5viii?", false},
		{"How heavy is H₂O?", "How heavy is H2O?", true},
		{"How big is 40 km²?", "How big is 40 km2?", true},
		{"How many wives had Henry Ⅷ?", "How many wives had Henry VIII?", true},
		{"How tall is the tower?", "How tall is the ｔower?", true},
	}.test(t)
}
