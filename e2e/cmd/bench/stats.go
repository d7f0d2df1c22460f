package main

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// summary is what the rounds gave for one number.
type summary struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	// Rounds are the values in the order that they were measured in.
	Rounds []float64 `json:"rounds"`
}

// summarize needs at least one value.
func summarize(rounds []float64) summary {
	sorted := slices.Sorted(slices.Values(rounds))
	n := len(sorted)
	return summary{
		Median: (sorted[(n-1)/2] + sorted[n/2]) / 2,
		Min:    sorted[0], Max: sorted[n-1], Rounds: rounds,
	}
}

// quantile is the q-th quantile, q in [0, 1], by the nearest rank: a value that was
// measured. It sorts values, and is 0 when there are none.
func quantile[T cmp.Ordered](values []T, q float64) T {
	var zero T
	if len(values) == 0 {
		return zero
	}
	slices.Sort(values)
	rank := int(math.Ceil(q * float64(len(values))))
	return values[min(max(rank, 1), len(values))-1]
}

// micros is d in microseconds.
func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// perRequest spreads d over n requests, in microseconds.
func perRequest(d time.Duration, n int) float64 { return micros(d) / float64(n) }
