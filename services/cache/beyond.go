package cache

import (
	"context"
	"slices"
	"time"
)

// beyond brings questions back into the index that it had no room for, from a store that
// finds them by their vectors.
type beyond struct {
	vectors   Vectors
	questions *questions
	embedder  string
	searches  *breaker
	timeout   time.Duration
}

// newBeyond returns nil where no store has vectors.
func newBeyond(q *questions, embedder string, opts Options) *beyond {
	if opts.Vectors == nil {
		return nil
	}
	return &beyond{
		vectors: opts.Vectors, questions: q, embedder: embedder,
		searches: newBreaker("store", "search", opts.Clock, opts.Logger), timeout: opts.Timeout,
	}
}

// recall looks for what is near a request's vector, and reports whether it put any into the
// index. It asks nobody while the index has room for all.
func (b *beyond) recall(ctx context.Context, r *Request, vector []int8, floor float64) bool {
	if b == nil || !b.questions.index.Full() {
		return false
	}
	scope := Scope{Namespace: r.Key.Namespace, Context: r.Question.Context, Embedder: b.embedder}
	var found []*Kept
	b.searches.do(ctx, b.timeout, func(ctx context.Context) (err error) {
		found, err = b.vectors.Near(ctx, scope, vector, semanticCandidates, floor)
		return err
	})
	// The nearest comes last, so that it does not have to make room for others.
	for _, k := range slices.Backward(found) {
		_ = b.questions.add(k, read(k.Question.Text), b.embedder) // one that doesn't fit in is not found
	}
	return len(found) > 0
}
