package router

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/chat"
)

// input is a call with its body at hand.
type input struct {
	call   *routerv1.Call
	body   []byte
	fields jsonscan.Fields
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

// accept begins a call. The caller ends it with release, whatever the error, after the
// last use of its context.
func (s *Service) accept(ctx context.Context, call *routerv1.Call) (_ context.Context, p *passage, release func(), err error) {
	g, err := s.group(call.GetModel())
	if err != nil {
		return ctx, nil, func() {}, err
	}
	in, _ := s.inputs.Get().(*input)
	limit, cause := s.opts.Timeout, errCallTime
	if ms := call.GetTimeoutMillis(); ms > 0 && ms < limit.Milliseconds() {
		limit, cause = time.Duration(ms)*time.Millisecond, errCallersTime
	}
	ctx, stop := s.within(ctx, limit, cause)
	release = func() {
		stop()
		in.fields.Reset()
		in.call, in.body = nil, nil
		s.inputs.Put(in)
	}
	return ctx, &passage{s: s, g: g, in: in, deadline: s.clock.Now().Add(limit)}, release, in.read(call)
}

// Complete answers a call at once. An answer with an error set is a call that failed
// and cost money all the same.
func (s *Service) Complete(ctx context.Context, call *routerv1.Call) (*routerv1.CompleteResponse, error) {
	ctx, p, release, err := s.accept(ctx, call)
	defer release()
	if err != nil {
		return nil, err
	}
	out := &routerv1.CompleteResponse{}
	billed, err := p.attempts(ctx, func(ctx context.Context, d *deployment, served *routerv1.Served) *attemptError {
		start := s.clock.Now()
		answer, failure := s.completeOnce(ctx, d, p.in, served)
		if failure != nil {
			return failure
		}
		now := s.clock.Now()
		d.succeeded(now.Sub(start), now)
		out.Body, out.Usage, out.Served = answer.Body, answer.Usage, served
		return nil
	})
	switch {
	case billed != nil:
		e := errs.Of(err)
		out.BilledAttempts = []*routerv1.BilledAttempt{billed}
		out.Error, out.ErrorMessage = e.Info(), e.Message
	case err != nil:
		return nil, err
	}
	return out, nil
}

func (s *Service) completeOnce(ctx context.Context, d *deployment, in *input, served *routerv1.Served) (chat.Answer, *attemptError) {
	if d.Timeout < s.opts.Timeout {
		var stop func()
		ctx, stop = s.within(ctx, d.Timeout, errAttemptTime)
		defer stop()
	}
	resp, decoder, failure := s.send(ctx, d, in, false, served)
	if failure != nil {
		return chat.Answer{}, failure
	}
	body, err := readAll(resp.Body, resp.Length, s.opts.MaxAnswerBytes)
	_ = resp.Body.Close() // nothing is left to read
	if err != nil {
		failure := failed(ctx, err)
		if errors.Is(err, errTooLarge) { // another would be as well
			failure.Retry, failure.Cooldown = false, false
		}
		return chat.Answer{}, failure
	}
	answer, err := decoder.Response(body)
	if err != nil {
		failure := failed(ctx, err)
		failure.usage = answer.Usage
		return chat.Answer{}, failure
	}
	return answer, nil
}

// errTooLarge is an answer beyond the bound.
var errTooLarge = errs.New(errs.ProviderError, "the provider's answer is too large")

// firstAnswer is how much room an answer of unknown length gets at first, in bytes.
const firstAnswer = 8 << 10

// readAll reads a body of known or unknown length, up to a bound.
func readAll(r io.Reader, length, limit int64) ([]byte, error) {
	if length > limit {
		return nil, errTooLarge
	}
	if length >= 0 {
		body := make([]byte, length)
		_, err := io.ReadFull(r, body)
		return body, err
	}
	body := bytes.NewBuffer(make([]byte, 0, min(firstAnswer, limit+1)))
	if _, err := body.ReadFrom(io.LimitReader(r, limit+1)); err != nil {
		return nil, err
	}
	if int64(body.Len()) > limit {
		return nil, errTooLarge
	}
	return body.Bytes(), nil
}
