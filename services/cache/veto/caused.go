package veto

import (
	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// caused holds prompts apart of which one is about having something done, and the other about doing
// it: to get a tooth pulled, and to pull a tooth; to get fired or be heard, and to fire or hear; to make somebody laugh, and to
// laugh.
func caused(p *pair) (string, string, bool) {
	if !p.near() {
		return "", "", false
	}
	if x, y, found := p.either(endured); found {
		return x, y, true
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

// endured finds what is done to whoever is asked about, or what he makes others do, where in the other prompt he does it.
func endured(p *pair) (string, string, bool) {
	for i := 0; i+2 < len(p.a.words); i++ {
		v := i + 2
		w, u := &p.a.words[v], int(p.a.to[v])
		if u < 1 || !content(w) || p.b.words[u].Form != reading.Base || !doers[p.b.words[u-1].Text] || w.Sentence != p.a.words[i].Sentence {
			continue
		}
		switch l := p.a.words[i+1].Lemma; {
		case doers[p.a.words[i].Text] && (l == "be" || l == "get") && w.Form == reading.Past && w.Entry.Is(lexicon.Verb) && !selves[w.Lemma] && p.b.find(passives) < 0,
			p.a.words[i].Lemma == "make" && others[p.a.words[i+1].Text] && w.Form == reading.Base && w.Entry.Is(lexicon.Verb) && p.b.lemma("make") < 0:
			return p.a.text(i, v+1), p.b.text(u-1, u+1), true
		}
	}
	return "", "", false
}

// doers are pronouns of who does something, others of whom it is done to, and selves verbs of what one does to oneself: to get dressed.
var (
	doers    = reading.Set("i you we one he she they someone somebody anyone people")
	others   = reading.Set("someone somebody anyone anybody people them him her others everyone everybody")
	selves   = reading.Set("marry dress start finish do engage involve register enroll divorce rid prepare organize ready qualify use settle worry concern graduate relate connect subscribe")
	passives = reading.Set("be get been being")
)
