package cache

import (
	"math/rand/v2"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
)

// Whatever comes and goes, the orders by which there is room hold what is barred and nothing else.
func TestOrdersOfBarsHold(t *testing.T) {
	t.Parallel()
	c := clocktest.New()
	b := newBarred(c)
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's
	for range 60_000 {
		tenant, n := "big", r.IntN(3*MaxBarredOfTenant)
		if r.IntN(2) == 0 {
			tenant = string(rune('a' + r.IntN(2000)))
			n %= 16
		}
		b.add(&Barred{tenant, [16]byte{byte(n), byte(n >> 8)}, c.Now().Add(time.Duration(1+r.IntN(1000)) * time.Second)})
		if r.IntN(10_000) == 0 {
			c.Advance(100 * time.Second)
			b.expire()
		}
	}
	count := 0
	for name, of := range b.tenants {
		count += len(of.bars)
		if of.tenant != name || len(of.bars) == 0 || len(of.bars) > MaxBarredOfTenant || of.endings.Len() != len(of.bars) {
			t.Errorf("%q has %d, %d in order", name, len(of.bars), of.endings.Len())
		}
		if len(of.bars) > len(b.largest.First().bars) {
			t.Errorf("%q has more than who has most", name)
		}
		for k, one := range of.bars {
			if one.key != k || one.end < of.endings.First().end {
				t.Errorf("%q: %x is out of order", name, k)
			}
		}
	}
	if int64(count) != b.count.Load() || count > MaxBarred || b.largest.Len() != len(b.tenants) {
		t.Errorf("%d are barred of %d tenants, counted %d of %d", count, len(b.tenants), b.count.Load(), b.largest.Len())
	}
	c.Advance(time.Hour)
	if b.expire(); b.count.Load() != 0 || len(b.tenants) != 0 || b.largest.Len() != 0 {
		t.Errorf("%d are left", b.count.Load())
	}
}

// Of a tenant's bars, and of all where no other tenant has more, those stay that end last, in whatever
// order they come.
func TestBarsThatEndLastStay(t *testing.T) {
	t.Parallel()
	c := clocktest.New()
	key := func(n int) [16]byte { return [16]byte{byte(n), byte(n >> 8)} }
	for name, most := range map[string]struct{ others, own int }{
		"of a tenant's": {0, MaxBarredOfTenant},
		"of all":        {MaxBarred - 8, 8},
	} {
		for _, later := range []bool{false, true} {
			b := newBarred(c)
			for i := range most.others { // each has fewer than the tenant
				b.add(&Barred{"other" + string(rune(i/4)), key(i), c.Now().Add(time.Hour)})
			}
			for i := range most.own {
				b.add(&Barred{"t", key(i), c.Now().Add(time.Duration(i+2) * time.Minute)})
			}
			until := time.Minute
			if later {
				until = 1e4 * time.Minute
			}
			b.add(&Barred{"t", key(most.own), c.Now().Add(until)})
			if first, last := b.has("t", key(0)), b.has("t", key(most.own)); first == later || last != later || len(b.tenants["t"].bars) != most.own {
				t.Errorf("%s, later %t: the first is barred %t, the new one %t, of %d", name, later, first, last, len(b.tenants["t"].bars))
			}
		}
	}
}

// BenchmarkBarFull adds to what a tenant has no more room for.
func BenchmarkBarFull(b *testing.B) {
	c := clocktest.New()
	full := newBarred(c)
	i := 0
	add := func() {
		i++
		full.add(&Barred{"t", [16]byte{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)}, c.Now().Add(time.Hour + time.Duration(i)*time.Millisecond)})
	}
	for range MaxBarredOfTenant {
		add()
	}
	b.ReportAllocs()
	for b.Loop() {
		add()
	}
}
