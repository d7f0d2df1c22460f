package reading

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate.dev/services/cache/lexicon"
)

// respelling is how much of a word's British spelling is turned into American.
type respelling uint8

const (
	none   respelling = iota
	suffix            // of the verbs in -ise and what is made of them, in which no names differ
	all
)

// british are endings, and their American spellings. Those of verbs come first.
var british = [...][2]string{
	{"ise", "ize"}, {"isation", "ization"}, {"yse", "yze"}, {"our", "or"}, {"tre", "ter"}, {"ogue", "og"}, {"ence", "ense"},
}

// verbs is how many of those are of verbs.
const verbs = 3

// apart are words that in American spelling are, or may be, others: a gas meter is no metre long, a
// prize isn't prised open, and a dialog on a screen is no dialogue.
var apart = Set("metre prise apprise analogue dialogue")

// spelled turns British into American spelling where the lexicon holds both to be one word.
func spelled(text string, form Form, entry lexicon.Word, r respelling) (string, Form, lexicon.Word) {
	if entry == 0 {
		return text, form, 0
	}
	if !entry.Lemma() && form == Base || r == none || apart[text] {
		return text, form, entry
	}
	endings := british[:]
	if r == suffix {
		endings = endings[:verbs]
	}
	for _, p := range endings {
		i := strings.LastIndex(text, p[0])
		if i < 2 || p[0] != "our" && i+len(p[0]) != len(text) {
			continue
		}
		var b [40]byte
		if len(text)+1 > len(b) {
			continue
		}
		american := append(append(append(b[:0], text[:i]...), p[1]...), text[i+len(p[0]):]...)
		if w := lexicon.Find(american); w != 0 && w.Lemma() && (lexicon.Synonyms(w, entry) || p[1] == "ize" && w.Is(lexicon.Verb)) {
			return w.String(), form, w
		}
	}
	return text, form, entry
}

// Respelled reports whether one of two words is the other in British spelling: metre and meter, labour and labor.
func Respelled(a, b string) bool {
	for _, p := range british {
		for _, w := range [...][2]string{{a, b}, {b, a}} {
			if i := strings.LastIndex(w[0], p[0]); i >= 2 && w[0][:i]+p[1]+w[0][i+len(p[0]):] == w[1] {
				return true
			}
		}
	}
	return false
}

// written are words of texts in which it matters how a word is spelled.
var written = Set("regex regexp grep glob print prints printed printing output outputs echo string strings substring css html xml json " +
	"yaml sql variable variables identifier identifiers keyword keywords attribute attributes constant constants hashtag hashtags " +
	"british american americans britain england")

// Written reports whether a text is about how something is written, as in a format or a language of programs.
func Written(words []Word) bool {
	for i := range words {
		if written[words[i].Text] {
			return true
		}
	}
	return false
}

// respelled tells how much of word i is respelled: where it matters how a word is written, nothing,
// and of a name, as of the Labour Party, no more than nobody tells names by.
func (s *splitter) respelled(i int, spelling bool) respelling {
	w := &s.r.Words[i]
	if spelling {
		return none
	}
	first, _ := utf8.DecodeRuneInString(w.typed)
	if !unicode.IsUpper(first) || w.First && (i+1 == len(s.r.Words) || s.r.Words[i+1].First || !s.r.Words[i+1].Capital) {
		return all
	}
	return suffix
}
