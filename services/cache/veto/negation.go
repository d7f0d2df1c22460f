package veto

import "tollgate.dev/services/cache/reading"

// negatives are words that deny: a prompt with one more of them asks for something else.
var negatives = reading.Set("not no never without none nobody nothing neither nor hardly unless except non cannot nowhere")

// negation holds prompts apart of which one says no where the other doesn't. No less than two
// of them, or one and an opposite, may say the same: "not polite" and "rude".
func negation(p *pair) (string, string, bool) {
	na, ia := negated(&p.a)
	nb, ib := negated(&p.b)
	if na == nb || p.close < 0.75 && !p.minimal() {
		return "", "", false
	}
	if (na-nb == 1 || nb-na == 1) && flips(p) == 1 {
		return "", "", false
	}
	return p.a.at(ia), p.b.at(ib), true
}

func (s *side) at(i int) string {
	if i < 0 {
		return ""
	}
	return s.words[i].Text
}

// negated counts the words that say no, and returns the last. "Isn't it" asks what "is it"
// asks, and "or not" adds nothing.
func negated(s *side) (n, last int) {
	last = -1
	for i := range s.words {
		w := &s.words[i]
		if !negatives[w.Text] || w.Quoted {
			continue
		}
		if w.Text == "not" && i > 0 && (s.words[i-1].Text == "or" || s.words[i-1].Text == "if" || s.words[i-1].First && begins(s.words[i-1].Text) ||
			s.words[i-1].Text == "why" && i > 1 && s.words[i-2].Text == "or") {
			continue
		}
		if w.Text == "no" && (i > 0 && s.words[i-1].Lemma == "say" || w.First && i+1 < len(s.words) && s.words[i+1].Break) {
			continue // to say no; "no, it isn't"
		}
		n++
		last = i
	}
	return n, last
}

// begins reports whether a word begins a question that yes or no answers.
func begins(s string) bool {
	switch s {
	case "is", "are", "am", "was", "were", "do", "does", "did", "can", "could", "will", "would", "should", "shall", "have", "has", "had", "may", "might", "must":
		return true
	}
	return false
}

// flips counts the opposites among the words without partner.
func flips(p *pair) int {
	n := 0
	for _, i := range p.a.loose {
		for _, j := range p.b.loose {
			if reading.Opposites(&p.a.words[i], &p.b.words[j]) {
				n++
				break
			}
		}
	}
	return n
}
