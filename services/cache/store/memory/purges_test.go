package memory_test

import (
	"fmt"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/memory"
	"tollgate.dev/services/cache/storetest"
)

// However many purges there are, of one tenant or of many, what any of them selected is not kept
// when it comes late; another tenant's is, until there are too many tenants to tell them apart.
func TestPurgesAreBoundedByTenant(t *testing.T) {
	entry := func(tenant string, i int) cache.Key { return storetest.Key(tenant, "p", "m", "", fmt.Sprint(i)) }
	tenant := func(i int) string { return fmt.Sprint("tenant ", i) }
	for name, tc := range map[string]struct {
		tenants, each int
		apart         bool // what others did not purge is kept
	}{
		"few of one tenant":       {1, 500, true},
		"many of one tenant":      {1, 20_000, true},
		"few of many tenants":     {1000, 5, true},
		"many of some tenants":    {50, 500, true},
		"one of too many tenants": {20_000, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := clocktest.New()
			s := memory.New(memory.Options{Clock: c})
			asked := c.Now()
			late := func(key cache.Key) bool {
				ok, err := s.Put(t.Context(), key, cache.Record{Entry: storetest.Entry("a"), Expires: c.Now().Add(time.Minute), Asked: asked})
				if err != nil {
					t.Fatal(err)
				}
				return ok
			}
			purge := func(key cache.Key, at time.Time) {
				if _, err := s.Invalidate(t.Context(), key.Selector(), at); err != nil {
					t.Fatal(err)
				}
			}
			c.Advance(time.Millisecond)
			for i := range 3 {
				purge(entry("small", i), c.Now())
			}
			for i := range tc.each {
				for of := range tc.tenants {
					purge(entry(tenant(of), i), c.Now().Add(-time.Duration(i%2)*time.Microsecond)) // callers' clocks differ
				}
			}
			for of := range tc.tenants {
				for i := range tc.each {
					if late(entry(tenant(of), i)) {
						t.Fatalf("entry %d of tenant %d is kept", i, of)
					}
				}
			}
			for i := range 3 {
				if late(entry("small", i)) {
					t.Errorf("entry %d of the small tenant is kept", i)
				}
			}
			if late(entry("small", 3)) != tc.apart || late(entry("nobody", 0)) != tc.apart {
				t.Errorf("of tenants with few purges or none, what is not purged is kept: %t", !tc.apart)
			}
			asked = c.Now()
			if !late(entry("small", 0)) || !late(entry(tenant(0), 0)) {
				t.Error("what was asked for later is not kept")
			}
		})
	}
}
