package app

import (
	"context"
	"errors"
	"sync"
)

// opened is what constructors opened: databases, clients, listeners. Whoever puts the
// process together closes it, because fx runs no stop hook of a graph that could not be
// built, and only those behind it of a start that failed.
type opened struct {
	mu     sync.Mutex
	closes []func(context.Context) error
}

// add has something closed at the end, before all that was opened earlier.
func (o *opened) add(closes func(context.Context) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closes = append(o.closes, closes)
}

// addFunc is add for what needs no context to close.
func (o *opened) addFunc(closes func() error) { o.add(func(context.Context) error { return closes() }) }

// close closes everything that is open, the last first, whatever fails.
func (o *opened) close(ctx context.Context) error {
	o.mu.Lock()
	closes := o.closes
	o.closes = nil
	o.mu.Unlock()
	var failed error
	for i := len(closes) - 1; i >= 0; i-- {
		failed = errors.Join(failed, closes[i](ctx))
	}
	return failed
}
