package veto

import "tollgate.dev/services/cache/lexicon"

// added holds prompts apart of which one says all that the other does and something more: a
// place, a purpose, a condition, a kind. A verb or an adverb more, as in "the best games (to
// play)", seldom changes what is asked.
func added(p *pair) (string, string, bool) {
	if !p.minimal || len(p.gaps) != 1 {
		return "", "", false
	}
	switch g := p.gaps[0]; {
	case len(g.b) == 0:
		return p.a.at(g.a[0]), "", p.narrows(g.a)
	case len(g.a) == 0:
		return "", p.b.at(g.b[0]), p.flip().narrows(g.b)
	}
	return "", "", false
}

// narrows reports whether what a has more narrows what is asked.
func (p *pair) narrows(added []int) bool {
	s := &p.a
	for _, i := range added {
		w := &s.words[i]
		if class[w.Lemma] && s.beside(i) || p.fuller(i) {
			continue
		}
		if w.Name() || w.Entry.First()&(lexicon.Noun|lexicon.Adjective) != 0 && !isVerb(w) || s.placed(i) {
			return true
		}
	}
	return false
}

// class are nouns that only say what a name is the name of: "a Mac laptop", "Jaipur city".
var class = words("city town country state company brand app website site phone mobile laptop computer device movie film book novel " +
	"song series show university college school institute language animal man woman product software program framework " +
	"company election game player actor singer river island district county province")

// beside reports whether a name that the other prompt has as well stands beside word i.
func (s *side) beside(i int) bool {
	for _, j := range [...]int{i - 1, i + 1} {
		if j >= 0 && j < len(s.words) && s.to[j] >= 0 && (s.words[j].Name() || s.words[j].Capital) {
			return true
		}
	}
	return false
}

// placed reports whether a preposition leads to word i: "in Python", "without sugar".
func (s *side) placed(i int) bool {
	for j := i - 1; j >= 0 && s.words[j].Function; j-- {
		switch s.words[j].Text {
		case "in", "on", "at", "for", "with", "without", "by", "from", "under", "over", "during", "before", "after",
			"between", "near", "about", "as", "through", "within", "via", "against":
			return true
		}
	}
	return false
}
