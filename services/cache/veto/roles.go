package veto

import (
	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// symmetric are verbs and adjectives whose two sides may change places.
var symmetric = words("marry meet differ equal relate resemble compare same similar different equivalent date divorce " +
	"collide intersect combine mix vs versus friend")

// reach is how many words may stand between a verb and those who it is about; beyond that, they
// more often belong to something else.
const reach = 5

// roles holds prompts apart in which two have changed places around a verb: "A sued B" and "B
// sued A". The passive changes them once more: "B was sued by A".
func roles(p *pair) (string, string, bool) {
	if p.close < 0.9 {
		return "", "", false
	}
	for i := range p.a.words {
		if !actor(&p.a, i) {
			continue
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
