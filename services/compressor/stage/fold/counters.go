package fold

import (
	"fmt"
	"iter"
	"strings"
)

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
	digits     string
	time       bool // part of a time of day with its seconds, or of its date
	start, end int  // in its line
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
		to = append(to, number{digits: s[start:i], time: isInTimestamp(s, left, right), start: start, end: i})
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
	differs     []bool // which numbers do
	times       bool   // some of them are of times
	lines       int
}

// start takes the first line. It tells whether it has numbers.
func (e *series) start(s string) bool {
	e.before = appendNumbers(nil, s)
	e.steps, e.differs = make([]int64, len(e.before)), make([]bool, len(e.before))
	return len(e.before) > 0
}

// continues tells whether the next line differs from the last in nothing but times, and counters
// that go on by the same step as before. What is joined to other digits, as in 1.5 and 10.0.0.7,
// is no counter.
func (e *series) continues(s string) bool {
	e.now = appendNumbers(e.now[:0], s)
	if len(e.now) != len(e.before) {
		return false
	}
	for i, c := range e.now {
		step, ok := c.step(e.before[i])
		switch {
		case c.time && e.before[i].time:
			differs := c.digits != e.before[i].digits
			e.differs[i], e.times = e.differs[i] || differs, e.times || differs
		case !ok, step != 0 && isJoined(s, c):
			return false
		case e.lines == 0:
			e.steps[i], e.differs[i] = step, step != 0
		case step != e.steps[i]:
			return false
		}
	}
	e.lines++
	e.before, e.now = e.now, e.before
	return true
}

// isJoined tells whether a number is joined to other digits by a mark.
func isJoined(s string, c number) bool {
	const marks = ".,:-/"
	return c.start > 1 && isOneOf(s[c.start-1], marks) && isDigit(s[c.start-2]) ||
		c.end+1 < len(s) && isOneOf(s[c.end], marks) && isDigit(s[c.end+1])
}

// values are what differs in a line: of a time all of it from the hour on.
func (e *series) values(s string) (values []string) {
	numbers := appendNumbers(e.now[:0], s)
	e.now = numbers
	for i := 0; i < len(numbers); i++ {
		if !e.differs[i] {
			continue
		}
		first, last := i, i
		if numbers[i].time {
			for first > 0 && isOneOf(s[numbers[first].start-1], ":.,") {
				first--
			}
			for last+1 < len(numbers) && numbers[last+1].time && numbers[last+1].start == numbers[last].end+1 {
				last++
			}
		}
		values = append(values, s[numbers[first].start:numbers[last].end])
		i = last
	}
	return values
}

// state appends what differs in some lines, so that each of them can be told from the others:
// the steps of counters, or, where there are times, the values line by line.
func (e *series) state(to []byte, lines iter.Seq[string]) []byte {
	if e.times {
		sep := ""
		for line := range lines {
			to = append(to, sep...)
			to = append(to, strings.Join(e.values(line), " ")...)
			sep = ", "
		}
		return to
	}
	var first, last []string
	for line := range lines {
		if last = e.values(line); first == nil {
			first = last
		}
	}
	n := 0
	for i, differs := range e.differs {
		if !differs {
			continue
		}
		if n > 0 {
			to = append(to, "; "...)
		}
		to = fmt.Appendf(to, "%s to %s in steps of %d", first[n], last[n], e.steps[i])
		n++
	}
	return to
}
