package errs

import (
	"context"
	"errors"
	"strings"

	"connectrpc.com/connect/v2"
)

// FaultOf returns the reason of a fault that is this process's own and that nobody has
// looked into yet: [Internal] or [ServiceUnavailable], which also stands for something inside
// that took too long, although the call's own context, ctx, has time left. It reports
// false for what a caller or a provider did, and for what another service answered with:
// that has been said where it arose.
func FaultOf(ctx context.Context, err error) (Reason, bool) {
	if err == nil || told(err) || errors.Is(ctx.Err(), context.DeadlineExceeded) && isLate(err) {
		return "", false
	}
	if _, ok := errors.AsType[*Error](err); !ok {
		if ce, ok := errors.AsType[*connect.Error](err); ok && !ce.IsRemote() {
			switch ce.Code() {
			case connect.CodeInternal, connect.CodeUnknown, connect.CodeDataLoss:
			default:
				return "", false // Connect's own words on what a caller sent
			}
		}
	}
	reason := Of(err).Reason
	return reason, reason == Internal || reason == ServiceUnavailable
}

// isLate reports whether err comes of a deadline that has passed, here or on the way.
func isLate(err error) bool {
	ce, ok := errors.AsType[*connect.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && ce.Code() == connect.CodeDeadlineExceeded
}

// told reports whether err is a fault that another of Tollgate's services answered with.
func told(err error) bool {
	ce, ok := errors.AsType[*connect.Error](err)
	if !ok || !ce.IsRemote() {
		return false
	}
	r := Reason(infoOf(ce).GetReason()) // none, where there is no info
	return r == Internal || r == ServiceUnavailable
}

// maxChain bounds a chain's length in bytes: an error may quote what it likes.
const maxChain = 2048

// Chain says what err is and what caused it, in one line and in at most 2 KB. Unlike Error it tells
// the causes of domain errors. It is for the log alone, and only for faults of this process:
// see [FaultOf].
func Chain(err error) string {
	var b strings.Builder
	chain(&b, err, "")
	if b.Len() > maxChain {
		return strings.ToValidUTF8(b.String()[:maxChain], "") + "…"
	}
	return b.String()
}

// chain adds err to b, unless what wraps it said so already.
func chain(b *strings.Builder, err error, said string) {
	if err == nil || b.Len() > maxChain {
		return
	}
	if text := err.Error(); text != "" && !strings.Contains(said, text) {
		if b.Len() > 0 {
			b.WriteString(" < ")
		}
		b.WriteString(text)
		said += text
	}
	switch wraps := err.(type) { //nolint:errorlint // it walks the chain itself
	case interface{ Unwrap() error }:
		chain(b, wraps.Unwrap(), said)
	case interface{ Unwrap() []error }:
		for _, err := range wraps.Unwrap() {
			chain(b, err, said)
		}
	}
}
