package llmlingua

import (
	"math"
	"slices"
)

// probability is a number as the reference has it at a place: a float32 of NumPy, which is
// what the model gave, or a double of Python, which is what something was set to. NumPy
// rounds by the kind, and whether a word is kept hangs on it.
type probability struct {
	value  float64
	double bool
}

// mean is the reference's mean of a word's probabilities: summed in float32 unless all are
// doubles.
func mean(of []probability) probability {
	sum, double := 0.0, true
	for _, p := range of {
		double = double && p.double
		if sum += p.value; !double {
			sum = float64(float32(sum))
		}
	}
	if double {
		return probability{sum / float64(len(of)), true}
	}
	return probability{float64(float32(sum) / float32(len(of))), false}
}

// percentile is np.percentile(of, percent) by linear interpolation, rounded as NumPy 2
// rounds: in double precision when any of the numbers is a double. It is NaN of nothing.
func percentile(of []probability, percent int) float64 {
	if len(of) == 0 {
		return math.NaN()
	}
	sorted, double := make([]float64, len(of)), false
	for i, p := range of {
		sorted[i] = p.value
		double = double || p.double
	}
	slices.Sort(sorted)
	at := float64(len(sorted)-1) * (float64(percent) / 100)
	before := math.Floor(at)
	if before >= float64(len(sorted)-1) {
		return sorted[len(sorted)-1]
	}
	a, b, t := sorted[int(before)], sorted[int(before)+1], at-before
	// The explicit conversions keep a compiler from computing with more precision than asked.
	if double {
		d := b - a
		if t >= 0.5 {
			return b - float64(d*(1-t))
		}
		return a + float64(d*t)
	}
	d := float32(b) - float32(a)
	if t >= 0.5 {
		return float64(float32(b) - float32(d*float32(1-t)))
	}
	return float64(float32(a) + float32(d*float32(t)))
}
