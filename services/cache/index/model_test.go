package index_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tollgate.dev/services/cache/index"
)

// model is the index, done naively.
type model struct {
	now     time.Time
	entries []index.Entry // in the order of their adding
}

func (m *model) remove(match func(index.Entry) bool) int {
	before := len(m.entries)
	m.entries = slices.DeleteFunc(m.entries, match)
	return before - len(m.entries)
}

func (m *model) live(g index.Group) (live []index.Entry) {
	for _, e := range m.entries {
		if e.Group == g && (e.Expires.IsZero() || e.Expires.After(m.now)) {
			live = append(live, e)
		}
	}
	return live
}

// pair is an index and its model, driven alike by numbers.
type pair struct {
	t       testing.TB
	ix      *index.Index
	model   model
	advance func(time.Duration)
	dropped map[uint64]int
	added   uint64
	next    func(n int) int // a number below n
}

const (
	modelGroups = 4
	modelIDs    = 40
)

func newPair(t testing.TB, next func(int) int) *pair {
	t.Helper()
	p := &pair{t: t, next: next, dropped: map[uint64]int{}}
	ix, fake := newIndex(t, index.Options{Dropped: func(h uint64) { p.dropped[h]++ }})
	p.ix, p.advance, p.model.now = ix, fake.Advance, fake.Now()
	return p
}

// tenantOf is a group's: two have one together.
func tenantOf(g index.Group) uint64 { return uint64(g[7]) % 3 }

// purge takes out all that a tenant has.
func purge(ix *index.Index, tenant uint64) (count int) {
	for _, g := range ix.Groups(tenant, func(uint64) bool { return true }) {
		count += ix.DeleteGroup(g)
	}
	return count
}

func (p *pair) vector(g index.Group) []int8 {
	v := make([]int8, 5+g[7]) // each group has its own dimensions
	for i := range v {
		v[i] = int8(p.next(7) - 3)
	}
	v[0] = int8(1 + p.next(3))
	return v
}

// step does one thing to both and compares what they say.
func (p *pair) step() {
	p.t.Helper()
	g := group(p.next(modelGroups))
	n := id(p.next(modelIDs))
	named := func(e index.Entry) bool { return e.Group == g && e.ID == n }
	switch p.next(12) {
	case 0, 1, 2, 3, 4:
		p.added++
		e := index.Entry{ID: n, Group: g, Tenant: tenantOf(g), Vector: p.vector(g), Handle: p.added, Size: int64(p.next(1000))}
		for range p.next(5) {
			e.Keys = append(e.Keys, key(p.next(30)))
		}
		if p.next(2) == 0 {
			e.Expires = p.model.now.Add(time.Duration(p.next(20)) * time.Second)
		}
		p.model.remove(named)
		p.model.entries = append(p.model.entries, e)
		if err := p.ix.Add(e); err != nil {
			p.t.Fatal(err)
		}
	case 5, 6:
		if got, want := p.ix.Delete(g, n), p.model.remove(named) == 1; got != want {
			p.t.Fatalf("deleted %v, want %v", got, want)
		}
	case 7:
		p.advance(time.Second)
		p.model.now = p.model.now.Add(time.Second)
	case 8:
		switch p.next(8) {
		case 0:
			got := p.ix.DeleteGroup(g)
			p.count("of a group", got, func(e index.Entry) bool { return e.Group == g })
		case 1:
			tenant := uint64(p.next(3))
			got := purge(p.ix, tenant)
			p.count("of a tenant", got, func(e index.Entry) bool { return e.Tenant == tenant })
		case 2:
			p.count("expired", p.ix.Expire(), func(e index.Entry) bool { return !e.Expires.IsZero() && !e.Expires.After(p.model.now) })
		default:
			p.ix.Used(g, n, 5)
		}
	case 9:
		p.lookup(g)
	default:
		p.search(g)
	}
	if s := p.ix.Stats(); s.Entries != len(p.model.entries) {
		p.t.Fatalf("there are %d entries, want %d", s.Entries, len(p.model.entries))
	}
}

func (p *pair) count(what string, got int, match func(index.Entry) bool) {
	p.t.Helper()
	if want := p.model.remove(match); got != want {
		p.t.Fatalf("%s: %d were purged, want %d", what, got, want)
	}
}

func (p *pair) lookup(g index.Group) {
	p.t.Helper()
	keys := []index.Key{key(p.next(30)), key(p.next(30))}
	var want []index.ID
	for _, k := range keys {
		for _, e := range slices.Backward(p.model.live(g)) {
			if slices.Contains(e.Keys, k) && !slices.Contains(want, e.ID) {
				want = append(want, e.ID)
			}
		}
	}
	if got := ids(p.ix.Lookup(g, keys, modelIDs)); !slices.Equal(got, want) {
		p.t.Fatalf("looked up %v, want %v", got, want)
	}
}

func (p *pair) search(g index.Group) {
	p.t.Helper()
	v, k, floor := p.vector(g), 1+p.next(10), float64(p.next(20)-10)/10
	got, err := p.ix.Search(p.t.Context(), g, v, k, floor)
	if err != nil {
		p.t.Fatal(err)
	}
	if want := flat(p.model.live(g), v, k, floor); !slices.Equal(got, want) {
		p.t.Fatalf("found %v, want %v", got, want)
	}
}

// finish checks that every entry that was added has gone once, or is there and goes once.
func (p *pair) finish() {
	p.t.Helper()
	for _, e := range p.model.entries {
		if p.dropped[e.Handle] != 0 {
			p.t.Fatalf("entry %v is there, and was dropped", e.ID)
		}
	}
	for tenant := range uint64(modelGroups) {
		purge(p.ix, tenant)
	}
	if s := p.ix.Stats(); s != (index.Stats{}) {
		p.t.Fatalf("when all was purged there is %+v", s)
	}
	for h := uint64(1); h <= p.added; h++ {
		if p.dropped[h] != 1 {
			p.t.Fatalf("handle %d was dropped %d times", h, p.dropped[h])
		}
	}
}

func TestModel(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 4)) //nolint:gosec // the same numbers each time
		p := newPair(t, rng.IntN)
		for range 1500 {
			p.step()
		}
		p.finish()
	}
}

// FuzzOps lets the fuzzer choose what is done.
func FuzzOps(f *testing.F) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 5)) //nolint:gosec // the same numbers each time
		ops := make([]byte, 2000)
		for i := range ops {
			ops[i] = byte(rng.Uint32())
		}
		f.Add(ops)
	}
	f.Fuzz(func(t *testing.T, ops []byte) {
		p := newPair(t, func(n int) int {
			if len(ops) == 0 {
				return 0
			}
			b := int(ops[0])
			ops = ops[1:]
			return b % n
		})
		for len(ops) > 0 {
			p.step()
		}
		p.finish()
	})
}

// Large groups go through the filter, whose rare misses are allowed; what it finds must be right.
func TestModelOfLargeGroups(t *testing.T) {
	v := newVectors(6, 64)
	ix, _ := newIndex(t, index.Options{})
	var entries [2][]index.Entry
	added, missed, wanted := 0, 0, 0
	for range 12_000 {
		g := v.rng.IntN(2)
		switch op := v.rng.IntN(100); {
		case op < 70:
			e := index.Entry{ID: id(added), Group: group(g), Handle: uint64(added), Vector: quantised(v.prompt())}
			entries[g] = append(entries[g], e)
			add(t, ix, e)
			added++
		case op < 98 && len(entries[g]) > 0:
			i := v.rng.IntN(len(entries[g]))
			if !ix.Delete(group(g), entries[g][i].ID) {
				t.Fatal("an entry was gone")
			}
			entries[g] = slices.Delete(entries[g], i, i+1)
		case len(entries[g]) > 0:
			q := entries[g][v.rng.IntN(len(entries[g]))].Vector
			got, truth := search(t, ix, group(g), q, 5, 0.3), flat(entries[g], q, 5, 0.3)
			if len(got) == 0 || got[0].Cosine != 1 {
				t.Fatal("an entry's own vector did not find it")
			}
			wanted += len(truth)
			for _, c := range truth {
				if !slices.Contains(got, c) {
					missed++
				}
			}
			all := flat(entries[g], q, len(entries[g]), 0.3)
			for _, c := range got {
				if !slices.Contains(all, c) {
					t.Fatalf("%v isn't an entry, or its cosine is another", c)
				}
			}
		}
	}
	if missed*300 > wanted {
		t.Errorf("%d of %d were missed", missed, wanted)
	}
}

// A million requests to groups that differ in one bit, with entries of the same ids, keys and
// vectors: each finds its own.
func TestNothingIsFoundFromAnotherGroup(t *testing.T) {
	ix, _ := newIndex(t, index.Options{})
	groups := make([]index.Group, 128)
	for i := range groups {
		groups[i][i/8] = 1 << (i % 8)
		if i%2 == 0 { // every other group has entries
			for n := range 4 {
				add(t, ix, index.Entry{ID: id(n), Group: groups[i], Handle: uint64(i), Vector: []int8{1, int8(n)}, Keys: []index.Key{key(n)}})
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, 7)) //nolint:gosec // the same numbers each time
	for range 500_000 {
		i, n := rng.IntN(len(groups)), rng.IntN(4)
		found := ix.Lookup(groups[i], []index.Key{key(n)}, 10)
		near, err := ix.Search(t.Context(), groups[i], []int8{1, int8(n)}, 1, 0.9)
		if err != nil {
			t.Fatal(err)
		}
		want := 1 - i%2
		if len(found) != want || len(near) != want {
			t.Fatalf("group %d: %v and %v were found", i, found, near)
		}
		for _, c := range append(found, near...) {
			if c.Handle != uint64(i) || c.ID != id(n) {
				t.Fatalf("group %d has found %v of group %d", i, c.ID, c.Handle)
			}
		}
	}
}
