package veto

import (
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

func match(a, b *reading.Reading) *pair {
	p := &pair{a: side{r: a, words: a.Words}, b: side{r: b, words: b.Words}, edit: &edit{}}
	both := make([]int16, len(a.Words)+len(b.Words))
	for i := range both {
		both[i] = -1
	}
	p.a.to, p.b.to = both[:len(a.Words)], both[len(a.Words):]
	p.a.follow()
	p.b.follow()
	p.pass(p.exact())
	p.signs()
	p.join(&p.a, &p.b)
	p.join(&p.b, &p.a)
	if p.a.alone()*p.b.alone() <= most {
		p.pass(related)
		p.pass(near)
	}
	total, met := 0, 0
	for _, s := range [...]*side{&p.a, &p.b} {
		for i := range s.words {
			w := &s.words[i]
			if !content(w) || s.idle(i) {
				continue
			}
			total++
			if s.to[i] >= 0 {
				met++
				continue
			}
			if o := p.other(s); o.mentions(w.Lemma) == 0 { // said once more is nothing new
				s.loose = append(s.loose, i)
			}
		}
	}
	p.close = 1
	if total > 0 {
		p.close = float64(met) / float64(total)
	}
	p.align()
	return p
}

// idle reports whether word i says nothing where it stands: an adverb that stresses, "in order to", what
// a question for a time asks with: in which year; and of which kind a way to something shall be: the easiest way.
func (s *side) idle(i int) bool {
	switch w := &s.words[i]; w.Lemma {
	case "order":
		return i > 0 && i+1 < len(s.words) && s.words[i-1].Text == "in" && s.words[i+1].Text == "to"
	case "year", "date", "day":
		return s.to[i] < 0 && i > 0 && (s.words[i-1].Text == "what" || s.words[i-1].Text == "which") && s.question() == "when"
	case "easy", "simple", "effective", "efficient", "right":
		return i+1 < len(s.words) && (s.words[i+1].Lemma == "way" || s.words[i+1].Lemma == "method") && i+2 < len(s.words) && s.words[i+2].Text == "to"
	default:
		return w.Stresses()
	}
}

// most pairs of words are looked at for a relation; prompts with more words without an equal
// have little in common.
const most = 1 << 10

// alone counts the words of content that have no partner.
func (s *side) alone() int {
	n := 0
	for i := range s.words {
		if s.to[i] < 0 && content(&s.words[i]) {
			n++
		}
	}
	return n
}

// pass matches what is still alone, each word with the first that fits.
func (p *pair) pass(same func(x, y *reading.Word) bool) {
	for i := range p.a.words {
		x := &p.a.words[i]
		if p.a.to[i] >= 0 || !content(x) {
			continue
		}
		for j := range p.b.words {
			y := &p.b.words[j]
			if p.b.to[j] < 0 && content(y) && same(x, y) {
				p.a.to[i], p.b.to[j] = int16(j), int16(i)
				break
			}
		}
	}
}

// signs matches numbers, dates and symbols that are equal, in order: they may have changed places
// as nouns may.
func (p *pair) signs() {
	for i := range p.a.words {
		x := &p.a.words[i]
		if x.Function || x.Kind == reading.Plain {
			continue
		}
		for j := range p.b.words {
			if y := &p.b.words[j]; p.b.to[j] < 0 && !y.Function && y.Kind == x.Kind && y.Lemma == x.Lemma && y.Unit == x.Unit {
				p.a.to[i], p.b.to[j] = int16(j), int16(i)
				break
			}
		}
	}
}

// unions are what follows "united" in names that are often shortened.
var unions = map[string]string{"usa": "states", "uk": "kingdom", "uae": "arab"}

// join matches a word with two that the other side writes apart: "timetravel", "United States".
func (p *pair) join(s, o *side) {
	for i := range s.words {
		w := &s.words[i]
		whole := unions[alias(w.Lemma)]
		if !content(w) || s.to[i] >= 0 && whole == "" {
			continue
		}
		for j := 0; j+1 < len(o.words); j++ {
			x, y := o.words[j].Text, o.words[j+1].Text
			if joined(w.Text, x, y) && !(article(x) && w.Entry.Lemma()) || x == "united" && y == whole {
				if s.to[i] < 0 {
					s.to[i] = int16(j)
				}
				for k := j; k <= j+1; k++ {
					if content(&o.words[k]) && o.to[k] < 0 {
						o.to[k] = int16(i)
					}
				}
				break
			}
		}
	}
}

// joined reports whether text is x and y in one, perhaps inflected.
func joined(text, x, y string) bool {
	n := len(text) - len(x) - len(y)
	return (n == 0 || n > 0 && n < 3 && len(y) > 2) && strings.HasPrefix(text, x) && strings.HasPrefix(text[len(x):], y)
}

// exact tells whether two words are one, but for the accents of a name.
func (p *pair) exact() func(x, y *reading.Word) bool {
	var names map[*reading.Word]string // those with accents, without them
	for _, s := range [...]*side{&p.a, &p.b} {
		for i := range s.words {
			if w := &s.words[i]; w.Name() {
				if bare := reading.Unaccented(w.Lemma); bare != w.Lemma {
					if names == nil {
						names = map[*reading.Word]string{}
					}
					names[w] = bare
				}
			}
		}
	}
	bare := func(w *reading.Word) string {
		if n, ok := names[w]; ok {
			return n
		}
		return w.Lemma
	}
	return func(x, y *reading.Word) bool {
		return x.Lemma == y.Lemma || names != nil && x.Name() && y.Name() && bare(x) == bare(y)
	}
}

// aliases are names of one thing that no dictionary relates.
var aliases = map[string]string{
	"us": "usa", "america": "usa", "american": "usa", "u.s": "usa", "britain": "uk", "england": "uk", "british": "uk",
	"emirates": "uae", "fb": "facebook", "insta": "instagram", "movie": "film", "pc": "computer", "mobile": "phone",
	"cellphone": "phone", "smartphone": "phone", "maths": "math", "mathematics": "math", "exam": "test",
	"examination": "test", "university": "college", "job": "work", "photo": "picture", "image": "picture", "pic": "picture", "pics": "picture", "vw": "volkswagen",
	"opinion": "think", "view": "think", "thought": "think", "stance": "position", "net": "internet", "broadband": "internet",
	"corporate": "business", "attraction": "place", "okay": "ok", "series": "show", "benefit": "advantage", "quickly": "fast", "rapidly": "fast", "technique": "method",
	"application": "app", "software": "app", "site": "website", "firm": "company", "trick": "hack", "novel": "book", "fest": "event",
	"scam": "fraud", "study": "learn", "reduce": "lose", "second-hand": "used", "unbiased": "objective", "loose": "lose", "lady": "woman", "guy": "man", "cash": "money", "rupee": "inr", "dollar": "usd",
}

// related reports whether two words mean the same or are of one family.
func related(x, y *reading.Word) bool {
	if alias(x.Lemma) == alias(y.Lemma) || many(x, y) || many(y, x) || several(x, y) || several(y, x) {
		return true
	}
	if opposed(x, y) {
		return false
	}
	if x.Entry != 0 && y.Entry != 0 && lexically(x.Entry, y.Entry) {
		return true
	}
	if x.Entry.Lemma() && y.Entry.Lemma() || reading.Opposites(x, y) || substances(x, y) {
		return false
	}
	// Mistyped, or a plural of what the lexicon doesn't know.
	s, t := x.Text, y.Text
	if len(s) > len(t) {
		s, t = t, s
	}
	least := 4
	if x.Capital && y.Capital {
		least = 6 // Sara and Sarah are two
	}
	if one := (x.Entry == 0) != (y.Entry == 0); s[0] == t[0] && (one && len(s) > 4 || (x.Entry == 0 || y.Entry == 0) && len(s) > 7 && !(x.Capital && y.Capital)) {
		if edits(s, t) <= min(len(s)/4, 2) {
			return true
		}
	}
	if len(s) == len(t) || doubled(s, t) {
		least = 4
		if (x.Entry == 0) != (y.Entry == 0) && !x.Capital && !y.Capital {
			least = 3
		}
	}
	return len(s) >= least && reading.Slip(s, t)
}

// substances reports whether one of two words, mistyped, would be the name of another substance than the
// other is: sulfite and sulfide. Words that are met every day and are no nouns, as definite is, are mistyped so.
func substances(x, y *reading.Word) bool {
	for _, w := range [...]*reading.Word{x, y} {
		if w.Entry.Is(lexicon.Common) && w.Entry.First() != lexicon.Noun {
			return false
		}
	}
	return reading.Substances(x.Text, y.Text) || reading.Substances(x.Lemma, y.Lemma)
}

// many reports whether y is the plural of x, a word that the lexicon doesn't know. Of short ones,
// such as smtp and smtps, it need not be.
func many(x, y *reading.Word) bool {
	return len(x.Lemma) > 4 && x.Lemma[len(x.Lemma)-1] != 's' && !y.Capitals && y.Lemma == x.Lemma+"s"
}

// lexically reports whether the lexicon holds two words to mean the same or to be of one family.
func lexically(x, y lexicon.Word) bool {
	switch {
	case lexicon.Opposites(x, y):
		return false
	case x.Is(lexicon.Name) || y.Is(lexicon.Name): // English and American are languages of one name
		return lexicon.SameFirst(x, y) || lexicon.Kin(x, y)
	}
	if lexicon.Kin(x, y) {
		return true
	}
	// Canvas and canvass have a meaning in common, and are two words.
	return !reading.Substances(x.String(), y.String()) && lexicon.Synonyms(x, y) && (lexicon.SameFirst(x, y) || !spelling(x.String(), y.String()))
}

// spelling reports whether two words of one length, or nearly, are one but for a letter: each then
// is a spelling of the other, or another word.
func spelling(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return edits(a, b) == 1 && len(a) > 3
}

// doubled reports whether t is s but for one letter that stands twice: Amir and Aamir.
func doubled(s, t string) bool {
	if len(t) != len(s)+1 {
		return false
	}
	i := 0
	for i < len(s) && s[i] == t[i] {
		i++
	}
	return i > 0 && t[i] == t[i-1] && s[i:] == t[i+1:]
}

// edits counts the letters that are others, missing or too many in one of two words, the shorter
// first, up to 3.
func edits(a, b string) int {
	if len(b)-len(a) > 2 {
		return 3
	}
	return distance(a, b, 2)
}

// distance is edits within a bound, whichever is shorter.
func distance(a, b string, left int) int {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	switch {
	case a == "" && b == "":
		return 0
	case left == 0:
		return 1
	case a == "":
		return len(b)
	case b == "":
		return len(a)
	}
	return 1 + min(distance(a[1:], b[1:], left-1), distance(a[1:], b, left-1), distance(a, b[1:], left-1))
}

func alias(s string) string {
	if a, ok := aliases[s]; ok {
		return a
	}
	return s
}

// near reports whether one word is a kind of what the other is.
func near(x, y *reading.Word) bool {
	return x.Entry != 0 && y.Entry != 0 && !x.Name() && !y.Name() && !reading.Opposites(x, y) && !opposed(x, y) && !substances(x, y) && lexicon.KindOf(x.Entry, y.Entry)
}
