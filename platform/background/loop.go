// Package background runs what a process does beside its calls, and tells when something of
// that ends before it was told to: the process would look well and not be.
package background

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// Work is what a process does until it stops. Its methods are safe for concurrent use.
type Work struct {
	log   *slog.Logger
	ended chan error
}

// NewWork returns a process's work, of which nothing runs yet.
func NewWork(log *slog.Logger) *Work { return &Work{log: log, ended: make(chan error, 1)} }

// Ended gives the error of the first part that ended although the process had not stopped.
// The process is to stop then.
func (w *Work) Ended() <-chan error { return w.ended }

// Fail says that a part of the work has ended before its time. A nil error means that it
// gave no reason.
func (w *Work) Fail(ctx context.Context, name string, err error) {
	if err == nil {
		err = errNoReason
	}
	w.log.ErrorContext(ctx, "background work ended before its time; the process stops", "name", name, "error", err)
	select {
	case w.ended <- fmt.Errorf("%s ended before its time: %w", name, err):
	default: // another one was first
	}
}

var errNoReason = errors.New("it gave no reason")

// Loop runs a function from Start to Stop. The function ends with its context, and not
// before.
type Loop struct {
	work *Work
	name string
	run  func(context.Context) error
	stop context.CancelFunc
	done chan error
}

// Loop returns a part of the work that is yet to be started. Its name is what an operator
// reads where it ends too early.
func (w *Work) Loop(name string, run func(context.Context) error) *Loop {
	return &Loop{work: w, name: name, run: run, done: make(chan error, 1)}
}

// Start runs the function, and returns at once. The context is that of the start alone: the
// loop outlives it. It is called once.
func (l *Loop) Start(ctx context.Context) error {
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		err := l.run(ctx)
		if ctx.Err() == nil {
			l.work.Fail(ctx, l.name, err)
			err = nil // it has been told
		}
		l.done <- err
	}()
	return nil
}

// Stop ends the function and waits for it: its error, or that of ctx, which ended first. Of
// one that had ended by itself [Work.Ended] has told. It follows Start.
func (l *Loop) Stop(ctx context.Context) error {
	l.stop()
	select {
	case err := <-l.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
