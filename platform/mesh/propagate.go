package mesh

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"tollgate.dev/platform/id"
	"tollgate.dev/platform/obs"
)

// The names of what is known of a call; the latter two are W3C's
// (https://www.w3.org/TR/trace-context/).
const (
	requestIDHeader = "X-Request-Id"
	traceParent     = "traceparent"
	traceState      = "tracestate"
)

// inject writes which request and which trace a call belongs to.
func inject(ctx context.Context, header propagation.TextMapCarrier) {
	if requestID := obs.RequestOf(ctx).ID; requestID != "" {
		header.Set(requestIDHeader, requestID)
	}
	if trace.SpanContextFromContext(ctx).IsValid() {
		propagation.TraceContext{}.Inject(ctx, header)
	}
}

// extract gives a call's context what inject wrote.
func extract(ctx context.Context, header propagation.TextMapCarrier) context.Context {
	var told obs.Request
	if requestID := header.Get(requestIDHeader); id.ValidRequestID(requestID) {
		told.ID = requestID
	}
	if header.Get(traceParent) != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, header)
	}
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		told.TraceID = span.TraceID().String()
	}
	if told == (obs.Request{}) {
		return ctx
	}
	return obs.WithRequest(ctx, &told)
}
