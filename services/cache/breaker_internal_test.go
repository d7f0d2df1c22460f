package cache

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
)

// Who had less than a fair time, and ran out of it, is not held to be away for it, whichever way it is told. What
// fails otherwise, or in its whole time, is.
func TestALittleTimeBlamesNobody(t *testing.T) {
	for name, tc := range map[string]struct {
		given time.Duration
		err   error
		away  bool
	}{
		"a context's end in a part":   {time.Second, context.DeadlineExceeded, false},
		"a connection's in a part":    {time.Second, os.ErrDeadlineExceeded, false},
		"another failure in a part":   {time.Second, errors.New("refused"), true},
		"a context's end in the time": {time.Minute, context.DeadlineExceeded, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBreaker("store", "read", clocktest.New(), slog.New(slog.DiscardHandler))
			b.fair = time.Minute
			for range breakerFailures {
				b.do(t.Context(), tc.given, func(context.Context) error { return errors.Join(errors.New("read"), tc.err) })
			}
			if allowed, _ := b.allow(); allowed == tc.away {
				t.Errorf("it may be asked: %t", allowed)
			}
		})
	}
}
