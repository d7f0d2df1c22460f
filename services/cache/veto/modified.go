package veto

// modified holds prompts apart in which two modifiers have changed places: "Indian women and
// Pakistani men".
func modified(p *pair) (string, string, bool) {
	for i := 0; i+1 < len(p.a.words); i++ {
		m, n := i, i+1
		if p.a.to[m] < 0 || p.a.to[n] < 0 || p.a.words[n].Break || p.a.mentions(p.a.words[n].Lemma) > 1 ||
			p.a.mentions(p.a.words[m].Lemma) > 1 || p.b.mentions(p.a.words[m].Lemma) > 1 {
			continue
		}
		m2, n2 := int(p.a.to[m]), int(p.a.to[n])
		if m2+1 == n2 || m2+1 >= len(p.b.words) || n2 == 0 || p.b.to[m2+1] < 0 || p.b.to[n2-1] < 0 {
			continue
		}
		// In the other prompt m stands before another noun, which stands here behind what
		// stands there before n.
		k, l := int(p.b.to[m2+1]), int(p.b.to[n2-1])
		if l+1 == k && l != m && k != n {
			return p.a.text(m, n+1), p.b.text(m2, m2+2), true
		}
	}
	return "", "", false
}
