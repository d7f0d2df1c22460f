//go:build !race

// The race detector takes minutes for what has one goroutine: make test runs this without it.

package index_test

import (
	"fmt"
	"testing"

	"tollgate.dev/services/cache/index"
)

// What is charged is what the heap has of it, whatever the groups are like, and however they came to be so.
func TestWhatIsChargedIsWhatIsTaken(t *testing.T) {
	const entries = 20_000
	v := newVectors(1, 384)
	vectors := [][]int8{{1}, quantised(v.random())}
	for _, vector := range vectors {
		for _, each := range []int{1, 10, 200, entries} {
			for name, tc := range map[string]struct {
				most    int64 // bytes an entry
				deleted int   // of ten
			}{"filled": {roomy, 0}, "thinned": {roomy, 3}, "full": {400, 0}} {
				t.Run(fmt.Sprintf("%d dimensions, %d a group, %s", len(vector), each, name), func(t *testing.T) {
					before := heapInUse()
					ix, _ := newIndex(t, index.Options{MaxBytes: entries * tc.most})
					for i := range entries {
						e := index.Entry{ID: id(i), Group: group(i / each), Tenant: uint64(i / each % 100), Vector: vector}
						for k := range 8 {
							e.Keys = append(e.Keys, key(i*8+k))
						}
						add(t, ix, e)
					}
					for i := range entries {
						if v.rng.IntN(10) < tc.deleted {
							ix.Delete(group(i/each), id(i))
						}
					}
					taken, stats := heapInUse()-before, ix.Stats()
					taken, charged := taken/int64(stats.Entries), stats.Bytes/int64(stats.Entries)
					t.Logf("%d bytes an entry are taken, and %d charged", taken, charged)
					if charged < taken*9/10 || charged > taken*11/10 {
						t.Errorf("%d bytes an entry are taken, and %d charged", taken, charged)
					}
				})
			}
		}
	}
}
