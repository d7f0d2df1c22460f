package budget_test

import (
	"testing"

	"tollgate.dev/services/budget/storetest"
)

// FuzzModel looks for a seed that breaks the escrow; see storetest.Model. As a test it runs
// these.
func FuzzModel(f *testing.F) {
	for seed := range uint64(6) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		store := newStore(t)
		storetest.Model(t, store, store, seed)
	})
}
