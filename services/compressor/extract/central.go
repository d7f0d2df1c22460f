package extract

import (
	"cmp"
	"context"
	"slices"
)

// tally counts a term over the texts.
type tally struct {
	stem       uint64
	text       int // where it was met first
	start, end int
	count      int
}

// central makes a question of the texts' own frequent terms, for when there is none, or none
// of its words is in them: the centroid of Radev et al., "Centroid-based summarization of
// multiple documents" (2004).
func (sc *scratch) central(ctx context.Context, req *Request, rarity func(string) int) error {
	words := sc.forgetMatches()
	frequent, err := sc.frequentTerms(ctx, req, words)
	if err != nil {
		return err
	}
	q := &sc.question
	*q = question{terms: q.terms[:0], kinds: q.kinds & value}
	for i, t := range frequent {
		r := rarity(req.Texts[t.text].Text[t.start:t.end])
		q.terms = append(q.terms, queryTerm{stem: t.stem, rarity: r * lg(t.count) / one, order: i})
	}
	q.settle()
	if err := sc.match(ctx, req); err != nil {
		return err
	}
	for i := range q.terms {
		q.terms[i].weight = q.terms[i].rarity
	}
	sc.preferValues(req, sc.scoreCentral())
	return nil
}

// forgetMatches forgets what was found of a question, and returns how many words the texts have.
func (sc *scratch) forgetMatches() (words int) {
	for i := range sc.segments {
		g := &sc.segments[i]
		words += g.words
		g.mask, g.fuzzy, g.pairs, g.words, g.names = 0, 0, 0, 0, 0
	}
	for i := range sc.passages {
		p := &sc.passages[i]
		*p = passage{from: p.from, to: p.to, title: p.title}
	}
	return words
}

// frequentTerms counts the terms of texts of so many words, and returns the most frequent of those that
// come more than once, as many as a question has.
func (sc *scratch) frequentTerms(ctx context.Context, req *Request, words int) ([]tally, error) {
	size := 64 // of the table, by open addressing: at least twice the terms
	for size < 2*words+2 {
		size *= 2
	}
	if cap(sc.tallies) < size {
		sc.tallies = make([]tally, size)
	}
	table := sc.tallies[:size]
	clear(table)
	counted, left := 0, paceTerms
	for i := range req.Texts {
		scan := wordScanner{text: req.Texts[i].Text, lang: sc.lang, lex: sc.lex}
		for scan.next() && counted < words {
			if left--; left == 0 {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				left = paceTerms
			}
			t := &scan.term
			if t.entry.stop || t.runes < 3 && !t.dense {
				continue
			}
			at := mix(t.stem) % uint64(size)
			for table[at].count > 0 && table[at].stem != t.stem {
				at = (at + 1) % uint64(size)
			}
			if e := &table[at]; e.count == 0 {
				*e = tally{stem: t.stem, text: i, start: t.start, end: t.end}
			}
			table[at].count++
			counted++
		}
	}
	table = slices.DeleteFunc(table, func(t tally) bool { return t.count < 2 })
	slices.SortFunc(table, func(a, b tally) int {
		return cmp.Or(b.count-a.count, a.text-b.text, a.start-b.start)
	})
	return table[:min(len(table), maxTerms)], nil
}

// scoreCentral scores segments by what they say of the texts' subject, for their length; the first
// sentences of a text and of a passage say the most (Edmundson, "New methods in automatic
// extracting", 1969). It returns the best score.
func (sc *scratch) scoreCentral() (best int64) {
	for i := range sc.passages {
		p := &sc.passages[i]
		for j := p.from; j < p.to; j++ {
			g := &sc.segments[j]
			g.score = int64(sc.sum(g.mask) * 16 / (g.words + 8))
			switch {
			case g.heading:
				g.score += g.score / 2
			case j == p.from || sc.segments[j-1].heading:
				g.score += g.score / 4
			}
			if j == 0 || g.text != sc.segments[j-1].text {
				g.score *= 2
			}
			best = max(best, g.score)
		}
	}
	return best
}

// asked tells whether a term of the question is in the texts.
func (sc *scratch) asked() bool {
	for i := range sc.passages {
		if sc.passages[i].mask|sc.passages[i].fuzzy != 0 {
			return true
		}
	}
	return false
}
