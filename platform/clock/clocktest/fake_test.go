package clocktest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
)

var _ clock.Clock = (*clocktest.Fake)(nil)

func received(c <-chan time.Time) (time.Duration, bool) {
	select {
	case at := <-c:
		return at.Sub(clocktest.Start), true
	default:
		return 0, false
	}
}

func TestTimersFireAtTheirDeadlineInOrder(t *testing.T) {
	f := clocktest.New()
	var got []string
	note := func(s string) func() {
		return func() { got = append(got, s+f.Now().Sub(clocktest.Start).String()) }
	}
	f.AfterFunc(3*time.Second, note("c"))
	f.AfterFunc(time.Second, note("a"))
	f.AfterFunc(time.Second, note("b")) // the same deadline: order of creation
	f.AfterFunc(2*time.Second, func() {
		note("x")()
		f.AfterFunc(time.Second/2, note("nested"))
		f.AfterFunc(time.Hour, note("later"))
	})
	f.Advance(3 * time.Second)
	want := []string{"a1s", "b1s", "x2s", "nested2.5s", "c3s"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if f.Timers() != 1 {
		t.Errorf("%d timers pending, want the later one", f.Timers())
	}
}

func TestTimerStopAndReset(t *testing.T) {
	f := clocktest.New()
	timer := f.NewTimer(time.Second)
	if !timer.Stop() || timer.Stop() {
		t.Error("Stop is true once")
	}
	f.Advance(time.Minute)
	if _, ok := received(timer.C()); ok {
		t.Error("a stopped timer fired")
	}
	if timer.Reset(time.Second) {
		t.Error("a stopped timer was pending")
	}
	f.Advance(time.Second)
	if timer.Reset(time.Second) { // the value of the first firing was not read: it must go
		t.Error("a fired timer was pending")
	}
	if _, ok := received(timer.C()); ok {
		t.Error("a stale value survived Reset")
	}
	f.Advance(time.Second)
	if at, ok := received(timer.C()); !ok || at != 62*time.Second {
		t.Errorf("fired at %v, %v", at, ok)
	}
	if at, ok := received(f.NewTimer(0).C()); !ok || at != 62*time.Second {
		t.Errorf("a timer that is due fired at %v, %v", at, ok)
	}
}

func TestTickerDropsForASlowReader(t *testing.T) {
	f := clocktest.New()
	k := f.NewTicker(time.Second)
	f.Advance(3 * time.Second)
	if at, ok := received(k.C()); !ok || at != time.Second {
		t.Errorf("first tick at %v, %v", at, ok)
	}
	if _, ok := received(k.C()); ok {
		t.Error("dropped ticks came")
	}
	f.Advance(time.Second)
	if at, ok := received(k.C()); !ok || at != 4*time.Second {
		t.Errorf("next tick at %v, %v", at, ok)
	}
	k.Reset(time.Minute)
	f.Advance(59 * time.Second)
	if _, ok := received(k.C()); ok {
		t.Error("the old period ticked")
	}
	f.Set(clocktest.Start.Add(64 * time.Second))
	if at, ok := received(k.C()); !ok || at != 64*time.Second {
		t.Errorf("new period's tick at %v, %v", at, ok)
	}
	k.Stop()
	if f.Timers() != 0 {
		t.Error("a stopped ticker is pending")
	}
}

func TestWaitForTimers(t *testing.T) {
	f := clocktest.New()
	fired := make(chan time.Time, 1)
	go func() { fired <- <-f.NewTimer(time.Hour).C() }()
	f.WaitForTimers(t, 1)
	f.Advance(time.Hour)
	if at := <-fired; !at.Equal(clocktest.Start.Add(time.Hour)) {
		t.Errorf("fired at %v", at)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Wait(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("no timer, yet %v", err)
	}
}

func TestAfterFuncThatIsDueRunsAtOnce(*testing.T) {
	done := make(chan struct{})
	clocktest.New().AfterFunc(0, func() { close(done) })
	<-done
}
