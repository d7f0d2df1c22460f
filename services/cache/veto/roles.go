package veto

import (
	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// symmetric are verbs and adjectives whose two sides may change places.
var symmetric = reading.Set("marry meet differ equal relate resemble compare same similar different equivalent date divorce " +
	"collide intersect combine mix vs versus friend border adjoin neighbor rhyme connect")

// reach is how many words may stand between a verb and those who it is about; beyond that, they
// more often belong to something else.
const reach = 5

// roles holds prompts apart in which two have changed places around a verb: "A sued B" and "B
// sued A". The passive changes them once more: "B was sued by A".
func roles(p *pair) (string, string, bool) {
	if a, b, found := p.either(sought); found {
		return a, b, true
	}
	if p.close < 0.9 {
		return "", "", false
	}
	if a, b, found := p.either(lands); found {
		return a, b, true
	}
	for i := range p.a.words {
		if !actor(&p.a, i) {
			continue
		}
		if x := int(p.a.to[i]); p.a.tied(i, i+1) && int(p.a.to[i+1]) == x-1 && p.b.tied(x-1, x) {
			return p.a.text(i, i+2), p.b.text(x-1, x+1), true
		}
		if b, ok := p.holds(i); ok {
			return p.a.text(i, min(i+3, len(p.a.words))), b, true
		}
		for k := i + 2; k < len(p.a.words); k++ {
			if !actor(&p.a, k) || p.a.words[k].Sentence != p.a.words[i].Sentence {
				continue
			}
			x, y := int(p.a.to[i]), int(p.a.to[k])
			for v := i + 1; v < k; v++ {
				u := int(p.a.to[v])
				if u < 0 || p.a.compound(v) || p.b.compound(u) || !isPredicate(&p.a.words[v]) || p.a.words[v].Lemma != p.b.words[u].Lemma || symmetric[p.a.words[v].Lemma] {
					continue
				}
				turned := x > u && y < u
				straight := x < u && y > u
				if !turned && !straight || v-i > reach || k-v > reach || max(u-x, x-u) > reach || max(u-y, y-u) > reach {
					continue
				}
				if turned == (p.a.passive(v) != p.b.passive(u)) {
					continue
				}
				return p.a.text(i, k+1), p.b.text(min(x, y), max(x, y)+1), true
			}
		}
	}
	return "", "", false
}

// lands finds two countries of which the one says whose something is, and the other where, with which it is the other
// way round in the other prompt: an Indian licence in China, and a Chinese licence in India.
func lands(p *pair) (string, string, bool) {
	for i := range p.a.words {
		k := p.b.located(int(p.a.to[i]))
		if k == "" || !p.a.hails(i) {
			continue
		}
		for j := i + 1; j < len(p.a.words); j++ {
			if p.a.located(j) == k && p.b.hails(int(p.a.to[j])) {
				return p.a.text(i, j+1), p.b.text(int(p.a.to[j]), int(p.a.to[i])+1), true
			}
		}
	}
	return "", "", false
}

// hails reports whether word i says of the noun behind it from which country that is.
func (s *side) hails(i int) bool {
	return i >= 0 && i+1 < len(s.words) && s.words[i].Entry.OfPlace() && content(&s.words[i+1]) && !s.words[i+1].Break
}

// located is the preposition before word i if that is a place, or empty.
func (s *side) located(i int) string {
	if i < 1 || !s.words[i].Entry.Is(lexicon.Place) {
		return ""
	}
	switch before := s.words[i-1].Text; before {
	case "in", "to", "at", "into", "within":
		return before
	}
	return ""
}

// vessels are nouns of which "a X of Y" holds Y, while "a Y X" may be empty.
var vessels = reading.Set("bottle jar cup pot can glass box bag mug tin bowl barrel bucket basket jug tank crate sack packet pound")

// holds reports whether the vessel at i stands with what it holds here, and by itself in the
// other prompt; and what that says there.
func (p *pair) holds(i int) (string, bool) {
	if !vessels[p.a.words[i].Lemma] {
		return "", false
	}
	j := int(p.a.to[i])
	n, m := p.a.contents(i), p.b.contents(j)
	switch {
	case n >= 0 && m < 0 && j > 0 && int(p.a.to[n]) == j-1:
		return p.b.text(j-1, j+1), true
	case n < 0 && m >= 0 && i > 0 && int(p.b.to[m]) == i-1:
		return p.b.text(j, m+1), true
	}
	return "", false
}

// contents is the noun behind "of" behind word i, or -1.
func (s *side) contents(i int) int {
	if i+1 < len(s.words) && s.words[i+1].Text == "of" {
		return s.next(i + 1)
	}
	return -1
}

// tied reports whether words i and k = i+1 are two nouns of which the first tells which the
// second is: a house boat is no boat house.
func (s *side) tied(i, k int) bool {
	return i >= 0 && k < len(s.words) && actor(s, i) && actor(s, k) && s.words[i].Kind == reading.Plain &&
		s.words[k].Kind == reading.Plain && !s.words[k].Break && s.words[i].Sentence == s.words[k].Sentence
}

// compound reports whether the -ing at v belongs to a noun beside it, as in "booking site".
func (s *side) compound(v int) bool {
	return s.words[v].Form == reading.Ing && (v+1 < len(s.words) && content(&s.words[v+1]) && s.words[v+1].Entry.First() == lexicon.Noun && !s.words[v+1].Name())
}

// actor reports whether word i is a noun, or a number or symbol, that has its partner.
func actor(s *side, i int) bool {
	w := &s.words[i]
	return s.to[i] >= 0 && s.mentions(w.Lemma) == 1 && (w.Kind != reading.Plain || content(w) && (w.Name() || w.Entry.First() == lexicon.Noun && w.Form <= reading.S))
}

func isVerb(w *reading.Word) bool {
	return content(w) && w.Entry != 0 && w.Entry.Is(lexicon.Verb) && (w.Entry.First() == lexicon.Verb || w.Form >= reading.Past)
}

func isPredicate(w *reading.Word) bool {
	return isVerb(w) || content(w) && w.Entry.Is(lexicon.Verb|lexicon.Adjective) && (w.Entry.First() == lexicon.Adjective || w.Form == reading.S || w.Entry.Is(lexicon.Verb))
}

// passive reports whether the verb at v is done by what follows "by".
func (s *side) passive(v int) bool {
	if s.words[v].Form == reading.Ing { // hurt and hit are their own past
		return false
	}
	for j := v + 1; j < len(s.words) && j < v+4; j++ {
		if s.words[j].Text == "by" {
			return true
		}
	}
	return false
}
