// Package clock is time as a dependency, so that what waits, expires or refills can
// be tested without waiting. Production code holds a [Clock] from [Real]; tests hold
// a fake from package clocktest.
package clock

import (
	"context"
	"time"
)

// Clock tells the time and makes timers. Implementations are safe for concurrent use.
type Clock interface {
	// Now is the current time. The real clock's reading is monotonic, so that the
	// difference of two readings is right across a step of the wall clock.
	Now() time.Time
	// NewTimer returns a timer that sends once on its channel after d; at once when
	// d is not positive.
	NewTimer(d time.Duration) Timer
	// NewTicker returns a ticker that sends every d, dropping ticks for a slow
	// reader. It panics when d is not positive, as time.NewTicker does.
	NewTicker(d time.Duration) Ticker
	// AfterFunc calls f in its own goroutine after d. The timer's channel is nil.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is one future event.
type Timer interface {
	// C carries the time at which the timer fired; nil for a timer of AfterFunc.
	C() <-chan time.Time
	// Stop prevents the timer from firing and reports whether it was still pending.
	// After Stop no stale value is received from C.
	Stop() bool
	// Reset makes the timer fire after d from now, and reports whether it was pending.
	Reset(d time.Duration) bool
}

// Ticker is a repeated event. Stop it when done.
type Ticker interface {
	// C carries the ticks.
	C() <-chan time.Time
	// Stop ends the ticks; it does not close C.
	Stop()
	// Reset changes the period to d, counted from now.
	Reset(d time.Duration)
}

// Real returns the clock of the operating system.
func Real() Clock { return real{} }

// Sleep waits for d on c, or for the end of ctx, whose error it then returns.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	t := c.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type real struct{}

func (real) Now() time.Time { return time.Now() }

func (real) NewTimer(d time.Duration) Timer { return realTimer{time.NewTimer(d)} }

func (real) NewTicker(d time.Duration) Ticker { return realTicker{time.NewTicker(d)} }

func (real) AfterFunc(d time.Duration, f func()) Timer { return realTimer{time.AfterFunc(d, f)} }

// realTimer relies on Go 1.23's timers, whose Stop and Reset leave no stale value.
type realTimer struct{ t *time.Timer }

func (r realTimer) C() <-chan time.Time        { return r.t.C }
func (r realTimer) Stop() bool                 { return r.t.Stop() }
func (r realTimer) Reset(d time.Duration) bool { return r.t.Reset(d) }

type realTicker struct{ t *time.Ticker }

func (r realTicker) C() <-chan time.Time   { return r.t.C }
func (r realTicker) Stop()                 { r.t.Stop() }
func (r realTicker) Reset(d time.Duration) { r.t.Reset(d) }
