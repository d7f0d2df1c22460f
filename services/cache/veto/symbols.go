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
		if w := &s.words[i]; w.Kind == reading.Symbol && !ornament[w.Text] || w.Kind == reading.Plain && len(w.Text) == 1 && !w.Function {
			v = append(v, w.Text)
		}
	}
	return v
}
