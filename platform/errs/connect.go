package errs

import (
	"errors"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"

	errorv1 "tollgate.dev/gen/tollgate/error/v1"
)

// ToConnect turns err into the Connect error that leaves a handler. Connect reduces
// any other error, a remote one too, to a bare code: every handler returns its
// error through here, so that the reason survives each hop.
func ToConnect(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); !ok {
		// Connect's own errors (unknown procedure, undecodable message) say enough;
		// one that came from another service is read first.
		if ce, ok := errors.AsType[*connect.Error](err); ok {
			if !ce.IsRemote() {
				return err
			}
			err = FromConnect(err)
		}
	}
	e := Of(err)
	ce := connect.NewError(KindOf(e.Reason).Code, e.Message).WithCause(err)
	detail, derr := connectproto.NewErrorDetail(e.Info())
	if derr != nil {
		return ce
	}
	return ce.WithDetail(detail)
}

// FromConnect turns the error of a client call back into the domain error that the
// handler returned. Faults of the transport become [ServiceUnavailable], those of
// the caller's context what [Of] makes of them.
func FromConnect(err error) error {
	if err == nil {
		return nil
	}
	ce, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return Of(err)
	}
	for _, d := range ce.Details() {
		msg, uerr := connectproto.UnmarshalErrorDetail(d)
		if uerr != nil {
			continue
		}
		if info, ok := msg.(*errorv1.ErrorInfo); ok {
			return FromInfo(info, ce.Message()).WithCause(err)
		}
	}
	switch ce.Code() {
	case connect.CodeCanceled:
		return New(ClientClosed, "the caller went away").WithCause(err)
	case connect.CodeDeadlineExceeded:
		return New(ProviderTimeout, "the request's time is over").WithCause(err)
	case connect.CodeUnavailable:
		return New(ServiceUnavailable, "a service that the gateway needs is away").WithCause(err)
	default:
		return New(Internal, "an internal error occurred").WithCause(err)
	}
}

// Info is the error as a message, for answers that carry an error among other things.
func (e *Error) Info() *errorv1.ErrorInfo {
	return &errorv1.ErrorInfo{
		Reason:           string(e.Reason),
		Param:            e.Param,
		RetryAfterMillis: e.RetryAfter.Milliseconds(),
		Details:          e.Details,
	}
}

// FromInfo is the reverse of [Error.Info].
func FromInfo(info *errorv1.ErrorInfo, message string) *Error {
	return &Error{
		Reason:     Reason(info.GetReason()),
		Message:    message,
		Param:      info.GetParam(),
		RetryAfter: time.Duration(info.GetRetryAfterMillis()) * time.Millisecond,
		Details:    info.GetDetails(),
	}
}
