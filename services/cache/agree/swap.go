package agree

import (
	"slices"
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
	"tollgate.dev/services/cache/veto"
)

// maxAnchors bounds the pairs of words that are looked at for a swap.
const maxAnchors = 96

// swapped: the words are the same, and what is said of one is said of another in the other
// answer.
func (m *matching) swapped() bool {
	if m.x.sentences == 1 && m.y.sentences == 1 && m.ruled() {
		return true
	}
	if m.turned() || (&matching{x: m.y, y: m.x, to: m.of, of: m.to}).turned() {
		return true
	}
	for _, by := range []func(*word) int{func(w *word) int { return w.unit }, func(w *word) int { return w.at }, func(w *word) int { return w.line }} {
		if m.crossed(by) {
			return true
		}
	}
	return false
}

// ruled: the rules for questions, which know of direction and of who does what, hold two single
// sentences apart.
func (m *matching) ruled() bool {
	for _, f := range veto.All(m.x.reading(), m.y.reading()) {
		switch f.Rule {
		case "roles", "dates":
			return true
		case "direction": // what "of" joins is found by its words
			if !strings.HasPrefix(f.A, "of ") && !strings.HasPrefix(f.B, "of ") {
				return true
			}
		}
	}
	return false
}

// turned: two words have changed places around the same words, and no passive explains it.
func (m *matching) turned() bool {
	for i := range m.x.words {
		for k := i + 2; k < min(len(m.x.words), i+8); k++ {
			a, b := &m.x.words[i], &m.x.words[k]
			u, v := m.to[i], m.to[k]
			if a.at != b.at || u < 0 || v < 0 || u < v || a.Lemma == b.Lemma || !anchor(a) || !anchor(b) || m.y.words[u].at != m.y.words[v].at {
				continue
			}
			p, passive := between(m.x.words[i+1 : k])
			q, inverted := between(m.y.words[v+1 : u])
			if len(p) > 0 && slices.Equal(p, q) && passive == inverted {
				return true
			}
		}
	}
	return false
}

// between are the words of content that stand between two others, and whether a "by" is there.
func between(words []word) (lemmas []string, by bool) {
	for i := range words {
		if content(&words[i].Word) {
			lemmas = append(lemmas, words[i].Lemma)
		}
		by = by || words[i].Text == "by"
	}
	return lemmas, by
}

// reading of an answer of one sentence.
func (s *said) reading() *reading.Reading {
	r := &reading.Reading{}
	for i := range s.words {
		r.Words = append(r.Words, s.words[i].Word)
		r.Text += s.words[i].Text + " "
	}
	return r
}

// crossed: of two words a and b that both answers say, what stands beside a in the one answer
// stands rather beside b in the other, and the other way round. by tells what stands beside
// what: a clause, a sentence, a line.
func (m *matching) crossed(by func(*word) int) bool {
	x, y := besides(m.x, by), besides(m.y, by)
	var anchors []string
	for i := range m.x.words {
		w := &m.x.words[i]
		if len(anchors) == maxAnchors {
			break
		}
		if anchor(w) && x[w.Lemma] != nil && y[w.Lemma] != nil {
			anchors = append(anchors, w.Lemma)
			x[w.Lemma]["\x00"]++
			if x[w.Lemma]["\x00"] > 1 {
				anchors = anchors[:len(anchors)-1] // it is there already
			}
		}
	}
	for i, a := range anchors {
		for _, b := range anchors[:i] {
			if overlap(x[a], y[b], a, b) > overlap(x[a], y[a], a, b) && overlap(x[b], y[a], a, b) > overlap(x[b], y[b], a, b) {
				return true
			}
		}
	}
	return false
}

// anchor reports whether something may be said of a word.
func anchor(w *word) bool {
	return w.Kind != reading.Plain || content(&w.Word) && (w.name || w.Entry == 0 || w.Entry.Is(lexicon.Noun))
}

// besides counts for each word the words that stand beside it.
func besides(s *said, by func(*word) int) map[string]map[string]int {
	units := map[int][]string{}
	for i := range s.words {
		if w := &s.words[i]; content(&w.Word) || negators[w.Text] || negators[w.Lemma] {
			units[by(w)] = append(units[by(w)], w.Lemma)
		}
	}
	out := map[string]map[string]int{}
	for _, words := range units {
		for _, a := range words {
			if out[a] == nil {
				out[a] = map[string]int{}
			}
			for _, b := range words {
				if a != b {
					out[a][b]++
				}
			}
		}
	}
	return out
}

// overlap is how many words two have in common beside a and b, as a share of all.
func overlap(x, y map[string]int, a, b string) float64 {
	common, all := 0, 0
	for w := range x {
		if w == a || w == b || w == "\x00" {
			continue
		}
		all++
		if y[w] > 0 {
			common++
		}
	}
	for w := range y {
		if w != a && w != b && w != "\x00" && x[w] == 0 {
			all++
		}
	}
	if all == 0 {
		return 0
	}
	return float64(common) / float64(all)
}
