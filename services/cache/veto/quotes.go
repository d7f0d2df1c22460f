package veto

import "tollgate.dev/services/cache/reading"

// quotes holds prompts apart that both quote, and not the same words, or of which one asks about a polite
// word, or an adverb such as really, that the other doesn't have. What is quoted is meant letter by letter; where
// it matters how something is written, so do the quotes.
func quotes(p *pair) (string, string, bool) {
	if p.near() {
		if x, y, found := p.either(unsaid); found {
			return x, y, true
		}
	}
	if (len(quoted(&p.a)) == 0 || len(quoted(&p.b)) == 0) && !reading.Written(p.a.words) {
		return "", "", false
	}
	return p.either(func(p *pair) (string, string, bool) {
		x, ok := less(quoted(&p.a), quoted(&p.b))
		return x, "", ok
	})
}

func quoted(s *side) []string {
	var v []string
	for i := range s.words {
		if s.words[i].Quoted {
			v = append(v, s.words[i].Typed())
		}
	}
	return v
}

// unsaid finds a quoted word that the other side doesn't have.
func unsaid(p *pair) (string, string, bool) {
	for i := range p.a.words {
		if w := &p.a.words[i]; (w.Quoted && w.Courtesy() || w.Spoken()) && p.b.mentions(w.Lemma) == 0 {
			return w.Text, "", true
		}
	}
	return "", "", false
}
