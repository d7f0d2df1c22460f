package obs

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
)

// Faults is the one place where the process's own faults are said with their causes. A
// caller hears of them as internal_error or service_unavailable and no more.
type Faults struct {
	log   *slog.Logger
	clock clock.Clock

	mu     sync.Mutex
	places map[string]*place
}

// place is where faults arise: an RPC procedure or a route.
type place struct {
	second  time.Time
	written int
	left    int // not written since the last line
}

const (
	// maxLines is how many faults of one place are written in a second. While a database is
	// away every call is one.
	maxLines = 5
	// maxPlaces bounds the places that are told apart.
	maxPlaces = 1000
)

// NewFaults returns a place to say faults. The log is one of [NewLogger]'s, which takes out
// what looks like a secret and adds the request that a context carries.
func NewFaults(log *slog.Logger, clk clock.Clock) *Faults {
	return &Faults{log: log, clock: clk, places: map[string]*place{}}
}

// Report writes err to the log when it is a fault of this process that was not said before
// ([errs.FaultOf]). at is the procedure or the route where it arose.
func (f *Faults) Report(ctx context.Context, at string, err error) {
	reason, ours := errs.FaultOf(ctx, err)
	if !ours {
		return
	}
	level := slog.LevelError
	if reason == errs.ServiceUnavailable {
		level = slog.LevelWarn
	}
	f.write(ctx, level, at, slog.String("reason", string(reason)), slog.String("cause", errs.Chain(err)))
}

// Panic writes what a handler panicked with and where, and returns the error to answer with. It
// is called while the panic is being recovered. Of values that are not the
// runtime's, the type alone is written: they may quote what a caller sent.
func (f *Faults) Panic(ctx context.Context, at string, value any) error {
	what := fmt.Sprintf("a value of type %T", value)
	if err, ok := value.(runtime.Error); ok {
		what = err.Error()
	}
	f.write(ctx, slog.LevelError, at, slog.String("reason", string(errs.Internal)),
		slog.String("cause", "panic: "+what), slog.String("stack", string(debug.Stack())))
	return errs.New(errs.Internal, "an internal error occurred")
}

func (f *Faults) write(ctx context.Context, level slog.Level, at string, attrs ...slog.Attr) {
	left, ok := f.admit(at)
	if !ok {
		return
	}
	attrs = append([]slog.Attr{slog.String("at", at)}, attrs...)
	if left > 0 {
		attrs = append(attrs, slog.Int("left_out", left))
	}
	f.log.LogAttrs(ctx, level, "internal fault", attrs...)
}

// admit says whether a line may be written, and how many were not since the last one.
func (f *Faults) admit(at string) (left int, ok bool) {
	now := f.clock.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.places[at]
	if p == nil {
		if len(f.places) >= maxPlaces {
			at = ""
		}
		if p = f.places[at]; p == nil {
			p = &place{}
			f.places[at] = p
		}
	}
	if now.Sub(p.second) >= time.Second || now.Before(p.second) {
		p.second, p.written = now, 0
	}
	if p.written >= maxLines {
		p.left++
		return 0, false
	}
	p.written++
	left, p.left = p.left, 0
	return left, true
}
