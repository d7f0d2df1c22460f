package pricing_test

import (
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/pricing"
)

// Each count of the message is one class, and each class is one count: a field that is added
// to the message and forgotten here would be neither billed nor limited.
func TestUsageOfReadsEveryCount(t *testing.T) {
	fields := (&usagev1.Usage{}).ProtoReflect().Descriptor().Fields()
	counts := 0
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Kind() != protoreflect.Int64Kind {
			continue
		}
		counts++
		u := &usagev1.Usage{}
		n := int64(1) << counts
		u.ProtoReflect().Set(f, protoreflect.ValueOfInt64(n))
		used := pricing.UsageOf(u)
		classes := int64(0)
		for class := range pricing.NumClasses {
			classes += used.Of(class)
		}
		if classes != n {
			t.Errorf("%s: %d of %d are in some class", f.Name(), classes, n)
		}
		byThePiece := used.Of(pricing.Image) + used.Of(pricing.WebSearch)
		if got := used.Prompt() + used.Completion() + byThePiece; got != n || used.Total() != used.Prompt()+used.Completion() {
			t.Errorf("%s: the sums have %d of %d", f.Name(), got, n)
		}
	}
	if counts != int(pricing.NumClasses) {
		t.Errorf("%d counts for %d classes", counts, pricing.NumClasses)
	}
	if used := pricing.UsageOf(nil); used != (pricing.Usage{}) {
		t.Errorf("nothing used is %v", used)
	}
}
