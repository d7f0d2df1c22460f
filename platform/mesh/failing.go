package mesh

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
)

// A replica that fails at once has the fewest calls under way, and would be given all of them. So
// one that has failed is the last of those that are ready, for restsFor and each time twice as
// long, up to restsMost. After that one call tries it.
const (
	restsFor  = 100 * time.Millisecond
	restsMost = time.Second
)

// failures are an endpoint's since it last answered well.
type failures struct {
	inARow atomic.Int32
	until  atomic.Int64 // it rests, in nanoseconds since 1970
}

// add counts a failure. Those of calls that were under way beside one that counts do not.
func (f *failures) add(now time.Time) {
	until := f.until.Load()
	if now.UnixNano() < until {
		return
	}
	rest := min(restsFor<<min(f.inARow.Load(), 10), restsMost)
	if f.until.CompareAndSwap(until, now.Add(rest).UnixNano()) {
		f.inARow.Add(1)
	}
}

// end forgets them: it answers well.
func (f *failures) end() {
	if f.inARow.Load() != 0 {
		f.inARow.Store(0)
		f.until.Store(0)
	}
}

// rests reports whether others come first.
func (f *failures) rests(clk clock.Clock) bool {
	return f.inARow.Load() != 0 && clk.Now().UnixNano() < f.until.Load()
}

// try has the calls after this one wait for what becomes of it: if it is nothing, that was a
// failure.
func (f *failures) try(clk clock.Clock) {
	if f.inARow.Load() != 0 {
		f.add(clk.Now())
	}
}

// hears takes what an endpoint answered a call with, nil for an answer. It reports whether that
// says that the service is unavailable there.
func (e *endpoint) hears(said error, clk clock.Clock) (unavailable bool) {
	reason := errs.Reason("")
	if said != nil {
		reason = errs.Of(errs.FromConnect(said)).Reason
	}
	if reason == errs.Internal || reason == errs.ServiceUnavailable {
		e.failures.add(clk.Now())
	} else {
		e.failures.end()
	}
	return reason == errs.ServiceUnavailable
}

// errUnavailable is of a call that was answered with that the service is unavailable.
var errUnavailable = errors.New("it says that it is unavailable")

// watched is a call over HTTP whose answers tell of its endpoint.
type watched struct {
	connect.ClientStream

	p  *Peer
	at atomic.Pointer[endpoint]
}

type watchedKey struct{}

// watch makes a call over HTTP.
func (t *transport) watch(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
	w := &watched{p: t.p}
	var err error
	w.ClientStream, err = t.http.NewClientStream(context.WithValue(ctx, watchedKey{}, w), spec)
	return w, err
}

// asks notes at which endpoint a call is.
func (e *endpoint) asks(ctx context.Context) {
	if w, ok := ctx.Value(watchedKey{}).(*watched); ok {
		w.at.Store(e)
	}
}

// Receive is connect.ClientStream's.
func (w *watched) Receive(msg any) error {
	err := w.ClientStream.Receive(msg)
	e := w.at.Load()
	if e == nil || errors.Is(err, io.EOF) {
		return err
	}
	if said, ok := errors.AsType[*connect.Error](err); err == nil || ok && said.IsRemote() {
		e.hears(err, w.p.opts.Clock)
	}
	return err
}
