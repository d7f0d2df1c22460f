// Package embedtest is the suite that every embedder passes.
package embedtest

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"tollgate.dev/services/cache/embed"
)

// Texts are some that every embedder knows something of.
var texts = []string{
	"How do I reset the password of my account?",
	"What is the difference between a hurricane and a typhoon?",
	"naïve café — “quoted” ‘single’ … it's 3.5 % & more",
	"今天北京的天气怎么样？ and today?",
	"a",
	"\x00 a \xff\xfe b \xed\xa0\x80 c \ufffd",
	strings.Repeat("over and over ", 10),
}

// Run holds an embedder to its interface. open returns one, anew at each call; both may be
// the same process's.
func Run(t *testing.T, open func(t *testing.T) embed.Embedder) {
	t.Helper()
	e := open(t)
	dim := e.Dim()
	if dim < 1 || e.Version() == "" {
		t.Fatalf("version %q has %d numbers", e.Version(), dim)
	}

	t.Run("vectors have length 1 and stay the same", func(t *testing.T) {
		other := open(t)
		if other.Version() != e.Version() || other.Dim() != dim {
			t.Fatalf("opened again it is %q, and was %q", other.Version(), e.Version())
		}
		for _, text := range texts {
			got := vector(t, e, text)
			sum := 0.0
			for _, x := range got {
				sum += float64(x) * float64(x)
			}
			if math.Abs(sum-1) > 1e-5 {
				t.Errorf("%q: the length is %v", text, math.Sqrt(sum))
			}
			if again := vector(t, other, text); !slices.Equal(got, again) {
				t.Errorf("%q: became another vector", text)
			}
		}
		if slices.Equal(vector(t, e, texts[0]), vector(t, e, texts[1])) {
			t.Error("two texts have one vector")
		}
	})

	t.Run("what is not UTF-8 reads as U+FFFD", func(t *testing.T) {
		if got, want := vector(t, e, "a b\xff c"), vector(t, e, "a b\ufffd c"); !slices.Equal(got, want) {
			t.Error("became another vector")
		}
	})

	t.Run("nothing to embed", func(t *testing.T) {
		for _, text := range []string{"", " ", "\n\t \u3000"} {
			if _, err := e.Embed(t.Context(), text, make([]float32, dim)); !errors.Is(err, embed.ErrNothing) {
				t.Errorf("%q: got %v", text, err)
			}
		}
	})

	t.Run("a megabyte is too long", func(t *testing.T) {
		for _, text := range []string{strings.Repeat("x", 1<<20), strings.Repeat("é ", 1<<19), strings.Repeat(" ", 1<<20), strings.Repeat("漢", 1<<18)} {
			if _, err := e.Embed(t.Context(), text, make([]float32, dim)); !errors.Is(err, embed.ErrTooLong) {
				t.Errorf("%.6q…: got %v", text, err)
			}
		}
	})

	t.Run("a context that has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := e.Embed(ctx, texts[0], make([]float32, dim)); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})

	t.Run("many at once", func(t *testing.T) {
		want := make([][]float32, len(texts))
		for i, text := range texts {
			want[i] = vector(t, e, text)
		}
		var wg sync.WaitGroup
		for i := range 4 * len(texts) {
			wg.Go(func() {
				to := make([]float32, dim)
				if _, err := e.Embed(t.Context(), texts[i%len(texts)], to); err != nil || !slices.Equal(to, want[i%len(texts)]) {
					t.Errorf("%q: another vector, or %v", texts[i%len(texts)], err)
				}
			})
		}
		wg.Wait()
	})
}

func vector(t *testing.T, e embed.Embedder, text string) []float32 {
	t.Helper()
	// What was there before must not count.
	to := slices.Repeat([]float32{7}, e.Dim())
	if _, err := e.Embed(t.Context(), text, to); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return to
}
