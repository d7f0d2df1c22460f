package veto

import "tollgate.dev/services/cache/reading"

// particles make another verb of the one that they stand behind.
var particles = reading.Set("up down in out on off over away back through around along aside apart")

// leading are particles that say where something goes, which is another thing than that it is done.
var leading = reading.Set("away off out down back aside apart")

// programming are languages, in which a program logs what it does; to most else in which one logs, one logs in.
var programming = reading.Set("python java javascript typescript go golang rust kotlin swift php ruby perl bash c c++ c# scala node code")

// predicated reports whether a verb stands before word i, or before its object.
func (s *side) predicated(i int) bool {
	for j := i - 1; j >= 0 && j >= i-3; j-- {
		if isVerb(&s.words[j]) {
			return true
		}
	}
	return false
}

// particle holds prompts apart that have the same verb with another particle: to turn in a paper,
// and to turn it on; to put up a tent, and to put up with one; and where one has none at the end: what
// keeps cats away, and what keeps cats. To log in Java is no logging in to it.
func particle(p *pair) (string, string, bool) {
	if !p.near() {
		return "", "", false
	}
	return p.either(func(p *pair) (string, string, bool) {
		if x := p.more(); leading[x] && p.b.count(x) == 0 {
			if i := p.a.find(map[string]bool{x: true}); i > 0 && p.a.next(i) < 0 && p.a.predicated(i) {
				return x, "", true
			}
		}
		for i := 0; i+1 < len(p.a.words); i++ {
			j := int(p.a.to[i])
			if p.a.words[i].Lemma == "log" && j >= 0 && j+2 < len(p.b.words) && p.b.words[j+1].Text == "in" && programming[p.b.words[j+2].Text] &&
				i+2 < len(p.a.words) && p.a.words[i+1].Text == "in" && p.a.words[i+2].Text == "to" {
				return p.a.text(i, i+3), p.b.text(j, j+3), true
			}
			if j < 0 || j+1 >= len(p.b.words) || !isVerb(&p.a.words[i]) && !isVerb(&p.b.words[j]) {
				continue
			}
			x, y := p.a.words[i+1].Text, p.b.words[j+1].Text
			if !particles[x] || !particles[y] {
				continue
			}
			if x != y {
				return p.a.text(i, i+2), p.b.text(j, j+2), true
			}
			if p.a.at(min(i+2, len(p.a.words)-1)) == "with" && p.b.count("with") == 0 {
				return p.a.text(i, i+3), p.b.text(j, j+2), true
			}
		}
		return "", "", false
	})
}
