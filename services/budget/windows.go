package budget

import (
	"fmt"
	"strconv"
	"time"
	_ "time/tzdata" // a budget's time zone must load on machines without a zone database
)

// maxWindowDays and maxWindowSpan bound a window's length; beyond them "never" is meant.
const (
	maxWindowDays   = 3660
	maxWindowSpan   = maxWindowDays * 24 * time.Hour
	maxWindowMonths = 120
)

// windowUnit is what a window's length is counted in.
type windowUnit uint8

const (
	unitNever windowUnit = iota
	// unitSpan is a fixed length on the Unix clock: seconds, minutes, hours.
	unitSpan
	// unitDay and unitMonth follow the calendar of a time zone.
	unitDay
	unitMonth
)

// Window is the period over which a budget's spend is added up, in a time zone.
//
// Seconds, minutes and hours are counted on the Unix clock from 1970-01-01T00:00Z: they
// have one length all year. Days begin at local midnight; N-day windows are counted
// from Thursday, 1 January 1970, on the local calendar, so that every replica finds the same
// bounds without asking, and a day of 23 or 25 hours is one day. Months are calendar months,
// counted from January 1970. Where a time zone skips midnight, the day begins at its
// first moment.
type Window struct {
	unit windowUnit
	span time.Duration
	n    int
	zone *time.Location
}

// ParseWindow reads `30s`, `5m`, `1h`, `1d`, `7d`, `1w`, `30d`, `month`, `1mo`, or nothing for a
// window that never ends. timeZone is an IANA name; empty is UTC.
func ParseWindow(window, timeZone string) (Window, error) {
	zone := time.UTC
	if timeZone != "" {
		// "Local" would mean another zone on each machine.
		z, err := time.LoadLocation(timeZone)
		if err != nil || timeZone == "Local" {
			return Window{}, fmt.Errorf("unknown time zone %q", timeZone)
		}
		zone = z
	}
	switch window {
	case "":
		return Window{unit: unitNever, zone: zone}, nil
	case "month":
		return Window{unit: unitMonth, n: 1, zone: zone}, nil
	}
	digits := 0
	for digits < len(window) && window[digits] >= '0' && window[digits] <= '9' {
		digits++
	}
	n, err := strconv.Atoi(window[:digits])
	if err != nil || n < 1 {
		return Window{}, fmt.Errorf("unknown window %q: want a count and one of s, m, h, d, w, mo, or `month`", window)
	}
	w := Window{n: n, zone: zone}
	var unit time.Duration
	switch window[digits:] {
	case "s":
		w.unit, unit = unitSpan, time.Second
	case "m":
		w.unit, unit = unitSpan, time.Minute
	case "h":
		w.unit, unit = unitSpan, time.Hour
	case "d":
		w.unit = unitDay
	case "w":
		w.unit, w.n = unitDay, 7*n
	case "mo":
		w.unit = unitMonth
	default:
		return Window{}, fmt.Errorf("unknown window %q: want a count and one of s, m, h, d, w, mo, or `month`", window)
	}
	if w.unit == unitSpan {
		if n > int(maxWindowSpan/unit) {
			return Window{}, fmt.Errorf("window %q is longer than ten years", window)
		}
		w.span, w.n = time.Duration(n)*unit, 0
	}
	if (w.unit == unitDay && n > maxWindowDays) || (w.unit == unitMonth && n > maxWindowMonths) {
		return Window{}, fmt.Errorf("window %q is longer than ten years", window)
	}
	return w, nil
}

// Bounds returns the window that holds now: its first moment, and the next one's. end is
// the zero time for a window that never ends, whose start is the Unix epoch.
func (w Window) Bounds(now time.Time) (start, end time.Time) {
	switch w.unit {
	case unitSpan:
		span := w.span.Milliseconds()
		from := floorDiv(now.UnixMilli(), span) * span
		return time.UnixMilli(from).In(w.zone), time.UnixMilli(from + span).In(w.zone)
	case unitDay:
		year, month, day := now.In(w.zone).Date()
		// Days since the epoch on the local calendar: both dates taken as UTC have
		// 24-hour days between them.
		number := int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
		first := number - floorMod(number, w.n)
		return w.midnight(time.January, 1+first), w.midnight(time.January, 1+first+w.n)
	case unitMonth:
		year, month, _ := now.In(w.zone).Date()
		number := (year-1970)*12 + int(month) - 1
		first := number - floorMod(number, w.n)
		return w.midnight(time.January+time.Month(first), 1),
			w.midnight(time.January+time.Month(first+w.n), 1)
	default:
		return time.UnixMilli(0).UTC(), time.Time{}
	}
}

// midnight is the first moment of a local day, whose month and day are counted on from
// January 1970.
func (w Window) midnight(month time.Month, day int) time.Time {
	const year = 1970
	t := time.Date(year, month, day, 0, 0, 0, 0, w.zone)
	want := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if y, m, d := t.Date(); y == want.Year() && m == want.Month() && d == want.Day() && t.Hour() == 0 && t.Minute() == 0 {
		// Where the clock goes back over midnight, 00:00 happens twice; the first counts.
		if earlier := t.Add(-time.Hour); earlier.Day() == d && earlier.Month() == m {
			return earlier
		}
		return t
	}
	// Midnight was skipped. time.Date may answer with either side of the gap: search
	// for the first moment whose date is the wanted one.
	low, high := t.Add(-3*time.Hour), t.Add(3*time.Hour)
	for high.Sub(low) > time.Second {
		middle := low.Add(high.Sub(low) / 2).Truncate(time.Second)
		if y, m, d := middle.Date(); time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Before(want) {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func floorMod(a, n int) int {
	r := a % n
	if r < 0 {
		r += n
	}
	return r
}
