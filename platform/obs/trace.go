package obs

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/propagation"
)

const traceParentHeader = "Traceparent"

// WithTrace returns a context of the trace that a request's headers name, by W3C's trace context
// (https://www.w3.org/TR/trace-context/). Without one, or with one that is malformed, it is ctx.
func WithTrace(ctx context.Context, header http.Header) context.Context {
	if len(header[traceParentHeader]) == 0 {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
}
