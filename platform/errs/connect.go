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
// handler returned, or that the transport on this side has in its cause. Other faults of the
// transport and deadlines become [ServiceUnavailable], as they do in [Of].
func FromConnect(err error) error {
	if err == nil {
		return nil
	}
	ce, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return Of(err)
	}
	if info := infoOf(ce); info != nil {
		return FromInfo(info, ce.Message()).WithCause(err)
	}
	if !ce.IsRemote() {
		if e, ok := errors.AsType[*Error](ce.Unwrap()); ok {
			return e
		}
	}
	switch ce.Code() {
	case connect.CodeCanceled:
		return New(ClientClosed, "the caller went away").WithCause(err)
	case connect.CodeDeadlineExceeded:
		return late(err)
	case connect.CodeUnavailable:
		return New(ServiceUnavailable, "a service that the gateway needs is away").WithCause(err)
	default:
		return New(Internal, "an internal error occurred").WithCause(err)
	}
}

// infoOf is what a handler said of its error; nil when it was none of Tollgate's.
func infoOf(ce *connect.Error) *errorv1.ErrorInfo {
	for _, d := range ce.Details() {
		msg, err := connectproto.UnmarshalErrorDetail(d)
		if err != nil {
			continue
		}
		if info, ok := msg.(*errorv1.ErrorInfo); ok {
			return info
		}
	}
	return nil
}

// ErrNotSent is in the causes of a call's error where it is certain that nothing of the call
// reached the service. Ask [NotSent]: a service's own error may have it from another call.
var ErrNotSent = errors.New("nothing was sent")

// NotSent reports whether it is certain that the call that ended with err never reached the
// service that it was for.
func NotSent(err error) bool {
	if ce, ok := errors.AsType[*connect.Error](err); ok && ce.IsRemote() {
		return false
	}
	return errors.Is(err, ErrNotSent)
}

// Answered reports whether err is the word of the service that was called, in process or over a
// network. Any other error leaves open what became of the call, unless it is [NotSent].
func Answered(err error) bool {
	ce, ok := errors.AsType[*connect.Error](err)
	return ok && ce.IsRemote() && infoOf(ce) != nil
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
