package bill

import (
	"strings"
	"testing"

	"tollgate.dev/platform/pricing"
	"tollgate.dev/platform/tokens"
)

// words is a block of so many tokens that begins with a name.
func words(name string, n int64, marked bool) block {
	return block{text: name + strings.Repeat(" mill", int(n-1)), tokens: n, marked: marked}
}

// What providers read from their caches, and what they write, request by request.
func TestCaches(t *testing.T) {
	openai := Rules{Kind: Anywhere, Least: 1024, Step: 128}
	newest := Rules{Kind: Newest, Least: 1024, Writes: true}
	marked := Rules{Kind: Marked, Least: 1024, Writes: true}
	answer := block{text: "answer", tokens: 3}
	many := []block{words("s", 2000, false), words("m", 500, true)}
	for range 30 {
		many = append(many, words("x", 10, false))
	}
	far := append(append([]block{}, many...), words("n", 100, true), answer)
	for name, tc := range map[string]struct {
		rules    Rules
		requests [][]block
		want     pricing.Usage // of the last one
	}{
		"nothing is kept": {Rules{}, [][]block{{words("a", 2000, true), answer}, {words("a", 2000, true), answer}}, pricing.Usage{Input: 2003}},
		"the first":       {openai, [][]block{{words("a", 2000, false), answer}}, pricing.Usage{Input: 2003}},
		"in steps":        {openai, [][]block{{words("a", 1300, false), answer}, {words("a", 1300, false), words("b", 100, false), answer}}, pricing.Usage{Input: 123, CachedInput: 1280}},
		"too short":       {openai, [][]block{{words("a", 1000, false), answer}, {words("a", 1000, false), words("b", 500, false), answer}}, pricing.Usage{Input: 1503}},
		"another's":       {openai, [][]block{{words("a", 1300, false), answer}, {words("z", 1300, false), answer}}, pricing.Usage{Input: 1303}},
		"within a block": {
			Rules{Kind: Anywhere, Least: 1024},
			[][]block{{words("a", 1300, false), answer}, {words("a", 1200, false), answer}}, pricing.Usage{Input: 3, CachedInput: 1200},
		},
		"the newest message": {newest, [][]block{{words("a", 1300, false), answer}, {words("a", 1300, false), words("b", 100, false), answer}}, pricing.Usage{Input: 3, CachedInput: 1300, CacheWrite: 100}},
		"but no shorter one": {newest, [][]block{{words("a", 1300, false), answer}, {words("a", 1200, false), words("b", 100, false), answer}}, pricing.Usage{Input: 3, CacheWrite: 1300}},
		"no breakpoint":      {marked, [][]block{{words("a", 1300, false), answer}, {words("a", 1300, false), answer}}, pricing.Usage{Input: 1303}},
		"a moving one":       {marked, [][]block{{words("a", 1300, true), answer}, {words("a", 1300, false), words("b", 100, true), answer}}, pricing.Usage{Input: 3, CachedInput: 1300, CacheWrite: 100}},
		"a short one":        {marked, [][]block{{words("a", 900, true), answer}, {words("a", 900, true), answer}}, pricing.Usage{Input: 903}},
		"one that stays":     {marked, [][]block{{words("a", 1300, true), answer}, {words("a", 1300, true), words("b", 100, false), answer}}, pricing.Usage{Input: 103, CachedInput: 1300}},
		"one too far back":   {marked, [][]block{append(many[:2:2], answer), append(append(unmarked(many), words("n", 100, true)), answer)}, pricing.Usage{Input: 3, CacheWrite: 2900}},
		"one of two":         {marked, [][]block{append(many[:2:2], answer), far}, pricing.Usage{Input: 3, CachedInput: 2500, CacheWrite: 400}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &cache{rules: tc.rules, kept: map[string]bool{}}
			s := &scale{counter: &tokens.Counter{}, encoding: tokens.O200k, known: map[string]int64{}}
			var got pricing.Usage
			var err error
			for _, r := range tc.requests {
				if got, err = c.send(s, r); err != nil {
					t.Fatal(err)
				}
			}
			if got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func unmarked(blocks []block) []block {
	out := append([]block{}, blocks...)
	for i := range out {
		out[i].marked = false
	}
	return out
}
