package threshold

import (
	"math"
	"testing"
)

func TestBand(t *testing.T) {
	for k := range levels {
		for name, c := range map[string]struct {
			score float64
			want  int
		}{
			"its own level":       {level(k), k},
			"just above it":       {math.Nextafter(level(k), 2), k},
			"just below the next": {math.Nextafter(level(k+1), 0), k},
		} {
			if got, ok := band(c.score); !ok || got != c.want {
				t.Errorf("level %d, %s (%v): band %d, %v", k, name, c.score, got, ok)
			}
		}
	}
	if k, ok := band(1.5); !ok || k != levels-1 {
		t.Errorf("above 1: band %d, %v", k, ok)
	}
	for _, score := range []float64{0.499999, 0, -1, math.NaN(), math.Inf(-1)} {
		if k, ok := band(score); ok {
			t.Errorf("score %v lies in band %d", score, k)
		}
	}
}

// A level that is proven hands its part of the error probability to the next lower one. All
// that are proven in a row need less evidence than one alone would.
func TestProvenLevelsHandTheirPartOn(t *testing.T) {
	var all bands
	all[levels-1].right = 460 // enough for the highest at 1/51 of the error probability, and no more
	all[levels-2].wrong = 1
	all[levels-2].right = 150
	e := newEvidence(0.02, 0.1, 0)
	alphas := map[int]float64{}
	proven := map[int]bool{}
	e.test(all, func(k int, _ tally, alpha float64, ok bool) { alphas[k], proven[k] = alpha, ok })
	part := 0.05 / levels
	if got := alphas[levels-1]; math.Abs(got-part) > 1e-12 {
		t.Fatalf("the first level has the part %v, want %v", got, part)
	}
	if !proven[levels-1] {
		t.Fatal("the first level is not proven")
	}
	if got := alphas[levels-2]; math.Abs(got-2*part) > 1e-12 {
		t.Errorf("the second level has the part %v, want its own and the first's: %v", got, 2*part)
	}
	// Without evidence of its own at the top nothing is handed on.
	all[levels-1] = tally{}
	e.test(all, func(k int, _ tally, alpha float64, _ bool) { alphas[k] = alpha })
	if got := alphas[levels-2]; math.Abs(got-part) > 1e-12 {
		t.Errorf("the second level has the part %v after one that is not proven, want %v", got, part)
	}
}

// A level that is not proven hands nothing on, neither its own part nor what those above it handed to it: what an
// unsafe level was tested with is spent, or the parts would add up to more than there is.
func TestLevelsThatAreNotProvenHandNothingOn(t *testing.T) {
	var all bands
	all[levels-1].right = 460
	all[levels-2].wrong = 40 // not proven with its own part and the first's
	all[levels-3].right = 60
	e := newEvidence(0.02, 0.1, 0)
	alphas := map[int]float64{}
	proven := map[int]bool{}
	e.test(all, func(k int, _ tally, alpha float64, ok bool) { alphas[k], proven[k] = alpha, ok })
	if !proven[levels-1] || proven[levels-2] {
		t.Fatalf("proven: the first %v, the second %v", proven[levels-1], proven[levels-2])
	}
	if part := 0.05 / levels; math.Abs(alphas[levels-3]-part) > 1e-12 {
		t.Errorf("the level below one that is not proven has %v, want its own part %v", alphas[levels-3], part)
	}
	sum := 0.0 // of what the levels have that are not proven
	for k, alpha := range alphas {
		if !proven[k] {
			sum += alpha
		}
	}
	if sum > 0.05*(1+1e-9) {
		t.Errorf("the levels that are not proven have %v together, of %v", sum, 0.05)
	}
}

// However often evidence starts anew, the error probabilities of all starts add up to the whole.
func TestSharesOfWindowsAddUp(t *testing.T) {
	e := newEvidence(0.01, 0.05, 0)
	sum := 0.0
	for range 10_000 {
		sum += e.share(e.window)
		e.advance(e.window + 1)
	}
	if sum > 0.05 || sum < 0.0499 {
		t.Errorf("the shares add up to %v, want 0.05", sum)
	}
}

func TestEvidenceOfOldWindowsIsForgotten(t *testing.T) {
	e := newEvidence(0.5, 0.05, 0)
	fill := func() {
		for range e.size {
			e.count("a", e.window, 0.9, false)
		}
		e.rotate()
	}
	compared := func() uint64 {
		_, n := e.lowest()
		return n
	}
	fill()
	if e.window != 2 || compared() != e.size {
		t.Fatalf("window %d with %d comparisons after the first was filled", e.window, compared())
	}
	e.count("a", 1, 0.9, false) // a decision of the last window
	if compared() != e.size+1 {
		t.Errorf("a late comparison of the last window was not counted")
	}
	fill()
	if e.window != 3 || compared() != e.size {
		t.Errorf("window %d with %d comparisons after the second was filled", e.window, compared())
	}
	e.restart()
	e.count("a", 3, 0.9, false) // decided before the restart
	if compared() != 0 {
		t.Errorf("%d comparisons are left after a restart", compared())
	}
}
