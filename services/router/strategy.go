package router

// Strategy says how one of several deployments is chosen.
type Strategy string

// The strategies. Each chooses among the deployments that do not rest and are not
// full, of the lowest order that has any.
const (
	// WeightedShuffle chooses at random, in proportion to the weights.
	WeightedShuffle Strategy = "weighted-shuffle"
	// LeastBusy chooses the one with the fewest calls in flight.
	LeastBusy Strategy = "least-busy"
	// LowestLatency chooses the one that answered fastest of late. One that has not
	// answered yet is tried first.
	LowestLatency Strategy = "lowest-latency"
	// LowestCost chooses the cheapest.
	LowestCost Strategy = "lowest-cost"
)

// Strategies lists the strategies.
func Strategies() []Strategy {
	return []Strategy{WeightedShuffle, LeastBusy, LowestLatency, LowestCost}
}

// choose picks one of several deployments. Ties are broken by weighted shuffle, so
// that equals share the load.
func (s Strategy) choose(from []*deployment, random float64) *deployment {
	if len(from) == 1 {
		return from[0]
	}
	var score func(*deployment) int64
	switch s {
	case LeastBusy:
		score = func(d *deployment) int64 { return d.inFlight.Load() }
	case LowestLatency:
		score = func(d *deployment) int64 { return d.latency.Load() }
	case LowestCost:
		score = func(d *deployment) int64 { return d.Rate }
	default:
		return shuffle(from, random)
	}
	// Scores move while they are compared; each is read once.
	best := make([]*deployment, 0, len(from))
	lowest := int64(0)
	for _, d := range from {
		v := score(d)
		switch {
		case len(best) == 0 || v < lowest:
			best, lowest = append(best[:0], d), v
		case v == lowest:
			best = append(best, d)
		}
	}
	return shuffle(best, random)
}

// shuffle picks at random by weight; random is in [0, 1).
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
	return from[len(from)-1]
}
