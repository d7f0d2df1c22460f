package cache_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/bench/measure"
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
			_, client := serve(b, bench.store, bench.opts)
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

// manyQuestions are 10,000 of one form, the worst for look-ups: each has many others that are as
// near to it as can be, and that the veto must hold apart.
func manyQuestions() (texts []string) {
	for _, verb := range strings.Fields("renew cancel open close transfer verify upgrade replace repair register") {
		for _, thing := range strings.Fields("passport licence account mortgage subscription insurance pension contract visa permit " +
			"certificate policy warranty ticket booking membership loan invoice card deposit") {
			for _, place := range strings.Fields("Paris London Madrid Berlin Rome Vienna Prague Warsaw Athens Lisbon Dublin Oslo Helsinki " +
				"Stockholm Brussels Budapest Zurich Geneva Milan Munich Hamburg Lyon Porto Seville Naples Turin Bergen Malmo Ghent " +
				"Cork Leeds Bristol Glasgow Cardiff Krakow Bilbao Valencia Granada Florence Venice Verona Genoa Bologna Salzburg " +
				"Graz Basel Bern Antwerp Rotterdam Utrecht") {
				texts = append(texts, "How do I "+verb+" a "+thing+" in "+place+"?")
			}
		}
	}
	return texts
}

// A look-up that the exact tier doesn't answer, among 10,000 questions of one namespace and
// context.
func BenchmarkLookupSimilar(b *testing.B) {
	service, err := cache.New(memory.New(memory.Options{MaxBytes: 64 << 20}), cache.Options{
		Timeout: -1, EmbedTimeout: -1, Embedder: staticEmbedder(b), IndexBytes: 64 << 20,
	})
	if err != nil {
		b.Fatal(err)
	}
	place := func(text string) (cache.Key, *cache.Question) {
		q, err := cache.NewQuestion(question("c", text))
		if err != nil {
			b.Fatal(err)
		}
		key, err := cache.NewKey(namespace(), fingerprintOf(question("c", text)))
		if err != nil {
			b.Fatal(err)
		}
		return key, q
	}
	texts := manyQuestions()
	for _, text := range texts {
		key, q := place(text)
		stored, err := service.Store(b.Context(), cache.Answer{Key: key, Entry: storetest.Entry("x"), TTL: cache.ServiceTTL, Question: q, Last: upToSemantic})
		if err != nil || !stored {
			b.Fatalf("%t, %v", stored, err)
		}
	}
	for _, bench := range []struct {
		name      string
		last      cachev1.Tier
		threshold float64
		want      cachev1.HitKind
		change    func(text string) string
	}{
		{"near, equal forms", upToNear, 0.85, near, func(s string) string { return "Please tell me " + strings.ToLower(s[:1]) + s[1:] }},
		{"near, a slip", upToNear, 0.85, near, func(s string) string {
			verb := strings.Fields(s)[3]
			return strings.Replace(s, verb, verb[:len(verb)-1]+verb[len(verb)-2:], 1)
		}},
		{"near, a miss", upToNear, 0.85, miss, func(s string) string { return strings.TrimSuffix(s, "?") + " for 12 months?" }},
		{"semantic", upToSemantic, 0.85, semantic, func(s string) string {
			return "What should be done to " + strings.TrimPrefix(s, "How do I ")
		}},
		{"semantic, a miss", upToSemantic, 0.85, miss, func(s string) string { return strings.TrimSuffix(s, "?") + " for 12 months?" }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			type ask struct {
				key cache.Key
				q   *cache.Question
			}
			asks := make([]ask, len(texts))
			for i, text := range texts {
				asks[i].key, asks[i].q = place(bench.change(text))
			}
			// The processor's time of one thread, so that what else runs does not count.
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			took := make([]time.Duration, 0, 1<<16)
			found := 0
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				a := &asks[i*7919%len(asks)]
				start := measure.ThreadTime()
				hit := service.Lookup(b.Context(), cache.Request{Key: a.key, MaxAge: cache.AnyAge, Question: a.q, Last: bench.last, Threshold: &bench.threshold})
				took = append(took, measure.ThreadTime()-start)
				if hit.Kind == bench.want {
					found++
				}
			}
			b.ReportMetric(float64(measure.Quantile(took, 0.5))/1e3, "p50-µs")
			b.ReportMetric(float64(measure.Quantile(took, 0.99))/1e3, "p99-µs")
			b.ReportMetric(100*float64(found)/float64(len(took)), "%as-expected")
		})
	}
}

// An exact hit in memory costs no more for what a look-up could do besides.
func TestAnExactHitAllocatesNothing(t *testing.T) {
	service, err := cache.New(memory.New(memory.Options{}), cache.Options{Timeout: -1})
	if err != nil {
		t.Fatal(err)
	}
	key := storetest.Key("t", "openai", "gpt-4o", "", "r")
	if _, err := service.Store(t.Context(), cache.Answer{Key: key, Entry: storetest.Entry("x"), TTL: cache.ServiceTTL}); err != nil {
		t.Fatal(err)
	}
	q := &cache.Question{Text: "What is the capital of France?"}
	if n := testing.AllocsPerRun(1000, func() {
		service.Lookup(t.Context(), cache.Request{Key: key, MaxAge: cache.AnyAge, Question: q})
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
