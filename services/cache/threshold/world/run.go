package world

import (
	"math/rand/v2"
)

// Rule decides about would-be hits, and learns from comparisons.
type Rule interface {
	// Decide by the score and a uniform coin; threshold is the one in force.
	Decide(score, coin float64) (serve, compare bool, threshold float64)
	// Learn whether the last one that was compared is wrong.
	Learn(wrong bool)
}

// Result of a rule in a world.
type Result struct {
	// Hits that were served, and Wrong ones among them.
	Hits, Wrong int
	// Compared would-be hits.
	Compared int
	// Expected wrong hits: the sum, over hits, of the true wrong rate from the threshold in
	// force on.
	Expected float64
	// Unsafe hits were served at a threshold whose true wrong rate was above the bound.
	Unsafe int
	// Served shares of would-be hits, and those that the oracle would have served, by tenths of
	// the course.
	Served, Oracle [10]float64
}

// Rate of wrong hits per hit; 0 without hits.
func (r Result) Rate() float64 { return float64(r.Wrong) / float64(max(1, r.Hits)) }

// Beyond is how many wrong hits there were more than the bound allows; negative if fewer.
func (r Result) Beyond(bound float64) float64 { return float64(r.Wrong) - bound*float64(r.Hits) }

// Run a rule through a world.
func (w World) Run(rule Rule) Result {
	r := rand.New(rand.NewPCG(w.Seed, 2)) //nolint:gosec // a course is to be the same for its seed
	var out Result
	var l law
	trueWrong, known := 0.0, -1.0
	for i := range w.Length {
		// The law changes slowly or seldom: 400 steps are enough.
		if i%max(1, w.Length/400) == 0 {
			l = w.at(float64(i) / float64(w.Length))
			known = -1
		}
		tenth := i * 10 / w.Length
		if i == 0 || tenth != (i-1)*10/w.Length {
			out.Oracle[tenth] = l.oracle(w.Bound)
		}
		score, wrong := l.draw(r)
		serve, compare, threshold := rule.Decide(score, r.Float64())
		switch {
		case compare:
			out.Compared++
			rule.Learn(wrong)
		case serve:
			if threshold != known {
				known = threshold
				_, trueWrong = l.from(threshold)
			}
			out.Hits++
			out.Served[tenth] += 10 / float64(w.Length)
			out.Expected += trueWrong
			if trueWrong > w.Bound {
				out.Unsafe++
			}
			if wrong {
				out.Wrong++
			}
		}
	}
	return out
}
