package veto

import "tollgate.dev/services/cache/reading"

// bounds holds prompts apart in which one number is a limit here, and there the number itself or the
// other limit: less than 900, 900, and at least 900.
func bounds(p *pair) (string, string, bool) {
	if !p.near() {
		return "", "", false
	}
	for i := range p.a.words {
		j := int(p.a.to[i])
		if j < 0 || p.a.words[i].Kind != reading.Number || p.b.words[j].Kind != reading.Number {
			continue
		}
		if x, y := p.a.bound(i), p.b.bound(j); x != y && x != "near" && y != "near" {
			return p.a.text(max(0, i-2), i+1), p.b.text(max(0, j-2), j+1), true
		}
	}
	return "", "", false
}

// bound is what the words before number i make of it: the most, the least, something near, or
// nothing of these.
func (s *side) bound(i int) string {
	limit, not := "", false
	for j := i - 1; j >= 0 && j >= i-3 && s.words[j].Sentence == s.words[i].Sentence; j-- {
		w := &s.words[j]
		switch w.Text {
		case "under", "below", "within", "less", "fewer", "most":
			limit = "most"
		case "around", "about", "near", "roughly", "approximately":
			return "near"
		case "over", "above", "more", "least":
			limit = "least"
		case "to":
			if j == 0 || s.words[j-1].Text != "up" {
				return limit
			}
		case "up":
			limit = "most"
		case "no", "not":
			not = limit != ""
		case "than", "at", "the", "a", "an":
			continue
		}
		if !w.Function && limit == "" {
			return ""
		}
	}
	if not {
		return map[string]string{"most": "least", "least": "most"}[limit]
	}
	return limit
}
