// Package world makes worlds in which a rule for the threshold of a semantic cache can be tried:
// would-be hits with a score and, which the rule does not see unless it compares, whether their
// answer is wrong. Each is made from a seed alone, and its true rates are known exactly.
package world

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Kind is how a world changes.
type Kind string

// The kinds of worlds.
const (
	// Steady worlds never change.
	Steady Kind = "steady"
	// Rise: wrong answers become several times as frequent at once, at all scores.
	Rise Kind = "rise"
	// Embedder: scores are distributed otherwise, as after a change of the embedder.
	Embedder Kind = "embedder"
	// Season: the share of wrong answers swings about its mean, four times.
	Season Kind = "season"
	// Prose: right answers can't be told from wrong ones by their comparison, whatever the score; from
	// half of the course on they can.
	Prose Kind = "prose"
	// Clustered worlds never change, and each entry has 1, 10, 30 or 100 would-be hits in a row, which are
	// all right or all wrong. In two of three no threshold is safe.
	Clustered Kind = "clustered"
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Steady, Rise, Embedder, Season, Prose, Clustered} }

// Steady says that what is drawn in worlds of the kind never changes.
func (k Kind) Steady() bool { return k == Steady || k == Clustered }

// shape is a Kumaraswamy distribution, 1−(1−xᵃ)ᵇ, of scores spread over [0.5, 1].
type shape struct{ a, b float64 }

// above is the share of scores that are at least s.
func (d shape) above(s float64) float64 {
	if s <= 0.5 {
		return 1
	}
	return math.Pow(1-math.Pow(min(1, 2*s-1), d.a), d.b)
}

// draw by inverting the distribution; e⁻ˣ of an exponential x is uniform.
func (d shape) draw(r *rand.Rand) float64 {
	return 0.5 + 0.5*math.Exp(math.Log(1-math.Exp(-r.ExpFloat64()/d.b))/d.a)
}

// law is what would-be hits are drawn from at one time.
type law struct {
	wrong      float64 // share of all
	alike      float64 // share of the wrong whose scores are as those of right ones
	right, bad shape
}

// fate of an entry, which all its would-be hits share.
type fate struct{ wrong, alike, hidden bool }

// hit that would be served.
type hit struct {
	fate

	entry int
	score float64
}

func (l law) fate(r *rand.Rand) fate {
	if r.Float64() >= l.wrong {
		return fate{}
	}
	return fate{wrong: true, alike: r.Float64() < l.alike}
}

// score of a would-be hit of an entry.
func (l law) score(of fate, r *rand.Rand) float64 {
	if of.wrong && !of.alike {
		return l.bad.draw(r)
	}
	return l.right.draw(r)
}

// from a threshold on: the share of would-be hits, and the share of wrong ones among them.
func (l law) from(threshold float64) (share, wrong float64) {
	right := (1 - l.wrong) * l.right.above(threshold)
	bad := l.wrong * (l.alike*l.right.above(threshold) + (1-l.alike)*l.bad.above(threshold))
	if right+bad <= 0 {
		return 0, 0
	}
	return right + bad, bad / (right + bad)
}

// World is a course of would-be hits.
type World struct {
	Kind Kind
	Seed uint64
	// Bound on wrong hits per hit, and the least Sample of comparisons.
	Bound, Sample float64
	// Length in would-be hits.
	Length int

	before, after law
	hidden        hidden
	cluster       int // would-be hits of an entry
}

// Hiding is what becomes of would-be hits that can't be compared.
type Hiding uint8

// The ways to treat them.
const (
	// LeftOut: they are served as any, and where one is drawn nothing is told.
	LeftOut Hiding = iota
	// ToldWrong: they are served as any, and one that is drawn is told as wrong.
	ToldWrong
	// SetApart: they are known before anything is decided, and none is ever served.
	SetApart
)

// hidden are would-be hits that can't be compared.
type hidden struct {
	share, wrong float64
	how          Hiding
}

// Hide makes a share of all would-be hits ones that can't be compared: with scores as those of
// right ones, and that share of them wrong.
func (w World) Hide(share, wrong float64, how Hiding) World {
	w.hidden = hidden{share: share, wrong: wrong, how: how}
	return w
}

// fate of an entry; one that can't be compared has the scores of right ones.
func (w World) fate(l law, r *rand.Rand) fate {
	if w.hidden.share > 0 && r.Float64() < w.hidden.share {
		return fate{wrong: r.Float64() < w.hidden.wrong, alike: true, hidden: true}
	}
	return l.fate(r)
}

// from a threshold on: the share of wrong ones among those that a rule decides about.
func (w World) from(l law, threshold float64) float64 {
	share, wrong := l.from(threshold)
	if w.hidden.how == SetApart {
		return wrong
	}
	more := w.hidden.share * l.right.above(threshold)
	share *= 1 - w.hidden.share
	if share+more <= 0 {
		return 0
	}
	return (share*wrong + more*w.hidden.wrong) / (share + more)
}

// New world. Its length is that many would-be hits for each wrong one that the bound allows in
// as many hits: 400 means 400/bound.
func New(kind Kind, seed uint64, length float64) World {
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a world is to be the same for its seed
	between := func(low, high float64) float64 { return low + (high-low)*r.Float64() }
	even := func(low, high float64) float64 { return low * math.Pow(high/low, r.Float64()) }
	w := World{Kind: kind, Seed: seed, Bound: even(0.005, 0.05), Sample: even(0.01, 0.2), cluster: 1}
	w.Length = int(length / w.Bound)
	l := law{
		wrong: between(0.05, 0.5),
		right: shape{a: between(2, 6), b: between(0.6, 2)},
		bad:   shape{a: between(0.8, 1.6), b: between(3, 8)},
	}
	// At the highest scores up to 0.8 of the bound is wrong: what no threshold can keep out.
	l.alike = min(0.5, between(0, 0.8)*w.Bound*(1-l.wrong)/l.wrong)
	w.before, w.after = l, l
	switch kind {
	case Steady:
	case Rise:
		w.after.alike = min(0.9, l.alike*between(3, 20)+w.Bound)
		w.after.wrong = min(0.8, l.wrong*between(1, 3))
	case Embedder:
		w.after.right = shape{a: between(1, 8), b: between(0.4, 3)}
		w.after.bad = shape{a: between(1, 4), b: between(1.5, 6)}
	case Season:
		w.after.wrong = min(0.9, l.wrong*2)
		w.after.alike = min(0.9, l.alike*2)
	case Prose:
		w.before.wrong = between(0.3, 0.9)
		w.before.alike = 1
	case Clustered:
		w.cluster = [...]int{1, 10, 30, 100}[seed%4]
		l.alike = min(0.9, between(0, 3)*w.Bound*(1-l.wrong)/l.wrong)
		w.before, w.after = l, l
	default:
		panic(fmt.Sprintf("no such kind of world: %s", kind))
	}
	return w
}

// at a time from 0 to 1 of the whole.
func (w World) at(part float64) law {
	switch w.Kind {
	case Season:
		x := (1 - math.Cos(8*math.Pi*part)) / 2
		l := w.before
		l.wrong += x * (w.after.wrong - l.wrong)
		l.alike += x * (w.after.alike - l.alike)
		return l
	default:
		if part >= 0.5 {
			return w.after
		}
		return w.before
	}
}

// oracle is the share of would-be hits that is served by the lowest threshold of the grid that
// keeps the bound, for who knows the law.
func (l law) oracle(bound float64) float64 {
	for k := 50; k < 100; k++ {
		if share, wrong := l.from(float64(k) / 100); wrong <= bound {
			return share
		}
	}
	return 0
}

// Oracle is the share of would-be hits that could be served within the bound at the start.
func (w World) Oracle() float64 { return w.before.oracle(w.Bound) }
