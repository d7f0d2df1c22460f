package router

import "time"

// Strategy says how one of several deployments is chosen.
type Strategy string

// The strategies. Each chooses among the deployments that do not rest and are not
// full, of the lowest order that has any.
const (
	// WeightedShuffle chooses at random, in proportion to the weights.
	WeightedShuffle Strategy = "weighted-shuffle"
	// LeastBusy chooses the one with the fewest calls in flight.
	LeastBusy Strategy = "least-busy"
	// LowestLatency chooses the one that answered fastest of late, streams and whole answers
	// each by their own kind. One that has not answered within a minute is tried first, by
	// one call at a time.
	LowestLatency Strategy = "lowest-latency"
	// LowestCost chooses the cheapest.
	LowestCost Strategy = "lowest-cost"
)

// Strategies lists the strategies.
func Strategies() []Strategy {
	return []Strategy{WeightedShuffle, LeastBusy, LowestLatency, LowestCost}
}

// choose picks one of several deployments; random is in [0, 1). Ties are broken by
// weighted shuffle, so that equals share the load. It overwrites from.
func (s Strategy) choose(from []*deployment, stream bool, now time.Time, random float64) *deployment {
	if len(from) == 1 {
		return from[0]
	}
	if s == WeightedShuffle {
		return shuffle(from, random)
	}
	best, lowest := from[:0], int64(0)
	for _, d := range from {
		// Scores move while they are compared; each is read once.
		v := s.score(d, stream, now)
		switch {
		case len(best) == 0 || v < lowest:
			best, lowest = append(best[:0], d), v
		case v == lowest:
			best = append(best, d)
		}
	}
	return shuffle(best, random)
}

// score is what a strategy wants to be low.
func (s Strategy) score(d *deployment, stream bool, now time.Time) int64 {
	switch s {
	case LeastBusy:
		return d.inFlight.Load()
	case LowestLatency:
		return d.pace(stream).expected(now)
	case LowestCost:
		return d.Rate
	default: // weighted shuffle has none
		return 0
	}
}

// shuffle picks at random by weight.
func shuffle(from []*deployment, random float64) *deployment {
	total := 0.0
	for _, d := range from {
		total += d.Weight
	}
	at := random * total
	for _, d := range from {
		if at -= d.Weight; at < 0 {
			return d
		}
	}
	return from[len(from)-1] // rounding
}
