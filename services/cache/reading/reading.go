// Package reading reads a prompt once, into its words in order and what each of them is, for
// the packages that decide whether two prompts ask the same. It knows English; what it can't
// read it says so of, and nothing is concluded from it.
package reading

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate.dev/services/cache/lexicon"
)

// MaxBytes is the longest text that is read as prose; of a longer one, the ways to say the same
// are too many.
const MaxBytes = 2 << 10

// MaxWords bounds the words of a reading of prose. Texts with more are [Long].
const MaxWords = 160

// Manner is how far a text could be read.
type Manner uint8

const (
	// Prose is English that was read into words.
	Prose Manner = iota
	// Foreign is a text in another language or script: nothing but its spacing is
	// understood.
	Foreign
	// Long is a text past [MaxBytes], [MaxWords] or one line: as Foreign.
	Long
	// Literal holds program text, markup or a formula, or asks about a text itself: case, spacing
	// and signs have a meaning.
	Literal
)

// Kind is what a word is.
type Kind uint8

// Kinds of words.
const (
	Plain  Kind = iota
	Number      // in digits or words; Lemma is its value in digits, Unit its unit
	Date        // a month, a weekday, a date in digits
	Symbol      // signs, or letters with signs, as in c++ and utf-8
)

// Form is how a word is inflected.
type Form uint8

// Forms of words.
const (
	Base Form = iota
	S         // a plural, or the third person
	Past      // the past tense or its participle
	Ing
	More // the comparative
	Most // the superlative
)

// Word is a word of a text.
type Word struct {
	// Text is the word in lower case; one that was contracted stands in full.
	Text string
	// Lemma is the word without inflection, in American spelling.
	Lemma string
	// Entry is the lemma's word in the lexicon, or 0.
	Entry lexicon.Word
	// Unit of a number in its shortest spelling, or empty. Units are never converted.
	Unit  string
	typed string // as it stands in the text; empty where that isn't known
	// Sentence counts from 0.
	Sentence uint16
	Kind     Kind
	Form     Form
	// Function is set for words of grammar: articles, pronouns, prepositions, auxiliaries.
	Function bool
	// Capital is set for a word that is capitalised where grammar doesn't ask for it.
	Capital bool
	// Capitals is set for a word of several letters that are all capitals, in a text that isn't.
	Capitals bool
	// Quoted is set within double quotes or backticks.
	Quoted bool
	// Kept is set for a word that says nothing as a filler, where it may be what is spoken of.
	Kept bool
	// Break is set where a comma, a bracket or the like stands before the word.
	Break bool
	// Pause is set where that is a comma, a semicolon, a colon, a dash or the end of a sentence.
	Pause bool
	// Hyphen is set where a hyphen joins the word to the one before it.
	Hyphen bool
	// Possessive is set for the owner: Anna of "Anna's", and students of "students'".
	Possessive bool
	// First is set for the first word of a sentence.
	First bool
}

// Known reports whether the word is one of English, a number, a date or signs.
func (w *Word) Known() bool { return w.Entry != 0 || w.Function || w.Kind != Plain }

// Typed is the word as it stands in the text, where that is known.
func (w *Word) Typed() string {
	if w.typed == "" {
		return w.Text
	}
	return w.typed
}

// Name reports whether the word is, or may be, a name: one of the lexicon's, a word that the
// lexicon doesn't know, or a rare one that is capitalised.
func (w *Word) Name() bool {
	switch {
	case w.Function || w.Kind != Plain || len(w.Text) == 1 && !w.Capital:
		return false
	case w.Entry == 0:
		return true
	case w.Entry.Is(lexicon.Name):
		return w.Entry.Is(lexicon.Place) || w.Capital || !w.Entry.Is(lexicon.Verb|lexicon.Adverb|lexicon.Adjective)
	}
	return w.Capital && !w.Entry.Is(lexicon.Common)
}

// Abbreviation reports whether the word is one in capitals that would be a pronoun or ask in small
// letters: US, IT, the WHO. Other words of grammar are in capitals for emphasis.
func (w *Word) Abbreviation() bool {
	return w.Capitals && !w.Function && functions[w.Text]&(pronoun|asking) != 0
}

// Raised reports whether the word is one of grammar in capitals, in a text that isn't: how is ALL
// treated, what does WHO recommend.
func (w *Word) Raised() bool {
	return w.Function && !w.Quoted && len(w.typed) > 1 && w.typed == strings.ToUpper(w.typed) && w.typed != strings.ToLower(w.typed)
}

// Measures reports whether the word is a noun that measures, of which a good one isn't the best: a
// good score.
func (w *Word) Measures() bool { return measures[w.Lemma] }

// measures are nouns of what is told by a number, so that a good one is enough and no best one asked for.
var measures = Set("score rate pressure level salary gpa grade weight height ratio temperature percentage speed amount number " +
	"income wage iq bmi percentile rank mileage distance pulse size budget average")

// Case is what a word's capitals say: "" where they say nothing, which is so of small letters, of
// names, and of words that are none otherwise; "^" and "^^" of a word that is capitalised or in
// capitals and means something else without: Apple and apple, Polish and polish, IT and it. Words
// of two letters have "^" when one of them is a capital: Co and CO. A word of letters and digits in
// capitals and small letters is told as it stands: NO2 and No2, Bxc3 and bxc3; so is an identifier
// with capitals inside: getItem.
func (w *Word) Case() string {
	switch {
	case w.Kind == Plain && !w.Function && !w.Quoted && prefixed[w.Text]:
		return measured(w.Typed())
	case w.Kind == Symbol && !w.Quoted && w.typed != w.Text && filename(w.Text):
		return "^" + w.typed
	case w.Kind == Plain && !w.Function && !w.Quoted && camel(w.typed):
		return "^" + w.typed
	case w.Kind != Plain || w.Function || w.Quoted || !w.Capital && !w.Capitals:
		return ""
	case len(w.Text) == 1:
		return ""
	case strings.ContainsAny(w.typed, "0123456789"):
		if w.Capitals || w.typed == strings.ToUpper(w.typed) {
			return ""
		}
		return "^" + w.typed
	case len(w.Text) == 2 || w.Capitals && w.otherwise():
		if w.Capitals {
			return "^^"
		}
		return "^"
	case w.otherwise():
		return "^"
	}
	return ""
}

// prefixed are units whose prefix, or bits and bytes, only case tells.
var prefixed = Set("kb mb gb tb pb kbps mbps gbps tbps mpa mw mhz mm mg mj mv mwh mev mbit mbyte")

// measured is the case of a unit as it stands, but that a prefix K is k: MBps, Mbps and mbps are three.
func measured(typed string) string {
	if typed[0] == 'K' {
		typed = "k" + typed[1:]
	}
	if typed == strings.ToLower(typed) {
		return ""
	}
	return "^" + typed
}

// files are the ends of names of files that no product's name has.
var files = Set("txt csv tsv json xml yaml yml toml md py go c h cpp rs rb php sh bat log conf cfg ini sql html css ts pdf doc docx xls xlsx " +
	"png jpg jpeg gif svg zip gz tar exe dll")

// filename reports whether signs are the name of a file, of which case counts.
func filename(text string) bool {
	i := strings.LastIndexByte(text, '.')
	return i >= 0 && files[text[i+1:]]
}

// camel reports whether a word is spelled as names in programs are: small letters first, and a capital
// among them. A name such as iPhone, eBay or macOS has one letter before it, or ends in capitals.
func camel(typed string) bool {
	n := strings.IndexFunc(typed, unicode.IsUpper)
	if n < 2 || strings.ToLower(typed[:n]) != typed[:n] {
		return false
	}
	return typed[n:] != "OS" && typed[n:] != "SUSE"
}

// otherwise reports whether the word, in small letters, is a common one.
func (w *Word) otherwise() bool {
	stem, cut := strings.CutSuffix(w.Text, "s")
	_, inflected := irregular[w.Text] // Lent
	if inflected || wares[w.Text] || w.Text == diseased || common(lexicon.Find(w.Text)) {
		return true
	}
	return cut && len(stem) > 3 && lexicon.Find(stem).Is(lexicon.Common) && common(lexicon.Find(stem)) // Windows
}

// wares are called by the name of the place that they come from, which the lexicon takes them for.
var wares = Set("china morocco panama guinea madras")

func common(e lexicon.Word) bool {
	if !e.Lemma() || e.OfPlace() && !e.Is(lexicon.Verb) {
		return false
	}
	return !e.Is(lexicon.Name) || e.Is(lexicon.Common) && e.Is(lexicon.Verb|lexicon.Adjective|lexicon.Adverb)
}

// Reading is a text that was read.
type Reading struct {
	// Text is what was read, in Unicode's compatibility form (NFKC).
	Text string
	// Words are empty unless the manner is Prose.
	Words  []Word
	Manner Manner
	// Question is set when a question mark stands in the text.
	Question bool
	// Bare is set where the text is all that the model is told, so that nobody stands behind "you" but the
	// model itself, unless the text makes it somebody: Cast is set then.
	Bare, Cast bool
}

// Read reads a prompt. It never fails; see [Manner]. Its "you" is who is asked: the model, or whom the
// request makes of it.
func Read(text string) *Reading { return read(text, literal) }

// ReadBare reads a prompt that is all that the model is told. Its "you" is the model, or anybody.
func ReadBare(text string) *Reading {
	r := Read(text)
	r.Bare, r.Cast = true, r.casts()
	return r
}

// ReadAnswer reads a part of an answer, which may have formulas and speak of words, and yet is
// prose.
func ReadAnswer(text string) *Reading { return read(text, program) }

func read(text string, literal func(string) bool) *Reading {
	r := &Reading{Text: text}
	if len(text) > MaxBytes || !utf8.ValidString(text) {
		r.Manner = Long
		return r
	}
	r.Text = strings.TrimSpace(compatible(text))
	if len(r.Text) > MaxBytes { // one sign may stand for many
		r.Manner = Long
		return r
	}
	if literal(r.Text) {
		r.Manner = Literal
		return r
	}
	if strings.Contains(r.Text, "\n") {
		r.Manner = Long
		return r
	}
	s := splitter{r: r, lower: strings.ToLower(r.Text)}
	if !s.split() {
		r.Words = nil
		return r
	}
	if strings.ContainsAny(r.Text, "¿¡") || foreign(r.Words, accented(r.Text)) {
		r.Manner = Foreign
		r.Words = nil
	}
	return r
}
