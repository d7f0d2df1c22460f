package id_test

import (
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/id"
)

func TestNewIsVersion7OfTheClock(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 250_000, time.UTC) // a quarter into its millisecond
	u := id.NewGenerator(clocktest.NewAt(at)).New()
	if u.Version() != 7 || u.Variant() != uuid.RFC4122 {
		t.Fatalf("version %d, variant %v", u.Version(), u.Variant())
	}
	high := binary.BigEndian.Uint64(u[:8])
	if got := int64(high >> 16); got != at.UnixMilli() {
		t.Errorf("milliseconds %d, want %d", got, at.UnixMilli())
	}
	if got := high & 0xfff; got != 1024 {
		t.Errorf("fraction %d of 4096, want 1024", got)
	}
}

func TestIdsRiseWhenTheClockStandsOrStepsBack(t *testing.T) {
	for name, times := range map[string][]time.Duration{
		"stands":     make([]time.Duration, 5000), // more than the 4096 steps of a millisecond
		"steps back": {0, -time.Hour, time.Second, -time.Second, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			c := &settable{Clock: clocktest.New()}
			g := id.NewGenerator(c)
			last := ""
			for i, d := range times {
				c.at = clocktest.Start.Add(d)
				s := g.NewString()
				if s <= last {
					t.Fatalf("id %d: %s after %s", i, s, last)
				}
				last = s
			}
		})
	}
}

func TestIdsAreUniqueAcrossGoroutines(t *testing.T) {
	g := id.NewGenerator(clock.Real())
	const workers, each = 8, 500
	got := make([][]string, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range each {
				got[w] = append(got[w], g.NewString())
			}
		})
	}
	wg.Wait()
	seen := make(map[string]bool)
	for _, ids := range got {
		if !slices.IsSorted(ids) {
			t.Error("one goroutine saw ids out of order")
		}
		for _, s := range ids {
			if seen[s] {
				t.Fatalf("%s twice", s)
			}
			seen[s] = true
		}
	}
}

// Of ids that are made in one moment nothing but the random bits differs beside the order:
// each has its own, of which every one is now 0 and now 1, across many refills.
func TestEveryRandomBitIsRandom(t *testing.T) {
	const n = 2000
	g := id.NewGenerator(clocktest.New())
	seen := make(map[uint64]bool, n)
	var ones, zeros uint64
	for range n {
		u := g.New()
		low := binary.BigEndian.Uint64(u[8:])
		if seen[low] {
			t.Fatalf("the random bits %x came twice", low)
		}
		seen[low] = true
		ones, zeros = ones|low, zeros|^low
	}
	if ones != 0xbfff_ffff_ffff_ffff || zeros != 0x7fff_ffff_ffff_ffff {
		t.Errorf("bits that were ever 1: %x, ever 0: %x", ones, zeros)
	}
}

func TestStringIsCanonical(t *testing.T) {
	g := id.NewGenerator(clock.Real())
	for range 300 {
		s := g.NewStringAt(time.Now())
		if u, err := uuid.Parse(s); err != nil || u.String() != s {
			t.Fatalf("%q is not canonical: %v", s, err)
		}
	}
}

func TestRequestID(t *testing.T) {
	for _, s := range []string{id.NewGenerator(clock.Real()).NewRequestID()} {
		if !id.ValidRequestID(s) || s[:4] != id.RequestPrefix {
			t.Fatalf("not a request id: %s", s)
		}
		u, err := id.Parse(s[4:])
		if err != nil {
			t.Fatal(err)
		}
		if u.String() != s[4:] {
			t.Errorf("%s is not canonical", s)
		}
		if age := time.Since(time.UnixMilli(int64(binary.BigEndian.Uint64(u[:8]) >> 16))); age < -time.Second || age > time.Minute {
			t.Errorf("the id is %v old", age)
		}
	}
}

func TestParseRefusesOtherForms(t *testing.T) {
	for _, s := range []string{
		"", "x", uuid.NewString(), // version 4
		"{0193572c-8f00-7000-8000-000000000000}",
		"0193572c8f0070008000000000000000",
		"0193572c-8f00-7000-c000-000000000000", // another variant
		"0193572c-8f00-7000-8000-00000000000g",
	} {
		if _, err := id.Parse(s); err == nil {
			t.Errorf("%q was accepted", s)
		}
	}
	if _, err := id.Parse("0193572c-8f00-7000-8000-000000000000"); err != nil {
		t.Error(err)
	}
}

func TestValidRequestID(t *testing.T) {
	for s, want := range map[string]bool{
		"a": true, "req_0-9.:/+=": true, string(make([]byte, 3)): false, "": false,
		"a b": false, "a\nb": false, "ä": false, "a,b": false, `a"b`: false,
	} {
		if got := id.ValidRequestID(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
	long := make([]byte, 129)
	for i := range long {
		long[i] = 'a'
	}
	if !id.ValidRequestID(string(long[:128])) || id.ValidRequestID(string(long)) {
		t.Error("the bound is not 128")
	}
}

func BenchmarkNewRequestID(b *testing.B) {
	g := id.NewGenerator(clock.Real())
	b.ReportAllocs()
	for b.Loop() {
		g.NewRequestID()
	}
}

type settable struct {
	clock.Clock
	at time.Time
}

func (s *settable) Now() time.Time { return s.at }

func TestTime(t *testing.T) {
	clk := clocktest.New()
	at, ok := id.Time(id.NewGenerator(clk).NewString())
	if !ok || !at.Equal(clk.Now()) {
		t.Errorf("made at %v, %v; want %v", at, ok, clk.Now())
	}
	if _, ok := id.Time("019ab000-0000-4000-8000-000000000001"); ok {
		t.Error("an id of version 4 has no time")
	}
}

func TestFloor(t *testing.T) {
	clk := clocktest.New()
	g := id.NewGenerator(clk)
	before := g.NewString()
	clk.Advance(time.Millisecond)
	floor := id.Floor(clk.Now())
	if _, err := id.Parse(floor); err != nil {
		t.Error(err)
	}
	if after := g.NewString(); before >= floor || after < floor {
		t.Errorf("%s, then %s, then %s", before, floor, after)
	}
}
