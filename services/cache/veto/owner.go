package veto

// owner holds prompts apart in which something belongs to one here and to several there: the
// student's rights and the students' rights. "A student's rights" are those of any.
func owner(p *pair) (string, string, bool) {
	return p.either(func(p *pair) (string, string, bool) {
		for i := range p.a.words {
			j := int(p.a.to[i])
			if j < 0 {
				continue
			}
			x, y := &p.a.words[i], &p.b.words[j]
			if x.Possessive && y.Possessive && x.Lemma == y.Lemma && x.Form < y.Form && !(p.a.any(i) && !p.b.told(j)) {
				return x.Text, y.Text, true
			}
		}
		return "", "", false
	})
}

// determiner is the word of grammar before word i and what modifies it, or empty.
func (s *side) determiner(i int) string {
	for j := i - 1; j >= 0 && s.words[j].Sentence == s.words[i].Sentence; j-- {
		if s.words[j].Function {
			return s.words[j].Text
		}
	}
	return ""
}

// any reports whether word i is one of a kind, whichever: a student.
func (s *side) any(i int) bool {
	d := s.determiner(i)
	return d == "a" || d == "an" || d == "any"
}

// told reports whether it is said which ones word i stands for: the students.
func (s *side) told(i int) bool {
	switch s.determiner(i) {
	case "the", "these", "those", "this", "that", "both", "their", "his", "her", "its", "your":
		return true
	}
	return false
}
