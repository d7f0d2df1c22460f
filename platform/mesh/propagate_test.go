package mesh_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"tollgate.dev/platform/mesh"
	"tollgate.dev/platform/obs"
)

// A call's request and trace are the handler's as well, over each hop.
func TestRequestsAndTracesAreCarried(t *testing.T) {
	type told struct {
		request, traceID   string
		trace, span, state string
		sampled            bool
	}
	heard := make(chan told, 1)
	first := newReplica(t)
	first.complete = func(ctx context.Context, _ string) error {
		request, span := obs.RequestOf(ctx), trace.SpanContextFromContext(ctx)
		out := told{request: request.ID, traceID: request.TraceID}
		if span.IsValid() {
			out.trace, out.span, out.state, out.sampled = span.TraceID().String(), span.SpanID().String(), span.TraceState().String(), span.IsSampled()
		}
		heard <- out
		return nil
	}
	behind := running(t, mesh.PeerOptions{}, first)
	second := newReplica(t)
	second.stream = func(ctx context.Context, model string, _ func(string) error) error {
		return behind.complete(ctx, model)
	}
	ahead := running(t, mesh.PeerOptions{}, second)

	const traceID, spanID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	id, err := trace.TraceIDFromHex(traceID)
	must(t, err)
	span, err := trace.SpanIDFromHex(spanID)
	must(t, err)
	state, err := trace.ParseTraceState("vendor=value")
	must(t, err)
	traced := func(ctx context.Context) context.Context {
		return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: id, SpanID: span, TraceFlags: trace.FlagsSampled, TraceState: state,
		}))
	}
	for name, tc := range map[string]struct {
		ctx  context.Context //nolint:containedctx // it is a table of contexts
		want told
	}{
		"neither":   {t.Context(), told{}},
		"a request": {obs.WithRequest(t.Context(), &obs.Request{ID: "req_7", TenantID: "acme"}), told{request: "req_7"}},
		"a trace":   {traced(t.Context()), told{traceID: traceID, trace: traceID, span: spanID, state: "vendor=value", sampled: true}},
		"both": {
			obs.WithRequest(traced(t.Context()), &obs.Request{ID: "req_7"}),
			told{request: "req_7", traceID: traceID, trace: traceID, span: spanID, state: "vendor=value", sampled: true},
		},
		"no valid id": {obs.WithRequest(t.Context(), &obs.Request{ID: "not an id"}), told{}},
	} {
		must(t, behind.complete(tc.ctx, "m"))
		if got := <-heard; got != tc.want {
			t.Errorf("%s: a handler heard %+v", name, got)
		}
		s, err := ahead.router.StreamComplete(tc.ctx, streamOf("m"))
		must(t, err)
		if got := <-heard; got != tc.want {
			t.Errorf("%s: a handler two hops away heard %+v", name, got)
		}
		must(t, opened{t, s}.drain())
	}
}
