package tokens_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"tollgate.dev/platform/tokens"
)

// cut cuts a text into pieces of up to n bytes, whatever they are.
func cut(rng *rand.Rand, text string, n int) (pieces []string) {
	for text != "" {
		k := min(1+rng.IntN(n), len(text))
		pieces = append(pieces, text[:k])
		text = text[k:]
	}
	return pieces
}

// joined checks that texts one after another have as many tokens when each was counted by itself
// before, in whatever choice of them, as when nothing was.
func joined(t *testing.T, rng *rand.Rand, e tokens.Encoding, texts []string) {
	t.Helper()
	var all strings.Builder
	var parts []tokens.Part
	for _, text := range texts {
		start := all.Len()
		all.WriteString(text)
		if rng.IntN(4) > 0 {
			parts = append(parts, tokens.Part{Start: start, End: all.Len(), Count: count(t, e, text)})
		}
	}
	same(t, e, all.String(), parts)
}

func same(t *testing.T, e tokens.Encoding, text string, parts []tokens.Part) {
	t.Helper()
	got, err := counter.CountParts(t.Context(), e, text, parts)
	if want := count(t, e, text); err != nil || got.Tokens != want.Tokens || want.Estimated && !got.Estimated {
		t.Errorf("%s: %q of parts %+v is %+v, %v, want %+v", e, text, parts, got, err, want)
	}
}

// taken checks the same of parts of a text that come together in another one.
func taken(t *testing.T, rng *rand.Rand, e tokens.Encoding, text, between string) {
	t.Helper()
	var spread tokens.Spread
	if _, err := counter.Spread(t.Context(), e, text, &spread); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	var parts []tokens.Part
	for at := 0; at < len(text); {
		start := at + rng.IntN(len(text)-at+1)/4
		end := start + rng.IntN(len(text)-start+1)
		p := spread.Part(start, end)
		if p.Start < start || p.End > end || p.End < p.Start {
			t.Fatalf("%+v of [%d:%d]", p, start, end)
		}
		if p.End > p.Start && count(t, e, text[p.Start:p.End]).Tokens != p.Tokens {
			t.Errorf("%s: %q has %d tokens, of %q", e, text[p.Start:p.End], p.Tokens, text)
		}
		shift := all.Len() - start
		p.Start, p.End = p.Start+shift, p.End+shift
		parts = append(parts, p)
		all.WriteString(text[start:end])
		all.WriteString(between)
		at = max(end, at+1)
	}
	same(t, e, all.String(), parts)
}

func FuzzPartsAddUp(f *testing.F) {
	f.Add("The harbour was built. It isn't", " old\n\n/ 1234", uint64(1))
	f.Add("0", "0", uint64(27)) // a character of the padding is cut into halves
	f.Add("漢字、ABC漢abc!\u0301 ", "'S \r\n x", uint64(2))
	f.Fuzz(func(t *testing.T, a, b string, seed uint64) {
		if len(a)+len(b) > 1<<12 {
			return
		}
		rng := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // as the seed says
		pad := mixed(seed, 12)
		for _, e := range encodings[:2] {
			joined(t, rng, e, []string{a, b})
			joined(t, rng, e, []string{pad + a, b + pad})
			joined(t, rng, e, cut(rng, pad+a+b+pad, 90))
			taken(t, rng, e, pad+a+pad, b)
		}
	})
}

func TestPartsAreInterrupted(t *testing.T) {
	ctx := &waning{Context: t.Context()}
	text := strings.Repeat("word ", 1<<14)
	if n, err := counter.CountParts(ctx, tokens.O200k, text, nil); !errors.Is(err, context.Canceled) || n.Tokens != 0 {
		t.Errorf("%+v, %v", n, err)
	}
	var spread tokens.Spread
	if n, err := counter.Spread(&waning{Context: t.Context()}, tokens.O200k, text, &spread); !errors.Is(err, context.Canceled) || n.Tokens != 0 {
		t.Errorf("%+v, %v", n, err)
	}
}
