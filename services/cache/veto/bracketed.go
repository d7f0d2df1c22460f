package veto

import (
	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// bracketed holds prompts apart in which a hyphen says that the first two of three words belong
// together, where in the other prompt the last two do: a small-business owner and a small business
// owner. Where the two are one word of the lexicon, or nouns, the hyphen is often left out.
func bracketed(p *pair) (string, string, bool) {
	if x, y, found := p.either(again); found {
		return x, y, true
	}
	return p.either(func(p *pair) (string, string, bool) {
		for i := 0; i+2 < len(p.a.words); i++ {
			j := int(p.a.to[i])
			if j < 0 || j+2 >= len(p.b.words) || int(p.a.to[i+1]) != j+1 || int(p.a.to[i+2]) != j+2 {
				continue
			}
			x, y := p.a.words[i:i+3], p.b.words[j:j+3]
			if !x[1].Hyphen || x[2].Hyphen || y[1].Hyphen || x[2].Break || y[1].Break || y[2].Break {
				continue
			}
			if y[2].Hyphen || p.near() && parted(&y[0], &y[1], &y[2]) {
				return p.a.text(i, i+3), p.b.text(j, j+3), true
			}
		}
		return "", "", false
	})
}

// again finds "re-" before a verb, where the other prompt has the word that both would make without the hyphen, and that
// is another one.
func again(p *pair) (string, string, bool) {
	for i := 1; i < len(p.a.words); i++ {
		w := &p.a.words[i]
		if !w.Hyphen || p.a.words[i-1].Text != "re" || !unlike["re"+w.Lemma] && !unlike["re"+w.Text] {
			continue
		}
		for j := range p.b.words {
			if b := &p.b.words[j]; b.Text == "re"+w.Text || b.Lemma == "re"+w.Lemma {
				return "re-" + w.Text, b.Text, true
			}
		}
	}
	return "", "", false
}

// unlike are words in re- that don't say that something is done again.
var unlike = reading.Set("recover resent resign recreate reform relay release remark represent resort restore retreat reserve recollect " +
	"recount redress repress research return review reprove recite react retain resound repair recoil refrain resolve rebound recede reside")

// parted reports whether the first of three words more likely belongs to the last than to the one
// beside it, when no hyphen says so.
func parted(x, y, z *reading.Word) bool {
	if lexicon.Find(x.Text+"-"+y.Text) != 0 || z.Entry.First() != lexicon.Noun {
		return false
	}
	return x.Entry.First() == lexicon.Adjective && y.Entry.First() == lexicon.Noun && y.Form <= reading.S ||
		x.Entry.First() == lexicon.Noun && y.Form == reading.Ing
}
