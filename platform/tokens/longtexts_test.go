//go:build !race

// The race detector takes minutes for what has one goroutine: make test runs this without it.

package tokens_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/tokens"
)

// Who waits no more is not kept waiting by one endless word, nor by many.
func TestCountIsInterrupted(t *testing.T) {
	for name, text := range map[string]string{"a word": strings.Repeat("a", 1<<20), "words": strings.Repeat("word ", 1<<18)} {
		for _, e := range []tokens.Encoding{tokens.O200k, tokens.CL100k} {
			ctx := &waning{Context: t.Context(), left: 3}
			if n, err := counter.CountContext(ctx, e, text); !errors.Is(err, context.Canceled) || n.Tokens != 0 {
				t.Errorf("%s, %s: %+v, %v", name, e, n, err)
			}
			whole, err := counter.CountContext(t.Context(), e, text)
			if plain := count(t, e, text); err != nil || plain != whole {
				t.Errorf("%s, %s: %+v with a context, %v, and %+v without", name, e, whole, err, plain)
			}
		}
	}
}

// What is put together of texts that were counted has the count of the whole, in every script
// and wherever the joints are.
func TestPartsAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 11)) //nolint:gosec // the same cuts every time
	texts := make([]string, 0, 400)
	for seed := range uint64(395) {
		texts = append(texts, mixed(seed, 5+int(seed%80)))
	}
	for _, kind := range kinds {
		texts = append(texts, sample(t, kind))
	}
	for i, text := range texts {
		e := encodings[i%len(encodings)]
		joined(t, rng, e, cut(rng, text, 3))
		for _, e := range encodings[:2] {
			joined(t, rng, e, cut(rng, text, 200))
			joined(t, rng, e, []string{text, texts[rng.IntN(len(texts))], texts[rng.IntN(len(texts))]})
			taken(t, rng, e, text, fragments[rng.IntN(len(fragments))])
		}
	}
	const endless = tokens.MaxPiece + 100
	for _, e := range encodings[:2] {
		for _, word := range []string{"a", "A", "漢", " ", "\n", "!", "1"} {
			long := strings.Repeat(word, endless)
			joined(t, rng, e, []string{"one two", long, long, " three " + long, "four"})
		}
	}
}

// A quarter of a megabyte of one letter, of spaces, and of what else is hard to split or to
// merge, is counted in reasonable time, never above its bytes, and with the
// mark where it had to be cut.
func TestWorstCases(t *testing.T) {
	const size = 1 << 20
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same noise every time
	noise := make([]byte, size)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	for name, text := range map[string]string{
		"one letter":       strings.Repeat("a", size/4),
		"spaces":           strings.Repeat(" ", size/4),
		"newlines":         strings.Repeat("\n", size/4),
		"spaced newlines":  strings.Repeat(" \n", size/16),
		"punctuation":      strings.Repeat("!", size/4),
		"combining marks":  strings.Repeat("\u0301", size/8),
		"no UTF-8 at all":  strings.Repeat("\xff", size/8),
		"random bytes":     string(noise[:size/8]),
		"cut at the runes": strings.Repeat("漢", size/12),
	} {
		t.Run(name, func(t *testing.T) {
			for _, e := range []tokens.Encoding{tokens.O200k, tokens.CL100k} {
				start := time.Now()
				got := count(t, e, text)
				if took := time.Since(start); took > 30*time.Second { // some 100 ms, a second at worst, on a free core
					t.Errorf("%s took %v", e, took)
				}
				if got.Tokens <= 0 || got.Tokens > int64(len(text)) || !got.Estimated {
					t.Errorf("%s: %+v of %d bytes", e, got, len(text))
				}
			}
		})
	}
}
