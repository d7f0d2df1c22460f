package tokens_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/platform/tokens"
)

var encodings = []tokens.Encoding{
	tokens.O200k, tokens.CL100k, tokens.O200kLike, tokens.CL100kLike,
	tokens.Claude, tokens.ClaudeNew, tokens.Gemini, tokens.Generic,
}

func segments(t *testing.T, e tokens.Encoding, text string, ends []int) ([]int64, tokens.Count) {
	t.Helper()
	sizes := make([]int64, len(ends))
	for i := range sizes {
		sizes[i] = -1 // what the caller had there before
	}
	var spread tokens.Spread
	whole, err := counter.Spread(t.Context(), e, text, &spread)
	if err != nil || whole != spread.Count {
		t.Fatalf("%+v, %+v, %v", whole, spread.Count, err)
	}
	spread.Segments(ends, sizes)
	return sizes, whole
}

func sum(sizes []int64) (n int64) {
	for _, size := range sizes {
		n += size
	}
	return n
}

// However a text is cut, its segments add up to it.
func TestSegmentsAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6)) //nolint:gosec // the same cuts every time
	for seed := range uint64(300) {
		text := mixed(seed, 20)
		ends := []int{len(text)}
		for range rng.IntN(12) {
			ends = append(ends, rng.IntN(len(text)+1)) // some twice, some within a character
		}
		slices.Sort(ends)
		for _, e := range encodings {
			sizes, whole := segments(t, e, text, ends)
			if whole != count(t, e, text) || sum(sizes) != whole.Tokens || slices.Min(sizes) < 0 {
				t.Errorf("%s: %q cut at %d is %d, the whole %+v", e, text, ends, sizes, whole)
			}
		}
	}
}

// Sentences that begin with a space, or after a newline, have by themselves as many tokens as
// in their text, and any of them have as many together.
func TestSentencesKeepTheirSizes(t *testing.T) {
	sentences := strings.SplitAfter(sample(t, "prose"), ".")
	for i := 1; i < len(sentences); i++ { // the blank goes to the next
		if strings.HasPrefix(sentences[i], "\n\n") {
			sentences[i-1] += "\n\n"
			sentences[i] = sentences[i][2:]
		}
	}
	var ends []int
	end := 0
	for _, s := range sentences {
		end += len(s)
		ends = append(ends, end)
	}
	rng := rand.New(rand.NewPCG(8, 9)) //nolint:gosec // the same choice every time
	for _, e := range []tokens.Encoding{tokens.O200k, tokens.CL100k} {
		sizes, _ := segments(t, e, strings.Join(sentences, ""), ends)
		for range 50 {
			var kept strings.Builder
			joints, want := int64(0), int64(0)
			for i, s := range sentences {
				if rng.IntN(2) == 0 {
					kept.WriteString(s)
					joints++
					want += sizes[i]
				}
			}
			if got := count(t, e, kept.String()).Tokens; got < want-joints || got > want+joints {
				t.Errorf("%s: %d sentences have %d tokens, by their sizes %d", e, joints, got, want)
			}
		}
		// A piece in two segments counts where it ends.
		if got, _ := segments(t, e, "one two three", []int{3, 4, 9, 13, 99}); !slices.Equal(got, []int64{1, 0, 1, 1, 0}) {
			t.Errorf("%s: sizes %d", e, got)
		}
		// What comes after the last segment is in the whole alone.
		if got, whole := segments(t, e, "one two three", []int{4}); whole.Tokens != 3 || got[0] != 1 {
			t.Errorf("%s: %d of %+v", e, got, whole)
		}
	}
}

// waning is a context that is looked at so many times before it ends.
type waning struct {
	context.Context //nolint:containedctx // it is one
	left            int
}

func (w *waning) Err() error {
	if w.left--; w.left < 0 {
		return context.Canceled
	}
	return nil
}
