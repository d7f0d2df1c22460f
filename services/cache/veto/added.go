package veto

import (
	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// added holds prompts apart of which one says all that the other does and something more: a
// place, a purpose, a condition, a kind. A verb or an adverb more, as in "the best games (to
// play)", seldom changes what is asked.
func added(p *pair) (string, string, bool) {
	if p.near() || p.a.rest() && p.b.rest() {
		if x, y := shaped(&p.a), shaped(&p.b); len(x)+len(y) > 0 {
			v, inA := less(x, y)
			if w, inB := less(y, x); inA || inB {
				return v, w, true
			}
		}
	}
	if !p.minimal() || len(p.gaps) != 1 {
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
		if class[w.Lemma] && s.beside(i) || shell[w.Lemma] && s.attached(i) || p.fuller(i) {
			continue
		}
		if w.Name() || w.Entry.First()&(lexicon.Noun|lexicon.Adjective) != 0 && !isVerb(w) || s.placed(i) || s.modifies(i) {
			return true
		}
	}
	return false
}

// modifies reports whether word i, which may be a verb, stands before a noun as an adjective
// does: "frozen peas", "a reverse mortgage".
func (s *side) modifies(i int) bool {
	if i+1 >= len(s.words) || s.words[i+1].Break || !content(&s.words[i+1]) || s.to[i+1] < 0 || s.words[i+1].Entry.First() != lexicon.Noun {
		return false
	}
	if s.words[i].Form != reading.Past && s.words[i].Form != reading.Base {
		return false
	}
	if i == 0 || s.words[i-1].Text == "to" || !s.words[i-1].Function && s.words[i].Form == reading.Base {
		return false
	}
	switch s.words[i-1].Text {
	case "i", "you", "we", "they", "he", "she", "who", "that", "can", "could", "will", "would", "should", "not", "have", "has", "had":
		return false
	}
	return true
}

// shape are words that say in what form the answer is wanted: how long, in what style.
var shape = reading.Set("else short brief briefly detailed concise concisely shortly simplified thoroughly exhaustively extensively comprehensively " +
	"stepwise eli5 rhyming formal formally informal informally casually politely humorously professionally technically academically simply")

// shapes are nouns that say so behind a preposition: in a table, for kids.
var shapes = reading.Set("detail brief short list table bullet json yaml xml html csv markdown latex haiku poem rhyme verse essay layman " +
	"beginner kid child sentence paragraph word line tweet summary outline diagram emoji term example citation source dummy")

// shaped are the words of a side that say in what form the answer is wanted.
func shaped(s *side) []string {
	var v []string
	for i := range s.words {
		w := &s.words[i]
		switch {
		case shape[w.Text], shapes[w.Lemma] && w.Form <= reading.S && s.placed(i) && !s.modifying(i), w.Text == "step" && i > 1 && s.words[i-1].Text == "by":
			v = append(v, w.Lemma)
		}
	}
	return v
}

// modifying reports whether word i only tells of which kind the noun behind it is: CSV files, but not JSON format.
func (s *side) modifying(i int) bool {
	if i+1 >= len(s.words) || s.words[i+1].Break || !content(&s.words[i+1]) || s.words[i+1].Entry.First() != lexicon.Noun {
		return false
	}
	switch s.words[i+1].Lemma {
	case "format", "form", "style", "language", "term":
		return false
	}
	return true
}

// rest reports whether each word without a partner says in what form the answer is wanted.
func (s *side) rest() bool {
	for _, i := range s.loose {
		if w := &s.words[i]; !shape[w.Text] && !shapes[w.Lemma] && w.Lemma != "step" && !filler[w.Lemma] {
			return false
		}
	}
	return true
}

// class are nouns that only say what a name is the name of: "a Mac laptop", "Jaipur city".
var class = reading.Set("city town country state company brand app website site phone mobile laptop computer device movie film book novel " +
	"song series show university college school institute language animal man woman product software program framework " +
	"company election game player actor singer river island district county province")

// shell are nouns that add little to the one beside them: "investment options", "the market of
// stocks".
var shell = reading.Set("course body option product process system account exam test rank degree preparation service market personality job man girl " +
	"country student project programming language website site store boy woman human person member item activity quality structure management development energy term stuff area field case " +
	"issue problem question task work level series version edition topic subject category")

// attached reports whether a word that the other prompt has as well stands right beside word i.
func (s *side) attached(i int) bool {
	for _, j := range [...]int{i - 1, i + 1} {
		if j >= 0 && j < len(s.words) && s.to[j] >= 0 && content(&s.words[j]) && !s.words[max(i, j)].Break {
			return true
		}
	}
	return false
}

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
			"between", "near", "about", "as", "through", "within", "via", "against", "if", "when", "while", "unless", "until", "although":
			return true
		}
	}
	return false
}
