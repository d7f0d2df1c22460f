package index_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/cache/index"
)

const roomy = 1 << 40

func newIndex(t testing.TB, o index.Options) (*index.Index, *clocktest.Fake) {
	t.Helper()
	fake := clocktest.New()
	o.Clock = fake
	if o.MaxBytes == 0 {
		o.MaxBytes = roomy
	}
	return index.New(o), fake
}

func id(n int) (id index.ID) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

func group(n int) index.Group { return index.Group(id(n)) }
func key(n int) index.Key     { return index.Key(id(n)) }

func add(t testing.TB, ix *index.Index, e index.Entry) {
	t.Helper()
	if e.Vector == nil {
		e.Vector = []int8{1}
	}
	if err := ix.Add(e); err != nil {
		t.Fatal(err)
	}
}

func search(t testing.TB, ix *index.Index, g index.Group, v []int8, k int, floor float64) []index.Candidate {
	t.Helper()
	found, err := ix.Search(t.Context(), g, v, k, floor)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func ids(found []index.Candidate) (ids []index.ID) {
	for _, c := range found {
		ids = append(ids, c.ID)
	}
	return ids
}

func TestSearchRanksByExactCosine(t *testing.T) {
	ix, _ := newIndex(t, index.Options{})
	for n, v := range [][]int8{1: {3, 4}, 2: {6, 8}, 3: {4, 3}, 4: {-3, -4}, 5: {127, 0}} {
		if v != nil {
			add(t, ix, index.Entry{ID: id(n), Vector: v, Handle: uint64(n) * 10})
		}
	}
	add(t, ix, index.Entry{ID: id(6), Group: group(1), Vector: []int8{3, 4}})

	got := search(t, ix, index.Group{}, []int8{30, 40}, 3, 0.6)
	want := []index.Candidate{{ID: id(1), Handle: 10, Cosine: 1}, {ID: id(2), Handle: 20, Cosine: 1}, {ID: id(3), Handle: 30, Cosine: 0.96}}
	if !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	if got := search(t, ix, index.Group{}, []int8{3, 4}, 9, 0.6); len(got) != 4 {
		t.Errorf("of 4 entries at 0.6 or more, %d were found", len(got))
	}
	if got := search(t, ix, index.Group{}, []int8{3, 4}, 9, -1); len(got) != 5 {
		t.Errorf("of 5 entries, %d were found", len(got))
	}
	if got := search(t, ix, group(2), []int8{3, 4}, 9, -1); got != nil {
		t.Errorf("a group that isn't there has %v", got)
	}
}

func TestLookupFindsByAnyKey(t *testing.T) {
	ix, _ := newIndex(t, index.Options{})
	add(t, ix, index.Entry{ID: id(1), Keys: []index.Key{key(1), key(2), key(2)}, Handle: 7})
	add(t, ix, index.Entry{ID: id(2), Keys: []index.Key{key(2), key(3)}})
	add(t, ix, index.Entry{ID: id(3), Group: group(1), Keys: []index.Key{key(1), key(2), key(3)}})
	for _, test := range []struct {
		name  string
		keys  []index.Key
		limit int
		want  []index.ID
	}{
		{"one", []index.Key{key(1)}, 9, []index.ID{id(1)}},
		{"shared, the last first", []index.Key{key(2)}, 9, []index.ID{id(2), id(1)}},
		{"each once, the first key first", []index.Key{key(1), key(2), key(3)}, 9, []index.ID{id(1), id(2)}},
		{"no more than asked for", []index.Key{key(2)}, 1, []index.ID{id(2)}},
		{"unknown", []index.Key{key(4)}, 9, nil},
		{"an id is no key", []index.Key{index.Key(id(1))}, 0, nil},
	} {
		if got := ids(ix.Lookup(index.Group{}, test.keys, test.limit)); !slices.Equal(got, test.want) {
			t.Errorf("%s: found %v, want %v", test.name, got, test.want)
		}
	}
	if got := ix.Lookup(index.Group{}, []index.Key{key(1)}, 9); got[0].Handle != 7 {
		t.Errorf("the handle is %d, want 7", got[0].Handle)
	}
}

// A key that thousands of entries share, as those of a template do, costs no more than others.
func TestLookupOfACommonKeyIsBounded(t *testing.T) {
	ix, fake := newIndex(t, index.Options{})
	for n := range 5000 {
		add(t, ix, index.Entry{ID: id(n), Keys: []index.Key{key(1)}, Expires: fake.Now().Add(time.Hour)})
	}
	add(t, ix, index.Entry{ID: id(5000), Keys: []index.Key{key(1)}})
	if got := ix.Lookup(index.Group{}, []index.Key{key(1)}, 5); len(got) != 5 || got[0].ID != id(5000) {
		t.Errorf("found %v", got)
	}
	fake.Advance(time.Hour)
	if got := ids(ix.Lookup(index.Group{}, []index.Key{key(1)}, 5)); !slices.Equal(got, []index.ID{id(5000)}) {
		t.Errorf("found %v", got)
	}
	if n := ix.Expire(); n != 5000 {
		t.Errorf("%d expired, want 5000", n)
	}
}

func TestAddRefusesWhatDoesNotFit(t *testing.T) {
	ix, _ := newIndex(t, index.Options{MaxBytes: 10_000})
	add(t, ix, index.Entry{ID: id(1), Vector: make2(64)})
	before := ix.Stats()
	for _, test := range []struct {
		name  string
		entry index.Entry
		want  error
	}{
		{"other dimensions", index.Entry{Vector: make2(65)}, index.ErrVector},
		{"no vector", index.Entry{}, index.ErrVector},
		{"zero", index.Entry{Vector: make([]int8, 64)}, index.ErrVector},
		{"too many dimensions", index.Entry{Vector: make2(513), Group: group(1)}, index.ErrVector},
		{"too many keys", index.Entry{Vector: make2(64), Keys: make([]index.Key, index.MaxKeys+1)}, index.ErrKeys},
		{"larger than all", index.Entry{Vector: make2(64), Size: 9_900}, index.ErrFull},
		{"so large that it overflows", index.Entry{Vector: make2(64), Size: math.MaxInt64}, index.ErrFull},
		{"negative", index.Entry{Vector: make2(64), Size: -1}, index.ErrFull},
	} {
		if err := ix.Add(test.entry); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	if after := ix.Stats(); after != before {
		t.Errorf("what was refused has changed %+v to %+v", before, after)
	}
	for _, v := range [][]int8{make2(65), nil, make([]int8, 64)} {
		if _, err := ix.Search(t.Context(), index.Group{}, v, 1, 0); !errors.Is(err, index.ErrVector) {
			t.Errorf("searching with %d dimensions: %v, want ErrVector", len(v), err)
		}
	}
}

func make2(n int) []int8 { return bytes2(bytes.Repeat([]byte{2}, n)) }

func bytes2(b []byte) []int8 {
	v := make([]int8, len(b))
	for i, x := range b {
		v[i] = int8(x)
	}
	return v
}

func TestWhatSavesLeastPerByteGoesFirst(t *testing.T) {
	const entries = 1000
	gone := map[uint64]int{}
	ix, fake := newIndex(t, index.Options{MaxBytes: entries * 1200, HalfLife: time.Hour, Dropped: func(h uint64) { gone[h]++ }})
	// Of each hundred: 40 that save little, 20 large ones, 20 that nobody uses any more, 20 to keep.
	const little, large, old, keep = 0, 1, 2, 3
	kind := func(n int) uint64 { return [...]uint64{little, little, large, old, keep}[n%5] }
	for n := range entries {
		e := index.Entry{ID: id(n), Handle: kind(n), Value: 1000, Size: 500}
		switch kind(n) {
		case little:
			e.Value = 10
		case large:
			e.Size = 3000
			e.Value = 100
		}
		add(t, ix, e)
		if s := ix.Stats(); s.Bytes > entries*1200 {
			t.Fatalf("%d bytes after %d entries, of at most %d", s.Bytes, n+1, entries*1200)
		}
	}
	clear(gone)
	fake.Advance(10 * time.Hour)
	for n := range entries {
		if kind(n) == keep {
			ix.Used(index.Group{}, id(n), 1000)
		}
	}
	for n := range entries {
		add(t, ix, index.Entry{ID: id(entries + n), Handle: 9, Value: 1000, Size: 500})
	}
	if gone[keep] > 10 || gone[9] > 10 {
		t.Errorf("%d of those that save most have gone, and %d of the new: %v", gone[keep], gone[9], gone)
	}
	if gone[little]+gone[large] < gone[old] || gone[little] < 300 {
		t.Errorf("what saves little should go first: %v", gone)
	}
}

func TestExpiredGoBeforeAllOthers(t *testing.T) {
	dropped := 0
	ix, fake := newIndex(t, index.Options{MaxBytes: 100 * 1000, Dropped: func(h uint64) { dropped += int(h) }})
	for n := range 100 {
		e := index.Entry{ID: id(n), Value: 1, Size: 700}
		if n%2 == 0 {
			e.Value, e.Expires = 1e12, fake.Now().Add(time.Second)
		} else {
			e.Handle = 1
		}
		add(t, ix, e)
	}
	fake.Advance(time.Second)
	for n := range 40 {
		add(t, ix, index.Entry{ID: id(100 + n), Value: 1e6, Size: 700})
	}
	if dropped > 1 {
		t.Errorf("%d entries have gone in the place of expired ones", dropped)
	}
}

func TestPurge(t *testing.T) {
	fill := func(t *testing.T) (*index.Index, map[uint64]int) {
		t.Helper()
		gone := map[uint64]int{}
		ix, _ := newIndex(t, index.Options{Dropped: func(h uint64) { gone[h]++ }})
		for n := range 6000 {
			add(t, ix, index.Entry{ID: id(n), Group: group(n % 3), Tenant: uint64(n % 3 % 2), Handle: uint64(n), Keys: []index.Key{key(n)}})
		}
		return ix, gone
	}
	check := func(t *testing.T, ix *index.Index, gone map[uint64]int, count int, purged func(n int) bool) {
		t.Helper()
		want := 0
		for n := range 6000 {
			found := len(ix.Lookup(group(n%3), []index.Key{key(n)}, 1)) == 1
			if found == purged(n) {
				t.Fatalf("entry %d: found %v", n, found)
			}
			if purged(n) {
				want++
			}
			if (gone[uint64(n)] == 1) != purged(n) {
				t.Fatalf("entry %d was dropped %d times", n, gone[uint64(n)])
			}
		}
		if s := ix.Stats(); count != want || s.Entries != 6000-want {
			t.Errorf("%d were purged, %+v are left; want %d to be purged", count, s, want)
		}
	}
	t.Run("a tenant", func(t *testing.T) {
		ix, gone := fill(t)
		check(t, ix, gone, purge(ix, 0), func(n int) bool { return n%3 != 1 })
	})
	t.Run("some of a tenant's groups, by any of their entries", func(t *testing.T) {
		ix, gone := fill(t)
		asked := 0
		groups := ix.Groups(0, func(handle uint64) bool { asked++; return handle%3 == 2 })
		if asked != 2 || !slices.Equal(groups, []index.Group{group(2)}) {
			t.Fatalf("asked %d times for %v", asked, groups)
		}
		check(t, ix, gone, ix.DeleteGroup(groups[0]), func(n int) bool { return n%3 == 2 })
		if groups = ix.Groups(0, func(uint64) bool { return true }); !slices.Equal(groups, []index.Group{group(0)}) {
			t.Errorf("left is %v", groups)
		}
	})
	t.Run("nothing of another tenant", func(t *testing.T) {
		ix, gone := fill(t)
		if groups := ix.Groups(7, func(uint64) bool { t.Error("asked"); return true }); groups != nil {
			t.Errorf("found %v", groups)
		}
		check(t, ix, gone, ix.DeleteGroup(group(7)), func(int) bool { return false })
	})
	t.Run("a group", func(t *testing.T) {
		ix, gone := fill(t)
		count := ix.DeleteGroup(group(2))
		check(t, ix, gone, count, func(n int) bool { return n%3 == 2 })
		if search(t, ix, group(2), []int8{1}, 1, 0) != nil {
			t.Error("the group isn't empty")
		}
	})
	t.Run("all, and no byte is left", func(t *testing.T) {
		ix, gone := fill(t)
		count := purge(ix, 0) + purge(ix, 1)
		check(t, ix, gone, count, func(int) bool { return true })
		if s := ix.Stats(); s != (index.Stats{}) {
			t.Errorf("left is %+v", s)
		}
	})
}

func TestSearchEndsWithItsContext(t *testing.T) {
	ix, fake := newIndex(t, index.Options{})
	for n := range 10_000 {
		add(t, ix, index.Entry{ID: id(n), Vector: []int8{1, int8(n % 100)}})
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ix.Search(cancelled, index.Group{}, []int8{1, 1}, 5, 0.9); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled search ends with %v", err)
	}
	// The timer of the context, which is a real one, hasn't fired; the index's clock is past it.
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Hour))
	defer cancel()
	fake.Set(time.Now().Add(2 * time.Hour))
	found, err := ix.Search(late, index.Group{}, []int8{1, 1}, 5, 0.9)
	if !errors.Is(err, context.DeadlineExceeded) || len(found) == 0 {
		t.Errorf("a late search ends with %v and %d found", err, len(found))
	}
}

// vectors of 64 topics, and queries that are near one of them.
type vectors struct {
	rng    *rand.Rand
	dims   int
	topics [][]float64
}

func newVectors(seed uint64, dims int) *vectors {
	v := &vectors{rng: rand.New(rand.NewPCG(seed, 1)), dims: dims} //nolint:gosec // the same numbers each time
	for range 64 {
		v.topics = append(v.topics, v.random())
	}
	return v
}

func (v *vectors) random() []float64 {
	x := make([]float64, v.dims)
	for i := range x {
		x[i] = v.rng.NormFloat64() / math.Sqrt(float64(v.dims))
	}
	return x
}

// near returns a vector at about the cosine to x.
func (v *vectors) near(x []float64, cosine float64) []float64 {
	y := v.random()
	for i := range y {
		y[i] = cosine*x[i] + math.Sqrt(1-cosine*cosine)*y[i]
	}
	return y
}

func (v *vectors) prompt() []float64 { return v.near(v.topics[v.rng.IntN(len(v.topics))], 0.6) }

func quantised(x []float64) []int8 {
	most := 0.0
	for _, a := range x {
		most = max(most, math.Abs(a))
	}
	q := make([]int8, len(x))
	for i, a := range x {
		q[i] = int8(math.Round(127 * a / most))
	}
	return q
}

func cosine(a, b []int8) float64 {
	var dot, aa, bb int32
	for i, x := range a {
		y := int32(b[i])
		dot, aa, bb = dot+int32(x)*y, aa+int32(x)*int32(x), bb+y*y
	}
	return float64(dot) / math.Sqrt(float64(aa)*float64(bb))
}

// flat is what a search must find.
func flat(entries []index.Entry, v []int8, k int, floor float64) (found []index.Candidate) {
	for _, e := range entries {
		if c := cosine(e.Vector, v); c >= floor {
			found = append(found, index.Candidate{ID: e.ID, Handle: e.Handle, Cosine: c})
		}
	}
	slices.SortFunc(found, func(a, b index.Candidate) int {
		return cmp.Or(cmp.Compare(b.Cosine, a.Cosine), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return found[:min(k, len(found))]
}

func TestRecall(t *testing.T) {
	for _, dims := range []int{128, 256, 384} {
		v := newVectors(uint64(dims), dims)
		ix, _ := newIndex(t, index.Options{})
		var prompts [][]float64
		var entries []index.Entry
		for n := range 3000 {
			prompts = append(prompts, v.prompt())
			e := index.Entry{ID: id(n), Vector: quantised(prompts[n])}
			entries = append(entries, e)
			add(t, ix, e)
		}
		for _, test := range []struct {
			k     int
			floor float64
		}{{1, 0.8}, {10, 0.3}} {
			found, want := 0, 0
			for range 60 {
				q := quantised(v.near(prompts[v.rng.IntN(len(prompts))], 0.7+0.3*v.rng.Float64()))
				got := search(t, ix, index.Group{}, q, test.k, test.floor)
				truth := flat(entries, q, test.k, test.floor)
				want += len(truth)
				for _, c := range truth {
					if slices.Contains(got, c) {
						found++
					}
				}
			}
			if recall := float64(found) / float64(want); recall < 0.99 {
				t.Errorf("%d dimensions, recall@%d at %.1f: %.4f (%d of %d)", dims, test.k, test.floor, recall, found, want)
			}
		}
	}
}

// Searches see whole entries only, never another group's, nothing that was purged before they
// began, and always what stays, whatever is added and removed around it.
func TestConcurrent(t *testing.T) {
	const groups, stay = 3, 40
	ix := index.New(index.Options{MaxBytes: 400_000, Clock: clock.Real()})
	vector := func(g, n int) []int8 {
		v := make([]int8, 32)
		for i := range v {
			v[i] = int8((n*(i+3)+g*7)%100 + 1)
		}
		return v
	}
	entry := func(g, n int) index.Entry {
		// The handle tells group and number, so that a mix of two entries is noticed.
		return index.Entry{ID: id(n), Group: group(g), Tenant: uint64(g), Vector: vector(g, n), Value: 1,
			Handle: uint64(g)<<32 | uint64(n), Keys: []index.Key{key(n % 500), key(n%7 + 1000)}}
	}
	for g := range groups {
		for n := range stay {
			e := entry(g, n)
			e.Value = 1e12
			add(t, ix, e)
		}
	}
	var stop atomic.Bool
	var workers, purgers sync.WaitGroup
	for w := range 2 {
		workers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 2)) //nolint:gosec // the same numbers each time
			for !stop.Load() {
				g, n := rng.IntN(groups), stay+rng.IntN(2000)
				if rng.IntN(4) == 0 {
					ix.Delete(group(g), id(n))
				} else if err := ix.Add(entry(g, n)); err != nil {
					t.Error(err)
					return
				}
				ix.Used(group(g), id(n), 1)
				if err := ix.Add(index.Entry{ID: id(n), Group: group(8), Tenant: 60, Vector: []int8{1}, Value: 1}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for w := range 2 {
		workers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 3)) //nolint:gosec // the same numbers each time
			for !stop.Load() {
				g, n := rng.IntN(groups), rng.IntN(stay)
				found, err := ix.Search(context.Background(), group(g), vector(g, n), 50, 0.9)
				if err != nil {
					t.Error(err)
				}
				found = append(found, ix.Lookup(group(g), []index.Key{key(n), key(n%7 + 1000)}, 50)...)
				seen := false
				for _, c := range found {
					m := int(c.Handle & 0xffffffff)
					if int(c.Handle>>32) != g || c.ID != id(m) || c.Cosine != 0 && c.Cosine != cosine(vector(g, m), vector(g, n)) {
						t.Errorf("a search in group %d has found %+v", g, c)
					}
					seen = seen || c.ID == id(n)
				}
				if !seen {
					t.Errorf("entry %d of group %d, which stays, wasn't found", n, g)
				}
			}
		})
	}
	purgers.Go(func() {
		for range 30 {
			// Nobody adds to this group but this goroutine: what it purges is gone.
			for m := range 300 {
				if err := ix.Add(index.Entry{ID: id(m), Group: group(9), Tenant: 50, Vector: []int8{1}, Value: 1}); err != nil {
					t.Error(err)
				}
			}
			purge(ix, 50)
			if found, _ := ix.Search(context.Background(), group(9), []int8{1}, 1, 0); found != nil {
				t.Errorf("after a purge, %v was found", found)
			}
			purge(ix, 60)
			if s := ix.Stats(); s.Bytes > 400_000 {
				t.Errorf("%d bytes of at most 400,000", s.Bytes)
			}
		}
	})
	purgers.Wait()
	stop.Store(true)
	workers.Wait()
	for _, tenant := range []uint64{0, 1, 2, 50, 60} {
		purge(ix, tenant)
	}
	if s := ix.Stats(); s != (index.Stats{}) {
		t.Errorf("after all was purged there is %+v", s)
	}
}

// heapInUse is what is left on it after a collection.
func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The memory of what is deleted is used again, and given back.
func TestMemory(t *testing.T) {
	const entries = 40_000
	v := newVectors(1, 384)
	vectors := make([][]int8, 100)
	for i := range vectors {
		vectors[i] = quantised(v.random())
	}
	heap := func() int { return int(heapInUse()) }
	before := heap()
	ix, _ := newIndex(t, index.Options{MaxBytes: entries * 1000})
	keys := make([]index.Key, 10)
	fill := func(g, n int) {
		for i := range n {
			for k := range keys {
				keys[k] = key(i*10 + k)
			}
			add(t, ix, index.Entry{ID: id(i), Group: group(g), Vector: vectors[i%len(vectors)], Keys: keys})
		}
	}
	fill(0, entries)
	each := (heap() - before) / entries
	charged := int(ix.Stats().Bytes) / entries
	t.Logf("%d bytes an entry of 384 dimensions and 10 keys, charged %d: 1,000,000 take %d MB", each, charged, each)
	if each > 1000 {
		t.Errorf("an entry takes %d bytes, more than 1000", each)
	}
	if each > charged*21/20 {
		t.Errorf("an entry takes %d bytes and is charged %d", each, charged)
	}
	for g := range 5 {
		fill(1+g, entries/8) // pushes out what was there
	}
	if got := heap() - before; got > entries*1000*5/4 {
		t.Errorf("%d MB are used after evictions, of %d", got>>20, entries*1000>>20)
	}
	purge(ix, 0)
	if got := heap() - before; got > 6<<20 {
		t.Errorf("%d MB are used by nothing", got>>20)
	}
}

func TestCosine(t *testing.T) {
	for name, tc := range map[string]struct {
		a, b []int8
		want float64
	}{
		"equal":             {[]int8{1, 2, -3}, []int8{1, 2, -3}, 1},
		"longer":            {[]int8{127, 127}, []int8{1, 1}, 1},
		"at right angles":   {[]int8{127, 0}, []int8{0, -128}, 0},
		"opposite":          {[]int8{5, -5}, []int8{-5, 5}, -1},
		"the largest":       {slices.Repeat([]int8{-128}, 4096), slices.Repeat([]int8{-128}, 4096), 1},
		"of another length": {[]int8{1}, []int8{1, 0}, -1},
		"zero":              {[]int8{0, 0}, []int8{1, 1}, -1},
		"none":              {nil, nil, -1},
	} {
		if got := index.Cosine(tc.a, tc.b); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
