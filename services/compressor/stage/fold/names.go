package fold

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// leastWords is how many words a line has at least that says something about what it counts,
// where neither a level nor a time says that it is a log's.
const leastWords = 3

// fieldSeparators is what separates a line's fields.
const fieldSeparators = " \t=:,;|()[]{}<>\"'`"

// isPartOfName tells whether the number s[start:end] is part of a name, as in file_000.txt and
// /items/17: its field has letters, besides a unit directly behind the number.
func isPartOfName(s string, start, end int) bool {
	from := strings.LastIndexAny(s[:start], fieldSeparators) + 1
	to := len(s)
	if i := strings.IndexAny(s[end:], fieldSeparators); i >= 0 {
		to = end + i
	}
	return hasLetter(s[from:start]) || hasLetter(strings.TrimLeftFunc(s[end:to], unicode.IsLetter))
}

func hasLetter(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r == '_' || unicode.IsLetter(r) }) >= 0
}

// lineWords is what a line says beside its numbers and names.
type lineWords struct {
	words int  // different ones
	level bool // a log's
}

var (
	// levels are the words by which logs say how much a line matters.
	levels = []string{"trace", "debug", "info", "notice", "warn", "warning", "error", "fatal", "critical", "panic"}
	// months stand in lists of files as well as in logs.
	months = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
)

// parseWords reads a line. Of a script without spaces two characters are taken for a word.
func parseWords(s string) (line lineWords) {
	var words []string
	dense := 0
	for field := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(fieldSeparators, r) }) {
		if strings.IndexFunc(field, unicode.IsDigit) >= 0 {
			continue // a number, a name, or what a script without spaces says of it
		}
		for _, r := range field {
			if r >= 0xE00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai) {
				dense++
			}
		}
		word := strings.ToLower(strings.TrimFunc(field, unicode.IsPunct))
		if utf8.RuneCountInString(word) < 2 || strings.IndexFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) >= 0 {
			continue
		}
		line.level = line.level || slices.Contains(levels, word)
		if len(words) < leastWords && !slices.Contains(words, word) && !slices.Contains(months, word) {
			words = append(words, word)
		}
	}
	line.words += len(words) + dense/2
	return line
}

// isLog reports whether lines that differ by what e has seen are those of a log, or a
// program's progress. Others are rows of a list: a name each, perhaps with a size and a time.
// What tells one from the next is what somebody asked for, and stays.
func (e *series) isLog(s string) bool {
	line := parseWords(s)
	switch {
	case line.level, line.words >= leastWords:
		return true
	case e.names:
		return false
	default:
		return e.percents || e.times && line.words > 0
	}
}
