package veto

import "tollgate.dev/services/cache/reading"

// participle holds prompts apart in which a participle says of which kind a thing is here, and there
// what is done with it: a used car, and a car used for something.
func participle(p *pair) (string, string, bool) {
	if !p.near() {
		return "", "", false
	}
	return p.either(func(p *pair) (string, string, bool) {
		for i := 0; i+1 < len(p.a.words); i++ {
			j, noun := int(p.a.to[i]), p.a.head(i)
			if j < 0 || noun < 0 || p.a.words[i].Form != reading.Past || p.b.words[j].Form != reading.Past {
				continue
			}
			at := int(p.a.to[noun])
			if at < 0 || at >= j || j+1 >= len(p.b.words) {
				continue
			}
			if leads := p.b.words[j+1].Text; leads != "by" && placing[leads] && p.a.count(leads) < p.b.count(leads) {
				return p.a.text(i, noun+1), p.b.text(at, j+2), true
			}
		}
		return "", "", false
	})
}

// head is the last of the words of content that stand directly behind word i, or -1.
func (s *side) head(i int) int {
	h := -1
	for k := i + 1; k < len(s.words) && content(&s.words[k]) && !s.words[k].Break && s.words[k].Sentence == s.words[i].Sentence; k++ {
		h = k
	}
	return h
}
