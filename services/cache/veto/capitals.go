package veto

import (
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// capitals holds prompts apart of which one has an abbreviation where the other has the word of
// grammar that is spelled so: the US and us, IT and it, ALL and all; and those in which a letter by itself is a
// capital here and none there: 1 mm in M and in m; and those about two spellings of one word: Foo and foo.
func capitals(p *pair) (string, string, bool) {
	if x, y, found := p.letters(); found {
		return x, y, true
	}
	if x, y, found := p.either(twice); found {
		return x, y, true
	}
	return p.either(func(p *pair) (string, string, bool) {
		for i := range p.a.words {
			if w := &p.a.words[i]; w.Abbreviation() && p.b.grammar(w.Text) > p.a.grammar(w.Text) {
				return w.Typed(), w.Text, true
			}
			w := &p.a.words[i] // how is ALL treated
			if w.Raised() && p.near() && !loud(p.b.r.Text) && p.a.raised(w.Text) > p.b.raised(w.Text) && p.b.grammar(w.Text) >= p.a.grammar(w.Text) {
				return w.Typed(), w.Text, true
			}
		}
		return "", "", false
	})
}

// twice finds a word that a prompt has in two spellings that only capitals tell apart, so that they are what is
// asked about, where the other has one of them once less: Foo and foo.
func twice(p *pair) (string, string, bool) {
	if !p.near() {
		return "", "", false
	}
	for i := range p.a.words {
		x := &p.a.words[i]
		if !content(x) || x.First {
			continue
		}
		for k := range i {
			if y := &p.a.words[k]; y.Text == x.Text && y.Typed() != x.Typed() && !y.First && p.a.stands(i) && p.a.stands(k) &&
				(p.b.spelled(x.Typed()) < p.a.spelled(x.Typed()) || p.b.spelled(y.Typed()) < p.a.spelled(y.Typed())) {
				return y.Typed(), x.Typed(), true
			}
		}
	}
	return "", "", false
}

// spelled counts how often a word stands in these letters.
func (s *side) spelled(typed string) (n int) {
	for i := range s.words {
		if s.words[i].Typed() == typed {
			n++
		}
	}
	return n
}

// raised counts how often a text stands as a word of grammar in capitals.
func (s *side) raised(text string) (n int) {
	for i := range s.words {
		if s.words[i].Raised() && s.words[i].Text == text {
			n++
		}
	}
	return n
}

// grammar counts how often a text stands as a word of grammar.
func (s *side) grammar(text string) (n int) {
	for i := range s.words {
		if s.words[i].Function && s.words[i].Text == text {
			n++
		}
	}
	return n
}

// letters finds a single letter that is a capital on one side alone. The letter of a language or of
// one of several kinds is often written small: learn c, vitamin c.
func (p *pair) letters() (string, string, bool) {
	if !p.near() || loud(p.a.r.Text) || loud(p.b.r.Text) {
		return "", "", false
	}
	for i, j := range p.a.to {
		if j < 0 {
			continue
		}
		x, y := &p.a.words[i], &p.b.words[j]
		if len(x.Text) != 1 || len(y.Text) != 1 || x.Kind != reading.Plain || x.Typed() == y.Typed() {
			continue
		}
		if p.a.labels(i) || p.b.labels(int(j)) {
			continue
		}
		return x.Typed(), y.Typed(), true
	}
	return "", "", false
}

// loud reports whether a text is in capitals.
func loud(text string) bool { return text == strings.ToUpper(text) }

// coding are words behind which a letter by itself is a language.
var coding = reading.Set("in learn use using code coding program programming write with study")

// kinds are verbs as often as nouns whose kinds are told by letters.
var kinds = reading.Set("plan drive grade block press type")

// labels reports whether the letter at i says which kind the noun before it is of, or is a language.
func (s *side) labels(i int) bool {
	if i == 0 {
		return false
	}
	w := &s.words[i-1]
	if content(w) && !w.Break && len(w.Text) > 1 && (w.Entry.First() == lexicon.Noun || kinds[w.Text]) {
		return true
	}
	if !coding[w.Text] {
		return false
	}
	for k := range s.words {
		if w := &s.words[k]; w.Kind == reading.Number || k != i && len(w.Text) < 3 && !w.Function && w.Kind == reading.Plain {
			return false
		}
	}
	return true
}
