package router

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
)

func fleet(specs ...Deployment) []*deployment {
	out := make([]*deployment, len(specs))
	for i, spec := range specs {
		if spec.Weight == 0 {
			spec.Weight = 1
		}
		spec.ID = fmt.Sprint(i)
		out[i] = &deployment{Deployment: spec}
	}
	return out
}

// shares is how often each deployment is chosen, of one.
func shares(s Strategy, from []*deployment) []float64 {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a seeded one, for a test
	count := make(map[*deployment]int)
	const draws = 100_000
	for range draws {
		count[s.choose(append([]*deployment(nil), from...), false, clocktest.Start, random.Float64())]++
	}
	out := make([]float64, len(from))
	for i, d := range from {
		out[i] = float64(count[d]) / draws
	}
	return out
}

func TestStrategies(t *testing.T) {
	now := clocktest.Start
	busy := fleet(Deployment{}, Deployment{}, Deployment{})
	busy[0].inFlight.Store(3)
	busy[1].inFlight.Store(1)
	busy[2].inFlight.Store(2)
	tied := fleet(Deployment{Weight: 3}, Deployment{}, Deployment{})
	tied[2].inFlight.Store(1)
	fast := fleet(Deployment{}, Deployment{})
	fast[0].whole.succeeded(20*time.Millisecond, now)
	fast[1].whole.succeeded(10*time.Millisecond, now)
	unexplored := fleet(Deployment{}, Deployment{}, Deployment{})
	unexplored[0].whole.succeeded(time.Millisecond, now)
	unexplored[2].whole.succeeded(time.Millisecond, now)
	exploring := fleet(Deployment{}, Deployment{})
	exploring[0].whole.succeeded(time.Second, now)
	exploring[1].whole.inFlight.Store(1)
	stale := fleet(Deployment{}, Deployment{})
	stale[0].whole.succeeded(time.Millisecond, now)
	stale[1].whole.succeeded(time.Hour, now.Add(-latencyLife))

	for name, tc := range map[string]struct {
		strategy Strategy
		from     []*deployment
		want     []float64
	}{
		"one":                           {LowestCost, fleet(Deployment{}), []float64{1}},
		"weights":                       {WeightedShuffle, fleet(Deployment{Weight: 6}, Deployment{Weight: 3}, Deployment{Weight: 1}), []float64{.6, .3, .1}},
		"equal weights":                 {WeightedShuffle, fleet(Deployment{}, Deployment{}), []float64{.5, .5}},
		"fractions":                     {WeightedShuffle, fleet(Deployment{Weight: .1}, Deployment{Weight: .3}), []float64{.25, .75}},
		"least busy":                    {LeastBusy, busy, []float64{0, 1, 0}},
		"equally busy share by weight":  {LeastBusy, tied, []float64{.75, .25, 0}},
		"fastest":                       {LowestLatency, fast, []float64{0, 1}},
		"an unexplored one first":       {LowestLatency, unexplored, []float64{0, 1, 0}},
		"one call explores, no more":    {LowestLatency, exploring, []float64{1, 0}},
		"what was slow is tried anew":   {LowestLatency, stale, []float64{0, 1}},
		"nothing is known yet":          {LowestLatency, fleet(Deployment{}, Deployment{}), []float64{.5, .5}},
		"cheapest":                      {LowestCost, fleet(Deployment{Rate: 5}, Deployment{Rate: 2}, Deployment{Rate: 9}), []float64{0, 1, 0}},
		"equally cheap share by weight": {LowestCost, fleet(Deployment{Rate: 2, Weight: 4}, Deployment{Rate: 2}, Deployment{Rate: 9}), []float64{.8, .2, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			for i, got := range shares(tc.strategy, tc.from) {
				// Five standard deviations of a share over the draws.
				if math.Abs(got-tc.want[i]) > 5*math.Sqrt(.25/100_000) {
					t.Errorf("deployment %d got %.3f of the calls, want %.3f", i, got, tc.want[i])
				}
			}
		})
	}
}

// Streams are measured to their first event, which whole answers must not be held to: here
// a is quick to begin, and b to end.
func TestLatenciesOfTheTwoKindsAreApart(t *testing.T) {
	now := clocktest.Start
	d := fleet(Deployment{}, Deployment{})
	a, b := d[0], d[1]
	a.streamed.succeeded(300*time.Millisecond, now)
	b.streamed.succeeded(900*time.Millisecond, now)
	a.whole.succeeded(20*time.Second, now)
	b.whole.succeeded(10*time.Second, now)
	for stream, want := range map[bool]*deployment{true: a, false: b} {
		if got := LowestLatency.choose([]*deployment{a, b}, stream, now, 0); got != want {
			t.Errorf("stream %t: deployment %s was chosen", stream, got.ID)
		}
	}
	// A stream under way finds out nothing about whole answers.
	c := fleet(Deployment{})[0]
	c.streamed.inFlight.Store(1)
	if got := LowestLatency.choose([]*deployment{b, c}, false, now, 0); got != c {
		t.Error("the one of which nothing is known was not tried")
	}
}

func TestShuffleSurvivesRounding(t *testing.T) {
	from := fleet(Deployment{Weight: .1}, Deployment{Weight: .2}, Deployment{Weight: .7})
	if got := shuffle(from, math.Nextafter(1, 0)); got != from[2] {
		t.Errorf("got %v", got.ID)
	}
}

func TestLatencyIsSmoothed(t *testing.T) {
	now := clocktest.Start
	d := fleet(Deployment{})[0]
	for _, step := range []struct{ took, after, want time.Duration }{
		{800 * time.Millisecond, 0, 800 * time.Millisecond},             // the first counts whole
		{1600 * time.Millisecond, time.Second, 900 * time.Millisecond},  // an eighth of the difference
		{100 * time.Millisecond, time.Second, 800 * time.Millisecond},   // in both directions
		{50 * time.Millisecond, 2 * time.Minute, 50 * time.Millisecond}, // what is old counts no more
		{0, 2 * time.Minute, 1}, // an answer in no time is known, too
	} {
		now = now.Add(step.after)
		d.whole.succeeded(step.took, now)
		if got := time.Duration(d.whole.expected(now)); got != step.want {
			t.Errorf("after %v: %v, want %v", step.took, got, step.want)
		}
	}
}
