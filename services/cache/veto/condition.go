package veto

import (
	"slices"

	"tollgate.dev/services/cache/reading"
)

// conditions are words that say when, or on what condition, the rest holds, by what they say.
var conditions = map[string]string{
	"if": "if", "when": "if", "whenever": "if", "before": "before", "after": "after", "while": "while", "until": "until", "till": "until",
	"unless": "unless", "because": "because", "although": "although", "though": "although",
}

// wholes are words of which "but" takes something out.
var wholes = reading.Set("all everyone everybody everything everywhere anyone anybody anything anywhere nobody nothing none nowhere " +
	"every any last next first")

// condition holds prompts apart that differ in when, or on what condition, something is: if the oil leaks
// and before it leaks; and those of which one takes something out and the other doesn't: everyone, and
// everyone but one.
func condition(p *pair) (string, string, bool) {
	if x, y, found := p.either(excepts); found {
		return x, y, true
	}
	others := p.b.conditional()
	for _, x := range p.a.conditional() {
		if p.a.count(x) <= p.b.count(x) {
			continue
		}
		for _, y := range others {
			if conditions[y] != conditions[x] && p.a.count(y) < p.b.count(y) && p.govern(x, y) {
				return x, y, true
			}
		}
	}
	return "", "", false
}

// conditional are the conditions of a side, each once.
func (s *side) conditional() (all []string) {
	for i := range s.words {
		if w := s.words[i].Text; conditions[w] != "" && !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	return all
}

// excepts finds what one prompt takes out more than the other.
func excepts(p *pair) (string, string, bool) {
	x := p.a.excepted()
	return x, "", x != "" && p.b.excepted() == ""
}

// excepted is the word that takes something out; empty without.
func (s *side) excepted() string {
	left := 0 // words in which "but" may follow: all but one, all the other kings but one
	for i := range s.words {
		w := &s.words[i]
		switch {
		case w.Text == "but" && left > 0 && i+1 < len(s.words):
			return w.Text
		case wholes[w.Text]:
			left = 4
		}
		if left--; w.Break {
			left = 0
		}
	}
	return ""
}
