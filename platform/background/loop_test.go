package background_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"tollgate.dev/platform/background"
)

var errLoop = errors.New("what the loop ended with")

func newWork() (*background.Work, *bytes.Buffer) {
	var lines bytes.Buffer
	return background.NewWork(slog.New(slog.NewTextHandler(&lines, nil))), &lines
}

// A loop outlives the context of its start, ends with Stop, and Stop tells what it ended with.
func TestLoop(t *testing.T) {
	starting, started := context.WithCancel(t.Context())
	checked, look := make(chan error, 1), make(chan struct{})
	work, lines := newWork()
	l := work.Loop("loop", func(ctx context.Context) error {
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
	select {
	case err := <-work.Ended():
		t.Errorf("told of %v", err)
	default:
	}
	if lines.Len() > 0 {
		t.Errorf("logged %s", lines)
	}
}

// A loop that does not end holds Stop up for as long as its context allows.
func TestLoopThatDoesNotEnd(t *testing.T) {
	release := make(chan struct{})
	work, _ := newWork()
	l := work.Loop("loop", func(context.Context) error { <-release; return nil })
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

// A loop that ends by itself, with an error or without, is told of by its name, once; so is
// what else says that it failed.
func TestLoopThatEndsTooEarly(t *testing.T) {
	for _, ends := range []error{errLoop, nil} {
		work, lines := newWork()
		first := work.Loop("the watch of keys", func(context.Context) error { return ends })
		if err := first.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := <-work.Ended()
		if err == nil || !strings.Contains(err.Error(), "the watch of keys ended") || ends != nil && !errors.Is(err, ends) {
			t.Errorf("of %v it tells %v", ends, err)
		}
		if err := first.Stop(t.Context()); err != nil {
			t.Errorf("stopped with %v, which was told", err)
		}
		work.Fail(t.Context(), "a listener", errLoop)
		work.Fail(t.Context(), "another listener", errLoop) // nobody waits any more
		if err := <-work.Ended(); err == nil || !strings.Contains(err.Error(), "a listener") {
			t.Errorf("told of %v", err)
		}
		for _, name := range []string{"the watch of keys", "a listener", "another listener"} {
			if n := strings.Count(lines.String(), `level=ERROR msg="background work ended before its time; the process stops" name="`+name+`"`); n != 1 {
				t.Errorf("%d lines on %s in\n%s", n, name, lines)
			}
		}
	}
}
