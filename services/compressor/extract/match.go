package extract

import (
	"context"
	"math/bits"
	"slices"
	"strings"
)

// match finds the question's terms in the segments of texts, and what else their scores are
// made of.
func (sc *scratch) match(ctx context.Context, req *Request) error {
	scanned := pace // the context is looked at first
	for i := range sc.segments {
		g := &sc.segments[i]
		from := g.start
		if g.heading {
			from = max(from, g.title)
		}
		text := req.Texts[g.text].Text[from:g.end]
		if scanned += len(text); scanned >= pace {
			if err := ctx.Err(); err != nil {
				return err
			}
			scanned = 0
		}
		if err := sc.scan(ctx, g, &sc.passages[g.passage], text); err != nil {
			return err
		}
	}
	return nil
}

// scan goes through a segment's words.
func (sc *scratch) scan(ctx context.Context, g *segment, p *passage, text string) error {
	q := &sc.question
	words := wordScanner{text: text, lang: sc.lang, lex: sc.lex, met: sc.met.in(sc.lang)}
	last, since := -2, 0 // the term of the question that was met, and how long ago
	var names initials
	for words.next() {
		t := &words.term
		if g.words++; g.words%paceTerms == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		since++
		switch {
		case t.number:
			g.gives |= amount
			if t.end-t.start == 4 && (text[t.start] == '1' || text[t.start] == '2') {
				g.gives |= when
			}
		case t.entry.gives != 0:
			g.gives |= t.entry.gives
		}
		if g.words == 1 {
			g.refers = t.entry.refer
		}
		g.limits = g.limits || t.entry.limit && (g.words == 1 || g.refers)
		if t.upper {
			if at := names.add(text[t.start], q); at >= 0 {
				g.mask |= 1 << at
			}
		} else if !t.entry.stop {
			names = initials{}
		}
		if at := q.stem(t.stem); at >= 0 {
			g.mask |= 1 << at
			if p.count[at] < maxCount {
				p.count[at]++
			}
			if at == last+1 && since <= 2 {
				g.pairs |= 1 << at
			}
			last, since = at, 0
			continue
		}
		if t.prefix != 0 {
			if at := q.related(t.prefix); at >= 0 {
				g.fuzzy |= 1 << at
				continue
			}
		}
		if t.upper && g.words > 1 {
			g.names++
		}
	}
	if words.term.dense {
		g.limits = hasAny(strings.TrimLeft(text, " "), denseLimits, strings.HasPrefix)
	}
	p.words += g.words
	p.mask |= g.mask
	p.fuzzy |= g.fuzzy
	p.pairs |= g.pairs
	return nil
}

// initials are those of the capitalised words that were read last, small words between them
// passed over: the question may have the acronym.
type initials struct {
	letters [4]byte
	n       int
}

// add takes the next word's first byte in, and returns the term of the question that the
// last words are spelled out for, or -1.
func (w *initials) add(first byte, q *question) int {
	copy(w.letters[:], w.letters[1:])
	w.letters[len(w.letters)-1] = first | 0x20
	w.n = min(w.n+1, len(w.letters))
	for n := w.n; n >= 3; n-- {
		if !q.acronyms[n] {
			continue
		}
		if at := q.stem(hash(w.letters[len(w.letters)-n:])); at >= 0 {
			return at
		}
	}
	return -1
}

// maxCount is up to where a term's occurrences in a passage count.
const maxCount = 255

// weighTerms gives the question's terms their weights: half is how few segments of these texts
// have the term (Robertson and Sparck Jones's inverse document frequency), half how rare it
// is in general. What no text has tells nothing apart, and only weighs on what is found.
func (sc *scratch) weighTerms() {
	q := &sc.question
	n := len(sc.segments)
	var df [maxTerms]int
	for i := range sc.segments {
		for m := sc.segments[i].mask | sc.segments[i].fuzzy; m != 0; m &= m - 1 {
			df[bits.TrailingZeros64(m)]++
		}
	}
	sc.unit = 1
	most := max(lg(2*n+2), 1)
	for i := range q.terms {
		t := &q.terms[i]
		idf := max(most-lg(2*df[i]+1), one/4) * one / most
		t.weight = (idf + t.rarity) / 2
		if df[i] == 0 {
			t.weight /= 2
		}
		sc.unit += t.weight
	}
}

// sum adds up the weights of a set of terms.
func (sc *scratch) sum(set uint64) int {
	n := 0
	for ; set != 0; set &= set - 1 {
		n += sc.question.terms[bits.TrailingZeros64(set)].weight
	}
	return n
}

// rankPassages scores passages by BM25 (Robertson and Zaragoza, "The probabilistic relevance
// framework: BM25 and beyond", 2009) with k1 = 1.2 and b = 0.5, the title as one more
// occurrence (its section 3.6, in short), and half of their pairs' weight.
func (sc *scratch) rankPassages() {
	total := 0
	for i := range sc.passages {
		total += sc.passages[i].words
	}
	mean := max(total/max(len(sc.passages), 1), 1)
	sc.order = sc.order[:0]
	for i := range sc.passages {
		p := &sc.passages[i]
		title := uint64(0)
		if p.title >= 0 {
			title = sc.segments[p.title].mask
		}
		norm := (one/2 + p.words*one/(2*mean)) * 12 / 10
		p.score = sc.sum(p.pairs) / 2
		for m := p.mask | title | p.fuzzy; m != 0; m &= m - 1 {
			at := bits.TrailingZeros64(m)
			tf := int(p.count[at])*one + int(title>>at&1)*one + int(p.fuzzy>>at&1)*one/3
			p.score += sc.question.terms[at].weight * (tf * 22 / 10) / (tf + norm)
		}
		sc.order = append(sc.order, i)
	}
	slices.SortFunc(sc.order, func(a, b int) int {
		if x, y := sc.passages[a].score, sc.passages[b].score; x != y {
			return y - x
		}
		return a - b
	})
	for rank, i := range sc.order {
		sc.passages[i].rank = rank
	}
}
