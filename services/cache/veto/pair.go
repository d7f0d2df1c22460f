package veto

import (
	"slices"
	"strings"

	"tollgate.dev/services/cache/canon"
	"tollgate.dev/services/cache/reading"
)

// pair is two prompts whose words are matched with each other as far as they mean the same.
type pair struct {
	a, b side
	// close is the share of words of content that have a partner, 0–1.
	close float64
	// ordered is set when the partners stand in the same order; the two then differ only in
	// gaps between them.
	ordered bool
	gaps    []gap
	// edit is how the canonical forms differ; it is worked out when a rule first asks, for both sides.
	edit *edit
	// back is the pair from the other side, when a rule has asked for it; turned is set in it.
	back   *pair
	turned bool
}

// edit is how two canonical forms differ.
type edit struct {
	known   bool
	minimal bool
	single  bool
	none    bool     // the forms are equal
	you     bool     // one of them asks about who answers, and the other about anybody
	apart   bool     // the first asks what who answers does, and the second what anybody does
	parted  bool     // the other way round
	kept    bool     // they differ in a word that is unknown, and may be another than the known one beside it
	a, b    []string // the words in which they differ
}

// minimal reports whether the canonical forms differ in one place, by a few words: what is
// asked for then hangs on those.
func (p *pair) minimal() bool {
	if !p.edit.known {
		f, g := canon.Of(p.a.r), canon.Of(p.b.r)
		if p.turned {
			f, g = g, f
		}
		p.edit.apart, p.edit.parted = f.Addressed() && g.Anybody(), g.Addressed() && f.Anybody()
		x, y := canon.Gap(f, g)
		p.edit.known, p.edit.a, p.edit.b = true, x, y
		p.edit.none = len(x)+len(y) == 0
		p.edit.minimal = len(x)+len(y) > 0 && len(x) <= 3 && len(y) <= 3
		p.edit.you = slices.Contains(x, "YOU") != slices.Contains(y, "YOU")
		p.edit.kept = canon.Reserved(f, g)
		p.edit.single = len(x) == 1 && len(y) == 1
	}
	return p.edit.minimal
}

// addresses reports whether a asks what who answers does, and b what anybody does.
func (p *pair) addresses() bool {
	p.minimal()
	if p.turned {
		return p.edit.parted
	}
	return p.edit.apart
}

// differ returns the words in which the forms of two minimally different sides do.
func (p *pair) differ() (a, b []string) {
	switch {
	case !p.minimal():
		return nil, nil
	case p.turned:
		return p.edit.b, p.edit.a
	}
	return p.edit.a, p.edit.b
}

// instead returns the one word for another in which the forms differ, or empty ones.
func (p *pair) instead() (a, b string) {
	x, y := p.differ()
	if len(x) != 1 || len(y) != 1 {
		return "", ""
	}
	return x[0], y[0]
}

// more returns the one word that a's form has more than b's, or an empty one.
func (p *pair) more() string {
	if x, y := p.differ(); len(x) == 1 && len(y) == 0 {
		return x[0]
	}
	return ""
}

// single reports whether the forms differ in one word for another.
func (p *pair) single() bool { return p.minimal() && p.edit.single }

// gap is what stands between the same neighbours in each prompt, without partners: words
// from:to of each side's loose ones.
type gap struct{ a, b []int }

// side is one prompt of a pair.
type side struct {
	r     *reading.Reading
	words []reading.Word
	// to is the partner of each word in the other side, or -1. Words of grammar have none.
	to []int16
	// after is the next word of content behind each word in its sentence, or -1.
	after []int
	// loose are the words of content without a partner, in order.
	loose []int
}

// filler are words of content that add little: what is asked stays the same without them.
var filler = reading.Set("actually really truly indeed exactly basically literally thing fact way kind sort type " +
	"different various people person please thanks thank example guy someone possible right good great well get do make " +
	"mean use tell know explain say give list best available help ever specific certain current actual exact main major " +
	"true real typical normal cool nice amazing awesome interesting proper correct important key common useful helpful " +
	"sri shri ji pm ok incredible impressive salient method top time term phrase concept process option quality part proven legit legitimate fine average happen feel like idea tip suggestion recommendation sense practical general basic overall mr mrs dr")

// content reports whether a word carries meaning of its own.
func content(w *reading.Word) bool { return !w.Function && w.Kind == reading.Plain }

func (p *pair) other(s *side) *side {
	if s == &p.a {
		return &p.b
	}
	return &p.a
}

// align finds the gaps.
func (p *pair) align() {
	p.ordered = true
	last := -1
	next := 0 // of b's loose words
	var g gap
	for i := range p.a.words {
		w := &p.a.words[i]
		if !content(w) || p.a.idle(i) {
			continue
		}
		j := int(p.a.to[i])
		if j < 0 {
			if !filler[w.Lemma] && p.b.mentions(w.Lemma) == 0 {
				g.a = append(g.a, i)
			}
			continue
		}
		if j < last {
			p.ordered = false
		}
		last = max(last, j)
		for next < len(p.b.loose) && p.b.loose[next] < j {
			if !filler[p.b.words[p.b.loose[next]].Lemma] {
				g.b = append(g.b, p.b.loose[next])
			}
			next++
		}
		p.gap(&g)
	}
	for ; next < len(p.b.loose); next++ {
		if !filler[p.b.words[p.b.loose[next]].Lemma] {
			g.b = append(g.b, p.b.loose[next])
		}
	}
	p.gap(&g)
}

func (p *pair) gap(g *gap) {
	if len(g.a)+len(g.b) > 0 {
		p.gaps = append(p.gaps, *g)
	}
	*g = gap{}
}

// text is the words from i to j of a side, as they were written but for case.
func (s *side) text(i, j int) string {
	var b strings.Builder
	for i = max(i, 0); i < j; i++ {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s.words[i].Text)
	}
	return b.String()
}

// find returns where the side has the first of the words, or -1.
func (s *side) find(set map[string]bool) int {
	for i := range s.words {
		if set[s.words[i].Text] {
			return i
		}
	}
	return -1
}

// next is the nearest word behind i in its sentence that isn't one of grammar, or -1.
func (s *side) next(i int) int {
	if i >= len(s.after) {
		return -1
	}
	return s.after[i]
}

// follow finds for each word what next says of it.
func (s *side) follow() {
	s.after = make([]int, len(s.words))
	for i := len(s.words) - 1; i >= 0; i-- {
		switch j := i + 1; {
		case j == len(s.words) || s.words[j].Sentence != s.words[i].Sentence:
			s.after[i] = -1
		case s.words[j].Function:
			s.after[i] = s.after[j]
		default:
			s.after[i] = j
		}
	}
}

// flip is the pair from the other side.
func (p *pair) flip() *pair {
	if p.back != nil {
		return p.back
	}
	q := &pair{a: p.b, b: p.a, close: p.close, ordered: p.ordered, gaps: make([]gap, len(p.gaps)), edit: p.edit, back: p, turned: !p.turned}
	for i, g := range p.gaps {
		q.gaps[i] = gap{a: g.b, b: g.a}
	}
	p.back = q
	return q
}

// either asks a rule that looks at a against b from both sides.
func (p *pair) either(check func(p *pair) (a, b string, found bool)) (string, string, bool) {
	if a, b, found := check(p); found {
		return a, b, true
	}
	b, a, found := check(p.flip())
	return a, b, found
}

// apart compares what the sides hold of one kind. Both having something that the other hasn't
// always holds them apart; when only one has, it must be most of what differs.
func (p *pair) apart(a, b []string) (string, string, bool) {
	x, inA := less(a, b)
	y, inB := less(b, a)
	return x, y, inA && inB || (inA || inB) && p.near()
}

// near reports whether the two say so nearly the same that anything more in one of them counts.
func (p *pair) near() bool { return p.minimal() || p.edit.none || p.close >= 0.9 }

// less returns a value of a that b has fewer times, if there is one.
func less(a, b []string) (string, bool) {
	for i, x := range a {
		n := 0
		for _, y := range a[:i+1] {
			if y == x {
				n++
			}
		}
		for _, y := range b {
			if y == x {
				n--
			}
		}
		if n > 0 {
			return x, true
		}
	}
	return "", false
}
