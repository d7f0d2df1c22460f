package agree

import (
	"math/bits"
	"slices"
	"strings"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
	"tollgate.dev/services/cache/veto"
)

// swapped: the words are the same, and what is said of one is said of another in the other
// answer.
func (m *matching) swapped() bool {
	if m.x.sentences == 1 && m.y.sentences == 1 && m.ruled() {
		return true
	}
	if m.concluded() {
		return true
	}
	if m.turned() || (&matching{x: m.y, y: m.x, to: m.of, of: m.to}).turned() {
		return true
	}
	by := []func(*word) int{
		func(w *word) int { return w.unit }, func(w *word) int { return w.at },
		func(w *word) int { return w.line }, func(w *word) int { return w.section },
	}
	ids := m.anchors()
	return slices.ContainsFunc(by, func(by func(*word) int) bool {
		x, y := besides(m.x, ids, by), besides(m.y, ids, by)
		return crossed(x, y) || rotated(x, y)
	})
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

// conclusions stand between a reason and what follows from it, which must not change places.
var conclusions = reading.Set("so therefore thus hence consequently")

// concluded: what follows from what in the one answer, it follows from in the other.
func (m *matching) concluded() bool {
	// sides of the only conclusion: lemmas by whether they stand before it, after it, or both.
	sides := func(s *said) (of map[string]int, ok bool) {
		of = map[string]int{}
		side, n := 1, 0
		for i := range s.words {
			w := &s.words[i]
			if conclusions[w.Text] && (w.Break || w.First) {
				side = 2
				n++
			}
			if content(&w.Word) {
				of[w.Lemma] |= side
			}
		}
		return of, n == 1
	}
	p, ok := sides(m.x)
	q, too := sides(m.y)
	there, back := false, false
	for lemma, a := range p {
		there = there || a == 1 && q[lemma] == 2
		back = back || a == 2 && q[lemma] == 1
	}
	return ok && too && there && back
}

// turned: two words have changed places around the same words, and no passive explains it.
func (m *matching) turned() bool {
	for i := range m.x.words {
		for k := i + 2; k < min(len(m.x.words), i+8); k++ {
			a, b := &m.x.words[i], &m.x.words[k]
			u, v := m.to[i], m.to[k]
			if a.at != b.at || u < 0 || v < 0 || u <= v || a.Lemma == b.Lemma || !anchor(a) || !anchor(b) || m.y.words[u].at != m.y.words[v].at {
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

// ways are words of grammar that say which way something goes.
var ways = reading.Prepositions("to from into onto over under before after by against than for")

// between are the words that stand between two others, but for grammar that goes no way, and
// whether a "by" is there.
func between(words []word) (lemmas []string, by bool) {
	for i := range words {
		if content(&words[i].Word) || ways[words[i].Text] && words[i].Text != "by" {
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

// maxAnchors bounds the words that are looked at for a swap.
const maxAnchors = 192

// anchors are the words that both answers say and of which something may be said, numbered.
func (m *matching) anchors() map[string]int {
	others := map[string]bool{}
	for i := range m.y.words {
		others[m.y.words[i].Lemma] = true
	}
	ids := map[string]int{}
	for i := range m.x.words {
		w := &m.x.words[i]
		if _, ok := ids[w.Lemma]; !ok && len(ids) < maxAnchors && others[w.Lemma] && (w.Kind != reading.Plain || content(&w.Word) || negators[w.Text]) {
			ids[w.Lemma] = len(ids)
		}
	}
	return ids
}

// words are a set of anchors.
type words [maxAnchors / 64]uint64

func (s *words) add(id int)      { s[id/64] |= 1 << (id % 64) }
func (s *words) has(id int) bool { return s[id/64]&(1<<(id%64)) != 0 }

// besides tells for each anchor the anchors that stand beside it; by says what stands beside
// what: a clause, a sentence, a line, a section.
func besides(s *said, ids map[string]int, by func(*word) int) []words {
	units := map[int]*words{}
	for i := range s.words {
		w := &s.words[i]
		if id, ok := ids[w.Lemma]; ok {
			if units[by(w)] == nil {
				units[by(w)] = new(words)
			}
			units[by(w)].add(id)
		}
	}
	out := make([]words, len(ids))
	for _, u := range units {
		for id := range out {
			if u.has(id) {
				for k := range u {
					out[id][k] |= u[k]
				}
			}
		}
	}
	return out
}

// crossed: of two words a and b, what stands beside a in the one answer stands rather beside b in
// the other, and the other way round.
func crossed(x, y []words) bool {
	for a := range x {
		for b := range a {
			if overlap(&x[a], &y[b], a, b) > overlap(&x[a], &y[a], a, b) && overlap(&x[b], &y[a], a, b) > overlap(&x[b], &y[b], a, b) {
				return true
			}
		}
	}
	return false
}

// rotated: nothing that stood beside a stands beside it in the other answer, but beside b; what stood
// beside b stands beside c, and so on until what stands beside a: "A: 1, B: 2, C: 3" and "A: 2, B: 3, C: 1".
func rotated(x, y []words) bool {
	to := make([][]int, len(x))
	for a := range x {
		if overlap(&x[a], &y[a], a, a) > 0 {
			continue
		}
		for b := range y {
			if a != b && overlap(&x[a], &y[b], a, b) >= 0.5 {
				to[a] = append(to[a], b)
			}
		}
	}
	const (
		fresh = iota
		open
		done
	)
	state := make([]uint8, len(x))
	var cycle func(a int) bool
	cycle = func(a int) bool {
		state[a] = open
		for _, b := range to[a] {
			if state[b] == open || state[b] == fresh && cycle(b) {
				return true
			}
		}
		state[a] = done
		return false
	}
	for a := range x {
		if state[a] == fresh && cycle(a) {
			return true
		}
	}
	return false
}

// overlap is how many words two have in common beside a and b, as a share of all.
func overlap(x, y *words, a, b int) float64 {
	var without words
	without.add(a)
	without.add(b)
	common, all := 0, 0
	for k := range x {
		common += bits.OnesCount64(x[k] & y[k] &^ without[k])
		all += bits.OnesCount64((x[k] | y[k]) &^ without[k])
	}
	if all == 0 {
		return 0
	}
	return float64(common) / float64(all)
}

// anchor reports whether something may be said of a word.
func anchor(w *word) bool {
	return w.Kind != reading.Plain || content(&w.Word) && (w.name || w.Entry == 0 || w.Entry.Is(lexicon.Noun))
}
