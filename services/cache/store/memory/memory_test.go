package memory_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/memory"
	"tollgate.dev/services/cache/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	storetest.Run(t, func(_ *testing.T, c clock.Clock) cache.Store { return memory.New(memory.Options{Clock: c}) })
}

func numbered(i int) cache.Key {
	return cache.Key{
		Namespace:   cache.Namespace{Tenant: fmt.Sprint("tenant-", i%7), Provider: "openai", Model: fmt.Sprint("gpt-", i%3)},
		Fingerprint: sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i))),
	}
}

func put(tb testing.TB, s *memory.Store, key cache.Key, body int, expires time.Time) {
	tb.Helper()
	entry := &cachev1.Entry{
		Body: make([]byte, body), Usage: &usagev1.Usage{Input: 1}, Provider: "openai", UpstreamModel: "gpt-4o", DeploymentId: "d", CreatedMillis: 1,
	}
	if ok, err := s.Put(tb.Context(), key, cache.Record{Entry: entry, Expires: expires}); err != nil || !ok {
		tb.Fatalf("put: %t, %v", ok, err)
	}
}

func has(tb testing.TB, s *memory.Store, key cache.Key) bool {
	tb.Helper()
	_, ok, err := s.Get(tb.Context(), key)
	if err != nil {
		tb.Fatal(err)
	}
	return ok
}

// The memory that a full store really takes is what it was given, small entries and
// namespaces of one entry included.
func TestBoundHoldsInMemory(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for name, tc := range map[string]struct {
		size func() int
		key  func(i int) cache.Key
	}{
		"tiny":       {func() int { return 10 }, numbered},
		"mixed":      {func() int { return rand.IntN(rand.IntN(64<<10) + 1) }, numbered}, //nolint:gosec // sizes
		"partitions": {func() int { return 10 }, func(i int) cache.Key { k := numbered(i); k.Namespace.Partition = fmt.Sprintf("%0100d", i); return k }},
	} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			s := memory.New(memory.Options{})
			for i := range 60_000 {
				put(t, s, tc.key(i), tc.size(), time.Now().Add(time.Hour))
				if used := s.Bytes(); used > memory.DefaultMaxBytes {
					t.Fatalf("%d bytes in use after %d entries", used, i)
				}
			}
			took := heap() - before
			t.Logf("%d entries, %d KiB counted, %d KiB taken", s.Len(), s.Bytes()>>10, took>>10)
			if took > memory.DefaultMaxBytes*21/20 {
				t.Errorf("%d bytes taken of %d", took, memory.DefaultMaxBytes)
			}
			if s.Bytes() < memory.DefaultMaxBytes*9/10 {
				t.Errorf("only %d bytes in use: it evicts too much", s.Bytes())
			}
		})
	}
}

func TestEverythingIsGivenBack(t *testing.T) {
	c := clocktest.New()
	s := memory.New(memory.Options{Clock: c, MaxBytes: 1 << 20})
	for i := range 5000 {
		put(t, s, numbered(i%300), i%2000, c.Now().Add(time.Duration(i%50+1)*time.Second))
		c.Advance(10 * time.Millisecond)
	}
	for i := range 7 {
		if _, err := s.Invalidate(t.Context(), cache.Selector{Tenant: fmt.Sprint("tenant-", i)}, c.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if s.Bytes() != 0 || s.Len() != 0 {
		t.Errorf("%d bytes in %d entries are left", s.Bytes(), s.Len())
	}
}

func TestExpiredEntriesMakeRoomFirst(t *testing.T) {
	c := clocktest.New()
	s := memory.New(memory.Options{Clock: c, MaxBytes: 1 << 20})
	put(t, s, numbered(0), 1000, c.Now().Add(time.Second))
	c.Advance(time.Second)
	if has(t, s, numbered(0)) || s.Len() != 0 {
		t.Error("an expired entry stays once it was asked for")
	}
	for i := range 200 { // all asked for, all expired
		put(t, s, numbered(i), 1000, c.Now().Add(time.Second))
		has(t, s, numbered(i))
	}
	c.Advance(time.Second)
	for i := 1000; i < 1200; i++ {
		put(t, s, numbered(i), 1000, c.Now().Add(time.Hour))
	}
	for i := 1000; i < 1200; i++ {
		if !has(t, s, numbered(i)) {
			t.Fatalf("entry %d went before an expired one", i)
		}
	}
}

// What is asked for again outlives what is not, however much passes through.
func TestPopularEntriesStay(t *testing.T) {
	c := clocktest.New()
	s := memory.New(memory.Options{Clock: c, MaxBytes: 4 << 20})
	const popular = 100
	for i := range popular {
		put(t, s, numbered(i), 2000, c.Now().Add(time.Hour))
	}
	for i := popular; i < 20_000; i++ {
		put(t, s, numbered(i), 2000, c.Now().Add(time.Hour))
		if i%popular == 0 {
			for j := range popular {
				has(t, s, numbered(j))
			}
		}
	}
	stayed := 0
	for i := range popular {
		if has(t, s, numbered(i)) {
			stayed++
		}
	}
	if stayed < popular*95/100 {
		t.Errorf("%d of %d popular entries stayed", stayed, popular)
	}
}

func TestLargeEntries(t *testing.T) {
	c := clocktest.New()
	s := memory.New(memory.Options{Clock: c, MaxBytes: 1 << 20})
	for name, entry := range map[string]*cachev1.Entry{
		"body":               {Body: make([]byte, 1<<20)},
		"chunks":             {Chunks: [][]byte{make([]byte, 1<<19), make([]byte, 1<<19)}},
		"dropped parameters": {DroppedParams: slices.Repeat([]string{"logit_bias"}, 1<<16)},
	} {
		ok, err := s.Put(t.Context(), numbered(1), cache.Record{Entry: entry, Expires: c.Now().Add(time.Hour)})
		if ok || err != nil || s.Bytes() != 0 {
			t.Errorf("an entry whose %s take more than the store: %t, %v", name, ok, err)
		}
	}
	for i := range 10 {
		put(t, s, numbered(i), 900<<10, c.Now().Add(time.Hour))
		if !has(t, s, numbered(i)) || s.Len() != 1 {
			t.Fatalf("%d entries after entry %d", s.Len(), i)
		}
	}
}

func TestBodiesAreNotCopied(t *testing.T) {
	s := memory.New(memory.Options{})
	rec := cache.Record{Entry: storetest.Entry("x"), Expires: time.Now().Add(time.Hour)}
	if _, err := s.Put(t.Context(), numbered(1), rec); err != nil {
		t.Fatal(err)
	}
	got, _, err := s.Get(t.Context(), numbered(1))
	if err != nil || got.Entry != rec.Entry {
		t.Error("it is another entry")
	}
	key := numbered(1)
	if n := testing.AllocsPerRun(100, func() {
		if _, ok, _ := s.Get(t.Context(), key); !ok {
			t.Fatal("a miss")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// Under its bound, with everything going on at once.
func TestConcurrentEviction(t *testing.T) {
	s := memory.New(memory.Options{MaxBytes: 256 << 10})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				key := numbered(i*8 + w)
				put(t, s, key, i%3000, time.Now().Add(time.Duration(i%3)*time.Millisecond))
				has(t, s, numbered(i))
				if i%500 == 0 {
					if _, err := s.Invalidate(t.Context(), cache.Selector{Tenant: key.Namespace.Tenant}, time.Now().Add(time.Millisecond)); err != nil {
						t.Error(err)
					}
				}
				if used := s.Bytes(); used > 256<<10 {
					t.Errorf("%d bytes in use", used)
				}
			}
		})
	}
	wg.Wait()
	for i := range 7 {
		if _, err := s.Invalidate(t.Context(), cache.Selector{Tenant: fmt.Sprint("tenant-", i)}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if s.Bytes() != 0 || s.Len() != 0 {
		t.Errorf("%d bytes in %d entries are left", s.Bytes(), s.Len())
	}
}

func BenchmarkGet(b *testing.B) {
	s := memory.New(memory.Options{})
	keys := make([]cache.Key, 1024)
	for i := range keys {
		keys[i] = numbered(i)
		put(b, s, keys[i], 4<<10, time.Now().Add(time.Hour))
	}
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		ctx := b.Context()
		for i := 0; b.Loop(); i++ {
			if _, ok, _ := s.Get(ctx, keys[i%len(keys)]); !ok {
				b.Fatal("a miss")
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		ctx := b.Context()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, ok, _ := s.Get(ctx, keys[i%len(keys)]); !ok {
					b.Fatal("a miss")
				}
			}
		})
	})
}

// Each Put evicts.
func BenchmarkPut(b *testing.B) {
	s := memory.New(memory.Options{})
	rec := cache.Record{Entry: &cachev1.Entry{Body: make([]byte, 4<<10)}, Expires: time.Now().Add(time.Hour)}
	keys := make([]cache.Key, 1<<16)
	for i := range keys {
		keys[i] = numbered(i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if ok, _ := s.Put(b.Context(), keys[i%len(keys)], rec); !ok {
			b.Fatal("not stored")
		}
	}
}
