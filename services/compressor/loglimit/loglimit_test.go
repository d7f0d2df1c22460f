package loglimit_test

import (
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/compressor/loglimit"
)

func TestLimit(t *testing.T) {
	times := clocktest.New()
	limit := loglimit.New(times, 10*time.Second)
	for _, step := range []struct {
		passes time.Duration
		want   bool
	}{{0, true}, {0, false}, {10*time.Second - 1, false}, {1, true}, {9 * time.Second, false}, {time.Hour, true}, {time.Second, false}} {
		times.Advance(step.passes)
		if got := limit.Allow(); got != step.want {
			t.Errorf("%s later a line is let through: %t", step.passes, got)
		}
	}
}
