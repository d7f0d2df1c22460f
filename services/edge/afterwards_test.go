package edge

import "testing"

// What runs after answers is bounded by number and by bytes, and one answer that is above the
// bound by itself is no reason to wait for ever.
func TestAfterwardsAreBounded(t *testing.T) {
	t.Parallel()
	var a afterwards
	begin := func(bytes int64) (done chan struct{}, ok bool) {
		done = make(chan struct{})
		return done, a.begin(done, bytes)
	}
	huge, ok := begin(2 * maxAfterBytes)
	if !ok {
		t.Fatal("a huge answer is refused by itself")
	}
	if _, ok := begin(1); ok {
		t.Error("something runs beside a huge answer")
	}
	a.end(huge)
	half, ok := begin(maxAfterBytes / 2)
	if _, second := begin(maxAfterBytes / 2); !ok || !second {
		t.Error("two halves are refused")
	}
	if _, ok := begin(1); ok {
		t.Error("a byte too many is taken")
	}
	a.end(half)
	n := 1
	for ; n <= maxAfterwards; n++ {
		if _, ok := begin(0); !ok {
			break
		}
	}
	if n != maxAfterwards {
		t.Errorf("%d pieces run at one time", n)
	}
}
