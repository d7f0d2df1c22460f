package cache_test

import (
	"fmt"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/redis"
)

// What the index had no room for is found in the vector sets of Redis 8. Redis 7, which has
// none, makes it a miss.
func TestWhatOutgrowsMemory(t *testing.T) {
	for _, tc := range []struct {
		major   int
		vectors bool
		want    cachev1.HitKind
	}{{8, true, semantic}, {8, false, miss}, {7, true, miss}} {
		t.Run(fmt.Sprint("redis ", tc.major, ", vectors ", tc.vectors), func(t *testing.T) {
			var version redisxtest.Version
			for _, v := range redisxtest.Versions() {
				if v.Major == tc.major {
					version = v
				}
			}
			client, prefix := version.New(t)
			c := clocktest.New()
			store, err := redis.New(client, redis.Options{Prefix: prefix, Clock: c, VectorsFrom: 1})
			if err != nil {
				t.Fatal(err)
			}
			opts := cache.Options{Embedder: staticEmbedder(t), IndexBytes: 64 << 10, Floor: 0.7, Clock: c, Timeout: 5 * time.Second}
			if tc.vectors {
				opts.Vectors = store
			}
			f := newFixture(t, store, opts)
			f.answer(t, "How can I learn to play the guitar?")
			threshold := 0.7
			if got := f.ask(t, "What is the best way to learn guitar?", upToSemantic, &threshold); got.GetHit() != semantic {
				t.Fatalf("in memory it is %v", got.GetHit())
			}
			// What comes is worth more, so that the first one goes.
			for i := range 250 {
				q := question("c", fmt.Sprint("Which colours does the flag number ", i, " have?"))
				if !f.store(t, &cachev1.StoreRequest{
					Fingerprint: fingerprintOf(q), Question: q, Last: upToSemantic, Entry: &cachev1.Entry{Body: []byte("x"), CostNanos: 1_000_000_000},
				}) {
					t.Fatal("not stored")
				}
			}
			if got := f.ask(t, "What is the best way to learn guitar?", upToSemantic, &threshold); got.GetHit() != tc.want {
				t.Errorf("got %v, want %v", got.GetHit(), tc.want)
			}
		})
	}
}
