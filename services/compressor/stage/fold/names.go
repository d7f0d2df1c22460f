package fold

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/protect"
)

// maxLead is how far from its begin a log's line has its time, in bytes: behind a bracket, a
// month, or a name such as time=.
const maxLead = 6

// months may be parts of times.
var months = []string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}

// isLogLine reports whether a line is a log's that may be folded: it has a level, or a word behind a
// time that it begins with. Others with a time are rows of a list, or sentences. What tells one from
// the next is what somebody asked for.
func isLogLine(s string) bool {
	_, level, ok := protect.CutLogHead(s)
	if !ok || level != "" {
		return ok
	}
	numbers := appendNumbers(nil, s)
	return len(numbers) > 0 && numbers[0].time && numbers[0].start <= maxLead && hasWord(s)
}

// hasWord tells whether a line has a word between its fields that is no part of a name.
func hasWord(s string) bool {
	for field := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(" \t=:,;|()[]{}<>\"'", r) }) {
		field = strings.TrimFunc(field, unicode.IsPunct)
		if utf8.RuneCountInString(field) > 1 && strings.IndexFunc(field, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) < 0 && !slices.Contains(months, field) {
			return true
		}
	}
	return false
}

// question is what lines are asked about.
type question struct {
	of      *prompt.Text
	numbers []number
	read    bool
}

// names tells whether the question has a word or a number of some lines that differ by numbers.
func (q *question) names(lines string) bool {
	if !q.read {
		q.read, q.numbers = true, appendNumbers(nil, q.of.Question)
	}
	first, _, _ := strings.Cut(lines, "\n")
	if q.of.Asks(first) {
		return true
	}
	if len(q.numbers) == 0 {
		return false
	}
	asked := make(map[string]bool, len(q.numbers))
	for _, n := range q.numbers {
		asked[strings.TrimLeft(n.digits, "0")] = true
	}
	for _, n := range appendNumbers(nil, lines) {
		if asked[strings.TrimLeft(n.digits, "0")] {
			return true
		}
	}
	return false
}
