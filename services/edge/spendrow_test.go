package edge

import (
	"reflect"
	"testing"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
)

// A row says what compression did, and nothing where it did nothing.
func TestRowsTellOfCompression(t *testing.T) {
	row := spendRowOf(&eventv1.UsageRecord{
		SavedCompressionNanos: -5,
		Compression:           &eventv1.Compression{Engine: "extractive", Profile: "rag", OriginalTokens: 480, CompressedTokens: 160, Micros: 95},
	})
	want := map[string]any{"engine": "extractive", "profile": "rag", "original_tokens": int64(480), "compressed_tokens": int64(160), "micros": int64(95)}
	if got := row.Metadata["compression"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, ok := spendRowOf(&eventv1.UsageRecord{}).Metadata["compression"]; ok {
		t.Error("a call that was not compressed tells of it")
	}
}
