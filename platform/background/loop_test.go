package background_test

import (
	"context"
	"errors"
	"testing"

	"tollgate.dev/platform/background"
)

var errLoop = errors.New("what the loop ended with")

// A loop outlives the context of its start, ends with Stop, and Stop tells what it ended with.
func TestLoop(t *testing.T) {
	starting, started := context.WithCancel(t.Context())
	checked, look := make(chan error, 1), make(chan struct{})
	l := background.NewLoop(func(ctx context.Context) error {
		<-look
		checked <- ctx.Err()
		<-ctx.Done()
		return errLoop
	})
	if err := l.Start(starting); err != nil {
		t.Fatal(err)
	}
	started()
	close(look)
	if err := <-checked; err != nil {
		t.Errorf("the loop ended with its start: %v", err)
	}
	if err := l.Stop(t.Context()); !errors.Is(err, errLoop) {
		t.Errorf("stopped with %v", err)
	}
}

// A loop that does not end holds Stop up for as long as its context allows.
func TestLoopThatDoesNotEnd(t *testing.T) {
	release := make(chan struct{})
	l := background.NewLoop(func(context.Context) error { <-release; return nil })
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped with %v", err)
	}
	close(release)
	if err := l.Stop(t.Context()); err != nil {
		t.Errorf("after its end, %v", err)
	}
}
