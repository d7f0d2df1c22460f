package veto

import "tollgate.dev/services/cache/reading"

// numbers holds prompts apart that don't have the same numbers, whether in digits or words, or
// have them in another order.
func numbers(p *pair) (string, string, bool) {
	// How long a list shall be counts only when both prompts say so.
	both := p.a.lists() && p.b.lists()
	if a, b, found := p.apart(values(&p.a, both), values(&p.b, both)); found {
		return a, b, true
	}
	if a, b, found := p.ranked(); found {
		return a, b, true
	}
	if p.near() && p.a.butOne() != p.b.butOne() {
		return "but one", "", true
	}
	return p.swapped()
}

// ranked reports whether an ordinal counts another of the words that both have: the second largest
// city, and the largest second city.
func (p *pair) ranked() (string, string, bool) {
	if !p.near() {
		return "", "", false
	}
	for i := range p.a.words {
		j := int(p.a.to[i])
		if x := &p.a.words[i]; j < 0 || x.Text != "second" && (x.Kind != reading.Number || x.Unit != "th") || i+1 == len(p.a.words) || j+1 == len(p.b.words) {
			continue
		}
		x, y := &p.a.words[i+1], &p.b.words[j+1]
		if !content(x) || !content(y) || isVerb(x) || isVerb(y) || p.a.to[i+1] < 0 || p.b.to[j+1] < 0 || int(p.a.to[i+1]) == j+1 {
			continue
		}
		return p.a.text(i, i+2), p.b.text(j, j+2), true
	}
	return "", "", false
}

// butOne reports whether the one beside what is named is meant: the last king but one.
func (s *side) butOne() bool {
	for i := 1; i+1 < len(s.words); i++ {
		if s.words[i].Text == "but" && (s.words[i+1].Text == "one" || s.words[i+1].Lemma == "1") {
			return true
		}
	}
	return false
}

// swapped reports whether the two have the same numbers in another order, where that says
// something: 7 - 2, but not 7 + 2, nor "2 rooms and 3 baths".
func (p *pair) swapped() (string, string, bool) {
	a, b := p.a.numbered(), p.b.numbered()
	if len(a) < 2 || len(a) != len(b) || p.close < 0.9 {
		return "", "", false
	}
	for n, i := range a {
		j := b[n]
		if int(p.a.to[i]) == j || p.a.words[i].Lemma == p.b.words[j].Lemma {
			continue
		}
		if p.a.to[i] < 0 && p.a.words[i].Unit+p.b.words[j].Unit != "" { // how many 5s are in 25
			return p.a.words[i].Text, p.b.words[j].Text, true
		}
		if p.a.to[i] < 0 || p.counts(i) || p.a.listing(a) && p.b.listing(b) {
			return "", "", false
		}
		return p.a.words[i].Text, p.b.words[j].Text, true
	}
	return "", "", false
}

// numbered are where the numbers stand, and the single letters.
func (s *side) numbered() (at []int) {
	for i := range s.words {
		if ordered(&s.words[i]) {
			at = append(at, i)
		}
	}
	return at
}

func ordered(w *reading.Word) bool {
	return w.Kind == reading.Number || w.Kind == reading.Plain && len(w.Text) == 1 && !w.Function
}

// counts reports whether number i of a stands before the same word in both, which it counts.
func (p *pair) counts(i int) bool {
	j := int(p.a.to[i])
	return j >= 0 && i+1 < len(p.a.words) && j+1 < len(p.b.words) && int(p.a.to[i+1]) == j+1
}

// listing are the words that may stand between numbers whose order says nothing.
var listing = reading.Set("and or plus times vs versus + *")

// listing reports whether nothing else stands between the first and the last of the words at.
func (s *side) listing(at []int) bool {
	for i := at[0] + 1; i < at[len(at)-1]; i++ {
		if w := &s.words[i]; !ordered(w) && !listing[w.Text] {
			return false
		}
	}
	return true
}

func (s *side) lists() bool {
	for i := range s.words {
		if s.words[i].Kind == reading.Number && s.listed(i) {
			return true
		}
	}
	return false
}

// listed reports whether the number at i is that of "top 10", "the five best".
func (s *side) listed(i int) bool {
	return i > 0 && s.words[i-1].Lemma == "top" || i+1 < len(s.words) && s.words[i+1].Form == reading.Most
}

func values(s *side, both bool) []string {
	var v []string
	for i := range s.words {
		if s.words[i].Kind == reading.Number && !(!both && s.listed(i)) {
			v = append(v, s.words[i].Lemma)
		}
	}
	return v
}
