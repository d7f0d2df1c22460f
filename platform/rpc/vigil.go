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
// that is cut, never ends a stream by itself.
type Vigil struct {
	timer  clock.Timer
	cancel context.CancelCauseFunc
	ctx    context.Context //nolint:containedctx // for its cause
}

// KeepVigil returns a context for a watch, which ends when the first message does not come
// within 2 s, or when the watch is silent for longer than what it promised. End the vigil. It
// is for the one goroutine that receives.
func KeepVigil(ctx context.Context, clk clock.Clock) (context.Context, *Vigil) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &Vigil{timer: clk.AfterFunc(firstWord, func() { cancel(errSilent) }), cancel: cancel, ctx: ctx}
}

// Heard says that a message has come, and which heartbeat it promises, in milliseconds: within
// three of them, and a second at least, another one is to come. After 0 the watch may be
// silent: its service is of a release that promises nothing.
func (v *Vigil) Heard(heartbeatMillis int32) {
	if heartbeatMillis <= 0 {
		v.timer.Stop()
		return
	}
	v.timer.Reset(max(silence, 3*time.Duration(heartbeatMillis)*time.Millisecond))
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
