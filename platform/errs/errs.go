// Package errs carries domain errors from where they arise to the caller.
//
// An Error has a [Reason] from one table. The table says which Connect code and
// HTTP status the reason becomes and which error type OpenAI and Anthropic clients
// know it by, so that a reason is chosen once, where the fault is understood, and
// translated only at the edges.
package errs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"
)

// Error is a domain error. Its message and details reach the caller, so they hold
// no key, prompt or answer; its cause stays inside the process.
type Error struct {
	// Reason is the code that callers act on.
	Reason Reason
	// Message says in words what is wrong.
	Message string
	// Param names the request parameter at fault; empty when none is.
	Param string
	// RetryAfter is how long to wait before another try makes sense; 0 is unknown.
	RetryAfter time.Duration
	// Details are further facts for the caller.
	Details map[string]string

	cause error
}

// New returns an error with a message.
func New(reason Reason, message string) *Error {
	return &Error{Reason: reason, Message: message}
}

// Newf returns an error with a formatted message.
func Newf(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Error is the reason and the message, without the cause: the cause may quote
// what must not be logged.
func (e *Error) Error() string { return string(e.Reason) + ": " + e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// WithCause returns a copy that unwraps to cause.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// WithParam returns a copy that blames a request parameter.
func (e *Error) WithParam(param string) *Error {
	c := *e
	c.Param = param
	return &c
}

// WithRetryAfter returns a copy that tells the caller how long to wait.
func (e *Error) WithRetryAfter(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// WithDetail returns a copy with one more fact.
func (e *Error) WithDetail(key, value string) *Error {
	c := *e
	c.Details = maps.Clone(e.Details)
	if c.Details == nil {
		c.Details = make(map[string]string, 1)
	}
	c.Details[key] = value
	return &c
}

// Of finds the domain error in err. A cancelled context becomes [ClientClosed], a deadline that
// has passed [ServiceUnavailable]: nobody says which one it was, and whoever waits for a provider
// does say so. Anything else becomes [Internal], whose message tells the caller nothing.
func Of(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return New(ClientClosed, "the caller went away").WithCause(err)
	case errors.Is(err, context.DeadlineExceeded):
		return late(err)
	}
	return New(Internal, "an internal error occurred").WithCause(err)
}

// late is the domain error of a deadline that nobody has put a reason to.
func late(err error) *Error {
	return New(ServiceUnavailable, "a service that the gateway needs did not answer in time").WithCause(err)
}

// Is reports whether err is a domain error with the reason.
func Is(err error, reason Reason) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Reason == reason
}
