package tokens

import (
	"context"
	"math/bits"
)

// Spread is how the tokens of a text lie in it, as [Counter.Spread] noted: a quarter and a
// sixteenth of the text's bytes. It is not written to by what reads it.
type Spread struct {
	// Count is the text's.
	Count Count

	text     string
	encoding Encoding
	classes  *classes // nil where no vocabulary is published
	marks    []marks
}

// marks are those of 64 bytes of a text, a bit for each.
type marks struct {
	ends   uint64 // of the last byte of each piece
	tokens uint64 // as many of a piece's last bytes as it has tokens, never more than it has bytes
	before uint64 // how many tokens the pieces have that end further up
}

// Spread is CountContext, and notes how the tokens lie in the text. The memory that s has is used
// again.
func (c *Counter) Spread(ctx context.Context, e Encoding, text string, s *Spread) (Count, error) {
	encoder, err := c.encoder(e)
	if err != nil {
		return Count{}, err
	}
	s.text, s.encoding, s.classes, s.marks = text, e, nil, s.marks[:0]
	if encoder == nil {
		s.Count = estimate(e, text, nil, nil)
		return s.Count, nil
	}
	n := (len(text) + 63) / 64
	if cap(s.marks) < n {
		s.marks = make([]marks, n)
	} else {
		s.marks = s.marks[:n]
		clear(s.marks)
	}
	s.classes = encoder.classes
	if s.Count, err = encoder.segment(ctx.Err, e, text, s.marks); err != nil {
		return Count{}, err
	}
	sum := uint64(0)
	for i := range s.marks {
		s.marks[i].before = sum
		sum += uint64(bits.OnesCount64(s.marks[i].tokens)) //nolint:gosec // at most 64
	}
	return s.Count, nil
}

// note notes a piece that ends before text[end].
func note(to []marks, end, tokens int) {
	last := uint(end-1) % 64
	m := &to[(end-1)/64]
	m.ends |= 1 << last
	if n := uint(tokens); n <= last+1 {
		m.tokens |= (1<<n - 1) << (last + 1 - n)
		return
	}
	for i := end - tokens; i < end; i++ {
		to[i/64].tokens |= 1 << (i % 64)
	}
}

// Of tells whether it is that of a text by an encoding.
func (s *Spread) Of(e Encoding, text string) bool { return s.encoding == e && s.text == text }

// Segments tells how the tokens spread over the text's segments: sizes[i] becomes the number
// of those in segment i, which ends before text[ends[i]] and begins where the one before it
// ends. ends are in ascending order, and sizes has room for them. What is between two segments is
// no token's end as a rule: a piece of text that the encoding splits off (a word with the
// space before it, say), and that is in two segments, counts in the one that it ends in. So
// the sizes add up to the count of the text up to the last segment's end, but the sum of some
// may be off a token or two, for each place where segments that were apart come together, from
// the count of the text that these make.
func (s *Spread) Segments(ends []int, sizes []int64) {
	sizes = sizes[:len(ends)]
	if s.classes == nil {
		estimate(s.encoding, s.text, ends, sizes)
		return
	}
	before := int64(0)
	for i, end := range ends {
		n := s.upTo(end)
		sizes[i], before = n-before, n
	}
}

// upTo returns how many tokens the pieces have that end at text[i] or before.
func (s *Spread) upTo(i int) int64 {
	if i >= len(s.text) {
		return s.Count.Tokens
	}
	at, within := i/64, uint64(1)<<(i%64)-1
	for ; at >= 0; at, within = at-1, ^uint64(0) {
		m := &s.marks[at]
		if ends := m.ends & within; ends != 0 {
			upTo := uint64(1)<<bits.Len64(ends) - 1
			return int64(m.before) + int64(bits.OnesCount64(m.tokens&upTo)) //nolint:gosec // a number of tokens
		}
	}
	return 0
}

// Part returns what is known of text[start:end] by itself: the most of it that the encoding
// cuts off at both ends whatever stands around it. It is empty where there is no such part.
func (s *Spread) Part(start, end int) Part {
	if s.classes == nil {
		return Part{Start: start, End: start}
	}
	from, to := s.classes.firstCut(s.text, start, end), s.classes.lastCut(s.text, start, end)
	if from >= to {
		return Part{Start: start, End: start}
	}
	return Part{Start: from, End: to, Count: Count{Tokens: s.upTo(to) - s.upTo(from), Estimated: s.Count.Estimated}}
}
