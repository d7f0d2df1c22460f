// Package background runs what a process does beside its calls.
package background

import "context"

// Loop runs a function from Start to Stop. The function ends with its context.
type Loop struct {
	run  func(context.Context) error
	stop context.CancelFunc
	done chan error
}

// NewLoop returns a loop that is yet to be started.
func NewLoop(run func(context.Context) error) *Loop {
	return &Loop{run: run, done: make(chan error, 1)}
}

// Start runs the function, and returns at once. The context is that of the start alone: the
// loop outlives it. It is called once.
func (l *Loop) Start(ctx context.Context) error {
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() { l.done <- l.run(ctx) }()
	return nil
}

// Stop ends the function and waits for it: its error, or that of ctx, which ended first. It
// follows Start.
func (l *Loop) Stop(ctx context.Context) error {
	l.stop()
	select {
	case err := <-l.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
