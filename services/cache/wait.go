package cache

import (
	"context"
	"time"

	"tollgate.dev/platform/clock"
)

// wait is for how long a look-up may still wait for the [Store], whose time limit holds for all that it
// is asked in one look-up together: a slow one must not cost it as often as it is asked. Other work doesn't
// count, nor does the embedder, which has a limit of its own. nil is without an end.
type wait struct {
	clock clock.Clock
	left  time.Duration
}

// ask what the breaker guards, with the time that is left. Where none is, nobody is asked.
func (w *wait) ask(ctx context.Context, b *breaker, call func(context.Context) error) {
	if w == nil {
		b.do(ctx, 0, call)
		return
	}
	if w.left <= 0 {
		return
	}
	began := w.clock.Now()
	b.do(ctx, w.left, call)
	w.left -= w.clock.Now().Sub(began)
}
