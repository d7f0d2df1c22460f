package keystore_test

import (
	"fmt"
	"testing"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/services/keystore"
)

// What the edge asks for a key that it does not remember, among 10,000 others.
func BenchmarkResolve(b *testing.B) {
	f := newFixture(b)
	f.tenant(b, "t1")
	store := openStore(b, f.path)
	for i := range 10 {
		batch := make([]keystore.Mutation, 1000)
		for j := range batch {
			id := fmt.Sprintf("%064x", 1000*i+j)
			batch[j] = keystore.PutKey{Record: keystore.KeyRecord{Key: &keystorev1.Key{Id: id, TenantId: "t1"}, Secret: id}}
		}
		if _, err := store.Apply(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	_, value := f.issue(b, &keystorev1.Key{TenantId: "t1", Limits: &keystorev1.Limits{Models: []string{"gpt-4o", "claude-*"}}})
	handle := keystore.Handle(value)
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := f.Resolve(b.Context(), handle[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := f.Resolve(b.Context(), handle[:]); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}
