package veto

import (
	"strings"
	"unicode"

	"tollgate.dev/services/cache/reading"
)

var (
	// mine are pronouns of what belongs to who asks: the answer is for nobody else.
	mine = reading.Set("my mine myself our ours ourselves")
	// passing are words whose meaning is another tomorrow.
	passing = reading.Set("today tonight tomorrow yesterday now currently nowadays latest recent recently current " +
		"upcoming ongoing lately presently newest ago weather forecast")
	// passingNext are spans of time that pass behind this, last or next.
	passingNext = reading.Set("year month week weekend season century decade time morning evening night")
)

// Unfit reports why a prompt must not be answered with what was answered to another, however
// near: it has nothing that can be seen ("blank"), speaks of who asks ("personal"), or of a time that
// passes ("time").
func Unfit(r *reading.Reading) (rule string, unfit bool) {
	if !strings.ContainsFunc(r.Text, visible) {
		return "blank", true
	}
	if r.Manner != reading.Prose {
		return unfitUnread(r.Text)
	}
	if unspoken(r) {
		if rule, unfit := languages().find(r.Text); unfit {
			return rule, unfit
		}
	}
	for i := range r.Words {
		w := &r.Words[i]
		switch {
		case w.Quoted:
		case mine[w.Text], personal(r.Words, i):
			return "personal", true
		case passing[w.Text] && !(w.Text == "weather" && taught(r.Words, i)), clock(r.Words[i:]), w.Text == "still" && i > 0 && isOf(r.Words[:i]):
			return "time", true
		case lasting(r.Words[i:]), counted(r.Words[i:]):
			return "time", true
		}
	}
	return "", false
}

// compounds are nouns that weather stands before, of which it says what kind they are.
var compounds = reading.Set("balloon map station radar vane satellite system pattern front instrument symbol stripping proofing window " +
	"seal cock buoy api widget")

// taught reports whether the weather words[i] is a subject of knowledge, and none of some day: beside the climate,
// before a noun of another kind, and where it is asked how it comes, or what it does.
func taught(words []reading.Word, i int) bool {
	at := func(k int) string {
		if k < 0 {
			return ""
		}
		return text(words, k)
	}
	joint := func(s string) bool {
		switch s {
		case "and", "or", "vs", "versus", "from", "than", "with":
			return true
		}
		return false
	}
	switch {
	case joint(at(i+1)) && at(i+2) == "climate", joint(at(i-1)) && at(i-2) == "climate":
		return true
	case i+1 < len(words) && compounds[words[i+1].Lemma]:
		return true
	case at(i-1) == "the" && at(i-2) == "under":
		return true
	case at(i-1) == "does" && at(i-2) == "how":
		return at(i+1) == "form" || at(i+1) == "work" || at(i+1) == "affect" || at(i+1) == "influence"
	}
	return i+1 == len(words) && (at(i-1) == "causes" && at(i-2) == "what" || at(i-1) == "is" && at(i-2) == "what")
}

// visible reports whether a character is seen by itself.
func visible(c rune) bool {
	const blankBraille = '\u2800'
	return unicode.IsGraphic(c) && !unicode.IsSpace(c) && c != blankBraille &&
		!unicode.In(c, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// unfitUnread looks for the words of English and of other languages in a text that wasn't read, of
// which nothing is known but its words.
func unfitUnread(text string) (rule string, unfit bool) {
	last := ""
	for w := range strings.FieldsSeq(plain(text)) {
		switch {
		case mine[w], last == "i" && (stated(w, "") || w == "m" || w == "ve"), last == "am" && w == "i":
			return "personal", true
		case passing[w], beginsSpan(last) && passingNext[strings.TrimSuffix(w, "s")]:
			return "time", true
		}
		last = w
	}
	return languages().find(text)
}

// unspoken reports whether no word of English grammar stands in a text, and one that is no word of
// English, so that it may be in another language: "Wetter heute".
func unspoken(r *reading.Reading) bool {
	unknown := false
	for i := range r.Words {
		w := &r.Words[i]
		if w.Function && len(w.Text) > 1 {
			return false
		}
		unknown = unknown || !w.Known() && !w.Capital
	}
	return unknown
}

// clock reports whether words ask what time it is, or what day.
func clock(words []reading.Word) bool {
	return len(words) >= 4 && words[0].Text == "what" && (passingNext[words[1].Lemma] || words[1].Lemma == "day" || words[1].Lemma == "date") &&
		words[2].Text == "is" && words[3].Text == "it" && (len(words) == 4 || words[4].Function || passing[words[4].Text])
}

// counted reports whether words ask when the next of something is, or how long it is from or to a
// day: when is the next full moon, how many days until Christmas; but not how long until rice is done.
func counted(words []reading.Word) bool {
	at := func(i int) string { return text(words, i) }
	switch at(0) {
	case "when":
		return at(1) == "is" && at(2) == "the" && at(3) == "next"
	case "how":
	default:
		return false
	}
	i, long := 2, at(1) == "long"
	if !long {
		if at(1) != "many" || len(words) < 4 || !spans[words[2].Lemma] {
			return false
		}
		i = 3
	}
	switch {
	case at(i) == "has" && at(i+1) == "it" && at(i+2) == "been":
		i += 3
	case at(i) == "is" && at(i+1) == "it":
		i += 2
	}
	switch at(i) {
	case "since":
		return true
	case "until", "till":
		return i+1 < len(words) && (words[i+1].Kind == reading.Date || words[i+1].Name() || words[i+1].Capital)
	}
	return false
}

// isOf reports whether a verb of being stands before, as in "is he still".
func isOf(before []reading.Word) bool {
	for _, w := range before {
		if w.Text == "is" || w.Text == "are" {
			return true
		}
	}
	return false
}

// lasting reports whether words begin with a span of time that ends or begins now: these days, at
// the moment, so far, this week, last time, in the past week, the last 5 years, the next few days.
func lasting(words []reading.Word) bool {
	at := func(i int) string { return text(words, i) }
	switch at(0) {
	case "these":
		return at(1) == "days"
	case "at":
		return at(1) == "the" && at(2) == "moment" || at(1) == "present"
	case "so":
		return at(1) == "far" && (len(words) == 2 || words[1].Break)
	}
	if !beginsSpan(at(0)) || len(words) == 1 {
		return false
	}
	if passingNext[words[1].Lemma] {
		return true
	}
	for _, w := range words[1:min(3, len(words))] {
		if spans[w.Lemma] || w.Kind == reading.Number && spans[w.Unit] {
			return true
		}
		if at(0) == "this" || w.Kind != reading.Number && w.Text != "few" && w.Text != "couple" {
			return false
		}
	}
	return false
}

// beginsSpan reports whether a word before one of time says that it ends or begins now.
func beginsSpan(s string) bool {
	switch s {
	case "this", "past", "last", "next", "coming":
		return true
	}
	return false
}

// spans are nouns of time that a number stands before, or that something is told to happen each of.
var spans = reading.Set("second minute hour day week fortnight month quarter year decade century")
