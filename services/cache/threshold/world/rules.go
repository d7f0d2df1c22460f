package world

import (
	"fmt"
	"math"

	"tollgate.dev/services/cache/threshold"
)

// Learned is the rule of package threshold.
type Learned struct {
	Learner *threshold.Learner
	last    threshold.Decision
}

// Decide by the learner.
func (r *Learned) Decide(score, coin float64) (serve, compare bool, limit float64) {
	r.last = r.Learner.Decide(score, coin)
	if r.last.Verdict == threshold.Serve {
		r.Learner.Served()
	}
	return r.last.Verdict == threshold.Serve, r.last.Verdict == threshold.Compare, r.last.Threshold
}

// Learn tells the learner.
func (r *Learned) Learn(wrong bool) { r.Learner.Observe(r.last, wrong) }

// NewLearned for a world, at a confidence of 0.95.
func NewLearned(w World) (*Learned, error) {
	l, err := threshold.New(threshold.Policy{MaxWrongHitRate: w.Bound, Confidence: 0.95, Sample: w.Sample}, "a")
	if err != nil {
		return nil, fmt.Errorf("a rule for world %d: %w", w.Seed, err)
	}
	return &Learned{Learner: l}, nil
}

// Guessed is the rule that comes to mind first, to compare with: the lowest threshold from which
// on the share of wrong answers among all comparisons so far, at least 30, is within the bound.
// Until there is one, it compares all.
type Guessed struct {
	bound, sample float64
	right, wrong  [51]int // by band
	limit, last   float64
}

// NewGuessed for a world.
func NewGuessed(w World) *Guessed {
	return &Guessed{bound: w.Bound, sample: w.Sample, limit: math.Inf(1)}
}

// Decide by the estimate.
func (r *Guessed) Decide(score, coin float64) (serve, compare bool, limit float64) {
	r.last = score
	compare = coin < r.sample || math.IsInf(r.limit, 1)
	return !compare && score >= r.limit, compare, r.limit
}

// Learn and estimate anew.
func (r *Guessed) Learn(wrong bool) {
	k := min(50, max(0, int(r.last*100)-50))
	if wrong {
		r.wrong[k]++
	} else {
		r.right[k]++
	}
	r.limit = math.Inf(1)
	right, bad := 0, 0
	for k := 50; k >= 0; k-- {
		right += r.right[k]
		bad += r.wrong[k]
		if n := right + bad; n >= 30 && float64(bad) <= r.bound*float64(n) {
			r.limit = float64(k+50) / 100
		}
	}
}
