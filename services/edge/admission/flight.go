package admission

import (
	"context"
	"sync"

	"tollgate.dev/platform/errs"
)

// flights lets callers that ask for the same thing at the same time share one answer.
// The first caller asks in its own goroutine; the others wait.
type flights[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]*flight[V]
}

type flight[V any] struct {
	done   chan struct{}
	result result[V]
}

// result is what came of a flight.
type result[V any] struct {
	value V
	err   error
	// outdated says that a change arrived while the flight was under way. It answers
	// who asked before the change, and nobody who may have asked after it.
	outdated bool
}

// do returns the answer of ask, or of another caller's ask for the same key. A caller
// whose ctx ends stops waiting, but not asking: others may wait for the answer, so ask
// bounds its own time.
func (f *flights[K, V]) do(ctx context.Context, key K, ask func() result[V]) (V, error) {
	for {
		f.mu.Lock()
		other, waiting := f.m[key]
		if !waiting {
			break
		}
		f.mu.Unlock()
		select {
		case <-other.done:
			if !other.result.outdated {
				return other.result.value, other.result.err
			}
		case <-ctx.Done():
			var none V
			return none, errs.Of(ctx.Err())
		}
	}
	own := &flight[V]{done: make(chan struct{})}
	own.result.outdated = true // so that others ask again if ask panics
	if f.m == nil {
		f.m = make(map[K]*flight[V])
	}
	f.m[key] = own
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.m, key)
		f.mu.Unlock()
		close(own.done)
	}()
	own.result = ask()
	return own.result.value, own.result.err
}
