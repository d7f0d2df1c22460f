package veto

import (
	"strings"

	"tollgate.dev/services/cache/canon"
	"tollgate.dev/services/cache/lexicon"
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
	// minimal is set when the canonical forms differ in one place, by a few words: what is
	// asked for then hangs on those.
	minimal bool
	x, y    []string // those words
}

// gap is what stands between the same neighbours in each prompt, without partners: words
// from:to of each side's loose ones.
type gap struct{ a, b []int }

// side is one prompt of a pair.
type side struct {
	r     *reading.Reading
	words []reading.Word
	// to is the partner of each word in the other side, or -1. Words of grammar have none.
	to []int16
	// loose are the words of content without a partner, in order.
	loose []int
}

// filler are words of content that add little: what is asked stays the same without them.
var filler = words("actually really truly indeed exactly basically literally simply thing fact way kind sort type " +
	"different various people person please thanks thank example guy someone possible right good great well get do make " +
	"mean use tell know explain say give list best available help ever specific certain current actual exact main major " +
	"true real typical normal cool nice amazing awesome interesting proper correct important key common useful helpful " +
	"sri shri ji pm ok incredible impressive salient method top time term phrase concept process option quality part proven legit legitimate fine average happen feel like idea tip suggestion recommendation sense practical general basic overall mr mrs dr")

func words(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}

// content reports whether a word carries meaning of its own.
func content(w *reading.Word) bool { return !w.Function && w.Kind == reading.Plain }

func match(a, b *reading.Reading) *pair {
	p := &pair{a: side{r: a, words: a.Words}, b: side{r: b, words: b.Words}}
	both := make([]int16, len(a.Words)+len(b.Words))
	for i := range both {
		both[i] = -1
	}
	p.a.to, p.b.to = both[:len(a.Words)], both[len(a.Words):]
	p.pass(exact)
	p.join(&p.a, &p.b)
	p.join(&p.b, &p.a)
	p.pass(related)
	p.pass(near)
	total, met := 0, 0
	for _, s := range [...]*side{&p.a, &p.b} {
		for i := range s.words {
			w := &s.words[i]
			if !content(w) {
				continue
			}
			total++
			if s.to[i] >= 0 {
				met++
				continue
			}
			if o := p.other(s); o.mentions(w.Lemma) == 0 { // said once more is nothing new
				s.loose = append(s.loose, i)
			}
		}
	}
	p.close = 1
	if total > 0 {
		p.close = float64(met) / float64(total)
	}
	p.align()
	p.x, p.y = canon.Gap(canon.Of(a), canon.Of(b))
	p.minimal = len(p.x)+len(p.y) > 0 && len(p.x) <= 3 && len(p.y) <= 3
	return p
}

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
		if !content(w) {
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

// pass matches what is still alone, each word with the first that fits.
func (p *pair) pass(same func(x, y *reading.Word) bool) {
	for i := range p.a.words {
		x := &p.a.words[i]
		if p.a.to[i] >= 0 || !content(x) {
			continue
		}
		for j := range p.b.words {
			y := &p.b.words[j]
			if p.b.to[j] < 0 && content(y) && same(x, y) {
				p.a.to[i], p.b.to[j] = int16(j), int16(i)
				break
			}
		}
	}
}

// unions are what follows "united" in names that are often shortened.
var unions = map[string]string{"usa": "states", "uk": "kingdom", "uae": "arab"}

// join matches a word with two that the other side writes apart: "timetravel", "United States".
func (p *pair) join(s, o *side) {
	for i := range s.words {
		w := &s.words[i]
		whole := unions[alias(w.Lemma)]
		if !content(w) || s.to[i] >= 0 && whole == "" {
			continue
		}
		for j := 0; j+1 < len(o.words); j++ {
			x, y := o.words[j].Text, o.words[j+1].Text
			if len(x)+len(y) == len(w.Text) && strings.HasPrefix(w.Text, x) && strings.HasSuffix(w.Text, y) || x == "united" && y == whole {
				if s.to[i] < 0 {
					s.to[i] = int16(j)
				}
				for k := j; k <= j+1; k++ {
					if content(&o.words[k]) && o.to[k] < 0 {
						o.to[k] = int16(i)
					}
				}
				break
			}
		}
	}
}

func exact(x, y *reading.Word) bool { return x.Lemma == y.Lemma }

// aliases are names of one thing that no dictionary relates.
var aliases = map[string]string{
	"us": "usa", "america": "usa", "american": "usa", "u.s": "usa", "britain": "uk", "england": "uk", "british": "uk",
	"emirates": "uae", "fb": "facebook", "insta": "instagram", "movie": "film", "pc": "computer", "mobile": "phone",
	"cellphone": "phone", "smartphone": "phone", "maths": "math", "mathematics": "math", "exam": "test",
	"examination": "test", "university": "college", "job": "work", "photo": "picture", "image": "picture", "pic": "picture", "pics": "picture", "vw": "volkswagen",
	"opinion": "think", "view": "think", "thought": "think", "stance": "position", "net": "internet", "broadband": "internet",
	"corporate": "business", "attraction": "place", "famous": "popular", "okay": "ok", "series": "show", "benefit": "advantage", "quickly": "fast", "rapidly": "fast", "technique": "method",
	"application": "app", "lady": "woman", "guy": "man", "cash": "money", "rupee": "inr", "dollar": "usd",
}

// related reports whether two words mean the same or are of one family.
func related(x, y *reading.Word) bool {
	if alias(x.Lemma) == alias(y.Lemma) || y.Lemma == x.Lemma+"s" || x.Lemma == y.Lemma+"s" {
		return true
	}
	if x.Entry != 0 && y.Entry != 0 && lexically(x.Entry, y.Entry) {
		return true
	}
	if x.Entry.Lemma() && y.Entry.Lemma() {
		return false
	}
	// Mistyped, or a plural of what the lexicon doesn't know.
	s, t := x.Text, y.Text
	if len(s) > len(t) {
		s, t = t, s
	}
	least := 4
	if x.Capital && y.Capital {
		least = 6 // Sara and Sarah are two
	}
	if one := (x.Entry == 0) != (y.Entry == 0); s[0] == t[0] && (one && len(s) > 4 || (x.Entry == 0 || y.Entry == 0) && len(s) > 7 && !(x.Capital && y.Capital)) {
		if edits(s, t) <= min(len(s)/4, 2) {
			return true
		}
	}
	if len(s) == len(t) || doubled(s, t) {
		least = 4
		if (x.Entry == 0) != (y.Entry == 0) && !x.Capital && !y.Capital {
			least = 3
		}
	}
	return len(s) >= least && reading.Slip(s, t)
}

// lexically reports whether the lexicon holds two words to mean the same or to be of one family.
func lexically(x, y lexicon.Word) bool {
	switch {
	case lexicon.Opposites(x, y):
		return false
	case x.Is(lexicon.Name) || y.Is(lexicon.Name): // English and American are languages of one name
		return lexicon.SameFirst(x, y) || lexicon.Kin(x, y)
	}
	return lexicon.Synonyms(x, y) || lexicon.Kin(x, y)
}

// doubled reports whether t is s but for one letter that stands twice: Amir and Aamir.
func doubled(s, t string) bool {
	for i := 1; i < len(t); i++ {
		if t[i] == t[i-1] && t[:i]+t[i+1:] == s {
			return true
		}
	}
	return false
}

// edits counts the letters that are others, missing or too many in one of two words, the shorter
// first, up to 3.
func edits(a, b string) int {
	if len(b)-len(a) > 2 {
		return 3
	}
	return edit(a, b, 2)
}

// edit is edits within a bound, whichever is shorter.
func edit(a, b string, left int) int {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	switch {
	case a == "" && b == "":
		return 0
	case left == 0:
		return 1
	case a == "":
		return len(b)
	case b == "":
		return len(a)
	}
	return 1 + min(edit(a[1:], b[1:], left-1), edit(a[1:], b, left-1), edit(a, b[1:], left-1))
}

func alias(s string) string {
	if a, ok := aliases[s]; ok {
		return a
	}
	return s
}

// near reports whether one word is a kind of what the other is.
func near(x, y *reading.Word) bool {
	return x.Entry != 0 && y.Entry != 0 && !x.Name() && !y.Name() && !opposite(x, y) && lexicon.KindOf(x.Entry, y.Entry)
}

// text is the words from i to j of a side, as they were written but for case.
func (s *side) text(i, j int) string {
	var b strings.Builder
	for ; i < j; i++ {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s.words[i].Text)
	}
	return b.String()
}

// has reports whether the side holds one of the words.
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
	for j := i + 1; j < len(s.words) && s.words[j].Sentence == s.words[i].Sentence; j++ {
		if !s.words[j].Function {
			return j
		}
	}
	return -1
}

// flip is the pair from the other side.
func (p *pair) flip() *pair {
	q := &pair{a: p.b, b: p.a, close: p.close, ordered: p.ordered, gaps: make([]gap, len(p.gaps)), minimal: p.minimal, x: p.y, y: p.x}
	for i, g := range p.gaps {
		q.gaps[i] = gap{a: g.b, b: g.a}
	}
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
func (p *pair) near() bool { return p.minimal || p.close >= 0.9 }

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
