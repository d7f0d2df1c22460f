package fold

import "strings"

// maxDigits is how long a number is at most that counts.
const maxDigits = 15

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// equalButNumbers tells whether two lines are the same but for the digits of numbers, and the spaces
// that numbers are aligned by.
func equalButNumbers(a, b string) bool {
	i, j := 0, 0
	numbers := false
	for i < len(a) && j < len(b) {
		if x, y := endOfNumber(a, i), endOfNumber(b, j); x > i || y > j {
			if x == i || y == j {
				return false
			}
			i, j, numbers = x, y, true
			continue
		}
		if a[i] != b[j] {
			return false
		}
		i++
		j++
	}
	return i == len(a) && j == len(b) && numbers
}

// endOfNumber returns the end of the number at i, with the spaces before it; i when there is none.
func endOfNumber(s string, i int) int {
	k := i
	if k < len(s) && s[k] == ' ' && k > 0 && s[k-1] == ' ' {
		return i // within spaces: the first of them was looked at
	}
	for k < len(s) && s[k] == ' ' {
		k++
	}
	if k == len(s) || !isDigit(s[k]) {
		return i
	}
	for k < len(s) && isDigit(s[k]) {
		k++
	}
	return k
}

// number is a number of a line.
type number struct {
	digits        string
	time, percent bool
	start, end    int // in its line
}

// appendNumbers appends the numbers of a line.
func appendNumbers(to []number, s string) []number {
	left, right := 0, 0 // of the stretch of dates and times that is gone over
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			if !isOneOf(s[i], ":.,-/T") && !(s[i] == ' ' && i > 0 && isDigit(s[i-1])) {
				left = i + 1
			}
			continue
		}
		start := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		for right = max(right, i); right < len(s); right++ {
			if !isDigit(s[right]) && !isOneOf(s[right], ":.,-/TZ+") && !(s[right] == ' ' && right+1 < len(s) && isDigit(s[right+1])) {
				break
			}
		}
		to = append(to, number{digits: s[start:i], time: isInTimestamp(s, left, right), percent: i < len(s) && s[i] == '%', start: start, end: i})
		i-- // what ends the number is looked at too
	}
	return to
}

func isOneOf(b byte, marks string) bool { return strings.IndexByte(marks, b) >= 0 }

// step is how much bigger a number is than before; not ok when one is too large to tell.
func (c number) step(before number) (n int64, ok bool) {
	if c.digits == before.digits {
		return 0, true
	}
	if len(c.digits) > maxDigits || len(before.digits) > maxDigits {
		return 0, false
	}
	for _, s := range [...]string{c.digits, before.digits} {
		var v int64
		for i := range len(s) {
			v = v*10 + int64(s[i]-'0')
		}
		n = v - n // the first minus the second, negated
	}
	return -n, true
}

// maxTime is how long a date and a time are together at most, with fractions and a zone.
const maxTime = 64

// isInTimestamp tells whether the stretch s[start:end] of digits and what joins them is a time of day
// with its seconds, perhaps behind its date.
func isInTimestamp(s string, start, end int) bool {
	if end-start > maxTime {
		return false
	}
	syslog := start >= 4 && s[start-1] == ' ' && strings.Contains("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", s[start-4:start-1])
	return isTimestamp(s[start:end], syslog)
}

// isTimestamp tells whether a text is a date and a time, or a time with seconds, and nothing else:
// 10:00:00, 2026-11-28T10:00:00.123Z, 2026/11/28 10:00:00,123+01:00; behind a month's name
// also a day and a time.
func isTimestamp(s string, behindMonth bool) bool {
	date, time, found := strings.Cut(strings.TrimRight(s, ".,:-/"), " ")
	if !found {
		date, time, found = strings.Cut(date, "T")
	}
	switch {
	case !found:
		time = date
	case behindMonth && len(date) <= 2:
	case len(date) != 10 || strings.Count(date, "-")+strings.Count(date, "/")+strings.Count(date, ".") != 2:
		return false
	}
	if len(time) < 8 || time[2] != ':' || time[5] != ':' {
		return false
	}
	rest := strings.TrimLeft(time[8:], "0123456789.,")
	return rest == "" || rest == "Z" || rest[0] == '+' || rest[0] == '-'
}

// series looks at lines one after the other.
type series struct {
	before, now []number
	steps       []int64
	lines       int

	times, percents bool // some of them differ
	names           bool // a number differs that is part of a name
}

// start takes the first line. It tells whether it has numbers.
func (e *series) start(s string) bool {
	e.before = appendNumbers(nil, s)
	e.steps = make([]int64, len(e.before))
	return len(e.before) > 0
}

// continues tells whether the next line differs from the last in nothing but times, percentages
// that don't fall, and counters that go on by the same step as before.
func (e *series) continues(s string) bool {
	e.now = appendNumbers(e.now[:0], s)
	if len(e.now) != len(e.before) {
		return false
	}
	for i, c := range e.now {
		step, ok := c.step(e.before[i])
		switch {
		case c.time && e.before[i].time:
			e.times = true
		case !ok:
			return false
		case c.percent && step >= 0:
			e.percents = true
		case e.lines == 0:
			e.steps[i] = step
			e.names = e.names || step != 0 && isPartOfName(s, c.start, c.end)
		case step != e.steps[i]:
			return false
		}
	}
	e.lines++
	e.before, e.now = e.now, e.before
	return true
}
