package storetest

import (
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/budget"
)

// calendarWindows spends a whole budget at the last moment of a window, and again at the first
// one of the next, where calendars and clocks are odd: the money comes back then and not a
// moment sooner, and what was settled late is counted where it was reserved.
func calendarWindows(t *testing.T, f *fixture) {
	t.Helper()
	for i, c := range []struct {
		name, window, zone, end, next string
	}{
		{"a month of 31 days", "1mo", "", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"},
		{"February", "1mo", "", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"},
		{"a leap year's February", "1mo", "Asia/Tokyo", "2028-03-01T00:00:00+09:00", "2028-04-01T00:00:00+09:00"},
		{"a leap day", "1d", "America/New_York", "2028-02-29T00:00:00-05:00", "2028-03-01T00:00:00-05:00"},
		{"no leap day", "1d", "", "2100-03-01T00:00:00Z", "2100-03-02T00:00:00Z"},
		{"the year's end", "1mo", "Pacific/Auckland", "2027-01-01T00:00:00+13:00", "2027-02-01T00:00:00+13:00"},
		{"a day of 23 hours", "1d", "Europe/Berlin", "2027-03-28T00:00:00+01:00", "2027-03-29T00:00:00+02:00"},
		{"a day of 25 hours", "1d", "Europe/Berlin", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"},
		{"a day of 24.5 hours", "1d", "Australia/Lord_Howe", "2026-04-05T00:00:00+11:00", "2026-04-06T00:00:00+10:30"},
		{"no midnight", "1d", "America/Santiago", "2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00"},
		{"a month over a clock change", "1mo", "America/New_York", "2026-03-01T00:00:00-05:00", "2026-04-01T00:00:00-04:00"},
		{"a week over a clock change", "7d", "Europe/Berlin", "2026-10-22T00:00:00+02:00", "2026-10-29T00:00:00+01:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			end, err := time.Parse(time.RFC3339, c.end)
			if err != nil {
				t.Fatal(err)
			}
			next, err := time.Parse(time.RFC3339, c.next)
			if err != nil {
				t.Fatal(err)
			}
			scope := budget.Scope{Kind: budget.Tenant, ID: c.name}
			f := &fixture{store: f.store, clock: clocktest.NewAt(end.Add(-time.Millisecond)), ids: f.ids}
			f.svc = budget.New(f.store, budget.Options{Clock: f.clock})
			f.put(t, budget.Budget{Scope: scope, Limit: 100, Window: c.window, TimeZone: c.zone})
			old := f.lease(t, "a", scope, 100)
			if old.Lease.Granted != 100 || old.Window.End != end.UnixMilli() {
				t.Fatalf("case %d: granted %d of a window that ends at %s, not %s", i, old.Lease.Granted, time.UnixMilli(old.Window.End).UTC(), end)
			}
			if none := f.lease(t, "b", scope, 1); none.Lease.Granted != 0 {
				t.Errorf("%d more were granted before the window's end", none.Lease.Granted)
			}
			f.clock.Advance(time.Millisecond)
			fresh := f.lease(t, "a", scope, 100)
			if fresh.Lease.Granted != 100 || fresh.Window.Start != end.UnixMilli() || fresh.Window.End != next.UnixMilli() {
				t.Errorf("granted %d of the window from %s to %s", fresh.Lease.Granted, time.UnixMilli(fresh.Window.Start).UTC(), time.UnixMilli(fresh.Window.End).UTC())
			}
			f.record(t, f.usage(c.name, 100, draw(old.Lease.ID, 100)), f.usage(c.name, 40, draw(fresh.Lease.ID, 40)))
			f.balance(t, scope, 40, 60)
			f.clock.Advance(next.Sub(end) - time.Millisecond)
			if none := f.lease(t, "b", scope, 1); none.Lease.Granted != 0 {
				t.Errorf("%d more were granted before the next window's end", none.Lease.Granted)
			}
			f.clock.Advance(time.Millisecond)
			f.balance(t, scope, 0, 0)
		})
	}
}
