package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tollgate.dev/platform/clock"
)

const (
	// Heartbeat is how often a service sends a message on a watch that has nothing to tell.
	Heartbeat = HeartbeatMillis * time.Millisecond
	// HeartbeatMillis is Heartbeat as messages promise it.
	HeartbeatMillis = 300
	// silence is how long a watch that promises heartbeats may be silent: three get lost on a
	// busy machine, and what is revoked stops within a second or two.
	silence = time.Second
	// firstWord is how long the first message of a watch may take, with the connection.
	firstWord = 2 * time.Second
)

// errSilent ends a watch. To the transport it is an other end that did not answer in time.
var errSilent = fmt.Errorf("nothing was heard of the watch for too long: %w", context.DeadlineExceeded)

// Vigil ends a watch whose other end has fallen silent. A process that hangs, or a network
// that is cut, never ends a stream by itself. It also ends one whose own process was stopped
// for too long: what is received then is old, and what matters may still stand behind it.
type Vigil struct {
	clock  clock.Clock
	timer  clock.Timer
	cancel context.CancelCauseFunc
	ctx    context.Context //nolint:containedctx // for its cause
	// last is when the last message came, limit how long after it the next may; 0 is no limit.
	last  time.Time
	limit time.Duration
}

// KeepVigil returns a context for a watch, which ends when the first message does not come
// within 2 s, or when the watch is silent for longer than what it promised. End the vigil. It
// is for the one goroutine that receives.
func KeepVigil(ctx context.Context, clk clock.Clock) (context.Context, *Vigil) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &Vigil{
		clock: clk, timer: clk.AfterFunc(firstWord, func() { cancel(errSilent) }), cancel: cancel, ctx: ctx,
		last: clk.Now(), limit: firstWord,
	}
}

// Heard says that a message has come, and which heartbeat it promises, in milliseconds: within
// three of them, and a second at least, another one is to come. Until then what the watch told
// holds; until is zero after a promise of 0, when the watch may be silent: its service is of a
// release that promises nothing. A message that came too late is not to be used: Heard ends the
// watch, and its error is that of the silence. It does not rely on the timer, which may not
// have fired yet when a process that was stopped goes on.
func (v *Vigil) Heard(heartbeatMillis int32) (until time.Time, err error) {
	now := v.clock.Now()
	if v.limit > 0 && now.Sub(v.last) >= v.limit {
		v.cancel(errSilent)
		return time.Time{}, errSilent
	}
	v.last, v.limit = now, 0
	if heartbeatMillis <= 0 {
		v.timer.Stop()
		return time.Time{}, nil
	}
	v.limit = max(silence, 3*time.Duration(heartbeatMillis)*time.Millisecond)
	v.timer.Reset(v.limit)
	return now.Add(v.limit), nil
}

// End ends the vigil and its context.
func (v *Vigil) End() {
	v.timer.Stop()
	v.cancel(nil)
}

// Why is what ended the watch, by the error that it ended with: its silence, where that is it.
func (v *Vigil) Why(err error) error {
	if errors.Is(context.Cause(v.ctx), errSilent) {
		return errSilent
	}
	return err
}
