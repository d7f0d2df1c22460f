package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
)

// ended waits for what a process says of its end.
func ended(t *testing.T, p *Process) error {
	t.Helper()
	patience := clock.Real().NewTimer(time.Minute)
	defer patience.Stop()
	select {
	case err := <-p.Ended():
		return err
	case <-patience.C():
		t.Fatal("the process does not say that it ended")
		return nil
	}
}

// A process without its listener, or without a part of what it does in the background, says
// so and can be stopped as ever.
func TestProcessSaysWhatEnded(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*Process) error
		says func(*Process) string
	}{
		"the listener": {
			func(p *Process) error { return p.found.Serving.Public.listener.Close() },
			func(p *Process) string { return "the listener on " + p.Addr() + " ended" },
		},
		"a loop": {
			func(p *Process) error {
				return p.found.Work.Loop("the watch of keys", func(context.Context) error { return errors.New("no more") }).Start(context.Background())
			},
			func(*Process) string { return "the watch of keys ended before its time: no more" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, log := start(t, "")
			if err := c.end(p); err != nil {
				t.Fatal(err)
			}
			if err := ended(t, p); err == nil || !strings.Contains(err.Error(), c.says(p)) {
				t.Errorf("it says %v, want %s", err, c.says(p))
			}
			if !strings.Contains(log.String(), "background work ended before its time") {
				t.Errorf("the log is\n%s", log)
			}
		})
	}
}

// A stop is no early end, whatever ends in it first.
func TestStopIsNoEarlyEnd(t *testing.T) {
	log := &journal{}
	p, err := New(t.Context(), options(t, "", log))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	select {
	case err := <-p.Ended():
		t.Errorf("it says %v", err)
	default:
	}
	if strings.Contains(log.String(), "before its time") {
		t.Errorf("the log is\n%s", log)
	}
}
