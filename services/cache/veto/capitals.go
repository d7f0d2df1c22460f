package veto

// capitals holds prompts apart of which one has an abbreviation where the other has the word of
// grammar that is spelled so: the US and us, IT and it.
func capitals(p *pair) (string, string, bool) {
	return p.either(func(p *pair) (string, string, bool) {
		for i := range p.a.words {
			if w := &p.a.words[i]; w.Abbreviation() && p.b.grammar(w.Text) > p.a.grammar(w.Text) {
				return w.Typed(), w.Text, true
			}
		}
		return "", "", false
	})
}

// grammar counts how often a text stands as a word of grammar.
func (s *side) grammar(text string) (n int) {
	for i := range s.words {
		if s.words[i].Function && s.words[i].Text == text {
			n++
		}
	}
	return n
}
