package veto

import "tollgate.dev/services/cache/lexicon"

// governed holds prompts apart in which two things stand the other way round about a preposition: an
// array of pointers, and a pointer to an array; the French invasion of Russia, and the Russian one of France; and in which a thing behind a preposition would be
// a quality before the noun: a pointer to a constant, and a constant pointer.
func governed(p *pair) (string, string, bool) {
	if !p.near() {
		return "", "", false
	}
	return p.either(func(p *pair) (string, string, bool) {
		for i := range p.a.words {
			x := p.a.governs(i)
			if x < 0 || p.a.to[i] < 0 || p.a.to[x] < 0 {
				continue
			}
			j, y := int(p.a.to[i]), int(p.a.to[x])
			if o := p.b.governs(j); o >= 0 && i > 0 && content(&p.a.words[i-1]) && int(p.a.to[i-1]) == o && y == j-1 {
				return p.a.text(i-1, x+1), p.b.text(j-1, o+1), true
			}
			if p.a.words[i].Lemma != p.b.words[j].Lemma || p.a.words[x].Lemma != p.b.words[y].Lemma {
				continue
			}
			if p.b.governs(y) == j {
				return p.a.text(i, x+1), p.b.text(y, j+1), true
			}
			if d := p.a.words[x-1].Text; (d == "a" || d == "an") && y+1 == j && p.a.words[x].Entry.Is(lexicon.Adjective) {
				return p.a.text(i, x+1), p.b.text(y, j+1), true
			}
		}
		return "", "", false
	})
}

// determined is the word before word i and its article, or empty.
func (s *side) determined(i int) string {
	if i > 0 && article(s.words[i-1].Text) {
		i--
	}
	if i == 0 {
		return ""
	}
	return s.words[i-1].Text
}

// governs is the noun behind the preposition that stands behind noun i, or -1. What stands behind
// another one itself may change places with it: from Rome to Paris.
func (s *side) governs(i int) int {
	if placing[s.determined(i)] || !content(&s.words[i]) || isVerb(&s.words[i]) || i+2 >= len(s.words) || !placing[s.words[i+1].Text] || s.words[i+1].Break {
		return -1
	}
	x := i + 2
	if article(s.words[x].Text) && x+1 < len(s.words) {
		x++
	}
	if w := &s.words[x]; !content(w) || w.Break || w.Sentence != s.words[i].Sentence {
		return -1
	}
	return x
}
