package veto

import "tollgate.dev/services/cache/reading"

// symbols holds prompts apart that don't have the same signs, names with signs, and single letters:
// C++ and C#, 4g and 5g, + and -, vitamin A and vitamin C.
func symbols(p *pair) (string, string, bool) {
	return p.apart(signs(&p.a), signs(&p.b))
}

// ornament are signs that say nothing by themselves.
var ornament = map[string]bool{"*": true, "-": true, "--": true, "~": true, "|": true, "\\": true, ":)": true, ":(": true, "^": true, "_": true}

func signs(s *side) []string {
	var v []string
	for i := range s.words {
		if w := &s.words[i]; w.Kind == reading.Symbol && !(ornament[w.Text] && !s.spoken(i)) || w.Kind == reading.Plain && len(w.Text) == 1 && !w.Function {
			v = append(v, w.Text)
		}
	}
	return v
}

// spoken reports whether the emoticon at i is what is spoken of: what does :) mean.
func (s *side) spoken(i int) bool {
	switch s.words[i].Text {
	case ":)", ":(":
	default:
		return false
	}
	if i == 0 || i+1 < len(s.words) && s.words[i+1].Lemma == "mean" {
		return i > 0
	}
	switch s.words[i-1].Text {
	case "is", "of", "use", "using", "between", "say", "type", "write", "and", "or":
		return true
	}
	return false
}
