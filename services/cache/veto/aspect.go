package veto

import "tollgate.dev/services/cache/reading"

// aspects are verbs that turn what follows into another thing: to become rich isn't to be it.
var aspects = reading.Set("become stop quit avoid prevent fail refuse forget cease deny pretend regret threaten survive lose escape")

// turning are verbs behind which "to do" is another thing than "doing".
var turning = reading.Set("stop quit remember forget try regret mean")

// aspect holds prompts apart of which one is about becoming, ending, avoiding or failing, and the
// other isn't; about what used to be; and about stopping something and stopping to do it.
func aspect(p *pair) (string, string, bool) {
	return p.either(func(p *pair) (string, string, bool) {
		if i := p.a.usedTo(); i >= 0 && p.b.usedTo() < 0 {
			return p.a.text(i, i+2), "", true
		}
		if !p.near() {
			return "", "", false
		}
		for i := 0; i+2 < len(p.a.words); i++ { // to stop to smoke, and to stop smoking
			j := int(p.a.to[i])
			if !turning[p.a.words[i].Lemma] || p.a.words[i+1].Text != "to" || j < 0 || j+1 >= len(p.b.words) {
				continue
			}
			if x, y := &p.a.words[i+2], &p.b.words[j+1]; x.Lemma == y.Lemma && y.Form == reading.Ing {
				return p.a.text(i, i+3), p.b.text(j, j+2), true
			}
		}
		if !p.minimal() {
			return "", "", false
		}
		for _, i := range p.a.loose {
			if w := &p.a.words[i]; w.Lemma == "quit" && !p.a.act(i+1) {
				continue // to leave
			} else if aspects[w.Lemma] && !p.b.verb() && !(w.Lemma == "become" && p.b.count("be") > 0) {
				return w.Text, "", true
			}
		}
		return "", "", false
	})
}

// act reports whether word i is something that one does.
func (s *side) act(i int) bool {
	return i < len(s.words) && isVerb(&s.words[i])
}

// usedTo finds what was so once. "Is used to" is another thing.
func (s *side) usedTo() int {
	for i := 0; i+1 < len(s.words); i++ {
		if s.words[i].Lemma != "use" || s.words[i+1].Text != "to" || s.words[i].Function {
			continue
		}
		if i > 0 && (s.words[i-1].Text == "be" || tenses[s.words[i-1].Text] == "now" || s.words[i-1].Text == "was" || s.words[i-1].Text == "were" || s.words[i-1].Text == "get" || s.words[i-1].Text == "been") {
			continue
		}
		if s.words[i].Text == "used" || s.count("did") > 0 {
			return i
		}
	}
	return -1
}

// verb reports whether a verb has no partner.
func (s *side) verb() bool {
	for _, i := range s.loose {
		if isVerb(&s.words[i]) {
			return true
		}
	}
	return false
}
