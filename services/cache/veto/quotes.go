package veto

// quotes holds prompts apart that both quote, and not the same words. What is quoted is meant
// letter by letter.
func quotes(p *pair) (string, string, bool) {
	if len(quoted(&p.a)) == 0 || len(quoted(&p.b)) == 0 {
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
