package veto

import "tollgate.dev/services/cache/reading"

// units holds prompts apart in which one number has different units. A unit that is left out may
// be any, unless it is a time of day; and the third chapter is chapter 3.
func units(p *pair) (string, string, bool) {
	return p.either(func(p *pair) (string, string, bool) {
		for i := range p.a.words {
			x := &p.a.words[i]
			if x.Kind != reading.Number || x.Unit == "" || x.Unit == "th" {
				continue
			}
			other, same, left := "", false, false
			for j := range p.b.words {
				y := &p.b.words[j]
				if y.Kind != reading.Number || y.Lemma != x.Lemma {
					continue
				}
				switch y.Unit {
				case x.Unit:
					same = true
				case "", "th":
					left = true
				default:
					other = y.Unit
				}
			}
			if !same && (other != "" || left && (x.Unit == "am" || x.Unit == "pm" || x.Unit == "%")) {
				return x.Lemma + " " + x.Unit, other, true
			}
		}
		return "", "", false
	})
}
