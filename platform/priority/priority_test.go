package priority_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"tollgate.dev/platform/priority"
)

type job struct{ rank, at int }

func (j *job) Before(other *job) bool { return j.rank < other.rank }
func (j *job) Place() *int            { return &j.at }

// Whatever is put in, changed and taken out, the first is one of the least.
func TestQueue(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same in each run
	var q priority.Queue[*job]
	var model []*job
	for step := range 20_000 {
		switch pick := rng.IntN(4); {
		case pick < 2 || len(model) == 0:
			j := &job{rank: rng.IntN(50)}
			q.Push(j)
			model = append(model, j)
		case pick == 2:
			j := model[rng.IntN(len(model))]
			j.rank = rng.IntN(50)
			q.Fix(j)
		default:
			i := rng.IntN(len(model))
			q.Remove(model[i])
			model = slices.Delete(model, i, i+1)
		}
		if q.Len() != len(model) {
			t.Fatalf("step %d: %d, want %d", step, q.Len(), len(model))
		}
		if len(model) == 0 {
			continue
		}
		least := slices.MinFunc(model, func(a, b *job) int { return cmp.Compare(a.rank, b.rank) })
		if first := q.First(); first.rank != least.rank || !slices.Contains(model, first) {
			t.Fatalf("step %d: the first has rank %d, want %d", step, first.rank, least.rank)
		}
	}
	// In order, until there are none.
	for last := -1; q.Len() > 0; {
		first := q.First()
		if first.rank < last {
			t.Fatalf("%d came behind %d", first.rank, last)
		}
		last = first.rank
		q.Remove(first)
	}
}
