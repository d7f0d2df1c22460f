package threshold

import "math"

// rivals are the wrong rates, as parts of a limit, that bet against "the wrong rate is at least
// the limit". Each makes a likelihood ratio, and so a supermartingale, if that is true; their
// average, the wealth, is one as well. 0 is the fastest while nothing was wrong.
var rivals = [...]float64{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}

// wager is what rivals win on a right answer and lose on a wrong one, for one limit.
type wager struct {
	limit        float64
	right, wrong [len(rivals)]float64 // logarithms
}

// newWager for a limit between 0 and 1, both excluded.
func newWager(limit float64) wager {
	w := wager{limit: limit}
	for i, part := range rivals {
		w.right[i] = math.Log1p(-part*limit) - math.Log1p(-limit)
		w.wrong[i] = math.Log(part)
	}
	return w
}

// logWealth is the logarithm of the wealth after so many right and wrong answers. That it ever
// reaches ln(1/alpha), whenever one looks, has at most the probability alpha if the wrong rate
// is at least the limit (Ville's inequality).
func (w *wager) logWealth(right, wrong uint64) float64 {
	var logs [len(rivals)]float64
	most := math.Inf(-1)
	for i := range rivals {
		l := float64(right) * w.right[i]
		if wrong > 0 {
			l += float64(wrong) * w.wrong[i]
		}
		logs[i] = l
		most = max(most, l)
	}
	var sum float64
	for _, l := range logs {
		// What is smaller than the largest by e⁻³⁰ changes no decision.
		if l-most > -30 {
			sum += math.Exp(l - most)
		}
	}
	return most + math.Log(sum/float64(len(rivals)))
}
