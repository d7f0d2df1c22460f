package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tollgate.dev/platform/clock"
)

const (
	// sayFirst is when an attempt that hangs is told of; one that fails is at once.
	sayFirst = time.Second
	// sayAgain is how long it takes until the next word of it.
	sayAgain = 5 * time.Second
)

// wait is Open's wait for a server.
type wait struct {
	pool  *pgxpool.Pool
	bound time.Duration
	log   *slog.Logger
	clk   clock.Clock
	begun time.Time
	// next is when something is to be said, and timer fires then.
	next  time.Time
	timer clock.Timer
	last  error // of the latest attempt
}

func newWait(pool *pgxpool.Pool, o Options, bound time.Duration) *wait {
	w := &wait{pool: pool, bound: bound, log: o.Log, clk: o.Clock}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	if w.clk == nil {
		w.clk = clock.Real()
	}
	w.begun = w.clk.Now()
	w.next, w.timer = w.begun, w.clk.NewTimer(sayFirst)
	return w
}

// ready pings until it succeeds, is refused, or ctx ends.
func (w *wait) ready(ctx context.Context) error {
	const first, most = 50 * time.Millisecond, 2 * time.Second
	for pause := first; ; pause = min(2*pause, most) {
		err := w.ping(ctx)
		if err == nil {
			return nil
		}
		err = oneLine{err}
		if refused(err) {
			return err
		}
		if w.last = err; !w.clk.Now().Before(w.next) {
			w.say(ctx)
		}
		again := w.clk.NewTimer(pause)
		select {
		case <-again.C():
		case <-ctx.Done():
			again.Stop()
			if errors.Is(ctx.Err(), context.Canceled) {
				return fmt.Errorf("the wait for a connection was ended: %w", err)
			}
			return fmt.Errorf("no connection in time: %w", err)
		}
	}
}

// ping makes one attempt. One that hangs is told of meanwhile.
func (w *wait) ping(ctx context.Context) error {
	result := make(chan error, 1)
	go func() { result <- w.pool.Ping(ctx) }()
	for {
		select {
		case err := <-result: // the attempt ends with ctx at the latest
			return err
		case <-w.timer.C():
			w.say(ctx)
		}
	}
}

// say tells what is waited for.
func (w *wait) say(ctx context.Context) {
	now := w.clk.Now()
	w.next = now.Add(sayAgain)
	w.timer.Reset(sayAgain)
	cfg := w.pool.Config().ConnConfig
	attrs := []slog.Attr{
		slog.String("server", net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))), slog.String("database", cfg.Database),
		slog.String("waited", now.Sub(w.begun).Round(time.Second).String()), slog.String("at_most", w.bound.String()),
	}
	if w.last != nil {
		attrs = append(attrs, slog.String("error", w.last.Error()))
	}
	w.log.LogAttrs(ctx, slog.LevelWarn, "waiting for the database", attrs...)
}

// oneLine is an error of the driver's, which has a line for each address and again for
// each way to connect to it.
type oneLine struct{ error }

func (e oneLine) Unwrap() error { return e.error }

func (e oneLine) Error() string {
	var lines []string
	for line := range strings.Lines(e.error.Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(lines) < 2 {
		return strings.Join(lines, "")
	}
	return lines[0] + " " + strings.Join(lines[1:], "; ")
}
