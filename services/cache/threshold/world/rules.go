package world

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"tollgate.dev/services/cache/threshold"
)

// Learned is the rule of package threshold.
type Learned struct {
	Learner *threshold.Learner
	// Each says that each comparison is evidence, not only the first of an entry: to compare with.
	Each bool
	last threshold.Decision
	seen int // the last entry, as one comes after the other
}

// Decide by the learner.
func (r *Learned) Decide(entry int, score, coin float64) (serve, compare bool, limit float64) {
	r.last = r.Learner.Decide(score, coin, r.Each || entry != r.seen)
	r.seen = entry
	if r.last.Verdict == threshold.Serve {
		r.Learner.Served()
	}
	return r.last.Verdict == threshold.Serve, r.last.Verdict == threshold.Compare, r.last.Threshold
}

// Learn tells the learner.
func (r *Learned) Learn(wrong bool) { r.Learner.Observe(r.last, wrong) }

// NewLearned for a world, at a confidence of 0.95.
func NewLearned(w World) (*Learned, error) { return newLearned(w, "a") }

func newLearned(w World, replica string) (*Learned, error) {
	l, err := threshold.New(threshold.Policy{MaxWrongHitRate: w.Bound, Confidence: 0.95, Sample: w.Sample}, replica)
	if err != nil {
		return nil, fmt.Errorf("a rule for world %d: %w", w.Seed, err)
	}
	return &Learned{Learner: l, seen: -1}, nil
}

// Replicas are learners behind a balancer that exchange what they know. Each goes by the first would-be hit of an
// entry that comes to it.
type Replicas struct {
	all   []*Learned
	at    *Learned
	coin  *rand.Rand
	calls int
}

// sharedEvery is after how many would-be hits replicas exchange what they know.
const sharedEvery = 500

// NewReplicas for a world, at a confidence of 0.95.
func NewReplicas(w World, n int) (*Replicas, error) {
	r := &Replicas{coin: rand.New(rand.NewPCG(w.Seed, 3))} //nolint:gosec // a course is to be the same for its seed
	for i := range n {
		one, err := newLearned(w, strconv.Itoa(i))
		if err != nil {
			return nil, err
		}
		r.all = append(r.all, one)
	}
	return r, nil
}

// Decide by any of them.
func (r *Replicas) Decide(entry int, score, coin float64) (serve, compare bool, limit float64) {
	if r.calls++; r.calls%sharedEvery == 0 {
		r.exchange()
	}
	r.at = r.all[r.coin.IntN(len(r.all))]
	return r.at.Decide(entry, score, coin)
}

func (r *Replicas) exchange() {
	states := make([][]byte, len(r.all))
	for i, one := range r.all {
		states[i] = one.Learner.OwnState()
	}
	for _, one := range r.all {
		if err := one.Learner.Merge(states...); err != nil {
			panic(fmt.Sprintf("states of replicas don't merge: %v", err))
		}
	}
}

// Learn tells the one that decided.
func (r *Replicas) Learn(wrong bool) { r.at.Learn(wrong) }

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
func (r *Guessed) Decide(_ int, score, coin float64) (serve, compare bool, limit float64) {
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
