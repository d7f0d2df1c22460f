package threshold_test

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"tollgate.dev/services/cache/threshold"
)

func policy() threshold.Policy {
	return threshold.Policy{MaxWrongHitRate: 0.02, Confidence: 0.95, Sample: 0.1}
}

func learner(t testing.TB, replica string) *threshold.Learner {
	t.Helper()
	l, err := threshold.New(policy(), replica)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// compare n would-be hits with that score.
func compare(t testing.TB, l *threshold.Learner, n int, score float64, wrong bool) {
	t.Helper()
	for range n {
		d := l.Decide(score, 0, true) // a coin of 0 always compares
		if d.Verdict != threshold.Compare {
			t.Fatalf("verdict %d, want Compare", d.Verdict)
		}
		l.Observe(d, wrong)
	}
}

func TestWhatCannotBeAPolicy(t *testing.T) {
	nan := math.NaN()
	for name, change := range map[string]func(*threshold.Policy){
		"no wrong hits":      func(p *threshold.Policy) { p.MaxWrongHitRate = 0 },
		"mostly wrong hits":  func(p *threshold.Policy) { p.MaxWrongHitRate = 0.51 },
		"rate is no number":  func(p *threshold.Policy) { p.MaxWrongHitRate = nan },
		"certainty":          func(p *threshold.Policy) { p.Confidence = 1 },
		"no confidence":      func(p *threshold.Policy) { p.Confidence = 0.4 },
		"no comparisons":     func(p *threshold.Policy) { p.Sample = 0 },
		"comparisons only":   func(p *threshold.Policy) { p.Sample = 1 },
		"a floor below 0":    func(p *threshold.Policy) { p.Floor = -0.1 },
		"a floor above 1":    func(p *threshold.Policy) { p.Floor = 1.1 },
		"floor is no number": func(p *threshold.Policy) { p.Floor = nan },
		"sample is no share": func(p *threshold.Policy) { p.Sample = nan },
	} {
		p := policy()
		change(&p)
		if _, err := threshold.New(p, "a"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := threshold.New(policy(), ""); err == nil {
		t.Error("a replica without a name: no error")
	}
}

func TestNothingIsServedBeforeItIsProven(t *testing.T) {
	l := learner(t, "a")
	if l.Threshold() != threshold.Nothing || l.Rate() != 1 {
		t.Fatalf("it starts with threshold %v and rate %v", l.Threshold(), l.Rate())
	}
	// Even what is as alike as can be is compared: embedders take "A sued B" for "B sued A".
	if got := l.Decide(1, 0.999, true).Verdict; got != threshold.Compare {
		t.Fatalf("verdict %d at the start, want Compare", got)
	}
	// No 148 right answers prove that at most 2 % are wrong, at 95 %, whatever one does:
	// 0.98¹⁴⁸ is 0.0502.
	compare(t, l, 148, 0.9, false)
	if l.Threshold() != threshold.Nothing {
		t.Fatalf("148 right answers put %v in force", l.Threshold())
	}
	compare(t, l, 500, 0.9, false)
	if l.Threshold() != 0.9 {
		t.Fatalf("648 right answers put %v in force, want 0.9", l.Threshold())
	}
	if l.Rate() >= 1 || l.Rate() < policy().Sample {
		t.Errorf("rate %v while serving", l.Rate())
	}
	// All that is known lies at 0.9, so nothing below is served.
	for score, want := range map[float64]threshold.Verdict{
		0.95: threshold.Serve, 0.9: threshold.Serve, 0.899: threshold.Pass, 0.1: threshold.Pass,
	} {
		if got := l.Decide(score, 0.999, true).Verdict; got != want {
			t.Errorf("score %v: verdict %d, want %d", score, got, want)
		}
	}
	for _, level := range l.Levels() {
		if above := level.Threshold > 0.9; level.Proven == above {
			t.Errorf("level %v: proven %v with %d right answers", level.Threshold, level.Proven, level.Right)
		}
		if level.Proven != (level.Upper <= policy().MaxWrongHitRate) {
			t.Errorf("level %v: proven %v at an upper limit of %v", level.Threshold, level.Proven, level.Upper)
		}
	}
}

// Below the floor nothing is compared, and no level takes a part of the error probability.
func TestNothingIsLearnedBelowTheFloor(t *testing.T) {
	for _, c := range []struct{ floor, lowest float64 }{{0, 0.5}, {0.3, 0.5}, {0.85, 0.85}, {0.855, 0.86}, {1, 1}} {
		p := policy()
		p.Floor = c.floor
		l, err := threshold.New(p, "a")
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Levels()[0].Threshold; got != c.lowest {
			t.Errorf("floor %v: the lowest level is %v, want %v", c.floor, got, c.lowest)
		}
		for score, want := range map[float64]threshold.Verdict{
			c.lowest: threshold.Compare, math.Nextafter(c.lowest, 0): threshold.Pass, -1: threshold.Pass, math.NaN(): threshold.Pass,
		} {
			if got := l.Decide(score, 0, true).Verdict; got != want {
				t.Errorf("floor %v, score %v: verdict %d, want %d", c.floor, score, got, want)
			}
		}
		// Nor does what others counted there, or users say.
		other := learner(t, "b")
		compare(t, other, 2000, 0.7, false)
		other.ReportWrong(0.7)
		if err := l.Merge(other.State()); err != nil {
			t.Fatal(err)
		}
		l.ReportWrong(0.7)
		if reached := c.lowest <= 0.7; l.Threshold() <= 1 != reached {
			t.Errorf("floor %v: threshold %v after right answers of 0.7", c.floor, l.Threshold())
		}
	}
}

// The fewer levels there are, the more of the error probability each has, and the sooner it is proven.
func TestAHigherFloorProvesSooner(t *testing.T) {
	needed := func(floor float64) (n int) {
		p := policy()
		p.Floor = floor
		l, err := threshold.New(p, "a")
		if err != nil {
			t.Fatal(err)
		}
		for ; l.Threshold() == threshold.Nothing; n++ {
			compare(t, l, 1, 1, false)
		}
		return n
	}
	if all, few := needed(0), needed(0.85); few > all-50 {
		t.Errorf("%d right answers put a threshold in force at a floor of 0.85, %d without", few, all)
	}
}

func TestWrongAnswersBelowKeepTheThresholdAbove(t *testing.T) {
	l := learner(t, "a")
	for range 1500 {
		compare(t, l, 1, 0.9, false)
		compare(t, l, 1, 0.7, true)
	}
	if l.Threshold() != 0.9 {
		t.Errorf("threshold %v, want 0.9", l.Threshold())
	}
}

func TestWrongAnswersEndWhatWasProven(t *testing.T) {
	tell := map[string]func(*testing.T, *threshold.Learner){
		"found by comparing": func(t *testing.T, l *threshold.Learner) { t.Helper(); compare(t, l, 1, 0.9, true) },
		"told by users":      func(_ *testing.T, l *threshold.Learner) { l.ReportWrong(0.9) },
	}
	for name, wrong := range tell {
		t.Run(name, func(t *testing.T) {
			l := learner(t, "a")
			compare(t, l, 648, 0.9, false)
			before := l.Threshold()
			n := 0
			for ; l.Threshold() != threshold.Nothing; n++ {
				wrong(t, l)
			}
			if before != 0.9 || n == 0 || n > 12 {
				t.Errorf("threshold %v was withdrawn after %d wrong answers, want at most 12", before, n)
			}
			if l.Rate() != 1 {
				t.Errorf("rate %v, want all to be compared again", l.Rate())
			}
		})
	}
}

// A report where nothing is known opens nothing.
func TestReportsOnlyRaiseTheThreshold(t *testing.T) {
	l := learner(t, "a")
	compare(t, l, 2000, 0.9, false)
	l.ReportWrong(0.6)
	if l.Threshold() != 0.9 {
		t.Errorf("a report at 0.6 put %v in force, want 0.9", l.Threshold())
	}
}

// Whoever sends reports ends nothing that many comparisons proved, and delays little.
func TestManyReportsEndNothing(t *testing.T) {
	for name, proven := range map[string]int{"before anything is proven": 0, "just proven": 648, "long proven": 10_000} {
		t.Run(name, func(t *testing.T) {
			l := learner(t, "a")
			compare(t, l, proven, 0.9, false)
			for range 1000 {
				l.ReportWrong(0.9)
			}
			if l.Threshold() != 0.9 && proven == 10_000 {
				t.Error("reports ended what was long proven")
			}
			compare(t, l, 2500, 0.9, false)
			if l.Threshold() != 0.9 {
				t.Error("after 2,500 right answers nothing is served")
			}
		})
	}
}

// Of the would-be hits of one entry the first alone is evidence, whatever comes of the others; those are compared
// only where they would be served.
func TestOnlyTheFirstOfAnEntryIsEvidence(t *testing.T) {
	l := learner(t, "a")
	if got := l.Decide(0.9, 0, false).Verdict; got != threshold.Pass {
		t.Errorf("verdict %d where nothing is served, want Pass", got)
	}
	again := threshold.Decision{Verdict: threshold.Compare, Score: 0.9, Threshold: threshold.Nothing, Rate: 1}
	for range 1000 {
		l.Observe(again, false)
	}
	if n := l.Levels()[0].Right; n != 0 || l.Threshold() != threshold.Nothing {
		t.Fatalf("%d right answers count, threshold %v", n, l.Threshold())
	}
	compare(t, l, 2000, 0.9, false)
	if got := l.Decide(0.8, 0, false).Verdict; got != threshold.Pass {
		t.Errorf("verdict %d below the threshold, want Pass", got)
	}
	d, rate := l.Decide(0.9, 0, false), l.Rate()
	if d.Verdict != threshold.Compare || l.Decide(0.9, 0.999, false).Verdict != threshold.Serve {
		t.Fatalf("verdict %d where it is served, want Compare", d.Verdict)
	}
	l.Observe(d, true)
	if n := l.Levels()[0].Wrong; n != 0 {
		t.Errorf("%d wrong answers count as evidence", n)
	}
	if l.Rate() <= rate {
		t.Errorf("rate %v after %v: the account has not paid for it at once", l.Rate(), rate)
	}
	for range 12 {
		l.Observe(d, true)
	}
	if l.Threshold() != threshold.Nothing || l.Levels()[0].Right != 0 {
		t.Errorf("threshold %v: what the account finds doesn't end what was proven", l.Threshold())
	}
}

// A comparison that is made stands for those like it that come too late to be.
func TestTheAccountPaysForWhatIsMissed(t *testing.T) {
	rate := func(missed float64) float64 {
		l := learner(t, "a")
		compare(t, l, 2000, 0.9, false)
		d := l.Decide(0.9, 0, false)
		d.Missed = missed
		l.Observe(d, true)
		return l.Rate()
	}
	// The rate is 12/(12 + spare), and begins with a spare of 12.
	for missed, want := range map[float64]float64{-1: 12. / 23, 0: 12. / 23, 0.2: 12. / 22.75, 0.5: 12. / 22, 0.99: 12. / 22} {
		if got := rate(missed); math.Abs(got-want) > 1e-9 {
			t.Errorf("missed %v: rate %v, want %v", missed, got, want)
		}
	}
}

// After a restart of the evidence, what was decided before it says nothing about the world now.
func TestLateComparisonsOfForgottenEvidenceDontCount(t *testing.T) {
	l := learner(t, "a")
	compare(t, l, 648, 0.9, false)
	var late []threshold.Decision
	for range 2000 {
		late = append(late, l.Decide(0.9, 0, true))
	}
	for _, d := range late[:12] {
		l.Observe(d, true)
	}
	for _, d := range late {
		l.Observe(d, false)
	}
	if l.Threshold() != threshold.Nothing {
		t.Errorf("late comparisons put %v in force", l.Threshold())
	}
}

func TestOnlyComparisonsAreObserved(t *testing.T) {
	l := learner(t, "a")
	compare(t, l, 648, 0.9, false)
	served := l.Decide(0.9, 0.999, true)
	for range 100 {
		l.Observe(served, true)
		l.Observe(threshold.Decision{Score: 0.9}, true)
	}
	if l.Threshold() != 0.9 {
		t.Errorf("what was not compared changed the threshold to %v", l.Threshold())
	}
}

func TestManyAtATime(t *testing.T) {
	l, other := learner(t, "a"), learner(t, "b")
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(g, 0)) //nolint:gosec // the same each time
			for i := range 2000 {
				d := l.Decide(0.5+r.Float64()/2, r.Float64(), true)
				if d.Verdict == threshold.Compare {
					l.Observe(d, d.Score < 0.7)
				}
				switch i % 500 {
				case 100:
					if err := other.Merge(l.State()); err != nil {
						t.Error(err)
					}
				case 200:
					if err := l.Merge(other.State()); err != nil {
						t.Error(err)
					}
				case 300:
					l.Levels()
				}
			}
		})
	}
	wg.Wait()
	if l.Threshold() < 0.69 || l.Threshold() > 1 {
		t.Errorf("threshold %v, want one from 0.69", l.Threshold())
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	l := learner(t, "a")
	compare(t, l, 648, 0.9, false)
	if n := testing.AllocsPerRun(1000, func() { l.Decide(0.9, 0.999, true) }); n != 0 {
		t.Errorf("Decide allocates %v times", n)
	}
}

func BenchmarkDecide(b *testing.B) {
	l := learner(b, "a")
	compare(b, l, 648, 0.9, false)
	for b.Loop() {
		l.Decide(0.95, 0.999, true)
	}
}

// The mean over many comparisons, most of which leave what is in force as it is.
func BenchmarkObserve(b *testing.B) {
	l := learner(b, "a")
	r := rand.New(rand.NewPCG(1, 0)) //nolint:gosec // the same each time
	for b.Loop() {
		d := l.Decide(0.5+r.Float64()/2, 0, true)
		l.Observe(d, r.IntN(200) == 0)
	}
}
