package veto

import (
	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// quantities are words of how much of something is meant, by their class.
var quantities = map[string]string{
	"all": "all", "every": "all", "each": "all", "everyone": "all", "everybody": "all", "everything": "all", "entire": "all", "whole": "all",
	"only": "only", "solely": "only", "alone": "only", "just": "just", "none": "none", "few": "few", "fewer": "few", "little": "few", "half": "half",
	"both": "both", "either": "either", "always": "always", "sometimes": "some", "often": "often", "rarely": "rarely",
	"seldom": "rarely", "twice": "twice", "once": "once", "least": "least", "almost": "almost", "enough": "enough", "too": "too", "also": "",
}

// quantity holds prompts apart that mean all, only, few, both, at least, where the other
// doesn't, those that mean other shares of the same: some birds and most birds, and those of which one asks for the tallest, the first or the founder and the other for
// several. "Some" and "any" are what most plurals mean without them.
func quantity(p *pair) (string, string, bool) {
	if x, y, found := p.several(); found {
		return x, y, true
	}
	if x, y, found := p.shares(); found {
		return x, y, true
	}
	if !p.minimal() {
		return "", "", false
	}
	return p.either(func(p *pair) (string, string, bool) {
		x, ok := less(quants(&p.a), quants(&p.b))
		return x, "", ok
	})
}

// portions are words of how many of those are meant that the noun behind them names, by what they say.
// What any or each of them does all do, and any of them is some.
var portions = map[string]string{
	"all": "all", "every": "all", "each": "all", "most": "most", "some": "some", "several": "some", "few": "few",
	"fewer": "few", "many": "many", "no": "none", "half": "half", "both": "both", "neither": "none", "only": "only",
}

// shares finds a noun of which each prompt says how many are meant, and not the same.
func (p *pair) shares() (string, string, bool) {
	if p.close < 0.7 {
		return "", "", false
	}
	for i, j := range p.a.to {
		if j < 0 || !content(&p.a.words[i]) {
			continue
		}
		x, y := p.a.portion(i), p.b.portion(int(j))
		if portions[x] != portions[y] && portions[x] != "" && portions[y] != "" {
			return x, y, true
		}
	}
	return "", "", false
}

// portion is the word that says how many of what word i names are meant, or empty: most birds, most of the
// birds; but not the most birds, so many, a few, and how many.
func (s *side) portion(i int) string {
	if !s.words[i].Entry.Is(lexicon.Noun) && !s.words[i].Name() {
		return ""
	}
	for i--; i >= 0; i-- {
		switch w := &s.words[i]; {
		case article(w.Text) || w.Text == "of" || w.Text == "these" || w.Text == "those" || qualifies(w) && w.Form == reading.Base:
		case portions[w.Text] == "" || i == 0:
			return w.Text
		default:
			switch before := s.words[i-1].Text; {
			case before == "how", before == "so", before == "too", before == "as", article(before):
				return ""
			}
			return w.Text
		}
	}
	return ""
}

// several finds a noun that is one here and several there where that makes two questions.
func (p *pair) several() (string, string, bool) {
	m, n := reading.One(p.a.words), reading.One(p.b.words)
	if m < 0 || n < 0 || !p.near() {
		return "", "", false
	}
	for i, j := range p.a.to {
		if i < m || int(j) < n || j < 0 {
			continue
		}
		x, y := &p.a.words[i], &p.b.words[j]
		if x.Lemma == y.Lemma && x.Entry.Is(lexicon.Noun) && x.Form+y.Form == reading.S && x.Form != y.Form {
			return x.Text, y.Text, true
		}
	}
	if len(p.a.loose)+len(p.b.loose) == 0 && reading.Several(p.a.words) != reading.Several(p.b.words) &&
		isBe(p.a.words[1].Text) && isBe(p.b.words[1].Text) {
		return p.a.words[1].Text, p.b.words[1].Text, true // the fastest fish
	}
	return "", "", false
}

func quants(s *side) []string {
	var v []string
	for i := range s.words {
		w := &s.words[i]
		c := quantities[w.Text]
		if c == "all" && (i > 0 && (s.words[i-1].Text == "at" || s.words[i-1].Text == "after" || s.words[i-1].Text == "above") ||
			i+1 < len(s.words) && (s.words[i+1].Lemma == "time" || s.words[i+1].Text == "about")) {
			continue // at all, of all time
		}
		if (w.Text == "each" || w.Text == "every") && i+1 < len(s.words) && (s.words[i+1].Text == "other" || measures[s.words[i+1].Text]) {
			continue // each other, each day
		}
		if c == "" || c == "too" && (i == len(s.words)-1 || s.words[i+1].Break) || c == "few" && i > 0 && s.words[i-1].Text == "a" || c == "just" {
			continue
		}
		v = append(v, c)
	}
	return v
}
