package budget_test

import (
	"strings"
	"testing"
	"time"

	"tollgate.dev/services/budget"
)

func TestWindowBounds(t *testing.T) {
	for _, tc := range []struct {
		name, window, zone, now, start, end string
	}{
		{"never", "", "", "2026-11-23T12:00:00Z", "1970-01-01T00:00:00Z", ""},
		{"seconds", "30s", "", "2026-11-23T12:00:44.5Z", "2026-11-23T12:00:30Z", "2026-11-23T12:01:00Z"},
		{"minutes", "5m", "", "2026-11-23T12:04:59.999Z", "2026-11-23T12:00:00Z", "2026-11-23T12:05:00Z"},
		{"a bound belongs to the window that it opens", "5m", "", "2026-11-23T12:05:00Z", "2026-11-23T12:05:00Z", "2026-11-23T12:10:00Z"},
		{"hour", "1h", "Asia/Kolkata", "2026-11-23T12:10:00Z", "2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z"},
		{"before the epoch", "1h", "", "1969-12-31T23:30:00Z", "1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z"},
		{"day UTC", "1d", "", "2026-11-23T23:59:59Z", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"},
		{"day east", "1d", "Asia/Tokyo", "2026-11-23T23:59:59Z", "2026-11-24T00:00:00+09:00", "2026-11-25T00:00:00+09:00"},
		{"day west", "1d", "America/Los_Angeles", "2026-11-23T05:00:00Z", "2026-11-22T00:00:00-08:00", "2026-11-23T00:00:00-08:00"},
		{"day of 23 hours", "1d", "Europe/Berlin", "2026-03-29T12:00:00+02:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},
		{"day of 25 hours", "1d", "Europe/Berlin", "2026-10-25T23:30:00+01:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"},
		{"midnight skipped", "1d", "America/Santiago", "2026-09-06T12:00:00-03:00", "2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00"},
		{"midnight skipped, the day before", "1d", "America/Santiago", "2026-09-05T23:59:59-04:00", "2026-09-05T00:00:00-04:00", "2026-09-06T01:00:00-03:00"},
		{"midnight twice", "1d", "America/Havana", "2026-11-01T00:30:00-05:00", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"},
		{"a day that the zone left out", "1d", "Pacific/Apia", "2011-12-31T10:00:00+14:00", "2011-12-31T00:00:00+14:00", "2012-01-01T00:00:00+14:00"},
		{"leap day", "1d", "", "2028-02-29T10:00:00Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"},
		// 1970-01-01 is a Thursday, so weeks run from Thursday to Thursday.
		{"week", "7d", "", "2026-11-23T12:00:00Z", "2026-11-19T00:00:00Z", "2026-11-26T00:00:00Z"},
		{"a week by name", "1w", "", "2026-11-23T12:00:00Z", "2026-11-19T00:00:00Z", "2026-11-26T00:00:00Z"},
		{"week over a clock change", "7d", "Europe/Berlin", "2026-03-29T12:00:00+02:00", "2026-03-26T00:00:00+01:00", "2026-04-02T00:00:00+02:00"},
		{"30 days over a leap day", "30d", "", "2028-02-29T00:00:00Z", "2028-02-26T00:00:00Z", "2028-03-27T00:00:00Z"},
		{"month", "month", "", "2026-01-31T23:59:59Z", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"},
		{"month, LiteLLM's spelling", "1mo", "", "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"leap February", "month", "", "2028-02-29T23:59:59Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"},
		{"month in a zone", "month", "America/New_York", "2026-03-01T04:59:59Z", "2026-02-01T00:00:00-05:00", "2026-03-01T00:00:00-05:00"},
		{"month over a clock change", "month", "America/New_York", "2026-03-20T00:00:00Z", "2026-03-01T00:00:00-05:00", "2026-04-01T00:00:00-04:00"},
		{"quarter", "3mo", "", "2026-11-23T00:00:00Z", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, err := budget.ParseWindow(tc.window, tc.zone)
			if err != nil {
				t.Fatal(err)
			}
			start, end := w.Bounds(at(t, tc.now))
			if !start.Equal(at(t, tc.start)) {
				t.Errorf("start is %s, want %s", start, tc.start)
			}
			if tc.end == "" {
				if !end.IsZero() {
					t.Errorf("end is %s, want none", end)
				}
				return
			}
			if !end.Equal(at(t, tc.end)) {
				t.Errorf("end is %s, want %s", end, tc.end)
			}
		})
	}
}

// Windows tile time: each one's end is the next one's start, and holds its start.
func TestWindowsTile(t *testing.T) {
	for _, zone := range []string{"", "Europe/Berlin", "America/Santiago", "America/Havana", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo"} {
		for _, window := range []string{"6h", "1d", "3d", "7d", "30d", "month", "3mo"} {
			w, err := budget.ParseWindow(window, zone)
			if err != nil {
				t.Fatal(err)
			}
			start, end := w.Bounds(at(t, "2023-01-15T00:00:00Z"))
			for end.Year() < 2029 {
				nextStart, nextEnd := w.Bounds(end)
				if !nextStart.Equal(end) || !nextEnd.After(nextStart) {
					t.Fatalf("%s %s: [%s, %s) is followed by [%s, %s)", window, zone, start, end, nextStart, nextEnd)
				}
				if s, e := w.Bounds(end.Add(-time.Millisecond)); !s.Equal(start) || !e.Equal(end) {
					t.Fatalf("%s %s: the last moment of [%s, %s) is in [%s, %s)", window, zone, start, end, s, e)
				}
				start, end = nextStart, nextEnd
			}
		}
	}
}

func TestParseWindowRefuses(t *testing.T) {
	for _, tc := range []struct{ window, zone, want string }{
		{"1y", "", "unknown window"},
		{"d", "", "unknown window"},
		{"0d", "", "unknown window"},
		{"-1d", "", "unknown window"},
		{"1.5h", "", "unknown window"},
		{"1d ", "", "unknown window"},
		{"99999999999999999999s", "", "unknown window"},
		{"4000d", "", "longer than ten years"},
		{"9223372036s", "", "longer than ten years"},
		{"1d", "Mars/Olympus", "unknown time zone"},
		{"1d", "Local", "unknown time zone"},
		{"1d", "../etc/passwd", "unknown time zone"},
	} {
		if _, err := budget.ParseWindow(tc.window, tc.zone); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q in %q: error is %v, want %q", tc.window, tc.zone, err, tc.want)
		}
	}
}

// Whatever is read as a window holds the moment that it is asked for.
func FuzzParseWindow(f *testing.F) {
	for _, seed := range []string{"", "30s", "5m", "1h", "1d", "7d", "month", "1mo", "0d", "-1d", "99999999999999999999d"} {
		f.Add(seed, "America/Santiago", int64(1_795_435_200_000))
	}
	f.Fuzz(func(t *testing.T, window, zone string, millis int64) {
		if millis < -1<<45 || millis > 1<<45 { // the years 855 to 3084
			return
		}
		w, err := budget.ParseWindow(window, zone)
		if err != nil {
			return
		}
		now := time.UnixMilli(millis)
		start, end := w.Bounds(now)
		if window != "" && (start.After(now) || !end.After(now)) {
			t.Fatalf("%q in %q: %s is not in [%s, %s)", window, zone, now, start, end)
		}
	})
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
