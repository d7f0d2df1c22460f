package explain_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/explain"
)

// vectors embeds by a table.
type vectors map[string][]float32

func (v vectors) Embed(_ context.Context, text string, to []float32) (embed.Bill, error) {
	if v[text] == nil {
		return embed.Bill{}, embed.ErrNothing
	}
	copy(to, v[text])
	return embed.Bill{}, nil
}
func (vectors) Dim() int        { return 2 }
func (vectors) Version() string { return "table" }

func TestWhatDecides(t *testing.T) {
	v := vectors{
		"How do I bake bread?": {1, 0}, "What helps against hiccups?": {0.8, 0.6}, "Who invented the wheel in 2020?": {1, 0},
		"Who invented the wheel in 2021?": {1, 0}, "How can I bake bread": {0, 1}, "Where is the sun today?": {1, 0},
		"What is technology?": {1, 0}, "What is tecnology?": {0, 1}, "How are clouds made?": {-0.6, 0.8}, "What helps against toothache?": {0.86, 0.51},
		strings.Repeat("bread ", 400): {1, 0}, "What helps\ufffd?": {1, 0}, "Who invented the wheel in 2022?": {0.8, 0.6},
	}
	none, half, most, full := 0.0, 0.5, 0.9, 1.0
	for _, c := range []struct {
		a, b          string
		threshold     *float64
		decision, why string
	}{
		{"How do I bake bread?", "How do I bake bread?", nil, explain.Exact, ""},
		{"Where is the sun today?", "Where is the sun today?", nil, explain.Exact, ""},
		{"How do I bake bread?", "How can I bake bread", &most, explain.Near, ""},
		{"How do I bake bread?", "How can I bake bread", &full, explain.Near, ""},
		{"What is technology?", "What is tecnology?", &most, explain.Near, ""},
		{"What is technology?", "What is tecnology?", &full, explain.Miss, explain.WhyThreshold},
		{"Who invented the wheel in 2020?", "Who invented the wheel in 2021?", &half, explain.Miss, explain.WhyVeto},
		{"How do I bake bread?", "Where is the sun today?", &half, explain.Miss, explain.WhyUnfit},
		{"How do I bake bread?", "What helps against hiccups?", &half, explain.Semantic, ""},
		{"How do I bake bread?", "What helps against hiccups?", &most, explain.Miss, explain.WhyThreshold},
		{"How do I bake bread?", "What helps against hiccups?", nil, explain.Miss, explain.WhyFloor},
		{"How do I bake bread?", "What helps against toothache?", nil, explain.Learn, ""},
		{"How do I bake bread?", "How are clouds made?", &none, explain.Miss, explain.WhyThreshold},
		{"How do I bake bread?", "What is technology?", &most, explain.Semantic, ""},
		{"How do I bake bread?", "What is technology?", &full, explain.Miss, explain.WhyThreshold},
		{"How can I bake bread", "How are clouds made?", &none, explain.Semantic, ""},
		{"Who invented the wheel in 2020?", "Who invented the wheel in 2022?", nil, explain.Miss, explain.WhyFloor},
		{"Who invented the wheel in 2020?", "Who invented the wheel in 2022?", &half, explain.Miss, explain.WhyVeto},
		{"How do I bake bread?", strings.Repeat("bread ", 400), &none, explain.Miss, explain.WhyUnfit},
		{"How do I bake bread?", "What helps\ufffd?", &none, explain.Miss, explain.WhyUnfit},
		{"How do I bake bread?", "", &none, explain.Miss, explain.WhyUnfit},
		{" ", "", &none, explain.Miss, explain.WhyUnfit},
		{" \u200b", "\u00ad", nil, explain.Miss, explain.WhyUnfit},
		{"", "", nil, explain.Exact, ""},
		{"How do I bake bread?", "What lives in the sea?", nil, explain.Miss, explain.WhyEmbedder},
	} {
		for _, p := range [][2]string{{c.a, c.b}, {c.b, c.a}} {
			x, err := explain.Pair(t.Context(), v, p[0], p[1], true, c.threshold)
			if err != nil {
				t.Fatal(err)
			}
			if x.Decision != c.decision || x.Why != c.why {
				t.Errorf("%q and %q: %q because of %q, want %q, %q", p[0], p[1], x.Decision, x.Why, c.decision, c.why)
			}
		}
	}
}

// failing embeds nothing.
type failing struct {
	vectors
	with error
}

func (f failing) Embed(context.Context, string, []float32) (embed.Bill, error) {
	return embed.Bill{}, f.with
}

// A text without a vector, whatever the reason, is a miss; an embedder that serves nobody is an error.
func TestWithoutAVector(t *testing.T) {
	for _, with := range []error{embed.ErrNothing, embed.ErrTooLong, embed.ErrRefused, errBroken} {
		x, err := explain.Pair(t.Context(), failing{with: with}, "How do I bake bread?", "What lives in the sea?", true, nil)
		if errors.Is(with, errBroken) {
			if !errors.Is(err, errBroken) {
				t.Errorf("%v became %v", with, err)
			}
			continue
		}
		if err != nil || x.Decision != explain.Miss || x.Why != explain.WhyEmbedder {
			t.Errorf("%v: %q because of %q, %v", with, x.Decision, x.Why, err)
		}
	}
}

func TestWhyAPromptIsUnfit(t *testing.T) {
	for text, want := range map[string]string{
		"": "empty", "\t \u200b\u2060\ufe0f\u2800\u3164": "blank", "?": "", "\ufffd": "garbled", strings.Repeat("a", 2048): "", strings.Repeat("a", 2049): "long",
		"Where is my phone?": "personal", "Who leads the league now?": "time",
	} {
		x, err := explain.Pair(t.Context(), vectors{}, text, "How do I bake bread?", true, nil)
		if err != nil || x.A.Unfit != want {
			t.Errorf("%q is %q, want %q: %v", text, x.A.Unfit, want, err)
		}
	}
}

// broken is an embedder that fails.
type broken struct{ vectors }

var errBroken = errors.New("broken")

func (broken) Embed(context.Context, string, []float32) (embed.Bill, error) {
	return embed.Bill{}, errBroken
}

func TestAnEmbedderThatFails(t *testing.T) {
	if _, err := explain.Pair(t.Context(), broken{}, "a", "b", true, nil); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

// Whether somebody stands behind "you" changes what is decided.
func TestWhoYouIs(t *testing.T) {
	for bare, want := range map[bool]string{true: explain.Near, false: explain.Miss} {
		x, err := explain.Pair(t.Context(), vectors{}, "How do you reset a router?", "How do I reset a router?", bare, nil)
		if err != nil || x.Decision != want || x.Bare != bare {
			t.Errorf("bare %v: %q, %v", bare, x.Decision, err)
		}
	}
}
