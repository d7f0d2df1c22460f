package world

import (
	"math"
	"math/rand/v2"
	"testing"
)

// What is said to be true of a world is what is drawn from it.
func TestLawIsWhatIsDrawn(t *testing.T) {
	for _, kind := range Kinds() {
		w := New(kind, 1, 400)
		for _, l := range []law{w.at(0), w.at(0.625)} {
			r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // the same each time
			const n = 200_000
			above, wrong := 0, 0
			for range n {
				h := l.draw(r)
				if h.score < 0.5 || h.score > 1 {
					t.Fatalf("a score of %v", h.score)
				}
				if h.score >= 0.75 {
					above++
					if h.wrong {
						wrong++
					}
				}
			}
			share, rate := l.from(0.75)
			got := float64(above) / n
			if math.Abs(got-share) > 0.01 {
				t.Errorf("%s: %v lie above, want %v", kind, got, share)
			}
			if got := float64(wrong) / float64(above); math.Abs(got-rate) > 0.01 {
				t.Errorf("%s: of those above %v are wrong, want %v", kind, got, rate)
			}
		}
	}
}

func TestOneSeedOneWorld(t *testing.T) {
	for _, kind := range Kinds() {
		w := New(kind, 7, 100)
		if w != New(kind, 7, 100) || w == New(kind, 8, 100) {
			t.Errorf("%s: a world is not made from its seed alone", kind)
		}
		if w.Run(NewGuessed(w))[0] != w.Run(NewGuessed(w))[0] {
			t.Errorf("%s: two runs differ", kind)
		}
	}
}

func TestWorldsThatChange(t *testing.T) {
	for _, c := range []struct {
		kind    Kind
		changes bool
	}{{Steady, false}, {Rise, true}, {Embedder, true}, {Season, true}, {Prose, true}} {
		w := New(c.kind, 3, 100)
		if got := w.at(0) != w.at(0.625); got != c.changes {
			t.Errorf("%s: changes: %v", c.kind, got)
		}
	}
}
