package main

import (
	"math"
	"math/rand/v2"

	"tollgate.dev/services/cache/index"
)

// world makes vectors as an embedder does of prompts: topics of very different sizes, within
// them templates, within these paraphrases. A common part, and axes of falling weight, make
// all of them a little alike, as sentences are.
type world struct {
	rng    *rand.Rand
	dims   int
	axes   []float64
	common []float64
	topics [][]float64
}

func newWorld(seed uint64, dims, topics int) *world {
	//nolint:gosec // the same vectors each time
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), dims: dims, axes: make([]float64, dims)}
	for i := range w.axes {
		w.axes[i] = math.Pow(float64(i+1), -0.3)
	}
	w.common = w.gauss()
	for range topics {
		w.topics = append(w.topics, w.mix(w.common, 0.45, w.gauss(), 1))
	}
	return w
}

// gauss returns a direction of length 1.
func (w *world) gauss() []float64 {
	v := make([]float64, w.dims)
	for i := range v {
		v[i] = w.rng.NormFloat64() * w.axes[i]
	}
	return unit(v)
}

func (w *world) mix(a []float64, x float64, b []float64, y float64) []float64 {
	v := make([]float64, w.dims)
	for i := range v {
		v[i] = a[i]*x + b[i]*y
	}
	return unit(v)
}

// prompt returns a new prompt's vector: a few topics are asked about most.
func (w *world) prompt() []float64 {
	at := int(float64(len(w.topics)) * math.Pow(w.rng.Float64(), 3))
	return w.mix(w.topics[at], 0.8, w.gauss(), 1)
}

// paraphrase returns a vector at about the given cosine.
func (w *world) paraphrase(v []float64, cosine float64) []float64 {
	return w.mix(v, cosine, w.gauss(), math.Sqrt(1-cosine*cosine))
}

func unit(v []float64) []float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	for i := range v {
		v[i] /= math.Sqrt(sum)
	}
	return v
}

// quantised is a vector as the index keeps it.
func quantised(v []float64) []int8 {
	short := make([]float32, len(v))
	for i, x := range v {
		short[i] = float32(x)
	}
	return index.Quantise(short)
}
