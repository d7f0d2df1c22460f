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
}

// forwardStream passes a stream on as it comes. An error that is returned has not
// been written; one in mid-stream has been.
func (c *completion) forwardStream(ctx context.Context, call *routerv1.Call) error {
	stream, err := c.e.Services.Router.StreamComplete(ctx, &routerv1.StreamCompleteRequest{Call: call})
	if err != nil {
		c.outcome.failure = errs.Of(err)
		return err
	}
	// Closing ends the router's work; what it would still say is of no use.
	defer func() { _ = stream.Close() }()
	var out *streamWriter
	for {
		msg, err := stream.Receive()
		if err != nil {
			return c.streamBroke(ctx, out, err)
		}
		if served := msg.GetServed(); served != nil {
			c.outcome.served = served
		}
		if usage := msg.GetUsage(); usage != nil {
			c.outcome.usage = usage
		}
		end := msg.GetEnd()
		if end != nil {
			if end.GetError() != nil && out == nil && len(msg.GetChunks()) == 0 {
				c.bill(end.GetBilledAttempts())
				c.outcome.resumption = end.GetResumption()
				return c.failed(ctx, errs.FromInfo(end.GetError(), end.GetErrorMessage()))
			}
		}
		if out == nil {
			c.outcome.firstByte = c.e.Clock.Now()
			out = newStreamWriter(c)
		}
		chunks := msg.GetChunks()
		c.outcome.add(chunks, c.keeps())
		if c.flight != nil && len(chunks) > 0 {
			c.flight.publish(c.outcome.served, chunks)
		}
		if end != nil {
			if end.GetError() != nil {
				// The text of the error is not returned: it goes out with the stream.
				_ = c.failed(ctx, errs.FromInfo(end.GetError(), end.GetErrorMessage()))
				c.billPart(end.GetBilledAttempts())
			} else {
				c.price()
			}
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
}

// keeps is how much of a stream is kept, in bytes.
func (c *completion) keeps() int64 {
	if c.store && c.namespace != nil {
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

// streamBroke ends a stream whose router, or whose caller, is gone.
func (c *completion) streamBroke(ctx context.Context, out *streamWriter, err error) error {
	silent := errors.Is(err, io.EOF)
	if silent {
		err = errs.New(errs.ServiceUnavailable, "the router ended the stream without saying why")
	}
	if out != nil || silent || unheard(ctx, err) {
		c.billPart(nil)
	}
	err = c.failed(ctx, err)
	if out == nil {
		return err
	}
	out.end(c.outcome.failure)
	return nil
}

// costHeader is an amount as headers show it.
func costHeader(n money.Nano) []string { return []string{n.Dollars()} }
