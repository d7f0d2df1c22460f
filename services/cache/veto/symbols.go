package veto

import "tollgate.dev/services/cache/reading"

// symbols holds prompts apart that don't have the same signs and names with signs: C++ and C#,
// 4g and 5g, + and -.
func symbols(p *pair) (string, string, bool) {
	return p.apart(signs(&p.a), signs(&p.b))
}

// ornament are signs that say nothing by themselves.
var ornament = map[string]bool{"*": true, "-": true, "--": true, "~": true, "|": true, "\\": true, ":)": true, ":(": true, "^": true, "_": true}

func signs(s *side) []string {
	var v []string
	for i := range s.words {
		if w := &s.words[i]; w.Kind == reading.Symbol && !ornament[w.Text] {
			v = append(v, w.Text)
		}
	}
	return v
}
