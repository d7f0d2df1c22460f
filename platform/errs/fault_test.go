package errs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"

	"tollgate.dev/platform/errs"
)

// remote is err as the caller of a service meets it.
func remote(err error) error {
	ce, _ := errors.AsType[*connect.Error](errs.ToConnect(err))
	return errs.FromConnect(ce.WithRemote())
}

func TestFaultOf(t *testing.T) {
	cause := errors.New("no connection")
	for name, c := range map[string]struct {
		over bool
		err  error
		want errs.Reason
	}{
		"none":                            {},
		"what a store says":               {err: cause, want: errs.Internal},
		"a dependency that is away":       {err: errs.New(errs.ServiceUnavailable, "away").WithCause(cause), want: errs.ServiceUnavailable},
		"what a caller did":               {err: errs.New(errs.InvalidRequest, "no").WithCause(cause)},
		"what a provider did":             {err: errs.New(errs.ProviderError, "no").WithCause(cause)},
		"a store that took too long":      {err: fmt.Errorf("commit: %w", context.DeadlineExceeded), want: errs.ServiceUnavailable},
		"a call whose time is over":       {over: true, err: context.DeadlineExceeded},
		"the same, on its way to another": {over: true, err: errs.FromConnect(connect.NewError(connect.CodeDeadlineExceeded, "late"))},
		"a service that took too long":    {err: errs.FromConnect(connect.NewError(connect.CodeDeadlineExceeded, "late")), want: errs.ServiceUnavailable},
		"a provider that took too long":   {err: errs.New(errs.ProviderTimeout, "late").WithCause(context.DeadlineExceeded)},
		"a caller that left":              {err: context.Canceled},
		"a fault of another service":      {err: remote(cause)},
		"the same, wrapped":               {err: errs.New(errs.ServiceUnavailable, "away").WithCause(remote(cause))},
		"another service that refused":    {err: errs.New(errs.Internal, "no").WithCause(remote(errs.New(errs.NotFound, "none"))), want: errs.Internal},
		"a service that cannot be called": {err: errs.FromConnect(connect.NewError(connect.CodeUnavailable, "refused")), want: errs.ServiceUnavailable},
		"an undecodable message":          {err: connect.NewError(connect.CodeInvalidArgument, "bad")},
		"an unencodable answer":           {err: connect.NewError(connect.CodeInternal, "marshal"), want: errs.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if c.over {
				over, cancel := context.WithTimeout(ctx, 0)
				defer cancel()
				ctx = over
			}
			if got, ours := errs.FaultOf(ctx, c.err); ours != (c.want != "") || ours && got != c.want {
				t.Errorf("got %q, %v; want %q", got, ours, c.want)
			}
		})
	}
}

func TestChain(t *testing.T) {
	root := errors.New("dial tcp: refused")
	for want, err := range map[string]error{
		"":                          nil,
		"ledger: dial tcp: refused": fmt.Errorf("ledger: %w", root),
		"service_unavailable: away < ledger: dial tcp: refused":     errs.New(errs.ServiceUnavailable, "away").WithCause(fmt.Errorf("ledger: %w", root)),
		"batch: internal_error: odd < dial tcp: refused":            fmt.Errorf("batch: %w", errs.New(errs.Internal, "odd").WithCause(root)),
		"one\ninternal_error: two < three":                          errors.Join(errors.New("one"), errs.New(errs.Internal, "two").WithCause(errors.New("three"))),
		"internal_error: a < internal_error: b < dial tcp: refused": errs.New(errs.Internal, "a").WithCause(errs.New(errs.Internal, "b").WithCause(root)),
	} {
		if got := errs.Chain(err); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	if got := errs.Chain(errors.New(strings.Repeat("é", 5000))); len(got) > 2100 {
		t.Errorf("a chain of %d bytes", len(got))
	}
}
