package router

import (
	"bytes"
	"context"
	"io"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/memory"
	"tollgate.dev/services/router/chat"
)

// input is a call with its body at hand.
type input struct {
	call   *routerv1.Call
	body   []byte
	fields jsonscan.Fields
	// own says that the last attempt was made with the tenant's own credential, elsewhere that
	// it went to the tenant's own base URL, and so says nothing about the deployment.
	own, elsewhere bool
}

// read takes a call's body, or makes one of its typed form.
func (in *input) read(call *routerv1.Call) error {
	in.call, in.body = call, call.GetBody()
	index := call.GetBodyIndex()
	if typed := call.GetChat(); typed != nil {
		body, err := chat.FromInput(call.GetModel(), typed)
		if err != nil {
			return err
		}
		in.body, index = body, nil
	}
	var err error
	if len(index) > 0 {
		err = in.fields.Restore(in.body, index)
	} else {
		err = in.fields.Scan(in.body)
	}
	if err != nil {
		// The scanner's errors name offsets and quote nothing.
		return errs.Newf(errs.InvalidRequest, "the request is no valid JSON object: %v", err).WithCause(err)
	}
	return nil
}

// accept begins a call. After the last use of its context, release ends it.
func (s *Service) accept(ctx context.Context, call *routerv1.Call, stream bool) (context.Context, *passage, error) {
	g, err := s.group(call.GetModel())
	if err != nil {
		return ctx, nil, err
	}
	d, cause := s.timeFor(call)
	p, _ := s.passages.Get().(*passage)
	p.s, p.g, p.stream, p.deadline = s, g, stream, s.clock.Now().Add(d)
	ctx, p.limit = s.within(ctx, d, cause)
	if err := p.in.read(call); err != nil {
		p.release()
		return ctx, nil, err
	}
	return ctx, p, nil
}

// timeFor is how long a call may take, and whose limit that is.
func (s *Service) timeFor(call *routerv1.Call) (time.Duration, error) {
	most, whose := s.opts.Timeout, errCallTime
	if ms := call.GetTimeoutMillis(); ms > 0 && ms < most.Milliseconds() {
		most, whose = time.Duration(ms)*time.Millisecond, errCallersTime
	}
	// What is left of a call is left of whose limit it had.
	if at := call.GetResumption(); at != nil && at.GetRemainingMillis() < most.Milliseconds() {
		most = time.Duration(max(at.GetRemainingMillis(), 1)) * time.Millisecond
	}
	return most, whose
}

// release ends a call, and leaves its memory for the next one.
func (p *passage) release() {
	s := p.s
	p.limit.stop()
	p.in.fields.Reset()
	clear(p.tried)
	clear(p.unable)
	p.s, p.g, p.in.call, p.in.body, p.limit = nil, nil, nil, nil, limit{}
	p.tried, p.unable, p.repeats = p.tried[:0], p.unable[:0], 0
	s.passages.Put(p)
}

// Complete answers a call at once. An answer with an error set is a call that failed, with
// what was asked for it and what it may have cost all the same. A call for which no provider
// was asked fails with an error instead, unless its caller left: such an error would tell
// nothing of the cost, because over a network it is not the router's.
func (s *Service) Complete(caller context.Context, call *routerv1.Call) (*routerv1.CompleteResponse, error) {
	if s.opts.Answers.Full() {
		return nil, errNoRoom
	}
	ctx, p, err := s.accept(caller, call, false)
	if err != nil {
		return nil, err
	}
	defer p.release()
	out := &routerv1.CompleteResponse{}
	owed, err := p.attempts(ctx, func(ctx context.Context, d *deployment, served *routerv1.Served) *attemptError {
		start := s.clock.Now()
		answer, failure := s.completeOnce(ctx, d, &p.in, served)
		if failure != nil {
			return failure
		}
		if now := s.clock.Now(); !p.in.elsewhere {
			d.whole.succeeded(now.Sub(start), now)
		}
		out.Body, out.Usage, out.Served = answer.Body, answer.Usage, served
		return nil
	})
	switch {
	case err == nil:
	case owed.served != nil || caller.Err() != nil:
		e := errs.Of(err)
		out.Served = owed.served
		out.BilledAttempts, out.Resumption = owed.attempts, owed.resumption
		out.Error, out.ErrorMessage = e.Info(), e.Message
	default:
		return nil, err
	}
	return out, nil
}

func (s *Service) completeOnce(ctx context.Context, d *deployment, in *input, served *routerv1.Served) (chat.Answer, *attemptError) {
	if d.Timeout < s.opts.Timeout {
		var own limit
		ctx, own = s.within(ctx, d.Timeout, errAttemptTime)
		defer own.stop()
	}
	begun := s.clock.Now()
	resp, decoder, failure := s.send(ctx, d, in, false, served)
	if failure != nil {
		return chat.Answer{}, failure
	}
	body, held, err := s.readAll(resp.Body, resp.Length)
	defer s.opts.Answers.Release(held)
	_ = resp.Body.Close() // nothing is left to read
	if err != nil {
		return chat.Answer{}, s.owes(ctx, failed(ctx, err), tollOwed, begun)
	}
	answer, err := decoder.Response(body)
	if err != nil {
		failure := failed(ctx, err)
		if answer.Usage != nil || !chat.IsVerdict(err) {
			failure = s.owes(ctx, failure, tollOwed, begun)
			failure.usage, failure.incomplete = answer.Usage, answer.Usage == nil
		}
		return chat.Answer{}, failure
	}
	return answer, nil
}

// errTooLarge is an answer beyond the bound, streamed or not.
var errTooLarge = errs.New(errs.ProviderError, "the provider's answer is too large")

// maxKeptBuffer is the largest buffer that is kept for the next answer, in bytes.
const maxKeptBuffer = 1 << 20

// errNoRoom is an answer for which there is no memory.
var errNoRoom = errs.New(errs.ServiceUnavailable, "the gateway holds too many answers").WithRetryAfter(time.Second)

// readAll reads a body of known or unknown length, up to the bound, and holds memory for it,
// also where it fails.
func (s *Service) readAll(r io.Reader, length int64) (body []byte, held int64, err error) {
	most := s.opts.MaxAnswerBytes
	if length > most {
		return nil, 0, errTooLarge
	}
	if length >= 0 {
		if !s.opts.Answers.Hold(length) {
			return nil, 0, errNoRoom
		}
		body = make([]byte, length)
		_, err = io.ReadFull(r, body)
		return body, length, err
	}
	buffer, _ := s.buffers.Get().(*bytes.Buffer)
	defer func() {
		if buffer.Cap() <= maxKeptBuffer {
			buffer.Reset()
			s.buffers.Put(buffer)
		}
	}()
	in := holding{Reader: io.LimitReader(r, most+1), memory: s.opts.Answers}
	if _, err := buffer.ReadFrom(&in); err != nil {
		return nil, in.held, err
	}
	if int64(buffer.Len()) > most {
		return nil, in.held, errTooLarge
	}
	return bytes.Clone(buffer.Bytes()), in.held, nil
}

// holding holds memory for what is read.
type holding struct {
	io.Reader
	memory *memory.Bound
	held   int64
}

func (h *holding) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if !h.memory.Hold(int64(n)) {
		return 0, errNoRoom
	}
	h.held += int64(n)
	return n, err
}
