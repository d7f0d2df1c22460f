package veto

import "tollgate.dev/services/cache/reading"

// particles make another verb of the one that they stand behind.
var particles = reading.Set("up down in out on off over away back through around along aside apart")

// particle holds prompts apart that have the same verb with another particle: to turn in a paper,
// and to turn it on; to put up a tent, and to put up with one.
func particle(p *pair) (string, string, bool) {
	if !p.near() {
		return "", "", false
	}
	return p.either(func(p *pair) (string, string, bool) {
		for i := 0; i+1 < len(p.a.words); i++ {
			j := int(p.a.to[i])
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
