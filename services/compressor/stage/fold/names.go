package fold

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate.dev/services/compressor/prompt"
)

// maxLead is how far from its begin a log's line has its time, in bytes: behind a bracket, a
// month, or a name such as time=.
const maxLead = 6

// levels are the words by which logs say how much a line matters.
var levels = []string{"trace", "debug", "info", "notice", "warn", "warning", "error", "fatal", "critical", "panic"}

// months may be parts of times.
var months = []string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}

// isLogLine reports whether a line is a log's: it has a level, or a word behind a time that it
// begins with. Others are rows of a list, or sentences. What tells one from the next is what
// somebody asked for.
func isLogLine(s string) bool {
	if hasLevel(s) {
		return true
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

// hasLevel tells whether a line has a level's word in capitals, or in lower case in brackets or
// behind an equals sign: in other places the words are a sentence's.
func hasLevel(s string) bool {
	for i := 0; i < len(s); {
		start := i
		for i < len(s) && (s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z') {
			i++
		}
		if i == start {
			i++
			continue
		}
		word := s[start:i]
		if !slices.Contains(levels, strings.ToLower(word)) {
			continue
		}
		before, after := byte(' '), byte(' ')
		if start > 0 {
			before = s[start-1]
		}
		if i < len(s) {
			after = s[i]
		}
		switch {
		case word == strings.ToUpper(word) && isOneOf(before, " \t[(|=\"") && isOneOf(after, " \t])|:\""):
			return true
		case isOneOf(before, "[=\"") && isOneOf(after, " ]\","):
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
