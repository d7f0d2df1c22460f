package tokens

import (
	"context"
	"unicode/utf8"
)

// Part is text[Start:End] of a text, with its count by itself.
type Part struct {
	Start, End int
	Count
}

// leastPart is the length of a part, in bytes, from which on it is quicker to look for its
// ends than to count it again.
const leastPart = 32

// CountParts is CountContext for a text of which parts were counted before: only what is
// between them is counted, with a word or two at their ends, which may be other tokens there
// than by themselves. The parts are in ascending order, and apart from each other. It is
// marked estimated where a part's count is, too.
func (c *Counter) CountParts(ctx context.Context, e Encoding, text string, parts []Part) (Count, error) {
	encoder, err := c.encoder(e)
	if err != nil {
		return Count{}, err
	}
	if encoder == nil {
		return estimate(e, text, nil, nil), nil // by characters, which do not add up
	}
	var sum Count
	add := func(start, end int, sign int64) {
		if err != nil || start == end {
			return
		}
		var n Count
		n, err = encoder.segment(ctx.Err, e, text[start:end], nil)
		sum.Tokens += sign * n.Tokens
		sum.Estimated = sum.Estimated || n.Estimated
	}
	done := 0
	for i := range parts {
		p := &parts[i]
		if p.End-p.Start < leastPart {
			continue
		}
		start, end := encoder.classes.firstCut(text, p.Start, p.End), encoder.classes.lastCut(text, p.Start, p.End)
		if start >= end {
			continue
		}
		add(done, start, 1)
		add(p.Start, start, -1)
		add(end, p.End, -1)
		sum.Tokens += p.Tokens
		sum.Estimated = sum.Estimated || p.Estimated
		done = end
	}
	add(done, len(text), 1)
	if err != nil {
		return Count{}, err
	}
	sum.Estimated = sum.Estimated || !e.Exact()
	return sum, nil
}

// cuts tells whether a text is cut between two characters by both encodings whatever else is
// in it, so that what is before has the same pieces as if nothing followed, and what follows
// as if nothing had been before. It does not tell so of each such place. next is the first
// byte of the character after it.
func cuts(before, after class, next byte) bool {
	switch {
	case before == number:
		return after != number
	case before&letter != 0: // a mark may be in its word, and a contraction
		return after&(blank|number) != 0 || after == symbol && next != '\''
	case before&punct != 0: // a letter may have it in front, and newlines are at its end
		return after&(space|number) != 0
	case before == newline: // more of them may follow, or in o200k_base a slash
		return after&blank == 0 && next != '/'
	default: // the last space goes to a word
		return false
	}
}

// firstCut returns the first place from text[from] up to text[to] at which a text is cut for
// sure, and text[from:] is too; or one beyond.
func (t *classes) firstCut(text string, from, to int) int {
	if from == 0 {
		return 0
	}
	_, size := utf8.DecodeLastRuneInString(text[:from])
	i := from
	for i < len(text) && !utf8.RuneStart(text[i]) {
		i++
	}
	if i > from { // by itself it begins with half a character
		if i == len(text) {
			return to + 1
		}
		_, size = t.at(text, i)
		i += size
	}
	before, _ := t.at(text, i-size)
	for i <= to {
		if i == len(text) {
			return i
		}
		after, size := t.at(text, i)
		if cuts(before, after, text[i]) {
			return i
		}
		before = after
		i += size
	}
	return to + 1
}

// lastCut returns the last place from text[from] up to text[to] at which a text is cut for
// sure, and text[:to] is too; or one before.
func (t *classes) lastCut(text string, from, to int) int {
	if to == len(text) {
		return to
	}
	i := to
	for i > 0 && !utf8.RuneStart(text[i]) {
		i--
	}
	if i < to { // by itself it ends with half a character
		_, size := utf8.DecodeLastRuneInString(text[:i])
		i -= size
	}
	for i >= from {
		if i == 0 {
			return 0
		}
		after, _ := t.at(text, i)
		_, size := utf8.DecodeLastRuneInString(text[:i])
		if before, _ := t.at(text, i-size); cuts(before, after, text[i]) {
			return i
		}
		i -= size
	}
	return from - 1
}
