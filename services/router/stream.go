package router

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/sse"
	"tollgate.dev/services/router/chat"
)

// maxBatch is how many chunks that arrived together are passed on together.
const maxBatch = 64

// Stream answers a call in chunks. It calls send with one or more chunks at a time,
// and at last, whatever happened, with the end. It returns an error only when the
// call was refused before it was tried, or when send failed.
func (s *Service) Stream(ctx context.Context, call *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
	ctx, p, err := s.accept(ctx, call, true)
	if err != nil {
		return err
	}
	defer p.release()
	st := &stream{p: p, send: send}
	owed, err := p.attempts(ctx, st.attempt)
	if st.sendErr != nil || err == nil {
		return st.sendErr
	}
	return send(&routerv1.StreamCompleteResponse{Served: owed.served, End: endOf(err, owed)})
}

// endOf is the end of a stream without a proper one.
func endOf(err error, owed bill) *routerv1.StreamEnd {
	e := errs.Of(err)
	return &routerv1.StreamEnd{Error: e.Info(), ErrorMessage: e.Message, BilledAttempts: owed.attempts, Resumption: owed.resumption}
}

// stream is one streamed call.
type stream struct {
	p    *passage
	send func(*routerv1.StreamCompleteResponse) error

	// served is what serves the call, until a message has said so.
	served *routerv1.Served
	// began says that the attempt's stream has: an event of it could be read. sent says
	// that chunks have gone out: nothing may be tried again.
	began, sent bool
	// size is how long the attempt's events are so far, in bytes.
	size int64
	// sendErr is why a message could not be passed on.
	sendErr error
}

func (st *stream) attempt(ctx context.Context, d *deployment, served *routerv1.Served) *attemptError {
	s := st.p.s
	ctx, wait := s.waits(ctx, d)
	defer wait.stop()
	start := s.clock.Now()
	resp, decoder, failure := s.send(ctx, d, &st.p.in, true, served)
	if failure != nil {
		return failure
	}
	st.served = served
	st.began, st.size = false, 0
	var sink chat.Sink
	err := st.copy(ctx, resp.Body, decoder, &sink, wait, func() {
		st.began = true
		if now := s.clock.Now(); !st.p.in.elsewhere {
			d.streamed.succeeded(now.Sub(start), now)
		}
	})
	switch {
	case st.sendErr != nil:
	case err == nil:
		resp.Body.Finish()
		st.end(&sink, &routerv1.StreamEnd{})
		return nil
	case st.sent:
		failure = s.owes(ctx, failed(ctx, err), tollOwed, start)
		failure.usage = sink.Usage
		s.note(ctx, st.p, d, failure, int(served.GetRetries()))
		st.end(&sink, endOf(failure.Err, billOf(served, failure)))
		failure = nil
	default:
		failure = st.unbegun(ctx, err, &sink, start)
	}
	// A body that is closed before its end gives the connection up, and with it the
	// provider's work; its error says nothing new.
	_ = resp.Body.Close()
	return failure
}

// unbegun is why a stream failed of which nothing has gone out.
func (st *stream) unbegun(ctx context.Context, err error, sink *chat.Sink, start time.Time) *attemptError {
	f, own := failed(ctx, err), chat.IsVerdict(err)
	switch {
	case own && sink.Usage == nil: // as good as a status
		return f
	case st.began || sink.Usage != nil:
		f = st.p.s.owes(ctx, f, tollOwed, start)
	default:
		f = st.p.s.owes(ctx, f, tollUnknown, start)
	}
	f.usage = sink.Usage
	f.incomplete = !own
	return f
}

// copy passes the provider's stream on until its end, which it leaves in the sink: the
// last chunks go out with the end, which saves a flush. Chunks that have arrived
// together go out together, because each message costs the edge a flush.
func (st *stream) copy(ctx context.Context, body io.Reader, decoder chat.Decoder, sink *chat.Sink, wait *waiting, began func()) error {
	readers := &st.p.s.readers
	reader, _ := readers.Get().(*sse.Reader)
	reader.Reset(body)
	defer func() {
		reader.Reset(nil)
		readers.Put(reader)
	}()
	for first := true; ; {
		if !first && !reader.Buffered() {
			wait.begin()
		}
		event, err := reader.Next()
		switch {
		case err == nil:
			if late := wait.over(); late != nil {
				return late
			}
			if err = decoder.Event(event, sink); err == nil && first {
				began()
			}
			first = false
			if st.size += int64(len(event.Data)); err == nil && st.size > st.p.s.opts.MaxAnswerBytes {
				err = errTooLarge
			}
		case ctx.Err() != nil: // however the end of our own context shows
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			// Where nothing but the end of the body marks the end, it must be a proper one.
			if ended := decoder.End(sink); ended != nil {
				err = errors.Join(ended, err) // what the caller is told, and its cause
			} else if sink.Done = errors.Is(err, io.EOF); sink.Done {
				err = nil
			}
		case errors.Is(err, sse.ErrEventTooLarge):
			err = errs.New(errs.ProviderError, "an event of the provider's stream is too large").WithCause(err)
		}
		if err == nil && sink.Done {
			return nil
		}
		if err == nil && len(sink.Chunks) < maxBatch && reader.Buffered() {
			continue
		}
		// What arrived before a fault is the caller's all the same.
		if st.flush(sink); st.sendErr != nil {
			return st.sendErr
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// waiting bounds each wait for an event of a stream. What is done with an event, such as to
// hand its chunks to a slow caller, is no time of the provider's.
type waiting struct {
	limit
	idle time.Duration
	// pending says that an event is awaited.
	pending bool
	// begun says that there was one. The timer's end asks for it.
	begun atomic.Bool
}

// waits returns a context that ends when a wait for an event takes too long, and begins the
// first wait.
func (s *Service) waits(ctx context.Context, d *deployment) (context.Context, *waiting) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &waiting{idle: d.StreamIdleTimeout, pending: true}
	w.limit = limit{s.clock.AfterFunc(d.StreamTimeout, func() { cancel(w.late()) }), cancel}
	return ctx, w
}

// begin begins the wait for a further event.
func (w *waiting) begin() {
	w.pending = true
	w.timer.Reset(w.idle)
}

// over ends the wait. It returns an error if that had taken too long.
func (w *waiting) over() error {
	if w.pending && !w.timer.Stop() {
		return w.late()
	}
	w.pending = false
	w.begun.Store(true)
	return nil
}

func (w *waiting) late() error {
	if w.begun.Load() {
		return errStalled
	}
	return errNoFirstEvent
}

// flush passes on the chunks that are there.
func (st *stream) flush(sink *chat.Sink) {
	if chunks := sink.Take(); len(chunks) > 0 {
		st.pass(&routerv1.StreamCompleteResponse{Chunks: chunks}, sink.Usage)
	}
}

// end passes on the last chunks with the end.
func (st *stream) end(sink *chat.Sink, end *routerv1.StreamEnd) {
	st.pass(&routerv1.StreamCompleteResponse{Chunks: sink.Take(), End: end}, sink.Usage)
}

func (st *stream) pass(msg *routerv1.StreamCompleteResponse, usage *usagev1.Usage) {
	msg.Served, msg.Usage = st.served, usage
	st.served, st.sent = nil, true
	st.sendErr = st.send(msg)
}
