package index_test

import (
	"context"
	"fmt"
	"testing"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache/index"
)

// filled returns an index of one group, and queries near some of its entries.
func filled(tb testing.TB, entries int) (ix *index.Index, queries [][]int8) {
	tb.Helper()
	v := newVectors(3, 256)
	ix = index.New(index.Options{MaxBytes: roomy, Clock: clock.Real()})
	for n := range entries {
		x := v.prompt()
		if len(queries) < 64 {
			queries = append(queries, quantised(v.near(x, 0.75+0.25*v.rng.Float64())))
		}
		e := index.Entry{ID: id(n), Vector: quantised(x), Handle: uint64(n)}
		for k := range 10 {
			e.Keys = append(e.Keys, key(10*n+k))
		}
		add(tb, ix, e)
	}
	return ix, queries
}

func TestASearchAllocatesItsResultAlone(t *testing.T) {
	ix, queries := filled(t, 5000)
	keys := []index.Key{key(1), key(77), key(1e6)}
	for name, f := range map[string]func(){
		"Search": func() { _, _ = ix.Search(context.Background(), index.Group{}, queries[0], 10, 0.5) },
		"Lookup": func() { ix.Lookup(index.Group{}, keys, 10) },
	} {
		if n := testing.AllocsPerRun(100, f); n > 1 {
			t.Errorf("%s allocates %.0f times", name, n)
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	for _, entries := range []int{10, 1000, 10_000, 100_000} {
		ix, queries := filled(b, entries)
		for _, floor := range []float64{0.9, 0.7} {
			b.Run(fmt.Sprintf("%d at %.1f", entries, floor), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if _, err := ix.Search(b.Context(), index.Group{}, queries[i%len(queries)], 10, floor); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	ix, _ := filled(b, 100_000)
	keys := make([]index.Key, 10)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for k := range keys {
			keys[k] = key(i*7919%1_000_000 + k*31)
		}
		ix.Lookup(index.Group{}, keys, 10)
	}
}

func BenchmarkAdd(b *testing.B) {
	v := newVectors(3, 256)
	ix := index.New(index.Options{MaxBytes: 100_000 * 800, Clock: clock.Real()}) // so that others go
	vector := quantised(v.prompt())
	keys := make([]index.Key, 10)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for k := range keys {
			keys[k] = key(i*10 + k)
		}
		add(b, ix, index.Entry{ID: id(i), Vector: vector, Keys: keys})
	}
}
