package veto

import "tollgate.dev/services/cache/reading"

// numbers holds prompts apart that don't have the same numbers, whether in digits or words.
func numbers(p *pair) (string, string, bool) {
	// How long a list shall be counts only when both prompts say so.
	both := p.a.lists() && p.b.lists()
	return p.apart(values(&p.a, both), values(&p.b, both))
}

func (s *side) lists() bool {
	for i := range s.words {
		if s.words[i].Kind == reading.Number && s.listed(i) {
			return true
		}
	}
	return false
}

// listed reports whether the number at i is that of "top 10", "the five best".
func (s *side) listed(i int) bool {
	return i > 0 && s.words[i-1].Lemma == "top" || i+1 < len(s.words) && s.words[i+1].Form == reading.Most
}

func values(s *side, both bool) []string {
	var v []string
	for i := range s.words {
		if s.words[i].Kind == reading.Number && !(!both && s.listed(i)) {
			v = append(v, s.words[i].Lemma)
		}
	}
	return v
}
