package redisx

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/platform/clock"
)

// LogTo sends what the driver says of itself to log, as warnings; it would write its own
// lines to standard error. That is a setting of the whole process, and so for main alone
// to make: no client of this package makes it.
func LogTo(log *slog.Logger, clk clock.Clock) { redis.SetLogger(newDriverLog(log, clk)) }

// sayAgain is how long a kind of line stays quiet once it was written: while a server is
// away, the driver says so at every attempt.
const sayAgain = 10 * time.Second

// driverLog is the driver's logger.
type driverLog struct {
	log *slog.Logger
	clk clock.Clock

	mu sync.Mutex
	// kinds are the lines' formats, which are the driver's own and so few.
	kinds map[string]said
}

// said is when a kind of line was written, and how often it was left out since.
type said struct {
	at      time.Time
	omitted int
}

func newDriverLog(log *slog.Logger, clk clock.Clock) *driverLog {
	return &driverLog{log: log, clk: clk, kinds: make(map[string]said)}
}

// Printf takes a line of the driver's. It speaks of connections, addresses and errors, and
// of no command's arguments; the logger scrubs what looks like a credential.
func (d *driverLog) Printf(ctx context.Context, format string, v ...any) {
	now := d.clk.Now()
	d.mu.Lock()
	last, before := d.kinds[format]
	if before && now.Sub(last.at) < sayAgain {
		last.omitted++
		d.kinds[format] = last
		d.mu.Unlock()
		return
	}
	d.kinds[format] = said{at: now}
	d.mu.Unlock()
	attrs := []slog.Attr{slog.String("says", strings.TrimPrefix(fmt.Sprintf(format, v...), "redis: "))}
	if last.omitted > 0 {
		attrs = append(attrs, slog.Int("omitted", last.omitted))
	}
	d.log.LogAttrs(ctx, slog.LevelWarn, "redis client", attrs...)
}
