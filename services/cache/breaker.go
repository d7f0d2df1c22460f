package cache

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
)

const (
	// breakerFailures in a row stop the calls: a lost packet is no outage.
	breakerFailures = 3
	// breakerPause is how long a store that failed is left alone. Then one call tries it,
	// so that an absent one costs one request a second its time limit.
	breakerPause = time.Second
)

// breaker keeps a store or an embedder that is away from holding up requests. Its changes of
// state are logged, and nothing else: a store may be away for long, and every request would say so.
type breaker struct {
	// what is called, and by which operation.
	what, operation string

	clock clock.Clock
	log   *slog.Logger
	// fair is the least time in which there should be an answer: who had less, and ran out of it, has not
	// failed.
	fair time.Duration

	failures atomic.Int32 // in a row; from breakerFailures on the breaker is open
	mu       sync.Mutex   // guards what follows, and changes of failures
	retry    time.Time    // when an open breaker lets one call through
	trying   bool         // that call is under way
}

func newBreaker(what, operation string, c clock.Clock, log *slog.Logger) *breaker {
	return &breaker{what: what, operation: operation, clock: c, log: log}
}

// do calls what is guarded, unless it is away. A timeout that is not positive is none. What does
// not answer before the caller's own deadline has failed, as has a call that panics.
func (b *breaker) do(ctx context.Context, timeout time.Duration, call func(context.Context) error) {
	allowed, trial := b.allow()
	if !allowed {
		return
	}
	bounded := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	err := errBroken
	defer func() {
		switch {
		case err == nil:
			b.succeeded(ctx)
		case errors.Is(ctx.Err(), context.Canceled), timeout < b.fair && timedOut(err):
			// The caller went away, or had little time left, which says nothing of the store.
			b.abandoned(trial)
		default:
			b.failed(ctx, trial, err)
		}
	}()
	err = call(bounded)
}

// timedOut tells whether a call ended because its time did, by its context or by a connection's deadline.
func timedOut(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}

// errBroken is that of a call which came to no end, but to a panic.
var errBroken = errors.New("cache: the call panicked")

// allow reports whether a call may be made, and whether it is the one that tries a store
// that is away.
func (b *breaker) allow() (allowed, trial bool) {
	if b.failures.Load() < breakerFailures {
		return true, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures.Load() < breakerFailures {
		return true, false
	}
	if b.trying || b.clock.Now().Before(b.retry) {
		return false, false
	}
	b.trying = true
	return true, true
}

func (b *breaker) succeeded(ctx context.Context) {
	if b.failures.Load() == 0 {
		return
	}
	b.mu.Lock()
	back := b.failures.Load() >= breakerFailures
	b.failures.Store(0)
	b.trying = false
	b.mu.Unlock()
	if back {
		b.log.InfoContext(ctx, "what the cache needs is back", "what", b.what, "operation", b.operation)
	}
}

func (b *breaker) failed(ctx context.Context, trial bool, err error) {
	b.mu.Lock()
	n := b.failures.Load()
	opens := n == breakerFailures-1
	if n < breakerFailures {
		b.failures.Store(n + 1)
	}
	if opens || trial {
		b.retry = b.clock.Now().Add(breakerPause)
	}
	if trial {
		b.trying = false
	}
	b.mu.Unlock()
	if opens {
		b.log.WarnContext(ctx, "what the cache needs is away; requests go on without it",
			"what", b.what, "operation", b.operation, "timeout", errors.Is(err, context.DeadlineExceeded), "error", err)
	}
}

func (b *breaker) abandoned(trial bool) {
	if !trial {
		return
	}
	b.mu.Lock()
	b.trying = false
	b.mu.Unlock()
}
