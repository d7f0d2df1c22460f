package memory_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/store/memory"
	"tollgate.dev/services/compressor/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Rig {
		c := clocktest.New()
		return storetest.Rig{Store: memory.New(memory.Options{Clock: c}), Clock: c, Pass: c.Advance}
	})
}

// part is a part of a kilobyte.
func part(tenant string, i int) prompt.Omission {
	return storetest.Part(strings.Repeat("x", 1000) + fmt.Sprint(tenant, " ", i))
}

func fill(t testing.TB, s *memory.Store, c *clocktest.Fake, tenant string, n int) {
	t.Helper()
	for i := range n {
		if _, err := s.Put(t.Context(), tenant, []prompt.Omission{part(tenant, i)}, c.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
}

// held are the parts that a tenant has of its first n.
func held(t testing.TB, s *memory.Store, tenant string, n int) (have []int) {
	t.Helper()
	for i := range n {
		if _, ok, err := s.Get(t.Context(), tenant, part(tenant, i).Name); err != nil {
			t.Fatal(err)
		} else if ok {
			have = append(have, i)
		}
	}
	return have
}

// A tenant that fills the memory loses its own parts, the oldest first, and not others'.
func TestNobodyPushesOthersOut(t *testing.T) {
	c := clocktest.New()
	s := memory.New(memory.Options{MaxBytes: 100 << 10, Clock: c})
	fill(t, s, c, "small", 10)
	fill(t, s, c, "large", 1000)
	if have := held(t, s, "small", 10); len(have) != 10 {
		t.Errorf("the small one has %v", have)
	}
	have := held(t, s, "large", 1000)
	if len(have) < 20 || have[0] != 1000-len(have) {
		t.Errorf("the large one has %d, from %d on", len(have), have[0])
	}
	// Who comes later gets a share, until both have the same.
	fill(t, s, c, "later", 1000)
	a, b := len(held(t, s, "large", 1000)), len(held(t, s, "later", 1000))
	if a < 10 || b < 10 || a-b > 1 || b-a > 1 || len(held(t, s, "small", 10)) != 10 {
		t.Errorf("%d and %d parts", a, b)
	}
	// A prompt that has no room by itself leaves the others theirs.
	var many []prompt.Omission
	for i := range 1000 {
		many = append(many, part("flood", i))
	}
	kept, err := s.Put(t.Context(), "flood", many, c.Now().Add(time.Hour))
	if n := len(held(t, s, "flood", 1000)); err != nil || n != kept || n < 10 || n > 40 || len(held(t, s, "small", 10)) != 10 {
		t.Errorf("%d kept, %d found, %v", kept, n, err)
	}
}

// What has expired makes room before anything is evicted, whoever asks.
func TestExpiredPartsMakeRoom(t *testing.T) {
	c := clocktest.New()
	s := memory.New(memory.Options{MaxBytes: 100 << 10, Clock: c})
	fill(t, s, c, "old", 1000)
	c.Advance(time.Hour)
	fill(t, s, c, "new", 40)
	if have := held(t, s, "new", 40); len(have) != 40 {
		t.Errorf("%d parts", len(have))
	}
}

// A part that is a piece of a whole request's text does not keep it alive, and the bound is
// what the heap takes.
func TestMemoryIsBounded(t *testing.T) {
	c := clocktest.New()
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for name, size := range map[string]int{"small parts": 1, "parts": 2000, "large parts": 100_000} {
		t.Run(name, func(t *testing.T) {
			const bound = 4 << 20
			before := heap()
			s := memory.New(memory.Options{MaxBytes: bound, Clock: c})
			for i := range max(2*bound/(size+500), 200) {
				whole := fmt.Sprint(strings.Repeat("x", size), " ", i, strings.Repeat("y", 10*size))
				p := prompt.Omission{Name: fmt.Sprintf("%016x", i), Text: whole[:size]}
				if _, err := s.Put(t.Context(), fmt.Sprint("tenant ", i%5000), []prompt.Omission{p}, c.Now().Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			if took := heap() - before; took > bound+bound/8 || took < bound/8 {
				t.Errorf("%d bytes of %d", took, bound)
			}
			runtime.KeepAlive(s)
		})
	}
}

// The bound holds while many fill it.
func TestManyFillIt(t *testing.T) {
	c := clocktest.New()
	s := memory.New(memory.Options{MaxBytes: 50 << 10, Clock: c})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() { fill(t, s, c, fmt.Sprint("t", w), 200) })
	}
	wg.Wait()
	total := 0
	for w := range 8 {
		n := len(held(t, s, fmt.Sprint("t", w), 200))
		if n == 0 {
			t.Errorf("t%d has nothing", w)
		}
		total += n
	}
	if total > 50 {
		t.Errorf("%d parts of a kilobyte in 50 KiB", total)
	}
}

// BenchmarkPut is a prompt that leaves out ten parts of 4 KiB, of which nine were left out
// before.
func BenchmarkPut(b *testing.B) {
	c := clocktest.New()
	s := memory.New(memory.Options{Clock: c})
	fill(b, s, c, "another", 10_000)
	text := strings.Repeat("y", 4<<10)
	parts := make([]prompt.Omission, 10)
	for i := range parts {
		parts[i] = prompt.Omission{Name: fmt.Sprintf("%016x", i), Text: text}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		parts[9].Name = fmt.Sprintf("%016x", i)
		if kept, err := s.Put(b.Context(), "t", parts, c.Now().Add(time.Hour)); kept != 10 || err != nil {
			b.Fatal(kept, err)
		}
	}
}
