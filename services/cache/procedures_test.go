package cache_test

import (
	"testing"

	"google.golang.org/protobuf/types/descriptorpb"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
)

// A call that may be repeated says so, and none that it has no effects: it would be served as a GET, which whoever
// stands between may repeat and keep. A look-up earns, marks entries and may ask a paid embedder.
func TestNoCallIsSaidToHaveNoEffects(t *testing.T) {
	want := map[string]descriptorpb.MethodOptions_IdempotencyLevel{
		"Lookup": descriptorpb.MethodOptions_IDEMPOTENT, "Store": descriptorpb.MethodOptions_IDEMPOTENT,
		"Invalidate": descriptorpb.MethodOptions_IDEMPOTENT,
		"Compare":    descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN, "Feedback": descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN,
	}
	methods := cachev1.File_tollgate_cache_v1_cache_proto.Services().ByName("CacheService").Methods()
	for i := range methods.Len() {
		m := methods.Get(i)
		options, _ := m.Options().(*descriptorpb.MethodOptions) // nil where there are none
		if got, known := options.GetIdempotencyLevel(), want[string(m.Name())]; got != known {
			t.Errorf("%s is said to be %v, want %v", m.Name(), got, known)
		}
	}
	if methods.Len() != len(want) {
		t.Errorf("%d calls, want %d", methods.Len(), len(want))
	}
}
