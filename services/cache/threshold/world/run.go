package world

import (
	"math/rand/v2"
)

// Rule decides about would-be hits, and learns from comparisons.
type Rule interface {
	// Decide by the entry that would be served, the score and a uniform coin; threshold is the one in force.
	Decide(entry int, score, coin float64) (serve, compare bool, threshold float64)
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

// Run rules through a world, all through the same course; the results are in their order.
func (w World) Run(rules ...Rule) []Result {
	r := rand.New(rand.NewPCG(w.Seed, 2)) //nolint:gosec // a course is to be the same for its seed
	runs := make([]run, len(rules))
	for i, rule := range rules {
		runs[i] = run{rule: rule, known: -1}
	}
	var l law
	var oracle [10]float64
	var fate fate
	for i := range w.Length {
		// The law changes slowly or seldom: 400 steps are enough.
		if i%max(1, w.Length/400) == 0 {
			l = w.at(float64(i) / float64(w.Length))
			for k := range runs {
				runs[k].known = -1
			}
		}
		tenth := i * 10 / w.Length
		if i == 0 || tenth != (i-1)*10/w.Length {
			oracle[tenth] = l.oracle(w.Bound)
		}
		if i%w.cluster == 0 {
			fate = w.fate(l, r)
		}
		h := hit{fate: fate, entry: i / w.cluster, score: l.score(fate, r)}
		coin := r.Float64()
		if h.hidden && w.hidden.how == SetApart {
			continue
		}
		for k := range runs {
			runs[k].step(w, l, tenth, h, coin)
		}
	}
	out := make([]Result, len(runs))
	for i, run := range runs {
		out[i] = run.result
		out[i].Oracle = oracle
	}
	return out
}

// run of one rule.
type run struct {
	rule   Rule
	result Result
	// wrong rate from the threshold on that is known.
	wrong, known float64
}

func (r *run) step(w World, l law, tenth int, h hit, coin float64) {
	serve, compare, threshold := r.rule.Decide(h.entry, h.score, coin)
	out := &r.result
	switch {
	case compare && h.hidden && w.hidden.how == LeftOut:
	case compare:
		out.Compared++
		r.rule.Learn(h.wrong || h.hidden)
	case serve:
		if threshold != r.known {
			r.known = threshold
			r.wrong = w.from(l, threshold)
		}
		out.Hits++
		out.Served[tenth] += 10 / float64(w.Length)
		out.Expected += r.wrong
		if r.wrong > w.Bound {
			out.Unsafe++
		}
		if h.wrong {
			out.Wrong++
		}
	}
}
