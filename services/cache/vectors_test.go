package cache_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/embed"
)

// billing is an embedder with a bill and an error of its own.
type billing struct {
	embed.Embedder

	bill embed.Bill
	err  error
}

func (b *billing) Embed(ctx context.Context, text string, to []float32) (embed.Bill, error) {
	if b.err != nil {
		return b.bill, b.err
	}
	_, err := b.Embedder.Embed(ctx, text, to)
	return b.bill, err
}

// A look-up says what its embedder bills: nothing where nobody was asked, the tokens where they
// are known, whatever became of the vector, and that they are not where they aren't.
func TestWhatALookUpIsBilled(t *testing.T) {
	failed := errors.New("failed")
	for name, tc := range map[string]struct {
		bill embed.Bill
		err  error
		want *usagev1.Usage
	}{
		"answered":                    {embed.Bill{Tokens: 7}, nil, &usagev1.Usage{Input: 7}},
		"answered, and of no use":     {embed.Bill{Tokens: 7}, failed, &usagev1.Usage{Input: 7}},
		"more than the text can have": {embed.Bill{Tokens: 1 << 40}, nil, &usagev1.Usage{Input: cache.MaxEmbeddingTokens(len(guitar))}},
		"answered without usage":      {embed.Bill{Unknown: true}, nil, &usagev1.Usage{Estimated: true}},
		"no answer":                   {embed.Bill{Unknown: true}, failed, &usagev1.Usage{Estimated: true}},
		"not asked, or refused":       {embed.Bill{}, failed, nil},
		"free":                        {embed.Bill{}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := &billing{staticEmbedder(t), tc.bill, tc.err}
			f := newFixture(t, nil, cache.Options{Embedder: e, EmbedderPaid: true, Threshold: &half})
			got := f.ask(t, guitar, upToSemantic, nil)
			if !proto.Equal(got.GetEmbedded(), tc.want) || (got.GetEmbedding() != nil) != (tc.err == nil) {
				t.Errorf("billed is %v, and a vector came: %t", got.GetEmbedded(), got.GetEmbedding() != nil)
			}
			// Where nobody is paid, nobody is billed.
			f = newFixture(t, nil, cache.Options{Embedder: e, Threshold: &half})
			if got := f.ask(t, guitar, upToSemantic, nil); got.GetEmbedded() != nil {
				t.Errorf("billed is %v, and nobody is paid", got.GetEmbedded())
			}
		})
	}
}

// An embedder that is left alone is not asked, and one that panics may have been.
func TestWhatFailuresAreBilled(t *testing.T) {
	e := &fakeEmbedder{Embedder: staticEmbedder(t)}
	f := newFixture(t, nil, cache.Options{Embedder: e, EmbedderPaid: true, EmbedTimeout: 10 * time.Millisecond, Threshold: &half})
	e.set("panicking")
	for i := range 3 {
		if got := f.ask(t, guitar, upToSemantic, nil); !got.GetEmbedded().GetEstimated() {
			t.Errorf("after %d panics it is billed %v", i+1, got.GetEmbedded())
		}
	}
	if got := f.ask(t, guitar, upToSemantic, nil); got.GetEmbedded() != nil || e.called() != 3 {
		t.Errorf("left alone it is called %d times, and billed %v", e.called(), got.GetEmbedded())
	}
}
