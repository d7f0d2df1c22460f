package rpc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/rpc"
)

// A watch ends by its first message's lateness, or by its silence, and says so; one whose
// service promises nothing may be silent for ever.
func TestVigil(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	const second = time.Second
	for name, test := range map[string]struct {
		heard []int32 // each after the pause
		pause time.Duration
		ends  time.Duration // after the last; 0 is never
	}{
		"nothing comes":         {nil, 0, 2 * second},
		"it falls silent":       {[]int32{300}, second, second},
		"it goes on for long":   {[]int32{300, 300, 300, 300, 300}, 999 * time.Millisecond, second},
		"a slow heartbeat":      {[]int32{1000, 1000}, second, 3 * second},
		"an old release":        {[]int32{0}, second, 0},
		"another release comes": {[]int32{0, 300}, 1900 * time.Millisecond, second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clk := clocktest.New()
			ctx, vigil := rpc.KeepVigil(t.Context(), clk)
			defer vigil.End()
			for _, beat := range test.heard {
				clk.Advance(test.pause)
				if ctx.Err() != nil {
					t.Fatal("it ended too early")
				}
				if until, err := vigil.Heard(beat); err != nil || until.IsZero() != (beat == 0) {
					t.Fatalf("it is trusted until %v, %v", until, err)
				}
			}
			if test.ends == 0 {
				clk.Advance(24 * time.Hour)
				if clk.Timers() != 0 || ctx.Err() != nil || vigil.Why(broken) != broken { //nolint:errorlint // the very value
					t.Fatal("nothing was promised, and yet it ends")
				}
				return
			}
			clk.Advance(test.ends - 1)
			if ctx.Err() != nil || !errors.Is(vigil.Why(broken), broken) {
				t.Fatal("it ended too early")
			}
			clk.Advance(1)
			<-ctx.Done()
			// To a transport it is an end that did not answer in time.
			if err := vigil.Why(broken); errors.Is(err, broken) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it ended by %v", err)
			}
		})
	}
}

// A message that comes too late is not trusted, also where no timer has told so: it may have
// lain in the socket while this process was stopped.
func TestVigilOfAStoppedProcess(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		heard   []int32
		stopped time.Duration
		late    bool
	}{
		"before the first word": {nil, 2 * time.Second, true},
		"not for long":          {[]int32{300}, time.Second - 1, false},
		"for too long":          {[]int32{300, 300}, time.Second, true},
		"a slow heartbeat":      {[]int32{300, 1000}, 3*time.Second - 1, false},
		"an old release":        {[]int32{300, 0}, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clk := clocktest.New()
			ctx, vigil := rpc.KeepVigil(t.Context(), clk)
			defer vigil.End()
			for _, beat := range test.heard {
				if _, err := vigil.Heard(beat); err != nil {
					t.Fatal(err)
				}
			}
			clk.Skip(test.stopped)
			_, err := vigil.Heard(300)
			if late := errors.Is(err, context.DeadlineExceeded); late != test.late || late != (ctx.Err() != nil) || !late && err != nil {
				t.Errorf("it says %v, and its context %v", err, ctx.Err())
			}
		})
	}
}

// Who ends a vigil ends its watch, and nothing is left.
func TestVigilEnds(t *testing.T) {
	clk := clocktest.New()
	ctx, vigil := rpc.KeepVigil(t.Context(), clk)
	if until, err := vigil.Heard(300); err != nil || !until.Equal(clk.Now().Add(time.Second)) {
		t.Errorf("it is trusted until %v, %v", until, err)
	}
	vigil.End()
	if ctx.Err() == nil || clk.Timers() != 0 {
		t.Errorf("context: %v, %d timers", ctx.Err(), clk.Timers())
	}
	if err := vigil.Why(context.Canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("it says %v", err)
	}
}
