package veto

import (
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// names holds prompts apart of which one names a place, a person or a thing that the other
// doesn't, one of several kings of a name, or a title with its article: The Heat and Heat. A fuller name for the same is none: Trump is Donald Trump, when the other prompt has
// no other name in that place. And those in which one word is capitalised and the other isn't, and
// means something else so: Apple and apple; and those in which a name has an s more: Peter and Peters.
func names(p *pair) (string, string, bool) {
	if p.near() {
		for _, check := range [...]func(*pair) (string, string, bool){numbered, regnal, entitled} {
			if x, y, found := p.either(check); found {
				return x, y, true
			}
		}
	}
	for i, j := range p.a.to {
		if j < 0 || p.a.words[i].Lemma != p.b.words[j].Lemma || p.a.words[i].Case() == p.b.words[j].Case() {
			continue
		}
		if p.a.medium(i) && p.b.medium(int(j)) && len(p.a.words[i].Case())+len(p.b.words[j].Case()) < 3 && (small(p.a.r.Text) || small(p.b.r.Text)) {
			continue
		}
		if p.a.emphasised(i) || p.b.emphasised(int(j)) || several(&p.a.words[i], &p.b.words[j]) || several(&p.b.words[j], &p.a.words[i]) {
			continue
		}
		if p.near() && p.a.stands(i) && p.b.stands(int(j)) {
			return p.a.words[i].Text, p.b.words[j].Text, true
		}
	}
	x, y := p.named(), p.flip().named()
	return x, y, x != "" && y != "" && p.close >= 0.5 || (x != "" || y != "") && p.near()
}

// named returns a name of a's that b doesn't have.
func (p *pair) named() string {
	for _, i := range p.a.loose {
		w := &p.a.words[i]
		if p.a.name(i) && !filler[w.Lemma] && !p.fuller(i) && !(w.Entry == 0 && misspelled(w.Text)) {
			return w.Text
		}
	}
	return ""
}

// misspelled reports whether an unknown word is one that says what a name is the name of, but for
// a letter.
func misspelled(text string) bool {
	for c := range class {
		s, t := c, text
		if len(s) > len(t) {
			s, t = t, s
		}
		if len(s) > 5 && s[0] == t[0] && edits(s, t) == 1 {
			return true
		}
	}
	return false
}

// name reports whether word i is a name: by itself, or because it is capitalised beside one.
func (s *side) name(i int) bool {
	if i < 0 || i >= len(s.words) {
		return false
	}
	w := &s.words[i]
	if w.Name() {
		return true
	}
	beside := func(k int) bool {
		return k >= 0 && k < len(s.words) && s.words[k].Capital && s.words[k].Name() && !s.words[max(i, k)].Break
	}
	return w.Capital && content(w) && !class[w.Lemma] && !shell[w.Lemma] && (beside(i-1) || beside(i+1))
}

// another are words before a place's name that make one of another place: New York.
var another = reading.Set("new north south east west northern southern eastern western")

// fuller reports whether the name at i stands before one that has its partner, or is the place
// that it lies in, and the other side has nothing else there. What follows a name otherwise
// makes it another: a phone of one maker has several models.
func (p *pair) fuller(i int) bool {
	if w := &p.a.words[i]; w.Capital && another[w.Text] {
		return false
	}
	for k := i + 1; k < len(p.a.words) && k <= i+2 && (p.a.name(k) || p.a.words[k].Capital); k++ {
		if j := int(p.a.to[k]); j >= 0 {
			return !p.looseName(j - 1)
		}
	}
	if i > 0 && p.a.words[i].Entry.Is(lexicon.Place) && p.a.words[i-1].Capital {
		j := int(p.a.to[i-1])
		return j >= 0 && !p.looseName(j+1)
	}
	return false
}

// looseName reports whether b has a name without partner at j.
func (p *pair) looseName(j int) bool {
	return j >= 0 && j < len(p.b.words) && p.b.to[j] < 0 && (p.b.name(j) || p.b.words[j].Capital)
}

// medium reports whether word i stands right behind "in", as the name of a place or a language does:
// in Python. Who writes no capitals at all means it by "in python".
func (s *side) medium(i int) bool { return i > 0 && s.words[i-1].Text == "in" }

// optional are offices and fields of study, which many capitalise although they mean the same without.
var optional = reading.Set("president minister senator governor mayor king queen emperor prince princess doctor professor " +
	"physics chemistry biology mathematics economics psychology philosophy sociology anthropology geography geology astronomy history " +
	"engineering medicine accounting finance marketing nursing literature linguistics politics democracy capitalism socialism communism " +
	"feminism religion constitution government parliament")

// several reports whether x is the plural of y, which is an abbreviation: APIs.
func several(x, y *reading.Word) bool { return y.Capitals && x.Typed() == y.Typed()+"s" }

// emphasised reports whether a capital at word i says nothing: at the best of some, at offices and fields of
// study, and at a verb that is no name, behind who does it.
func (s *side) emphasised(i int) bool {
	w := &s.words[i]
	if w.Form == reading.Most || w.Form == reading.More || optional[w.Lemma] && !w.Capitals {
		return true
	}
	if i == 0 || w.Form != reading.Base || w.Capitals || !w.Entry.Is(lexicon.Verb) || w.Entry.Is(lexicon.Name|lexicon.Noun|lexicon.Adjective) {
		return false
	}
	switch s.words[i-1].Text {
	case "i", "you", "we", "they", "one":
		return true
	}
	return false
}

// small reports whether a text has no capitals.
func small(text string) bool { return text == strings.ToLower(text) }

// stands reports whether no word beside word i is capitalised but for "I": where several are, as in
// Game Theory, it is more often a manner of writing.
func (s *side) stands(i int) bool {
	return (i == 0 || !s.words[i-1].Capital || s.words[i-1].Function) && (i+1 == len(s.words) || !s.words[i+1].Capital)
}

// numbered finds a name that stands with an s more here, so that it is another one, and no plural:
// Peter and Peters, Lyon and Lyons. It is a plural where the words beside it agree with that, or the
// other is one of several: the best iPhone.
func numbered(p *pair) (string, string, bool) {
	for i, j := range p.a.to {
		if j < 0 {
			continue
		}
		x, y := &p.a.words[i], &p.b.words[j]
		if x.Text == y.Text || x.Text != y.Text+"s" && x.Text != y.Text+"es" || x.Possessive || y.Possessive || x.Quoted || y.Quoted {
			continue
		}
		if several(x, y) {
			continue
		}
		if !p.a.called(i) && !p.b.called(int(j)) || p.a.plural(i) || p.b.counts(int(j)) || p.a.owns(i) {
			continue
		}
		return x.Text, y.Text, true
	}
	return "", "", false
}

// regnal finds the first of a name, whose numeral looks like the pronoun, where the other prompt has none or
// another: Henry I.
func regnal(p *pair) (string, string, bool) {
	for i := 1; i < len(p.a.words); i++ {
		w, name := &p.a.words[i], &p.a.words[i-1]
		if w.Text != "i" || w.Break || !content(name) || !name.Capital && !(small(p.a.r.Text) && name.Entry.Is(lexicon.Name) && i+1 == len(p.a.words)) || i+1 < len(p.a.words) && tenses[p.a.words[i+1].Text] != "" {
			continue
		}
		if j := int(p.a.to[i-1]); j >= 0 && (j+1 == len(p.b.words) || !first[p.b.words[j+1].Lemma]) {
			return p.a.text(i-1, i+1), p.b.text(j, min(j+2, len(p.b.words))), true
		}
	}
	return "", "", false
}

// first are the numerals of the first of several.
var first = reading.Set("i 1 one")

// entitled finds a title of an article and a common noun where the other prompt has the noun as a title: who
// directed The Heat. Those of several words are often shortened, and so are plurals, as names of bands and
// lands are.
func entitled(p *pair) (string, string, bool) {
	for i := 1; i+1 < len(p.a.words); i++ {
		j := int(p.a.to[i+1])
		if !article(p.a.words[i].Text) || p.a.words[i].First || !upper(p.a.words[i].Typed()) || j < 1 || article(p.b.words[j-1].Text) {
			continue
		}
		if x, y := &p.a.words[i+1], &p.b.words[j]; x.Case() == "^" && y.Case() == "^" && x.Form == reading.Base && p.a.stands(i+1) && p.b.stands(j) && !p.a.of(i+1) {
			return p.a.text(i, i+2), y.Text, true
		}
	}
	return "", "", false
}

// upper reports whether a word begins with a capital.
func upper(s string) bool { return s != "" && s[0] >= 'A' && s[0] <= 'Z' }

// called reports whether word i may be a name where it stands: who is Peter.
func (s *side) called(i int) bool {
	w := &s.words[i]
	switch {
	case w.Capital, w.Entry.Is(lexicon.Name) && !w.Entry.Is(lexicon.Verb|lexicon.Adverb|lexicon.Adjective):
		return true
	case i > 1 && (s.words[i-1].Text == "is" || s.words[i-1].Text == "was"):
		return s.words[i-2].Text == "who"
	}
	return false
}

// severals are words of grammar behind which a word in -s is a plural.
var severals = reading.Set("are were do have these those many some few several all both most more between other our their my your")

// plural reports whether a word before word i, or behind it, says that it stands for several.
func (s *side) plural(i int) bool {
	if i+1 < len(s.words) && (s.words[i+1].Text == "are" || s.words[i+1].Text == "have" || s.words[i+1].Text == "do") {
		return true
	}
	for i--; i >= 0; i-- {
		switch w := &s.words[i]; {
		case severals[w.Text], w.Kind == reading.Number, qualifies(w):
			return true
		case w.Function:
			return false
		}
	}
	return false
}

// counts reports whether a word before word i says that it is one of several: an iPhone, the best
// iPhone.
func (s *side) counts(i int) bool {
	for i--; i >= 0; i-- {
		switch w := &s.words[i]; {
		case single[w.Text], qualifies(w):
			return true
		case w.Function:
			return false
		}
	}
	return false
}

// single are words before a noun that make it one of its kind, and no name.
var single = reading.Set("a an any every each which another one")

// qualifies reports whether a word is an adjective in small letters.
func qualifies(w *reading.Word) bool {
	return content(w) && !w.Capital && !w.Name() && w.Entry.First() == lexicon.Adjective
}

// owns reports whether word i stands before what may be its own, so that an apostrophe is missing:
// newtons law.
func (s *side) owns(i int) bool {
	for i++; i < len(s.words); i++ {
		switch w := &s.words[i]; {
		case !content(w), w.Break, w.Capital, w.Name():
			return false
		case w.Entry.First() != lexicon.Adjective:
			return w.Entry.First() == lexicon.Noun
		}
	}
	return false
}
