package reading

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	closing  = ".!?…"        // end a sentence
	pausing  = ",;:-—–"      // part it
	paired   = "()[]{}\"'`"  // enclose words
	brackets = "()[]{}"      // those of them of which one opens and the next one closes
	mixed    = ".!?:;,/~^&*" // those that as a run of several within a text are no sentence's own
)

// content reads signs that are what is spoken of, not the sentence's own: those that stand by
// themselves, begin a word, or are several in a row. They become one word. It reports false where
// the signs at s.at are the sentence's.
func (s *splitter) content() bool {
	from, to := s.at, s.at
	before, _ := utf8.DecodeLastRuneInString(s.lower[:from])
	if from > 0 && s.middle(before) { // of a run of which the first signs were read, so that each run is gone over once
		return false
	}
	for to < len(s.lower) {
		c, size := utf8.DecodeRuneInString(s.lower[to:])
		if unicode.IsSpace(c) || letter(c) || c >= '0' && c <= '9' {
			break
		}
		to += size
	}
	after, _ := utf8.DecodeRuneInString(s.lower[to:])
	run := s.lower[from:to]
	switch attached := from > 0 && !unicode.IsSpace(before); {
	case attached && to == len(s.lower):
		return false
	case attached:
		if !motley(run, unicode.IsSpace(after)) {
			return false
		}
	case to < len(s.lower) && !unicode.IsSpace(after): // begins a word
		if strings.Trim(run, "!?:;") != "" {
			return false
		}
	case s.own(run, to):
		return false
	default:
		if n := len(run); n > 1 && to == len(s.lower) && run[n-1] == '?' && s.wants(true) {
			to, run = to-1, run[:n-1] // the code of ??
		}
		if n := len(run); n > 2 && run[0] == run[n-1] && strings.IndexByte("\"'`", run[0]) >= 0 {
			run = run[1 : n-1]
		}
	}
	s.add(from, from, Symbol, run)
	s.at = to
	return true
}

// middle reports whether c is a sign.
func (s *splitter) middle(c rune) bool {
	return !unicode.IsSpace(c) && !letter(c) && (c < '0' || c > '9')
}

// motley reports whether signs behind a word's end are different ones that don't end it together:
// "x?. in", but not "etc., in" nor "What?! Why".
func motley(run string, end bool) bool {
	if end && run[0] == '.' && len(run) == 2 {
		return false
	}
	return len(run) > 1 && strings.Trim(run, mixed) == "" && strings.Trim(run, run[:1]) != "" && strings.Trim(run, "!?") != ""
}

// own reports whether signs that stand between spaces, or at an end, are the sentence's: those that
// end it, a comma or a dash, and brackets and quotes around words; none where the word before them
// wants an object.
func (s *splitter) own(run string, to int) bool {
	last := to == len(s.lower)
	if len(s.r.Words) > 0 && !s.first && !s.brk && s.wants(last) && !s.operands() {
		return false
	}
	first, size := utf8.DecodeRuneInString(run)
	switch {
	case last && strings.Trim(run, closing+pausing) == "":
		return true
	case strings.Trim(run, closing) == "":
		at := to
		for at < len(s.lower) && s.lower[at] == ' ' {
			at++
		}
		return s.upper(at) && len(s.r.Words) > 0
	case strings.Trim(run, "-—–") == "", run == ",", run == "/", run == "&":
		return true
	case size == len(run) && strings.ContainsRune(paired, first):
		return s.partnered(first)
	}
	return !strings.ContainsAny(run, closing+pausing+paired)
}

// partnered reports whether the text has a sign that opens what a sign closes, or closes what it opens: a
// quote has another one.
func (s *splitter) partnered(sign rune) bool {
	if s.enclosing == nil {
		s.enclosing = make(map[rune]int, len(paired))
		for _, c := range s.lower {
			if strings.ContainsRune(paired, c) {
				s.enclosing[c]++
			}
		}
	}
	if i := strings.IndexRune(brackets, sign); i >= 0 {
		return s.enclosing[rune(brackets[i^1])] > 0
	}
	return s.enclosing[sign] > 1
}

// wants reports whether the last word that was read wants an object, which can be a sign: of ?, the
// ?, and within a sentence: does ? mean. At its end a verb wants none.
func (s *splitter) wants(end bool) bool {
	n := len(s.r.Words)
	if n == 0 {
		return false
	}
	w := &s.r.Words[n-1]
	f := functions[w.Text]
	if f&(article|preposition) != 0 || w.Text == "and" || w.Text == "or" {
		return true
	}
	return !end && (f&auxiliary != 0 || using[w.Text])
}

// using are verbs whose object can be a sign.
var using = Set("use using used say write type mean means put add insert print enter press call called")
