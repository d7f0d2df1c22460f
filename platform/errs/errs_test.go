package errs_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"strconv"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"tollgate.dev/platform/errs"
)

// Every Reason constant of the package must stand in the table, and once.
func TestTableIsComplete(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "table.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[errs.Reason]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != "Reason" {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		declared[errs.Reason(value)] = true
		return true
	})
	if len(declared) < 20 {
		t.Fatalf("found only %d declared reasons", len(declared))
	}
	seen := map[errs.Reason]bool{}
	for _, r := range errs.Reasons() {
		if seen[r] {
			t.Errorf("%s stands in the table twice", r)
		}
		seen[r] = true
		if !declared[r] {
			t.Errorf("%s is in the table but is no constant", r)
		}
		k := errs.KindOf(r)
		if k.Code == 0 || k.Status < 400 || k.OpenAI == "" || k.Anthropic == "" {
			t.Errorf("%s is incomplete: %+v", r, k)
		}
	}
	for r := range declared {
		if !seen[r] {
			t.Errorf("%s is missing from the table", r)
		}
	}
}

func TestStatusOfPublicReasons(t *testing.T) {
	for status, reasons := range map[int][]errs.Reason{
		400: {"invalid_request", "context_length_exceeded", "unsupported_parameter"},
		401: {"invalid_api_key", "key_expired", "key_blocked"},
		403: {"tenant_mismatch", "model_not_allowed", "route_not_allowed", "provider_host_not_allowed"},
		404: {"model_not_found"},
		409: {"idempotency_in_progress"},
		413: {"request_too_large"},
		422: {"idempotency_mismatch"},
		429: {"budget_exceeded", "rate_limit_exceeded", "provider_rate_limited"},
		502: {"provider_error"},
		503: {"provider_unavailable"},
		504: {"provider_timeout"},
	} {
		for _, r := range reasons {
			if got := errs.KindOf(r).Status; got != status {
				t.Errorf("%s is %d, want %d", r, got, status)
			}
		}
	}
	if got := errs.KindOf("no_such_reason").Status; got != http.StatusInternalServerError {
		t.Errorf("an unknown reason is %d, want 500", got)
	}
}

func TestReasonSurvivesAHop(t *testing.T) {
	cause := errors.New("inner")
	in := errs.New(errs.BudgetExceeded, "spent").WithParam("model").
		WithRetryAfter(1500*time.Millisecond).WithDetail("budget", "b1").WithCause(cause)
	wire := errs.ToConnect(fmt.Errorf("reserve: %w", in))
	if code := connect.CodeOf(wire); code != connect.CodeResourceExhausted {
		t.Fatalf("code is %v", code)
	}
	var ce *connect.Error
	if !errors.As(wire, &ce) {
		t.Fatalf("not a connect error: %v", wire)
	}
	// A second hop must forward a remote error without losing its reason.
	out := errs.Of(errs.FromConnect(errs.ToConnect(errs.FromConnect(ce.WithRemote()))))
	if out.Reason != in.Reason || out.Message != in.Message || out.Param != in.Param ||
		out.RetryAfter != in.RetryAfter || out.Details["budget"] != "b1" {
		t.Errorf("got %+v, want %+v", out, in)
	}
}

func TestForeignErrorsTellNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want errs.Reason
	}{
		"plain":    {errors.New("secret sk-abc"), errs.Internal},
		"canceled": {fmt.Errorf("x: %w", context.Canceled), errs.ClientClosed},
		"deadline": {context.DeadlineExceeded, errs.ServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			got := errs.Of(tc.err)
			if got.Reason != tc.want {
				t.Errorf("got %s, want %s", got.Reason, tc.want)
			}
			if !errors.Is(got, tc.err) {
				t.Error("the cause is lost")
			}
			if name == "plain" && got.Message != "an internal error occurred" {
				t.Errorf("message leaks: %q", got.Message)
			}
		})
	}
	// Over a network, too, only a reason makes a deadline a provider's.
	late := errs.FromConnect(connect.NewError(connect.CodeDeadlineExceeded, "x").WithRemote())
	if !errs.Is(late, errs.ServiceUnavailable) {
		t.Errorf("a deadline without a reason is %v", late)
	}
	ce, _ := errors.AsType[*connect.Error](errs.ToConnect(errs.New(errs.ProviderTimeout, "late")))
	if got := errs.FromConnect(ce.WithRemote()); !errs.Is(got, errs.ProviderTimeout) {
		t.Errorf("a provider's deadline is %v", got)
	}
	if errs.Of(nil) != nil || errs.ToConnect(nil) != nil || errs.FromConnect(nil) != nil {
		t.Error("no error must stay no error")
	}
}
