package clock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
)

func TestReal(t *testing.T) {
	c := clock.Real()
	before := time.Now()
	timer := c.NewTimer(time.Microsecond)
	<-timer.C()
	if got := c.Now().Sub(before); got < time.Microsecond {
		t.Errorf("a timer of 1µs fired after %v", got)
	}
	if timer.Stop() {
		t.Error("a timer that fired was still pending")
	}
	if timer.Reset(time.Hour); !timer.Stop() {
		t.Error("a reset timer was not pending")
	}

	ticker := c.NewTicker(time.Hour)
	ticker.Reset(time.Microsecond)
	<-ticker.C()
	<-ticker.C()
	ticker.Stop()

	done := make(chan struct{})
	f := c.AfterFunc(0, func() { close(done) })
	<-done
	if f.C() != nil {
		t.Error("AfterFunc has a channel")
	}
}

func TestSleep(t *testing.T) {
	fake := clocktest.New()
	done := make(chan error, 1)
	go func() { done <- clock.Sleep(t.Context(), fake, time.Hour) }()
	fake.WaitForTimers(t, 1)
	fake.Advance(time.Hour)
	if err := <-done; err != nil {
		t.Error(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- clock.Sleep(ctx, fake, time.Hour) }()
	fake.WaitForTimers(t, 1)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled sleep: %v", err)
	}
	if n := fake.Timers(); n != 0 {
		t.Errorf("%d timers left behind", n)
	}
	if err := clock.Sleep(ctx, fake, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("a sleep of 0 under a cancelled context: %v", err)
	}
	if err := clock.Sleep(t.Context(), fake, -1); err != nil {
		t.Error(err)
	}
}

func BenchmarkNow(b *testing.B) {
	c := clock.Real()
	b.ReportAllocs()
	for b.Loop() {
		c.Now()
	}
}
