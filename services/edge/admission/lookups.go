package admission

import (
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
)

const (
	// maxWaiting is how many questions about unknown secrets may wait for others.
	maxWaiting = 1024
	// lookupWait is how long one of them waits.
	lookupWait = time.Second
)

// lookups bounds the questions about secrets that are not known here. Anyone may guess
// secrets, and each guess is a query: beyond the bound, guesses wait for guesses, and known
// keys for nothing.
type lookups struct {
	clock   clock.Clock
	slots   chan struct{}
	waiting atomic.Int64
}

// enter waits for its turn; leave ends it. It fails with service_unavailable when too many
// wait, or when the turn does not come in time.
func (l *lookups) enter() error {
	select {
	case l.slots <- struct{}{}:
		return nil
	default:
	}
	defer l.waiting.Add(-1)
	if l.waiting.Add(1) > maxWaiting {
		return errBusy()
	}
	timer := l.clock.NewTimer(lookupWait)
	defer timer.Stop()
	select {
	case l.slots <- struct{}{}:
		return nil
	case <-timer.C():
		return errBusy()
	}
}

func (l *lookups) leave() { <-l.slots }

func errBusy() error {
	return errs.New(errs.ServiceUnavailable, "too many unknown API keys are being looked up").WithRetryAfter(time.Second)
}
