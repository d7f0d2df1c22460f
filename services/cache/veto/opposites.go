package veto

import "tollgate.dev/services/cache/reading"

// opposites holds prompts apart of which one has the antonym of the other's word. With a
// negation beside it, or where what is compared changes places, the two say the same. So are those of which one has
// what stands on the other side of the other's word: a buyer and a seller.
func opposites(p *pair) (string, string, bool) {
	na, _ := negated(&p.a)
	nb, _ := negated(&p.b)
	for _, i := range p.a.loose {
		for _, j := range p.b.loose {
			if !reading.Opposites(&p.a.words[i], &p.b.words[j]) {
				continue
			}
			if n := flips(p); n == 1 && (na-nb == 1 || nb-na == 1) || n == 1 && compared(p) {
				continue
			}
			if d := p.a.lessens() - p.b.lessens(); d == 1 || d == -1 {
				continue // the least painful, and painless
			}
			return p.a.at(i), p.b.at(j), true
		}
	}
	if na-nb == 1 || nb-na == 1 || !p.minimal() && p.close < 0.4 {
		return "", "", false // what isn't untidy is tidy
	}
	return p.oppose()
}

// oppose finds a word of a's and one of b's that are two sides of something.
func (p *pair) oppose() (string, string, bool) {
	a, b := p.a.loose, p.b.loose
	if len(a)*len(b) > most {
		return "", "", false
	}
	for _, i := range a {
		for _, j := range b {
			if opposed(&p.a.words[i], &p.b.words[j]) {
				return p.a.at(i), p.b.at(j), true
			}
		}
	}
	return "", "", false
}

func (s *side) lessens() int { return s.count("less") + s.count("least") }

// compared reports whether what stands behind "than" has changed places.
func compared(p *pair) bool {
	i, j := p.a.find(than), p.b.find(than)
	if i < 0 || j < 0 {
		return false
	}
	x, y := p.a.next(i), p.b.next(j)
	return x >= 0 && y >= 0 && p.a.to[x] >= 0 && p.b.to[y] >= 0 && p.a.to[x] < int16(j) && p.b.to[y] < int16(i) //nolint:gosec // at most reading.MaxWords
}

// than is the set of what two things are compared by.
var than = reading.Set("than")
