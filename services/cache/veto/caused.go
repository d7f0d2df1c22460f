package veto

import "tollgate.dev/services/cache/reading"

// caused holds prompts apart of which one is about having something done, and the other about doing
// it: to get a tooth pulled, and to pull a tooth.
func caused(p *pair) (string, string, bool) {
	if !p.near() {
		return "", "", false
	}
	return p.either(func(p *pair) (string, string, bool) {
		for i := 0; i+2 < len(p.a.words); i++ {
			if l := p.a.words[i].Lemma; l != "have" && l != "get" {
				continue
			}
			x := p.a.object(i)
			if x < 0 || x+1 >= len(p.a.words) || p.a.to[x] < 0 {
				continue
			}
			v := x + 1
			if w := &p.a.words[v]; !isVerb(w) || w.Form != reading.Past || p.a.to[v] < 0 || p.a.next(v) >= 0 {
				continue
			}
			u, y := int(p.a.to[v]), int(p.a.to[x])
			if p.b.words[u].Form == reading.Base && u < y {
				return p.a.text(i, v+1), p.b.text(u, y+1), true
			}
		}
		return "", "", false
	})
}
