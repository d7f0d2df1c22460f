package main

import (
	"context"
	"errors"
	"strings"
	"time"
)

// processes are what a target is made of: one, or a service each. They are started in their
// order and stopped in the other.
type processes []*child

// cpuTime is the CPU time of all of them.
func (p processes) cpuTime() (sum time.Duration, err error) {
	for _, c := range p {
		t, err := cpuTime(c.pid())
		if err != nil {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}

// memory is what all of them hold. Pages that they share, of the program's text, count for each.
func (p processes) memory() (sum memory, err error) {
	for _, c := range p {
		m, err := memoryOf(c.pid())
		if err != nil {
			return memory{}, err
		}
		sum.resident += m.resident
		sum.peak += m.peak
	}
	return sum, nil
}

// settled waits until the processes have been all but idle for a moment, so that what they do
// after their answers (writing the ledger, collecting garbage) is counted to them, and returns
// their CPU time.
func (p processes) settled(ctx context.Context) (time.Duration, error) {
	const (
		window = 100 * time.Millisecond
		bound  = 1500 * time.Millisecond
	)
	last, err := p.cpuTime()
	for waited := time.Duration(0); err == nil && waited < bound; waited += window {
		if err = pause(ctx, window); err != nil {
			break
		}
		var now time.Duration
		if now, err = p.cpuTime(); err != nil || now-last <= tick {
			return now, err
		}
		last = now
	}
	return last, err
}

func (p processes) stop() error {
	var errs []error
	for i := len(p) - 1; i >= 0; i-- {
		errs = append(errs, p[i].stop())
	}
	return errors.Join(errs...)
}

// tail is the end of each one's log.
func (p processes) tail() string {
	var b strings.Builder
	for _, c := range p {
		b.WriteString(c.name + ": " + tail(c.log.Name()) + "\n")
	}
	return b.String()
}
