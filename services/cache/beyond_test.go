package cache_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock"
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
			store, err := redis.New(client, redis.Options{Prefix: prefix, Clock: c})
			if err != nil {
				t.Fatal(err)
			}
			opts := cache.Options{Embedder: staticEmbedder(t), IndexBytes: 64 << 10, Floor: 0.7, Clock: c, Timeout: 5 * time.Second}
			if tc.vectors {
				opts.Vectors = store
			}
			f := newFixture(t, store, opts)
			ctx, stop := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { _ = f.service.Run(ctx) })
			defer func() { stop(); running.Wait() }()
			f.answer(t, "How can I learn to play the guitar?")
			threshold := 0.7
			if got := f.ask(t, "How does a beginner learn guitar?", upToSemantic, &threshold); got.GetHit() != semantic {
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
			// What goes is kept off the path.
			got := f.ask(t, lute, upToSemantic, &threshold).GetHit()
			for wait := 0; wait < 1000 && got != tc.want; wait++ {
				if err := clock.Sleep(t.Context(), clock.Real(), 5*time.Millisecond); err != nil {
					t.Fatal(err)
				}
				got = f.ask(t, lute, upToSemantic, &threshold).GetHit()
			}
			if got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// hanging is what finds nothing, and takes for ever.
type hanging struct {
	mu    sync.Mutex
	calls int
}

func (*hanging) Keep(ctx context.Context, _ []cache.Key) error {
	<-ctx.Done()
	return ctx.Err()
}

func (h *hanging) Near(ctx context.Context, _ cache.Scope, _ []int8, _ int, _ float64) ([]*cache.Kept, error) {
	h.mu.Lock()
	h.calls++
	h.mu.Unlock()
	<-ctx.Done()
	return nil, ctx.Err()
}

// A search beyond the index that hangs makes a look-up a miss within its time limit, and is left alone
// for a while after three. While the index has room nobody is asked.
func TestSearchesBeyondThatHang(t *testing.T) {
	h := &hanging{}
	f := newFixture(t, nil, cache.Options{
		Embedder: staticEmbedder(t), IndexBytes: 64 << 10, Timeout: 20 * time.Millisecond, Vectors: h, Threshold: &half,
	})
	ask := func() { // each another thing
		h.mu.Lock()
		text := fmt.Sprint("How deep is lake ", h.calls, " in winter?")
		h.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		q := question("c", text)
		got, err := f.Lookup(ctx, &cachev1.LookupRequest{Namespace: namespace(), Fingerprint: fingerprintOf(q), Question: q, Last: upToSemantic})
		if err != nil || got.GetHit() != miss {
			t.Fatalf("%v, %v", got.GetHit(), err)
		}
	}
	ask()
	if h.calls != 0 {
		t.Fatalf("asked %d times, and there is room", h.calls)
	}
	for i := range 250 {
		f.answer(t, fmt.Sprint("Which colours does the flag number ", i, " have?"))
	}
	for range 10 {
		ask()
	}
	if h.calls != 3 || f.log.lines("is away") != 1 || f.log.lines("operation=search") != 1 {
		t.Errorf("asked %d times; log:\n%s", h.calls, f.log)
	}
	f.clock.Advance(time.Second)
	ask()
	if h.calls != 4 {
		t.Errorf("asked %d times; it may be back", h.calls)
	}
}
