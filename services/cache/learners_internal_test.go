package cache

import (
	"testing"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache/threshold"
)

// What the semantic tier does not look at takes no part in what is learned.
func TestThresholdsAreLearnedFromTheFloorOn(t *testing.T) {
	how, err := Learning{}.complete()
	if err != nil {
		t.Fatal(err)
	}
	l := newLearners(how, Options{Floor: 0.85, Clock: clock.Real(), Observer: noObserver{}})
	for score, want := range map[float64]threshold.Verdict{0.85: threshold.Compare, 0.849: threshold.Pass} {
		if got := l.decide(Namespace{Tenant: "t"}, &answered{}, score, 0).Verdict; got != want {
			t.Errorf("score %v: verdict %d, want %d", score, got, want)
		}
	}
}
