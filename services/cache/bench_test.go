package cache_test

import (
	"bytes"
	"testing"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/memory"
	"tollgate.dev/services/cache/store/redis"
	"tollgate.dev/services/cache/storetest"
)

// A hit of 4 KB, as the edge asks for it in one process.
func BenchmarkLookupHit(b *testing.B) {
	client, prefix := redisxtest.New(b)
	shared, err := redis.New(client, redis.Options{Prefix: prefix})
	if err != nil {
		b.Fatal(err)
	}
	for _, bench := range []struct {
		name  string
		store cache.Store
		opts  cache.Options
	}{
		{"memory", memory.New(memory.Options{}), cache.Options{Timeout: -1}},
		{"memory with a time limit", memory.New(memory.Options{}), cache.Options{}},
		{"redis", shared, cache.Options{}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			client := serve(b, bench.store, bench.opts)
			_, err := client.Store(b.Context(), &cachev1.StoreRequest{
				Namespace: namespace(), Fingerprint: fingerprint("r"), Entry: storetest.Entry(string(bytes.Repeat([]byte("x"), 4<<10))),
			})
			if err != nil {
				b.Fatal(err)
			}
			req := &cachev1.LookupRequest{Namespace: namespace(), Fingerprint: fingerprint("r")}
			b.ReportAllocs()
			for b.Loop() {
				got, err := client.Lookup(b.Context(), req)
				if err != nil || got.GetEntry() == nil {
					b.Fatalf("%v, %v", got, err)
				}
			}
		})
	}
}
