package edge

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/sse"
)

// Header values that never change are shared; nobody writes to them.
var (
	contentJSON   = []string{"application/json"}
	contentStream = []string{"text/event-stream"}
	noCache       = []string{"no-cache"}
	noBuffering   = []string{"no"}
	trailers      = []string{trailerCost}
)

// trailerCost names the trailer that carries a stream's cost, which is known at its
// end alone.
const trailerCost = "X-Tollgate-Cost"

// frames are buffers for framing chunks.
var frames = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}

// streamWriter writes chunks as server-sent events.
type streamWriter struct {
	c     *completion
	frame *[]byte
	// gone says that the caller has left: nothing more is written.
	gone bool
}

func newStreamWriter(c *completion) *streamWriter {
	h := c.w.Header()
	c.answerHeaders(h)
	h["Content-Type"] = contentStream
	h["Cache-Control"] = noCache
	h["X-Accel-Buffering"] = noBuffering // nginx and Kong would hold events back
	h["Trailer"] = trailers
	c.wrote = true
	c.w.WriteHeader(http.StatusOK)
	frame, _ := frames.Get().(*[]byte) // the pool holds nothing else
	return &streamWriter{c: c, frame: frame}
}

// write sends chunks that are there together, in one flush.
func (s *streamWriter) write(chunks [][]byte) {
	*s.frame = appendChunks((*s.frame)[:0], chunks)
	s.flush()
}

func appendChunks(frame []byte, chunks [][]byte) []byte {
	for _, chunk := range chunks {
		frame = sse.AppendEvent(frame, "", chunk) // a provider's chunk may have several lines
	}
	return frame
}

// end writes what is left and the stream's end: `[DONE]`, or one event with the error
// and no `[DONE]`.
func (s *streamWriter) end(failure *errs.Error, last ...[]byte) {
	*s.frame = appendChunks((*s.frame)[:0], last)
	if failure == nil {
		s.c.completing()
		*s.frame = append(*s.frame, "data: [DONE]\n\n"...)
	} else {
		*s.frame = append(*s.frame, "data: "...)
		*s.frame = appendError(*s.frame, failure)
		*s.frame = append(*s.frame, "\n\n"...)
	}
	s.c.w.Header()[trailerCost] = []string{s.c.cost().Dollars()}
	s.flush()
	if cap(*s.frame) <= maxPooledFrame {
		frames.Put(s.frame)
	}
	s.frame = nil
}

// maxPooledFrame keeps a buffer that one large chunk has grown out of the pool.
const maxPooledFrame = 64 << 10

func (s *streamWriter) flush() {
	if s.gone || len(*s.frame) == 0 {
		return
	}
	s.c.deadline()
	if _, err := s.c.w.Write(*s.frame); err != nil {
		s.gone = true
		return
	}
	if err := s.c.control.Flush(); err != nil {
		s.gone = true
	}
	s.c.paused()
}

// routerStream is an answer's messages, as they come.
type routerStream interface {
	Receive() (*routerv1.StreamCompleteResponse, error)
}

// forwardStream passes a stream on as it comes. An error that is returned has not
// been written; one in mid-stream has been.
func (c *completion) forwardStream(ctx context.Context, call *routerv1.Call) error {
	stream, err := c.e.Services.Router.StreamComplete(ctx, &routerv1.StreamCompleteRequest{Call: call})
	if err != nil {
		return c.streamBroke(ctx, false, err)
	}
	// Closing ends the router's work; what it would still say is of no use.
	defer func() { _ = stream.Close() }()
	var out *streamWriter
	var panicked any
	c.flight.lead(func() { panicked = c.pump(ctx, stream) })
	defer c.flight.stopPump() // also after a panic
	seen := 0
	for c.flight.receive() {
		msg, err := stream.Receive()
		end := msg.GetEnd()
		if out == nil {
			c.hear(msg)
			switch {
			case err != nil:
				return c.streamBroke(ctx, false, err)
			case end.GetError() != nil && len(msg.GetChunks()) == 0:
				c.bill(end.GetBilledAttempts())
				c.outcome.resumption = end.GetResumption()
				return c.failed(ctx, errs.FromInfo(end.GetError(), end.GetErrorMessage()))
			}
			c.outcome.firstByte = c.e.Clock.Now()
			out = newStreamWriter(c)
		}
		chunks, over := c.take(ctx, msg, err)
		seen += len(chunks)
		if over {
			c.finish() // before this caller's connection has its time
			out.end(c.outcome.failure, chunks...)
			return nil
		}
		if out.write(chunks); out.gone && c.flight == nil {
			// Nobody reads on: the provider may stop.
			c.outcome.failure = errs.New(errs.ClientClosed, "the caller went away")
			c.billPart(nil)
			return nil
		}
	}
	c.readOn(out, seen)
	if panicked != nil {
		panic(panicked) // for the handler to answer for
	}
	out.end(c.outcome.failure)
	return nil
}

// pump receives what follows of a stream, in the leader's place. It returns what it
// panicked with.
func (c *completion) pump(ctx context.Context, stream routerStream) (panicked any) {
	defer func() {
		if panicked = recover(); panicked != nil {
			c.flight.finish(outcome{failure: errs.New(errs.Internal, "an internal error occurred")})
		}
	}()
	for over := false; !over; {
		msg, err := stream.Receive()
		_, over = c.take(ctx, msg, err)
	}
	c.finish()
	return nil
}

// readOn has the leader read its own call as those who follow it do, from the chunks on that
// it has written. It returns when the stream is over, and nothing works on it any more; also
// for a caller that has left, because the call is in this handler's care.
func (c *completion) readOn(out *streamWriter, seen int) {
	for over := false; !over; {
		var chunks [][]byte
		var wait <-chan struct{}
		if chunks, over, wait = c.flight.next(seen); wait != nil {
			<-wait
			continue
		}
		seen += len(chunks)
		out.write(chunks)
	}
	c.flight.pumping.Wait()
}

// hear notes what a message says of the whole answer.
func (c *completion) hear(msg *routerv1.StreamCompleteResponse) {
	if served := msg.GetServed(); served != nil {
		c.outcome.served = served
	}
	if usage := msg.GetUsage(); usage != nil {
		c.outcome.usage = usage
	}
}

// take notes a message of a stream that has begun, or its error, and hands its chunks to
// those who follow. After the last message, it is known what the call cost.
func (c *completion) take(ctx context.Context, msg *routerv1.StreamCompleteResponse, err error) (chunks [][]byte, over bool) {
	if err != nil {
		_ = c.streamBroke(ctx, true, err) // it goes out with the stream
		return nil, true
	}
	c.hear(msg)
	chunks = msg.GetChunks()
	before := c.outcome.kept
	if c.outcome.add(chunks, c.keeps()); c.flight == nil {
		c.holdMore(c.outcome.kept - before)
	}
	end := msg.GetEnd()
	if !c.flight.publish(c.outcome.served, chunks, end != nil) {
		_ = c.streamBroke(ctx, true, noRoom()) // what came of it is charged
		return nil, true
	}
	switch {
	case end == nil:
		return chunks, false
	case end.GetError() != nil:
		// The text of the error is not returned: it goes out with the stream.
		_ = c.failed(ctx, errs.FromInfo(end.GetError(), end.GetErrorMessage()))
		c.billPart(end.GetBilledAttempts())
	default:
		c.price()
	}
	return chunks, true
}

// keeps is how much of a stream is kept, in bytes: no more than its beginning where there is
// no memory.
func (c *completion) keeps() int64 {
	if c.store && c.asked != nil && !c.e.Answers.Full() {
		return maxCached
	}
	return maxSampled
}

// billPart adds what a stream cost that broke off after its beginning.
func (c *completion) billPart(attempts []*routerv1.BilledAttempt) {
	if len(attempts) == 0 {
		attempts = []*routerv1.BilledAttempt{{Incomplete: true}}
	}
	c.bill(attempts)
}

// streamBroke notes that a stream's router, or its caller, is gone.
func (c *completion) streamBroke(ctx context.Context, begun bool, err error) error {
	silent := errors.Is(err, io.EOF)
	if silent {
		err = errs.New(errs.ServiceUnavailable, "the router ended the stream without saying why")
	}
	if begun || silent || unheard(ctx, err) {
		c.billPart(nil)
	}
	return c.failed(ctx, err)
}

// costHeader is an amount as headers show it.
func costHeader(n money.Nano) []string { return []string{n.Dollars()} }
