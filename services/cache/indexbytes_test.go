//go:build !race

// The race detector takes minutes for what has one goroutine: make test runs this without it.

package cache_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/embed"
	"tollgate.dev/services/cache/store/memory"
)

// What the index counts is what its questions take in memory, whether they have all but the text in common, as
// first questions have, or nothing, as turns of conversations.
func TestTheIndexCountsWhatItTakes(t *testing.T) {
	for name, embedder := range map[string]embed.Embedder{"without vectors": nil, "with vectors": staticEmbedder(t)} {
		for of, scope := range map[string]func(i int) (partition, context string){
			"one context":     func(int) (string, string) { return "", "c" },
			"many contexts":   func(i int) (string, string) { return "", fmt.Sprint(i) },
			"many partitions": func(i int) (string, string) { return fmt.Sprint("the partition of customer ", i), "c" },
		} {
			t.Run(name+", "+of, func(t *testing.T) {
				seen := &counts{}
				opts := cache.Options{Embedder: embedder, Observer: seen, IndexBytes: 64 << 20, Timeout: -1}
				service, err := cache.New(memory.New(memory.Options{MaxBytes: 1 << 20}), opts)
				if err != nil {
					t.Fatal(err)
				}
				texts, entry, stored := manyQuestions(), &cachev1.Entry{Body: []byte("x"), CreatedMillis: 1}, 0
				fill := func(round string) {
					for _, text := range texts {
						partition, c := scope(stored)
						stored++
						q, err := cache.NewQuestion(question(c, text+round))
						if err != nil {
							t.Fatal(err)
						}
						ns := cache.Namespace{Tenant: "t", Provider: "p", Model: "m", Partition: partition}
						key := cache.Key{Namespace: ns, Fingerprint: cache.Fingerprint(fingerprintOf(question(c, q.Text)))}
						if _, err := service.Store(t.Context(), cache.Answer{Key: key, Entry: entry, TTL: time.Hour, Question: q, Last: upToSemantic}); err != nil {
							t.Fatal(err)
						}
					}
				}
				fill("") // the store and what is remembered of vectors are full
				counted, taken := seen.bytes(), heap()
				fill(" Tell me in one sentence.")
				counted, taken = seen.bytes()-counted, heap()-taken
				t.Logf("%d bytes counted a question, %d taken", counted/int64(len(texts)), taken/int64(len(texts)))
				if taken > counted*11/10 || taken < counted*9/10 {
					t.Errorf("%d bytes counted, %d taken", counted, taken)
				}
				runtime.KeepAlive(service)
				runtime.KeepAlive(texts)
			})
		}
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
