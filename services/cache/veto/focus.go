package veto

import "tollgate.dev/services/cache/reading"

// focusing are adverbs that speak of the word behind them.
var focusing = reading.Set("only even nearly almost just merely mainly mostly partly not")

// focus holds prompts apart in which one of these stands before another word: to nearly win all the
// races, and to win nearly all.
func focus(p *pair) (string, string, bool) {
	if len(p.a.words) != len(p.b.words) || p.close < 1 {
		return "", "", false
	}
	for i := range p.a.words {
		w := p.a.words[i].Text
		if !focusing[w] || p.a.count(w) != 1 || p.b.count(w) != 1 || i+1 == len(p.a.words) {
			continue
		}
		j := p.b.find(map[string]bool{w: true})
		if j+1 == len(p.b.words) || !p.a.same(&p.b) {
			continue
		}
		if x, y := p.a.words[i+1].Text, p.b.words[j+1].Text; x != y {
			return p.a.text(i, i+2), p.b.text(j, j+2), true
		}
	}
	return "", "", false
}

// same reports whether two sides have the same words but for articles, in whatever order.
func (s *side) same(o *side) bool {
	for i := range s.words {
		if w := s.words[i].Text; !article(w) && s.count(w) != o.count(w) {
			return false
		}
	}
	return true
}
