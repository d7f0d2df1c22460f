package veto

import "tollgate.dev/services/cache/lexicon"

// partners counts the words of content that have one.
func (p *pair) partners() int {
	n := 0
	for i := range p.a.words {
		if content(&p.a.words[i]) && p.a.to[i] >= 0 {
			n++
		}
	}
	return n
}

// replaced holds prompts apart that are alike but for words in the same place, when these mean
// neither the same nor a kind of it: an owl for a cat, bread for corn; verbs
// only when nothing else differs.
func replaced(p *pair) (string, string, bool) {
	if !p.minimal() || len(p.gaps) != 1 {
		return "", "", false
	}
	g := p.gaps[0]
	if len(g.a) == 0 || len(g.b) == 0 || len(g.a) > 3 || len(g.b) > 3 {
		return "", "", false
	}
	x, y := &p.a.words[g.a[0]], &p.b.words[g.b[0]]
	if one := p.single(); !one && (isVerb(x) || isVerb(y)) || isVerb(x) && isVerb(y) && p.partners() > 1 {
		return "", "", false
	}
	if (x.Entry.First() == lexicon.Adverb) != (y.Entry.First() == lexicon.Adverb) && x.Entry != 0 && y.Entry != 0 {
		return "", "", false // they don't stand in the same place
	}
	return p.a.at(g.a[0]), p.b.at(g.b[0]), true
}
