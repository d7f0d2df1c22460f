package veto

import "tollgate.dev/services/cache/reading"

// contrary are words of grammar of which one says the opposite of the other.
var contrary = [...][2]string{
	{"before", "after"}, {"over", "under"}, {"above", "below"}, {"up", "down"}, {"in", "out"}, {"inside", "outside"},
	{"with", "without"}, {"from", "to"}, {"into", "from"}, {"more", "less"}, {"most", "least"}, {"for", "against"},
	{"since", "until"}, {"on", "off"}, {"during", "before"}, {"during", "after"}, {"always", "never"}, {"more", "least"},
	{"past", "before"}, {"into", "out"}, {"onto", "off"}, {"like", "unlike"},
}

// placing are the words whose noun must not change places with another's.
var placing = reading.Prepositions("from to than over against before after into with by of on for under in at inside within onto " +
	"through as")

// direction holds prompts apart that differ in before and after, over and under, from and to;
// and those in which the nouns behind two of them have changed places.
func direction(p *pair) (string, string, bool) {
	for _, c := range contrary {
		x := p.a.count(c[0]) - p.b.count(c[0])
		y := p.a.count(c[1]) - p.b.count(c[1])
		if x*y < 0 && p.allowed(c[0], c[1]) {
			continue // different from, and to
		}
		if x > 0 && y < 0 && p.govern(c[0], c[1]) {
			return c[0], c[1], true
		}
		if x < 0 && y > 0 && p.govern(c[1], c[0]) {
			return c[1], c[0], true
		}
	}
	for i := range p.a.words { // a play in Greek, and one on Greek
		if w := &p.a.words[i]; (w.Text == "in" || w.Text == "on") && i+1 < len(p.a.words) && p.a.words[i+1].Capital && p.a.words[i+1].Entry != 0 && p.minimal() {
			other := map[string]string{"in": "on", "on": "in"}[w.Text]
			if j := int(p.a.to[i+1]) - 1; j >= 0 && p.b.words[j].Text == other {
				return w.Text, other, true
			}
		}
	}
	if flips(p) == 1 && compared(p) || p.close < 0.7 {
		return "", "", false
	}
	for i := range p.a.words {
		w := &p.a.words[i]
		if !w.Function || !placing[w.Text] {
			continue
		}
		x := p.a.next(i)
		if x < 0 || p.a.to[x] < 0 || p.a.words[x].Kind == reading.Number || p.a.count(w.Text) != 1 || p.b.count(w.Text) != 1 {
			continue
		}
		for j := range p.b.words {
			if p.b.words[j].Text != w.Text {
				continue
			}
			y := p.b.next(j)
			// Each noun stands elsewhere in the other prompt, before what places it or behind
			// another such word.
			if y < 0 || p.b.to[y] < 0 || int(p.a.to[x]) == y || p.a.words[x].Lemma == p.b.words[y].Lemma {
				continue
			}
			if p.a.words[x].Lemma == p.b.words[p.a.to[x]].Lemma && p.b.words[y].Lemma == p.a.words[p.b.to[y]].Lemma &&
				p.b.moved(int(p.a.to[x]), y, j) && p.a.moved(int(p.b.to[y]), x, i) &&
				changed(p.b.place(int(p.a.to[x])), p.a.place(int(p.b.to[y]))) {
				return p.a.text(i, x+1), p.b.text(j, y+1), true
			}
		}
	}
	return "", "", false
}

// place is the preposition before word i and what modifies it, or empty.
func (s *side) place(i int) string {
	for i--; i >= 0 && (article(s.words[i].Text) || content(&s.words[i]) && !isVerb(&s.words[i])) && !s.words[i+1].Break; i-- {
	}
	if i >= 0 && placing[s.words[i].Text] {
		return s.words[i].Text
	}
	return ""
}

// changed reports whether what stands behind one of two prepositions, or none, and what stands in the other
// prompt behind the other, can have changed places.
func changed(x, y string) bool {
	if x == y || x == "" || y == "" {
		return true
	}
	for _, set := range alike {
		if set[x] && set[y] {
			return true
		}
	}
	return false
}

// govern reports whether x in a and y in b stand before the same word, or little else differs.
func (p *pair) govern(x, y string) bool {
	return p.minimal() || p.lead(x, y)
}

// lead reports whether x in a and y in b stand before the same word.
func (p *pair) lead(x, y string) bool {
	for i := range p.a.words {
		if p.a.words[i].Text != x {
			continue
		}
		for j := range p.b.words {
			if p.b.words[j].Text != y {
				continue
			}
			k, l := p.a.next(i), p.b.next(j)
			if k >= 0 && l >= 0 && (int(p.a.to[k]) == l || p.a.words[k].Kind != reading.Plain && p.a.words[k].Lemma == p.b.words[l].Lemma) {
				return true
			}
		}
	}
	return false
}

// moved reports whether word i is no part of the phrase that begins at from and has its head
// at head.
func (s *side) moved(i, head, from int) bool {
	if i < from {
		return true
	}
	for k := head + 1; k <= i; k++ {
		if s.words[k].Function {
			return true
		}
	}
	return false
}

func (s *side) count(w string) int {
	n := 0
	for i := range s.words {
		if s.words[i].Text == w && !s.words[i].Quoted {
			n++
		}
	}
	return n
}
