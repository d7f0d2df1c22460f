package obs_test

import (
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"tollgate.dev/platform/obs"
)

func TestWithTrace(t *testing.T) {
	const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	for parent, want := range map[string]string{
		"":                                       "",
		"x":                                      "",
		"00-" + traceID + "-00f067aa0ba902b7-01": traceID,
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01": "",
	} {
		header := http.Header{}
		if parent != "" {
			header.Set("traceparent", parent)
			header.Set("tracestate", "vendor=value")
		}
		span := trace.SpanContextFromContext(obs.WithTrace(t.Context(), header))
		if span.HasTraceID() != (want != "") || span.HasTraceID() && (span.TraceID().String() != want || span.TraceState().String() != "vendor=value") {
			t.Errorf("%q: %v", parent, span)
		}
	}
}
