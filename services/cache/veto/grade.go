package veto

import (
	"strings"

	"tollgate.dev/services/cache/reading"
)

// grade holds prompts apart in which one word is compared and in the other isn't: tall, taller,
// tallest. "Good" and "best" ask for the same when something is to be recommended.
func grade(p *pair) (string, string, bool) {
	if !p.minimal() {
		return "", "", false
	}
	for i := range p.a.words {
		j := p.a.to[i]
		if j < 0 {
			continue
		}
		x, y := &p.a.words[i], &p.b.words[j]
		if x.Lemma != y.Lemma || graded(x) == graded(y) {
			continue
		}
		if x.Lemma == "good" && !p.a.measured(i) && (x.Form != reading.More && y.Form != reading.More || p.a.find(than) < 0 && p.b.find(than) < 0 && len(p.a.loose)+len(p.b.loose) == 0) {
			continue
		}
		if x.Form >= reading.More && y.Form >= reading.More && p.a.find(or) >= 0 && p.b.find(or) >= 0 {
			continue // of two, the better is the best
		}
		return x.Text, y.Text, true
	}
	return p.either(func(p *pair) (string, string, bool) { // lower is a verb as well
		for _, i := range p.a.loose {
			stem, ok := strings.CutSuffix(p.a.words[i].Text, "er")
			for _, j := range p.b.loose {
				if most, is := strings.CutSuffix(p.b.words[j].Text, "est"); ok && is && stem == most {
					return p.a.words[i].Text, p.b.words[j].Text, true
				}
			}
		}
		return "", "", false
	})
}

// measured reports whether the word at i stands before a noun that measures: a good score is not
// the best one.
func (s *side) measured(i int) bool {
	for i++; i < len(s.words) && content(&s.words[i]); i++ {
		if s.words[i].Measures() {
			return true
		}
	}
	return false
}

func graded(w *reading.Word) reading.Form {
	if w.Form == reading.More || w.Form == reading.Most {
		return w.Form
	}
	return reading.Base
}
