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
				of := l.fate(r)
				score := l.score(of, r)
				if score < 0.5 || score > 1 {
					t.Fatalf("a score of %v", score)
				}
				if score >= 0.75 {
					above++
					if of.wrong {
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
	}{{Steady, false}, {Rise, true}, {Embedder, true}, {Season, true}, {Prose, true}, {Clustered, false}} {
		w := New(c.kind, 3, 100)
		if got := w.at(0) != w.at(0.625); got != c.changes || got == c.kind.Steady() {
			t.Errorf("%s: changes: %v", c.kind, got)
		}
	}
}

// kin records the wrong answers of entries in a row, and serves nothing.
type kin struct {
	hits, wrong map[int]int
	last        int
}

func (k *kin) Decide(entry int, _, _ float64) (serve, compare bool, limit float64) {
	k.hits[entry]++
	k.last = entry
	return false, true, math.Inf(1)
}

func (k *kin) Learn(wrong bool) {
	if wrong {
		k.wrong[k.last]++
	}
}

func TestEntriesOfClustersShareTheirFate(t *testing.T) {
	sizes := map[int]bool{}
	for seed := range uint64(8) {
		w := New(Clustered, seed, 100)
		k := &kin{hits: map[int]int{}, wrong: map[int]int{}}
		w.Run(k)
		for entry, n := range k.hits {
			if wrong := k.wrong[entry]; wrong != 0 && wrong != n {
				t.Errorf("seed %d: of %d would-be hits of an entry %d are wrong", seed, n, wrong)
			}
		}
		if len(k.wrong) == 0 || len(k.wrong) == len(k.hits) {
			t.Errorf("seed %d: of %d entries %d are wrong", seed, len(k.hits), len(k.wrong))
		}
		sizes[k.hits[0]] = true
	}
	if len(sizes) != 4 {
		t.Errorf("entries have %v would-be hits, want 1, 10, 30 and 100", sizes)
	}
}
