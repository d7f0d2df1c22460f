package extract

import (
	"cmp"
	"slices"
	"strings"
)

// maxTerms is how many terms of a question count: a set of them is one machine word. Of a
// longer question the rarest count.
const maxTerms = 64

// maxRead is how many terms of a question are looked at.
const maxRead = 1024

// queryTerm is a term of the question.
type queryTerm struct {
	stem, prefix uint64
	rarity       int // in general, from 0 to one
	order        int // where it stands in the question
	weight       int // by how much it tells passages apart, too
}

// question is what is looked for.
type question struct {
	terms    []queryTerm // each once, in the order of the question
	kinds    kind
	stems    index
	prefixes index
	acronyms [5]bool // there is a term of that many letters, which may stand for words
}

// index finds a term by a hash: positions in terms and one, by open addressing.
type index [4 * maxTerms]uint8

func (x *index) put(h uint64, i int) {
	at := mix(h) % uint64(len(x))
	for x[at] != 0 {
		at = (at + 1) % uint64(len(x))
	}
	x[at] = uint8(i + 1) //nolint:gosec // up to maxTerms
}

// stem returns the term with a stem, or -1.
func (q *question) stem(h uint64) int {
	for at := mix(h) % uint64(len(q.stems)); q.stems[at] != 0; at = (at + 1) % uint64(len(q.stems)) {
		if i := int(q.stems[at]) - 1; q.terms[i].stem == h {
			return i
		}
	}
	return -1
}

// related returns the first term that begins as a word does, or -1.
func (q *question) related(prefix uint64) int {
	for at := mix(prefix) % uint64(len(q.prefixes)); q.prefixes[at] != 0; at = (at + 1) % uint64(len(q.prefixes)) {
		if i := int(q.prefixes[at]) - 1; q.terms[i].prefix == prefix {
			return i
		}
	}
	return -1
}

// read takes the terms out of the question's text.
func (q *question) read(text string, lang language, lex *lexicon, rarity func(string) int) {
	*q = question{terms: q.terms[:0]}
	words := wordScanner{text: text, lang: lang, lex: lex}
	for order := 0; order < maxRead && words.next(); order++ {
		t := &words.term
		q.kinds |= t.entry.asks
		if t.entry.stop || t.runes < 2 && !t.number && !t.dense {
			continue
		}
		q.terms = append(q.terms, queryTerm{stem: t.stem, prefix: t.prefix, rarity: rarity(text[t.start:t.end]), order: order})
		if !t.number && !t.dense && t.runes < len(q.acronyms) {
			q.acronyms[t.runes] = true
		}
	}
	for _, a := range denseAskers {
		if strings.Contains(text, a.text) {
			q.kinds |= a.kind
		}
	}
	q.settle()
}

// settle leaves each term once, and the rarest of too many.
func (q *question) settle() {
	slices.SortStableFunc(q.terms, func(a, b queryTerm) int {
		return cmp.Or(cmp.Compare(a.stem, b.stem), a.order-b.order)
	})
	q.terms = slices.CompactFunc(q.terms, func(a, b queryTerm) bool { return a.stem == b.stem })
	if len(q.terms) > maxTerms {
		slices.SortFunc(q.terms, func(a, b queryTerm) int {
			return cmp.Or(b.rarity-a.rarity, a.order-b.order)
		})
		q.terms = q.terms[:maxTerms]
	}
	slices.SortFunc(q.terms, func(a, b queryTerm) int { return a.order - b.order })
	for i, t := range q.terms {
		q.stems.put(t.stem, i)
		if t.prefix != 0 && q.related(t.prefix) < 0 {
			q.prefixes.put(t.prefix, i)
		}
	}
}

// languageOf tells a text's language by the function words at its beginning.
func languageOf(text string, lex *lexicon) language {
	const enough = 2048
	var votes [languages]int
	words := wordScanner{text: text[:min(len(text), enough)], lex: lex, bare: true}
	for words.next() {
		votes[words.term.entry.votes]++
	}
	best := other
	for _, l := range [...]language{english, german, turkish} {
		if votes[l] > votes[best] {
			best = l
		}
	}
	return best
}
