package mesh

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"tollgate.dev/platform/id"
	"tollgate.dev/platform/obs"
)

const requestIDHeader = "X-Request-Id"

// inject writes which request and which trace a call belongs to.
func inject(ctx context.Context, header http.Header) {
	if requestID := obs.RequestOf(ctx).ID; requestID != "" {
		header[requestIDHeader] = []string{requestID}
	}
	if trace.SpanContextFromContext(ctx).IsValid() {
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(header))
	}
}

// extract gives a call's context what inject wrote.
func extract(ctx context.Context, header http.Header) context.Context {
	var told obs.Request
	if requestID := header.Get(requestIDHeader); id.ValidRequestID(requestID) {
		told.ID = requestID
	}
	ctx = obs.WithTrace(ctx, header)
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		told.TraceID = span.TraceID().String()
	}
	if told == (obs.Request{}) {
		return ctx
	}
	return obs.WithRequest(ctx, &told)
}
