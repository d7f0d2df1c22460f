package router

import (
	"context"
	"errors"
	"io"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/sse"
	"tollgate.dev/services/router/chat"
)

// errFirstEvent ends an attempt whose stream does not begin in time.
var errFirstEvent = errors.New("no first event in time")

// maxBatch is how many chunks that arrived together are passed on together.
const maxBatch = 64

// Header values that never change are shared; nobody writes to them.
var (
	jsonContent = []string{"application/json"}
	userAgent   = []string{"tollgate"}
)

// input is a call with its body at hand.
type input struct {
	call   *routerv1.Call
	body   []byte
	fields jsonscan.Fields
}

func read(call *routerv1.Call) (*input, error) {
	in := &input{call: call, body: call.GetBody()}
	if typed := call.GetChat(); typed != nil {
		body, err := chat.FromInput(call.GetModel(), typed)
		if err != nil {
			return nil, err
		}
		in.body = body
	}
	var err error
	if index := call.GetBodyIndex(); len(index) > 0 && call.GetChat() == nil {
		err = in.fields.Restore(in.body, index)
	} else {
		err = in.fields.Scan(in.body)
	}
	if err != nil {
		return nil, errs.Newf(errs.InvalidRequest, "the request is no valid JSON object: %v", err)
	}
	return in, nil
}

// Complete answers a call at once. An answer with an error set is a call that failed
// and cost money all the same.
func (s *Service) Complete(ctx context.Context, call *routerv1.Call) (*routerv1.CompleteResponse, error) {
	g, in, err := s.accept(call)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout(call))
	defer cancel()
	out := &routerv1.CompleteResponse{}
	billed, err := s.attempts(ctx, g, func(ctx context.Context, d *deployment, served *routerv1.Served) *attemptError {
		if d.Timeout < s.opts.Timeout {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, d.Timeout)
			defer cancel()
		}
		start := s.clock.Now()
		answer, failure := s.completeOnce(ctx, d, in, served)
		if failure != nil {
			return failure
		}
		d.succeeded(s.clock.Now().Sub(start))
		out.Body, out.Usage, out.Served = answer.Body, answer.Usage, served
		return nil
	})
	out.BilledAttempts = billed
	if err != nil {
		if len(billed) == 0 {
			return nil, err
		}
		e := errs.Of(err)
		out.Error, out.ErrorMessage = e.Info(), e.Message
	}
	return out, nil
}

func (s *Service) completeOnce(ctx context.Context, d *deployment, in *input, served *routerv1.Served) (chat.Answer, *attemptError) {
	resp, decoder, failure := s.send(ctx, d, in, false, served)
	if failure != nil {
		return chat.Answer{}, failure
	}
	body, err := readAll(resp.Body, resp.Length, s.opts.MaxAnswerBytes)
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		if errs.Is(err, errs.ProviderError) {
			return chat.Answer{}, &attemptError{Failure: chat.Failure{Err: errs.Of(err)}}
		}
		return chat.Answer{}, exchangeFailed(ctx, err)
	}
	answer, err := decoder.Response(body)
	if err != nil {
		return chat.Answer{}, &attemptError{
			Failure: chat.Failure{Err: errs.Of(err), Retry: true, Cooldown: true}, usage: answer.Usage,
		}
	}
	return answer, nil
}

// Stream answers a call in chunks. It calls send with one or more chunks at a time,
// and at last, whatever happened, with the end. It returns an error only when the
// call was refused before it was tried, or when send failed.
func (s *Service) Stream(ctx context.Context, call *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
	g, in, err := s.accept(call)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout(call))
	defer cancel()
	st := &stream{s: s, in: in, send: send}
	billed, err := s.attempts(ctx, g, st.attempt)
	if st.sendErr != nil {
		return st.sendErr
	}
	if err == nil {
		err = st.broken
	}
	end := &routerv1.StreamEnd{BilledAttempts: billed}
	if err != nil {
		e := errs.Of(err)
		end.Error, end.ErrorMessage = e.Info(), e.Message
	}
	return send(&routerv1.StreamCompleteResponse{Served: st.unsent, Chunks: st.tail, Usage: st.usage, End: end})
}

// stream is one streamed call.
type stream struct {
	s    *Service
	in   *input
	send func(*routerv1.StreamCompleteResponse) error

	// unsent is what serves the call until the first message has said so.
	unsent *routerv1.Served
	// sent says that chunks have gone out: nothing may be tried again.
	sent bool
	// usage is the latest report that was not passed on yet.
	usage *usagev1.Usage
	// tail are the last chunks. They go out with the end, which saves a flush.
	tail [][]byte
	// broken is why the stream ended after chunks had gone out.
	broken error
	// sendErr is why a message could not be passed on.
	sendErr error
}

func (st *stream) attempt(ctx context.Context, d *deployment, served *routerv1.Served) *attemptError {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	first := time.AfterFunc(d.StreamTimeout, func() { cancel(errFirstEvent) })
	defer first.Stop()
	start := st.s.clock.Now()
	resp, decoder, failure := st.s.send(ctx, d, st.in, true, served)
	if failure != nil {
		return failure
	}
	st.unsent = served
	sink := &chat.Sink{}
	err := st.copy(ctx, resp.Body, decoder, sink, func() {
		first.Stop()
		d.succeeded(st.s.clock.Now().Sub(start))
	})
	// A body that is closed before its end gives the connection up, and with it the
	// provider's work; its error says nothing new.
	_ = resp.Body.Close()
	if st.sendErr != nil {
		return nil
	}
	if err == nil {
		return nil
	}
	if st.sent {
		st.broken = err
		st.s.metrics.ProviderError(d.Provider, string(errs.Of(err).Reason))
		return nil
	}
	failure = exchangeFailed(ctx, err)
	failure.usage = sink.Usage
	st.unsent, st.usage = nil, nil
	return failure
}

// copy passes the provider's stream on until it ends. Chunks that have arrived
// together go out together, because each message costs the edge a flush.
func (st *stream) copy(ctx context.Context, body io.Reader, decoder chat.Decoder, sink *chat.Sink, first func()) error {
	reader := sse.NewReader(body, sse.Options{})
	for begun := false; ; begun = true {
		event, err := reader.Next()
		switch {
		case err == nil:
			if !begun {
				first()
			}
			err = decoder.Event(event, sink)
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			if err = decoder.End(sink); err == nil {
				sink.Done = true
			}
		case errors.Is(err, sse.ErrEventTooLarge):
			err = errs.New(errs.ProviderError, "an event of the provider's stream is too large")
		}
		if err == nil && !sink.Done && reader.Buffered() && len(sink.Chunks) < maxBatch {
			continue
		}
		if sink.Done {
			st.tail, st.usage = sink.Take(), sink.Usage
			return nil
		}
		// What arrived before a fault is the caller's all the same.
		if flushErr := st.flush(sink); flushErr != nil {
			return flushErr
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

func (st *stream) flush(sink *chat.Sink) error {
	st.usage = sink.Usage
	chunks := sink.Take()
	if len(chunks) == 0 {
		return nil
	}
	err := st.send(&routerv1.StreamCompleteResponse{Served: st.unsent, Chunks: chunks, Usage: sink.Usage})
	st.unsent, st.sent = nil, true
	if err != nil {
		st.sendErr = err
	}
	return err
}

func (s *Service) accept(call *routerv1.Call) (*group, *input, error) {
	g, err := s.group(call.GetModel())
	if err != nil {
		return nil, nil, err
	}
	in, err := read(call)
	return g, in, err
}

func (s *Service) timeout(call *routerv1.Call) time.Duration {
	if t := time.Duration(call.GetTimeoutMillis()) * time.Millisecond; t > 0 && t < s.opts.Timeout {
		return t
	}
	return s.opts.Timeout
}

// readAll reads a body of known or unknown length, up to a bound.
func readAll(r io.Reader, length, limit int64) ([]byte, error) {
	if length > limit {
		return nil, errs.New(errs.ProviderError, "the provider's answer is too large")
	}
	if length >= 0 {
		body := make([]byte, length)
		_, err := io.ReadFull(r, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = errs.New(errs.ProviderError, "the provider's answer is too large")
	}
	return body, err
}
