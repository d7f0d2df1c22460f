// Package clocktest is a clock that moves only when a test says so.
package clocktest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
)

// Start is where a fake clock begins unless told otherwise: a fixed instant in UTC,
// so that goldens stay the same.
var Start = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

// Fake is a clock under a test's control. The zero value is not usable; see [New].
//
// Timers fire in the order of their deadlines, and of their creation where these are
// equal, each at a moment when Now is exactly its deadline. A function given to
// AfterFunc runs inside Advance, before Advance returns, and may use the clock.
type Fake struct {
	mu      sync.Mutex
	now     time.Time
	seq     uint64
	pending map[*timer]struct{}
	changed chan struct{} // closed and replaced whenever pending changes
	moving  sync.Mutex    // one Advance at a time
}

// New returns a fake clock that stands at [Start].
func New() *Fake { return NewAt(Start) }

// NewAt returns a fake clock that stands at the instant.
func NewAt(at time.Time) *Fake {
	return &Fake{now: at, pending: make(map[*timer]struct{}), changed: make(chan struct{})}
}

// Now is the instant at which the clock stands.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// NewTimer is clock.Clock's.
func (f *Fake) NewTimer(d time.Duration) clock.Timer {
	return f.add(&timer{fake: f, ch: make(chan time.Time, 1)}, d)
}

// AfterFunc is clock.Clock's; a function that is due at once runs in a goroutine of its own.
func (f *Fake) AfterFunc(d time.Duration, fn func()) clock.Timer {
	return f.add(&timer{fake: f, fn: fn}, d)
}

// NewTicker is clock.Clock's.
func (f *Fake) NewTicker(d time.Duration) clock.Ticker {
	if d <= 0 {
		panic("clocktest: non-positive interval for NewTicker")
	}
	t := &timer{fake: f, ch: make(chan time.Time, 1), period: d}
	f.add(t, d)
	return ticker{t}
}

// Advance moves the clock forward by d and fires what falls due on the way.
// It panics when d is negative.
func (f *Fake) Advance(d time.Duration) {
	if d < 0 {
		panic("clocktest: Advance by a negative duration")
	}
	f.moving.Lock()
	defer f.moving.Unlock()
	f.mu.Lock()
	target := f.now.Add(d)
	for {
		t := f.earliest(target)
		if t == nil {
			break
		}
		if t.at.After(f.now) {
			f.now = t.at
		}
		if fn := f.fire(t); fn != nil {
			f.mu.Unlock()
			fn()
			f.mu.Lock()
		}
	}
	f.now = target
	f.mu.Unlock()
}

// Skip moves the clock forward by d and fires nothing: it is as in a process that was stopped
// and goes on, before its timers do. What fell due fires in the next Advance.
func (f *Fake) Skip(d time.Duration) {
	f.moving.Lock()
	defer f.moving.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// Set moves the clock forward to the instant, as Advance does.
func (f *Fake) Set(at time.Time) { f.Advance(at.Sub(f.Now())) }

// Timers is how many timers and tickers are pending.
func (f *Fake) Timers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.pending)
}

// WaitForTimers returns once at least n timers and tickers are pending, so that an
// Advance that follows reaches the code under test. It fails the test after 10 s.
func (f *Fake) WaitForTimers(tb testing.TB, n int) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := f.Wait(ctx, n); err != nil {
		tb.Fatalf("waiting for %d timers: %v", n, err)
	}
}

// Wait is WaitForTimers under the caller's own context.
func (f *Fake) Wait(ctx context.Context, n int) error {
	for {
		f.mu.Lock()
		have, changed := len(f.pending), f.changed
		f.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d timers are pending, not %d: %w", have, n, ctx.Err())
		}
	}
}

func (f *Fake) add(t *timer, d time.Duration) *timer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.schedule(t, d)
	return t
}

// schedule puts t into pending, or fires it when it is due. The caller holds mu.
func (f *Fake) schedule(t *timer, d time.Duration) {
	f.seq++
	t.seq, t.at = f.seq, f.now.Add(d)
	if d <= 0 {
		if fn := f.fire(t); fn != nil {
			go fn()
		}
		return
	}
	f.pending[t] = struct{}{}
	f.notify()
}

// fire sends on t's channel, or returns its function to call. The caller holds mu.
func (f *Fake) fire(t *timer) func() {
	if t.period > 0 {
		f.seq++
		t.seq, t.at = f.seq, t.at.Add(t.period)
	} else {
		delete(f.pending, t)
		f.notify()
	}
	if t.fn != nil {
		return t.fn
	}
	select {
	case t.ch <- f.now:
	default: // a slow reader loses ticks, as with package time
	}
	return nil
}

// earliest is the next timer that is due by the instant. The caller holds mu.
func (f *Fake) earliest(by time.Time) *timer {
	var first *timer
	for t := range f.pending {
		if t.at.After(by) {
			continue
		}
		if first == nil || t.at.Before(first.at) || t.at.Equal(first.at) && t.seq < first.seq {
			first = t
		}
	}
	return first
}

func (f *Fake) notify() {
	close(f.changed)
	f.changed = make(chan struct{})
}

type timer struct {
	fake   *Fake
	ch     chan time.Time
	fn     func()
	at     time.Time
	period time.Duration // 0 for a timer
	seq    uint64
}

func (t *timer) C() <-chan time.Time { return t.ch }

func (t *timer) Stop() bool {
	t.fake.mu.Lock()
	defer t.fake.mu.Unlock()
	return t.cancel()
}

func (t *timer) Reset(d time.Duration) bool {
	t.fake.mu.Lock()
	defer t.fake.mu.Unlock()
	was := t.cancel()
	t.fake.schedule(t, d)
	return was
}

// cancel takes t out of pending and drains its channel. The caller holds mu.
func (t *timer) cancel() bool {
	_, was := t.fake.pending[t]
	if was {
		delete(t.fake.pending, t)
		t.fake.notify()
	}
	select {
	case <-t.ch: // nil for AfterFunc: never ready
	default:
	}
	return was
}

type ticker struct{ t *timer }

func (k ticker) C() <-chan time.Time { return k.t.ch }
func (k ticker) Stop()               { k.t.Stop() }

func (k ticker) Reset(d time.Duration) {
	if d <= 0 {
		panic("clocktest: non-positive interval for Ticker.Reset")
	}
	k.t.fake.mu.Lock()
	defer k.t.fake.mu.Unlock()
	k.t.cancel()
	k.t.period = d
	k.t.fake.schedule(k.t, d)
}
