package threshold

import "math"

// State of the learner and of all whose states were merged into it, for tests that look at all that it
// goes by.
func (l *Learner) State() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begin()
	l.evidence.at(l.replica).spare = l.account.spare
	return appendState(nil, l.evidence.rows)
}

// Level is what is known of one threshold.
type Level struct {
	// Threshold from which on it would serve.
	Threshold float64
	// Right and Wrong are the answers with at least that score that count at present.
	Right, Wrong uint64
	// Upper limit of the share of wrong ones, at the confidence that this level has to reach.
	Upper float64
	// Proven: the upper limit is within the bound.
	Proven bool
}

// Levels are all thresholds from the lowest to 1, with what is known of them.
func (l *Learner) Levels() []Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Level, levels-l.evidence.first)
	l.evidence.test(l.evidence.sum(), func(k int, above tally, alpha float64, proven bool) {
		out[k-l.evidence.first] = Level{
			Threshold: level(k), Right: above.right, Wrong: above.wrong,
			Upper: upperLimit(above.right, above.wrong, alpha), Proven: proven,
		}
	})
	return out
}

// upperLimit of the wrong rate after so many right and wrong answers: the smallest one that the
// wealth against it disproves, with an error probability of alpha at all times together. It is
// 1 while nothing is disproven, and exact to 2⁻²⁰.
func upperLimit(right, wrong uint64, alpha float64) float64 {
	low, high := 0.0, 1.0
	// The wealth grows with the limit that it is against.
	for range 20 {
		middle := (low + high) / 2
		w := newWager(middle)
		if w.logWealth(right, wrong) >= -math.Log(alpha) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}
