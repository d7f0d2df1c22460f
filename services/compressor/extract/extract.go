// Package extract shortens texts to what is likely to answer a question: it keeps whole
// sentences, in their order, up to a budget in tokens, and marks where some were left out.
//
// It knows no model and no language well. A sentence's score is a sum, with fitted weights,
// of how much of the question it, its title, its neighbours and its passage have, and of
// whether it has what the question asks for (features.go); sentences are then taken by
// score until the budget is full (choose.go). All of it is integers in a fixed order, so that
// the same request has the same result on every machine.
package extract

import (
	"context"
	"slices"
	"sync"

	"tollgate.dev/platform/tokens"
)

// Span is a part of a text, in bytes: from Start to before End.
type Span struct{ Start, End int }

// Text is one text of a request.
type Text struct {
	// Text is what may be shortened. It may be several documents, set apart by blank lines
	// or headings.
	Text string
	// Keep are parts that stay, with the sentences that they are in. Whole are parts that no
	// sentence ends within. In any order.
	Keep, Whole []Span
	// Lines are parts of which each line stays or goes by itself, and is not cut: those of
	// tables. They begin and end with lines, and are in order and apart from each other.
	Lines []Span
	// Spread is how the text's tokens lie in it, where that was noted before. It is used as long
	// as it is the text's by the request's encoding.
	Spread *tokens.Spread
}

// Request is what to shorten.
type Request struct {
	// Question is what the texts are to answer. Where there is none, or the texts have none of
	// its words, what is central to the texts is kept.
	Question string
	// Texts are shortened together: where one has more to say, another is left with less.
	Texts []Text
	// Budget is how many tokens the texts may have together.
	Budget int64
	// Encoding is what tokens are counted by.
	Encoding tokens.Encoding
}

// Result is what is left.
type Result struct {
	// Texts are those of the request, in its order. One that is left out is a mark.
	Texts []string
	// Omitted are the parts of each text that were left out, in order.
	Omitted [][]Span
	// Sizes are the tokens of each text that is left.
	Sizes []int64
	// Original and Tokens are the texts' tokens before and after. Tokens is above the budget
	// only where what must be kept, with the marks, is, or the best sentence by itself, which stays
	// where there is room for none.
	Original, Tokens int64
}

// Selector selects. It is safe for concurrent use.
type Selector struct {
	counter *tokens.Counter
	lex     *lexicon
	pool    sync.Pool // of *scratch
}

// New returns a selector that counts by a counter; have one of both in a process.
func New(counter *tokens.Counter) *Selector {
	return &Selector{counter: counter, lex: newLexicon()}
}

// Select shortens the texts. Its errors are the context's and the counter's; they quote
// nothing.
func (s *Selector) Select(ctx context.Context, req Request) (Result, error) {
	sc, ok := s.pool.Get().(*scratch)
	if !ok {
		sc = &scratch{lex: s.lex}
	}
	defer s.release(sc)
	sc.reset()
	req.Budget = max(req.Budget, 0)
	for i := range req.Texts {
		if err := sc.split(ctx, i, &req.Texts[i]); err != nil {
			return Result{}, err
		}
	}
	if err := sc.count(ctx, s.counter, &req); err != nil {
		return Result{}, err
	}
	if sc.total <= req.Budget {
		return sc.unchanged(&req), nil
	}
	sc.groupPassages()
	sc.question.read(req.Question, sc.lang, s.lex, s.rarity)
	if err := sc.match(ctx, &req); err != nil {
		return Result{}, err
	}
	if sc.asked() {
		sc.weighTerms()
		sc.rankPassages()
		sc.score(&req)
	} else if err := sc.central(ctx, &req, s.rarity); err != nil {
		return Result{}, err
	}
	return s.fill(ctx, sc, &req)
}

// segment is what is kept or left out as a whole: a sentence, a heading, a line.
type segment struct {
	start, end int // in its text
	text       int
	passage    int
	title      int // where a heading's title begins
	tokens     int
	words      int
	names      int // words with a capital that are not the question's
	score      int64

	mask, fuzzy, pairs uint64 // terms of the question: had, resembled, had after the one before it

	gives   kind
	border  bool // it begins a passage
	heading bool
	refers  bool // it begins with a pronoun
	limits  bool // it negates or restricts what was said before
	ends    bool // it ends with a line break
	line    bool // it is a line of a table
	joined  bool // it ends within a run of letters or digits
	role    uint8
	label   int  // what it is of; -1
	keep    bool // it must stay
	kept    bool // it stays
}

// passage is what a question is matched against as a whole: a document, or a paragraph of
// one, with the headings in front of it.
type passage struct {
	from, to int // its segments
	title    int // the heading that it is under; -1
	words    int
	score    int
	rank     int // 0 is the best

	mask, fuzzy, pairs uint64
	count              [maxTerms]uint8 // of each term
}

// scratch is the memory of one selection at a time.
type scratch struct {
	lex      *lexicon
	lang     language
	spans    []Span
	fixed    []Span // that no tag is in
	segments []segment
	passages []passage
	question question
	tags     []tag
	open     []int // tags that are not closed yet
	labels   []label
	spreads  []*tokens.Spread // of the texts
	ends     []int
	parts    []tokens.Part
	runs     []run
	sizes    []int64
	order    []int
	saved    []bool
	out      []byte
	tallies  []tally
	met      metWords
	total    int64 // tokens
	unit     int   // the sum of the question's weights
	best     int   // the most of it that a segment has; 0 where nothing is asked for
}

// maxPooled is the most segments that memory is kept for: some ten megabytes of prompt.
const maxPooled = 1 << 16

func (s *Selector) release(sc *scratch) {
	clear(sc.spreads) // which have texts
	sc.spreads = sc.spreads[:0]
	if cap(sc.segments) <= maxPooled {
		s.pool.Put(sc)
	}
}

func (sc *scratch) reset() {
	sc.segments, sc.passages = sc.segments[:0], sc.passages[:0]
	sc.labels = sc.labels[:0]
	sc.lang, sc.total, sc.best = unknown, 0, 0
}

func newResult(texts int, original int64) Result {
	return Result{Texts: make([]string, texts), Omitted: make([][]Span, texts), Sizes: make([]int64, texts), Original: original}
}

// unchanged is the result that leaves nothing out.
func (sc *scratch) unchanged(req *Request) Result {
	res := newResult(len(req.Texts), sc.total)
	res.Tokens = sc.total
	for i := range req.Texts {
		res.Texts[i], res.Sizes[i] = req.Texts[i].Text, sc.spreads[i].Count.Tokens
	}
	return res
}

// split cuts a text into segments.
func (sc *scratch) split(ctx context.Context, i int, t *Text) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	lang := languageOf(t.Text, sc.lex)
	if sc.lang == unknown {
		sc.lang = lang
	}
	sc.spans = append(append(append(sc.spans[:0], t.Whole...), t.Keep...), t.Lines...)
	sc.mergeSpans()
	sc.fixed = append(sc.fixed[:0], sc.spans...)
	sc.spans = append(append(sc.spans[:0], t.Whole...), t.Keep...)
	sc.findTags(t.Text, sc.fixed)
	sc.mergeSpans()
	from := len(sc.segments)
	sp := splitter{text: t.Text, lang: lang, spans: sc.spans, tags: sc.tags, lines: t.Lines, out: sc.segments}
	if err := sp.split(ctx); err != nil {
		return err
	}
	sc.segments = sp.out
	for j := from; j < len(sc.segments); j++ {
		sc.segments[j].text = i
	}
	for _, k := range t.Keep {
		at, _ := slices.BinarySearchFunc(sc.segments[from:], k.Start, func(g segment, start int) int { return g.end - start - 1 })
		for j := from + at; j < len(sc.segments) && sc.segments[j].start < k.End; j++ {
			sc.segments[j].keep = true
		}
	}
	sc.label(from)
	return nil
}

// mergeSpans puts the spans in order, and those that overlap together.
func (sc *scratch) mergeSpans() {
	slices.SortFunc(sc.spans, func(a, b Span) int { return a.Start - b.Start })
	n := 0
	for _, sp := range sc.spans {
		if n > 0 && sp.Start < sc.spans[n-1].End {
			sc.spans[n-1].End = max(sc.spans[n-1].End, sp.End)
			continue
		}
		sc.spans[n] = sp
		n++
	}
	sc.spans = sc.spans[:n]
}

// count counts the segments' tokens. A piece of the encoding's that is in two of them counts
// in the latter.
func (sc *scratch) count(ctx context.Context, c *tokens.Counter, req *Request) error {
	at := 0
	for i := range req.Texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		from := at
		sc.ends = sc.ends[:0]
		for ; at < len(sc.segments) && sc.segments[at].text == i; at++ {
			sc.ends = append(sc.ends, sc.segments[at].end)
		}
		sc.sizes = slices.Grow(sc.sizes[:0], len(sc.ends))[:len(sc.ends)]
		t := &req.Texts[i]
		spread := t.Spread
		if spread == nil || !spread.Of(req.Encoding, t.Text) {
			spread = new(tokens.Spread)
			if _, err := c.Spread(ctx, req.Encoding, t.Text, spread); err != nil {
				return err
			}
		}
		spread.Segments(sc.ends, sc.sizes)
		sc.spreads = append(sc.spreads, spread)
		sc.total += spread.Count.Tokens
		for j, size := range sc.sizes {
			sc.segments[from+j].tokens = int(size)
		}
		shareTokens(sc.segments[from:at])
	}
	return nil
}

// shareTokens gives segments that a run of letters was cut into their parts of its tokens, by their
// bytes: to the encoding the run is one piece, all of which counts in the last of them.
func shareTokens(segments []segment) {
	for i := 0; i < len(segments); i++ {
		first, tokens := i, segments[i].tokens
		for segments[i].joined && i+1 < len(segments) {
			i++
			tokens += segments[i].tokens
		}
		if i == first {
			continue
		}
		start, done := segments[first].start, 0
		size := segments[i].end - start
		for j := first; j <= i; j++ {
			upTo := tokens * (segments[j].end - start) / size
			segments[j].tokens, done = upTo-done, upTo
		}
	}
}

// groupPassages makes passages of the segments. Headings belong to what follows them, and hold up to
// the next one of their text.
func (sc *scratch) groupPassages() {
	title := -1
	for i := range sc.segments {
		g := &sc.segments[i]
		begins := i == 0 || g.text != sc.segments[i-1].text
		after := !begins && sc.segments[i-1].heading
		if begins {
			title = -1
		}
		if g.heading {
			title = i
		}
		if begins || g.border && !after {
			sc.passages = append(sc.passages, passage{from: i})
		}
		p := &sc.passages[len(sc.passages)-1]
		p.to, p.title = i+1, title
		g.passage = len(sc.passages) - 1
	}
}

// rarity tells how rare a word is in general, from 0 to one, by its rank in the vocabulary of
// o200k_base; what is no token of it is rarest. A rank's logarithm is about that of the
// word's frequency (Zipf), in each of the many languages that the vocabulary has words of.
func (s *Selector) rarity(word string) int {
	const common = 9 * one // the logarithm of the first ranks of words
	const rarest = 10 * one
	var buf [2 * 64]byte
	least := rarest
	try := func(w string) {
		if rank, ok := s.counter.Rank(w); ok {
			least = min(least, max(lg(rank+1)-common, 0))
		}
	}
	try(word)
	b := append(buf[:0], ' ')
	try(string(append(b, word...)))
	for _, r := range word {
		b = appendLower(b, r)
	}
	try(string(b))
	return least * one / rarest
}
