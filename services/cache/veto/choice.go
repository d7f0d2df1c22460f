package veto

import "tollgate.dev/services/cache/reading"

var (
	// and and or are sets for what looks for one of several words.
	and = reading.Set("and")
	or  = reading.Set("or")
)

// choice holds prompts apart of which one joins by "and" what the other parts by "or", when
// little else differs or other things are joined.
func choice(p *pair) (string, string, bool) {
	return p.either(func(p *pair) (string, string, bool) {
		i, j := p.a.find(and), p.b.find(or)
		if i < 0 || j < 0 || p.a.find(or) >= 0 || p.b.find(and) >= 0 {
			return "", "", false
		}
		x, y := p.a.next(i), p.b.next(j)
		return p.a.at(x), p.b.at(y), p.minimal() || p.ordered && x >= 0 && y >= 0 && p.a.to[x] < 0 && p.b.to[y] < 0
	})
}
