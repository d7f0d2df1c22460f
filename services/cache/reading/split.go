package reading

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate.dev/services/cache/lexicon"
)

// splitter takes a text apart. Offsets into lower hold for the text as well wherever both are
// ASCII; elsewhere only lower is looked at, and a word's case at its first letter.
type splitter struct {
	r         *Reading
	lower     string
	at        int
	sentence  uint16
	first     bool // the next word begins a sentence
	brk       bool
	pause     bool // what brk is set for parts the sentence
	quoted    bool
	single    bool // within single quotes
	hyphen    bool
	same      bool         // lower and the text have the same offsets
	shouting  bool         // the text is all capitals, so that they say nothing
	title     bool         // nearly each word is capitalised
	enclosing map[rune]int // how many of each of the signs that enclose the text has, once that is asked
}

func (s *splitter) split() bool {
	s.same = len(s.lower) == len(s.r.Text)
	s.cases()
	s.r.Words = make([]Word, 0, min(len(s.lower)/4+4, MaxWords))
	s.first = true
	for s.at < len(s.lower) {
		if len(s.r.Words) > MaxWords {
			s.r.Manner = Long
			return false
		}
		c, size := utf8.DecodeRuneInString(s.lower[s.at:])
		switch {
		case unicode.IsSpace(c):
			s.at += size
		case c >= '0' && c <= '9', c == '.' && s.digit(s.at+1) && !s.letterBefore():
			s.number()
		case letter(c):
			if !latin(c) {
				s.r.Manner = Foreign
				return false
			}
			s.word()
		case s.content():
		default:
			s.sign(c, size)
		}
	}
	s.numbers()
	s.lemmas()
	s.courtesies()
	s.fillers()
	return true
}

func letter(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= utf8.RuneSelf && (unicode.IsLetter(c) || unicode.IsMark(c))
}

func latin(c rune) bool {
	return c < utf8.RuneSelf || unicode.Is(unicode.Latin, c) || unicode.Is(unicode.Greek, c) || unicode.IsMark(c)
}

func (s *splitter) digit(i int) bool {
	return i < len(s.lower) && s.lower[i] >= '0' && s.lower[i] <= '9'
}

func (s *splitter) letter(i int) bool {
	if i >= len(s.lower) {
		return false
	}
	c, _ := utf8.DecodeRuneInString(s.lower[i:])
	return letter(c)
}

func (s *splitter) letterBefore() bool { return s.at > 0 && s.lower[s.at-1] > ' ' }

// cases looks at the text's capitals as a whole.
func (s *splitter) cases() {
	var upper, lower, words, capitals int
	start := true
	for _, c := range s.r.Text {
		switch {
		case unicode.IsUpper(c):
			upper++
			if start {
				capitals++
			}
		case unicode.IsLower(c):
			lower++
		}
		if start && unicode.IsLetter(c) {
			words++
		}
		start = unicode.IsSpace(c)
	}
	s.shouting = upper > 3 && lower*3 < upper
	s.title = words > 3 && capitals*4 > words*3
}

func (s *splitter) upper(i int) bool {
	if !s.same || i >= len(s.r.Text) {
		return false
	}
	c, _ := utf8.DecodeRuneInString(s.r.Text[i:])
	return unicode.IsUpper(c)
}

// add appends a word of lower[from:to], or of text where that isn't empty.
func (s *splitter) add(from, to int, kind Kind, text string) *Word {
	w := Word{
		Text: text, Kind: kind, Sentence: s.sentence, Break: s.brk, Pause: s.pause, Quoted: s.quoted,
		Hyphen: s.hyphen, First: s.first,
	}
	if text == "" {
		w.Text = s.lower[from:to]
	}
	for i := range len(w.Text) {
		if w.Text[i] >= utf8.RuneSelf {
			// A rosé is no rose, and where there is such a word nobody knows which is meant.
			if b := bare(w.Text); b != "" && lexicon.Find(b) == 0 {
				w.Text = b
			}
			break
		}
	}
	w.Lemma = w.Text
	if from < to && s.upper(from) && !s.shouting && !s.title {
		// Two capitals, as in USA or iOS, say a name at a sentence's start too.
		w.Capital = !s.first || to-from > 1 && s.upper(from+1)
	}
	if from < to && s.same && !s.shouting {
		w.typed = s.r.Text[from:to]
		w.Capitals = !s.title && to-from > 1 && w.typed == strings.ToUpper(w.typed) && s.upper(from) && s.upper(to-1)
	}
	s.first, s.brk, s.pause, s.hyphen = false, false, false, false
	s.r.Words = append(s.r.Words, w)
	return &s.r.Words[len(s.r.Words)-1]
}

// sign reads one character that begins no word.
func (s *splitter) sign(c rune, size int) {
	from := s.at
	s.at += size
	switch c {
	case '?':
		s.r.Question = true
		s.end()
	case '.':
		if s.letter(s.at) && (from == 0 || s.lower[from-1] <= ' ') { // .NET
			for s.letter(s.at) {
				_, size := utf8.DecodeRuneInString(s.lower[s.at:])
				s.at += size
			}
			s.add(from, s.at, Symbol, "")
			return
		}
		s.end()
	case '!', '…':
		s.end()
	case '\'':
		s.apostrophe(from)
	case '(', ')', '[', ']', '{', '}', '·', '•':
		s.brk = true
	case ',', ';', '–', '—':
		s.brk, s.pause = true, true
	case ':':
		s.brk, s.pause = true, true
		if s.at < len(s.lower) && strings.IndexByte("()", s.lower[s.at]) >= 0 { // an emoticon
			s.at++
			s.add(from, s.at, Symbol, "")
		}
	case '"', '`':
		mark := s.lower[from]
		for s.at < len(s.lower) && s.lower[s.at] == mark {
			s.at++
		}
		n := strings.IndexByte(s.lower[s.at:], mark)
		s.quoted = !s.quoted && n >= 0
		if s.quoted {
			s.quotation(s.at, s.at+n)
		}
	case '&':
		if s.at < len(s.lower) && s.lower[s.at] == '&' {
			s.at++
			s.add(from, s.at, Symbol, "")
			return
		}
		s.add(from, s.at, Plain, "and")
	case '/':
		if s.operands() {
			s.add(from, s.at, Symbol, "")
			return
		}
		s.brk = true
	case '-':
		if s.operands() && !(s.lower[from-1] > ' ' && len(s.r.Words[len(s.r.Words)-1].Text) > 2) { // 2015-2016 is a range
			s.add(from, s.at, Symbol, "minus")
			return
		}
		s.dash(from)
	case '#', '@':
		if s.letter(s.at) { // #topic, @name
			return
		}
		s.add(from, s.at, Symbol, "")
	default:
		for s.at < len(s.lower) && s.lower[s.at] < utf8.RuneSelf && strings.IndexByte("+-*=<>!~^|@#$%&\\", s.lower[s.at]) >= 0 {
			s.at++
		}
		s.add(from, s.at, Symbol, "")
	}
}

// apostrophe reads one that stands at a word's end or beginning: behind the s of owners, as in the
// students' rights, where it doesn't end a quotation.
func (s *splitter) apostrophe(from int) {
	switch n := len(s.r.Words); {
	case s.single:
		s.single = false
	case from > 0 && s.lower[from-1] == 's' && !s.letter(s.at) && !s.digit(s.at):
		s.r.Words[n-1].Possessive = true
		return
	case s.letter(s.at) && strings.Contains(s.lower[s.at:], "'"):
		s.single = true
		if n := strings.IndexByte(s.lower[s.at:], '\''); !s.letter(s.at + n + 1) {
			s.quotation(s.at, s.at+n)
		}
	}
	s.brk = true
}

// quotation adds a word for what is quoted, beside those in it, where signs stand in it: they count.
func (s *splitter) quotation(from, to int) {
	text := s.lower[from:to]
	if s.same {
		text = s.r.Text[from:to]
	}
	if !strings.ContainsFunc(text, func(c rune) bool { return s.middle(c) }) {
		return
	}
	first := s.first
	w := s.add(from, from, Symbol, `"`+strings.Join(strings.Fields(text), " ")+`"`)
	w.Quoted = true
	s.first = first
}

// operands reports whether a number or a single letter stands before the sign that was read, and
// one behind it: 7 - 2, x / y.
func (s *splitter) operands() bool {
	n := len(s.r.Words)
	if n == 0 || s.first || s.brk || s.r.Words[n-1].Kind != Number && len(s.r.Words[n-1].Text) != 1 {
		return false
	}
	at := s.at
	for at < len(s.lower) && s.lower[at] == ' ' {
		at++
	}
	return s.digit(at) || s.letter(at) && !s.letter(at+1) && !s.digit(at+1) && !(at+1 < len(s.lower) && s.lower[at+1] == '\'')
}

func (s *splitter) end() {
	if !s.first {
		s.sentence++
	}
	s.first, s.brk, s.pause = true, true, true
}

// dash is a hyphen within a word, the sign of a number, an option's beginning, or a pause.
func (s *splitter) dash(from int) {
	before := from > 0 && s.lower[from-1] > ' '
	after := s.at < len(s.lower) && s.lower[s.at] > ' '
	switch {
	case !before && s.digit(s.at):
		if n := len(s.r.Words); n == 0 || s.r.Words[n-1].Kind != Number {
			s.number()
			w := &s.r.Words[len(s.r.Words)-1]
			w.Text = "-" + w.Text
			w.Lemma = "-" + w.Lemma
			return
		}
		s.add(from, s.at, Symbol, "")
	case before && after:
		s.hyphen = true
	case after: // --option
		for s.at < len(s.lower) && s.lower[s.at] == '-' {
			s.at++
		}
		if s.letter(s.at) && (s.at > from+1 || s.at+1 >= len(s.lower) || !s.letter(s.at+1)) {
			s.add(from, s.at, Symbol, "")
		}
	default:
		s.brk, s.pause = true, true
	}
}

// word reads letters with what may stand among them.
func (s *splitter) word() {
	from := s.at
	signs := false
	for s.at < len(s.lower) {
		c, size := utf8.DecodeRuneInString(s.lower[s.at:])
		switch {
		case letter(c) || c >= '0' && c <= '9':
		case c == '\'' && s.letter(s.at+1):
		case (c == '_' || c == '@') && (s.letter(s.at+1) || s.digit(s.at+1)):
			signs = true
		case c == '&' && s.letter(s.at+1) && s.at-from <= 2:
			signs = true
		case c == '.' && (s.letter(s.at+1) || s.digit(s.at+1)):
			if s.stop() {
				s.finish(from, signs)
				return
			}
			signs = true
		case (c == '+' || c == '#') && s.at-from <= 2 && !s.letter(s.at+1) && !s.digit(s.at+1) || c == '+' && s.at > from && s.lower[s.at-1] == '+':
			signs = true
		case c == '-' && s.rated(from):
			signs = true
		default:
			s.finish(from, signs)
			return
		}
		s.at += size
	}
	s.finish(from, signs)
}

// rated reports whether the dash at s.at is the sign of the letter before it, as of blood and marks: O-, AB-, B-.
func (s *splitter) rated(from int) bool {
	if n := s.at - from; n != 1 && s.lower[from:s.at] != "ab" {
		return false
	}
	next := s.at + 1
	return !s.letter(next) && !s.digit(next) && (next == len(s.lower) || s.lower[next] != '-')
}

// stop reports whether the dot at s.at ends a sentence after which a space is missing.
func (s *splitter) stop() bool {
	if s.upper(s.at+1) && s.at > 0 && !s.upper(s.at-1) {
		return true
	}
	end := s.at + 1
	for end < len(s.lower) && s.lower[end] >= 'a' && s.lower[end] <= 'z' {
		end++
	}
	_, ok := functions[s.lower[s.at+1:end]]
	return ok && end-s.at > 2
}

func (s *splitter) finish(from int, signs bool) {
	text := s.lower[from:s.at]
	if i := strings.IndexAny(text, "0123456789"); i > 1 && (text[:i] == "rs" || text[:i] == "inr" || text[:i] == "rs.") {
		s.at = from + i
		s.number()
		s.r.Words[len(s.r.Words)-1].Unit = "inr"
		return
	}
	if signs {
		if i := initials(text); i != "" && (s.upper(from) || abbreviated[i] || s.at+1 < len(s.lower) && s.lower[s.at] == '.') {
			s.add(from, s.at, Plain, i)
			return
		}
		s.add(from, s.at, Symbol, "")
		return
	}
	if i := strings.LastIndexByte(text, '\''); i > 0 {
		s.contracted(from, from+i)
		return
	}
	if full, ok := runTogether[text]; ok && !(s.upper(from) && s.upper(s.at-1)) {
		for i, t := range full {
			w := s.add(from, s.at, Plain, t)
			w.Capital = w.Capital && i == 0 && len(full) == 1
		}
		return
	}
	s.add(from, s.at, Plain, "")
}

// abbreviated are abbreviations that many write in small letters, and without their last dot: u.s. Of other single
// letters with dots between, as x.y, the dot may be what is spoken of.
var abbreviated = Set("us uk usa uae eu un dc ie eg am pm ad bc bce ce ba bs ma ms mba md phd aka rip diy ps vs tv pc id iq ok")

// initials turns u.s.a into usa; it is empty for anything else.
func initials(text string) string {
	b := make([]byte, 0, 8)
	for i := range len(text) {
		if (text[i] == '.') != (i%2 == 1) || text[i] >= utf8.RuneSelf || i > 12 {
			return ""
		}
		if text[i] != '.' {
			b = append(b, text[i])
		}
	}
	return string(b)
}

// contracted reads a word with an apostrophe at i.
func (s *splitter) contracted(from, i int) {
	stem, tail := s.lower[from:i], s.lower[i+1:s.at]
	switch tail {
	case "t":
		if len(stem) > 1 && stem[len(stem)-1] == 'n' {
			switch stem = stem[:len(stem)-1]; stem {
			case "ca":
				stem = "can"
			case "wo":
				stem = "will"
			case "sha":
				stem = "shall"
			case "ai":
				stem = "is"
			}
			s.add(from, i-1, Plain, stem)
			s.add(0, 0, Plain, "not")
			return
		}
	case "m", "am", "re", "ve", "ll", "d":
		s.add(from, i, Plain, stem)
		s.add(0, 0, Plain, map[string]string{"m": "am", "am": "am", "re": "are", "ve": "have", "ll": "will", "d": "would"}[tail])
		return
	case "s":
		w := s.add(from, i, Plain, stem)
		switch f := functions[stem]; {
		case stem == "let":
			s.add(0, 0, Plain, "us")
		case f&(pronoun|asking) != 0 || stem == "there" || stem == "here":
			s.add(0, 0, Plain, "is")
		default:
			w.Possessive = true
			w.Capital = w.Capital || s.upper(from) && !s.shouting && !s.title
		}
		return
	}
	s.add(from, s.at, Plain, "")
}
