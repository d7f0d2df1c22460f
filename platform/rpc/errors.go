package rpc

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"connectrpc.com/connect/v2"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
)

// clientErrors turns the errors of calls back into domain errors, so that consumers
// meet the same errors in process and over the network.
func clientErrors(next connect.ClientFunc) connect.ClientFunc {
	return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
		stream, err := next(ctx, spec)
		if err != nil {
			return nil, callersError(ctx, spec.Procedure, err)
		}
		return clientStream{stream, ctx, spec.Procedure}, nil
	}
}

type clientStream struct {
	connect.ClientStream

	ctx       context.Context //nolint:containedctx // the call's own, for its errors
	procedure string
}

func (s clientStream) Receive(msg any) error {
	err := s.ClientStream.Receive(msg)
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return callersError(s.ctx, s.procedure, err)
}

func (s clientStream) Send(msg any) error {
	err := s.ClientStream.Send(msg)
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return callersError(s.ctx, s.procedure, err)
}

// callersError is a call's error as a domain error. One that only says that the caller's time is
// over names the service that it was not enough for: it is the caller's to tell, whose deadline
// it is, and so not an answer of the service.
func callersError(ctx context.Context, procedure string, err error) error {
	err = errs.FromConnect(err)
	if !timeIsOver(ctx) {
		return err
	}
	switch errs.Of(err).Reason {
	case errs.ServiceUnavailable, errs.Internal, errs.ClientClosed:
	default:
		return err // a verdict that came at the last moment, or a provider's time
	}
	late := errs.Newf(errs.ServiceUnavailable, "the %s service did not answer in time", serviceOf(procedure))
	if errs.NotSent(err) {
		return late.WithCause(errors.Join(context.DeadlineExceeded, errs.ErrNotSent))
	}
	return late.WithCause(context.DeadlineExceeded)
}

// timeIsOver reports whether the call's deadline has come. A service hears of it in whole
// milliseconds, rounded down, and so may give up and answer within the last one.
func timeIsOver(ctx context.Context) bool {
	if err := ctx.Err(); err != nil {
		return errors.Is(err, context.DeadlineExceeded)
	}
	deadline, ok := ctx.Deadline()
	// Deadlines of contexts are by the system's clock, whatever the caller's is.
	return ok && deadline.Sub(clock.Real().Now()) < 2*time.Millisecond
}

// serviceOf is the plain name of a procedure's service: keystore of
// /tollgate.keystore.v1.KeystoreService/GetKey.
func serviceOf(procedure string) string {
	service, _, _ := strings.Cut(strings.TrimPrefix(procedure, "/"), "/")
	return strings.ToLower(strings.TrimSuffix(service[strings.LastIndexByte(service, '.')+1:], "Service"))
}
