package extract

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSentence is the most bytes of a sentence; a longer one is cut where a clause or a word
// ends. So text without sentences (a log, a table, one endless line) can be shortened too.
const maxSentence = 800

// splitter cuts one text into segments: sentences, headings, lines of lists. Every byte of the
// text belongs to one segment. Spaces between sentences of a line belong to the
// latter one, as they do to a tokenizer; line breaks belong to the line that they end.
type splitter struct {
	text  string
	lang  language
	spans []Span // never cut within; in order, apart from each other
	next  int    // the first span that may hold a place that is still to come
	tags  []tag  // segments by themselves; those before the place at hand are gone
	lines []Span // of which each line is a segment; those before the place at hand are gone

	start     int  // of the segment at hand
	lineStart int  // of the line at hand
	border    bool // the next segment begins a passage
	out       []segment
}

// stopper are the bytes that a sentence or a line may end at, or that begin such a
// character.
var stopper = func() (t [256]bool) {
	for _, c := range []byte(".!?;\n<") {
		t[c] = true
	}
	for _, c := range []byte{0xD6, 0xD8, 0xDB, 0xE0, 0xE1, 0xE2, 0xE3, 0xEF} {
		t[c] = true
	}
	return t
}()

// isFullStop reports whether a character ends a sentence whatever follows it.
func isFullStop(r rune) bool {
	switch r {
	case '。', '！', '？', '．', '｡', '؟', '۔', '।', '॥', '።', '။', '។', '։', '།':
		return true
	}
	return false
}

// isCloser reports whether a character closes what ends together with a sentence.
func isCloser(r rune) bool {
	switch r {
	case ')', ']', '}', '"', '\'', '”', '’', '»', '›', '」', '』', '）', '】', '〕', '］', '》', '〉', '“':
		return true
	}
	return false
}

// afterGreek tells whether a Greek letter stands before i: a semicolon behind one is a question mark.
func (s *splitter) afterGreek(i int) bool {
	return i > 1 && (s.text[i-2] == 0xCE || s.text[i-2] == 0xCF)
}

// isUnspaced reports whether a character is of a script that has no stops, and spaces between
// clauses alone: Thai and Lao.
func isUnspaced(r rune) bool { return r >= 0xE00 && r <= 0xEFF }

// leastClause is the fewest bytes of a segment that ends at a space between clauses, some forty
// characters: shorter ones are names, which have spaces too.
const leastClause = 120

// isClauseEnd tells whether a space before the character at i, which is of a script without
// stops, ends a clause of it.
func (s *splitter) isClauseEnd(i int) bool {
	if i-1-s.start < leastClause || s.text[i-1] != ' ' {
		return false
	}
	r, _ := utf8.DecodeLastRuneInString(s.text[:i-1])
	return isUnspaced(r)
}

// pace is how much of a text is read, in bytes, before it is looked whether anybody still
// waits for the result; paceTerms is the same in words.
const (
	pace      = 16 << 10
	paceTerms = 1 << 11
)

// split cuts the text, in one pass: what is looked at beyond a stop is not looked at again from
// the next one, but for a few bytes.
func (s *splitter) split(ctx context.Context) error {
	s.border = true
	s.markLine(0)
	look := pace
	for i := 0; i < len(s.text); {
		if len(s.lines) > 0 && i >= s.lines[0].Start {
			i = s.table()
			continue
		}
		if len(s.tags) > 0 && i >= s.tags[0].Start {
			i = s.tag()
			continue
		}
		c := s.text[i]
		if !stopper[c] {
			i++
			continue
		}
		if i >= look {
			if err := ctx.Err(); err != nil {
				return err
			}
			look = i + pace
		}
		if c == '\n' {
			i = s.lineEnd(i)
			continue
		}
		r, size := rune(c), 1
		if c >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s.text[i:])
		}
		switch {
		case isFullStop(r):
			end := s.afterStop(i + size)
			s.cut(end)
			i = end
			continue
		case r == '.' || r == '!' || r == '?' || r == '…' || r == ';' && s.afterGreek(i):
			end := s.afterStop(i + size)
			if s.isSentenceEnd(i, end, r) {
				s.cut(end)
			}
			i = end
			continue
		case r == '\u2028' || r == '\u2029':
			s.cut(i + size)
		case isUnspaced(r) && s.isClauseEnd(i):
			s.cut(i - 1)
		}
		i += size
	}
	s.emit(len(s.text))
	return nil
}

// table makes a segment of each line of the first of lines, and returns where it ends.
func (s *splitter) table() int {
	at := s.lines[0]
	s.lines = s.lines[1:]
	if s.start < at.Start {
		s.emit(at.Start)
	}
	s.border = true
	for s.start < at.End {
		end := at.End
		if n := strings.IndexByte(s.text[s.start:end], '\n'); n >= 0 {
			end = s.start + n + 1
		}
		s.push(end)
		s.out[len(s.out)-1].line = true
	}
	s.lineStart, s.border = at.End, true
	if at.End < len(s.text) {
		s.markLine(at.End)
	}
	return at.End
}

// tag makes a segment of the first of tags, with the line break behind it, and returns where it
// ends.
func (s *splitter) tag() int {
	t := s.tags[0]
	s.tags = s.tags[1:]
	if strings.TrimSpace(s.text[s.start:t.Start]) != "" {
		s.emit(t.Start)
	}
	end := t.End
	for end < len(s.text) && (s.text[end] == ' ' || s.text[end] == '\t' || s.text[end] == '\r' || s.text[end] == '\n') {
		end++
	}
	if n := strings.LastIndexByte(s.text[t.End:end], '\n'); n >= 0 {
		end = t.End + n + 1
	} else {
		end = t.End
	}
	s.border = s.border || t.opens
	s.push(end)
	g := &s.out[len(s.out)-1]
	g.role = closing
	if t.opens {
		g.role, g.heading, g.title = opening, true, end
	}
	if g.ends && end < len(s.text) {
		s.lineStart = end
		s.markLine(end)
	}
	return end
}

// afterStop returns where a sentence ends whose first stop ends at i: after more stops,
// closing quotes and brackets, and footnote numbers in brackets.
func (s *splitter) afterStop(i int) int {
	for i < len(s.text) {
		r, size := utf8.DecodeRuneInString(s.text[i:])
		switch {
		case r == '“': // closes in German, opens in most languages
			if next, _ := utf8.DecodeRuneInString(s.text[i+size:]); i+size < len(s.text) && !unicode.IsSpace(next) {
				return i
			}
			i += size
		case r == '.' || r == '!' || r == '?' || r == '…' || isFullStop(r) || isCloser(r):
			i += size
		case r == '[' || r == '【' || r == '〔' || r == '［':
			n := footnote(s.text[i:], size)
			if n == 0 {
				return i
			}
			i += n
		default:
			return i
		}
	}
	return i
}

// footnote returns the length of a reference such as [12] or 【12】 at the front of the text,
// whose bracket is of some bytes, or 0.
func footnote(text string, bracket int) int {
	const most = 4 // digits
	end := bracket
	for end < len(text) && end-bracket < most && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	r, size := utf8.DecodeRuneInString(text[end:])
	if end == bracket || r != ']' && r != '】' && r != '〕' && r != '］' {
		return 0
	}
	return end + size
}

// isSentenceEnd tells whether a sentence ends at end, after a stop at i.
func (s *splitter) isSentenceEnd(i, end int, stop rune) bool {
	if end >= len(s.text) {
		return false
	}
	r, size := utf8.DecodeRuneInString(s.text[end:])
	if r == '\n' || r == '\r' {
		return false // lineEnd looks at it
	}
	if !unicode.IsSpace(r) {
		return r >= utf8.RuneSelf && classOf(r) == dense && i > 0 && s.text[i-1] >= utf8.RuneSelf
	}
	at := end + size
	for ; at < len(s.text); at += size {
		r, size = utf8.DecodeRuneInString(s.text[at:])
		if r == '\n' {
			return false
		}
		if !unicode.IsSpace(r) {
			break
		}
	}
	if unicode.IsLower(r) || r == ',' || r == ';' || r == ':' || r == ')' {
		return false
	}
	if stop == '!' && end == i+1 && startsWithFirm(s.text[at:]) || s.inParentheses(end) {
		return false
	}
	return stop != '.' || end > i+1 || !s.belongsToWord(i, s.text[at:])
}

// inParentheses tells whether a place is within parentheses that are opened and closed on its line,
// not far from each other: what is in them stands or falls as one.
func (s *splitter) inParentheses(at int) bool {
	const reach = 240
	from := max(s.start, at-reach)
	if from >= at || strings.IndexByte(s.text[from:at], '(') < 0 {
		return false
	}
	depth := 0
	for i := at - 1; i >= from && depth >= 0 && s.text[i] != '\n'; i-- {
		switch s.text[i] {
		case ')':
			depth++
		case '(':
			depth--
		}
	}
	if depth >= 0 {
		return false
	}
	depth = 1
	for i := at; i < min(at+reach, len(s.text)) && s.text[i] != '\n'; i++ {
		switch s.text[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return true
			}
		}
	}
	return false
}

// belongsToWord tells whether the point at i belongs to the word before it; next is what follows.
func (s *splitter) belongsToWord(i int, next string) bool {
	from := i
	for from > s.start && i-from < 12 {
		c := s.text[from-1]
		if c == ' ' || c == '\n' || c == '(' || c == '"' || c == '\t' {
			break
		}
		from--
	}
	w := s.text[from:i]
	if w == "" {
		return true
	}
	if isNumber(w) {
		// An ordinal, as German writes dates, or the number of a line of a list.
		return len(w) <= 2 && s.lang == german || from == s.lineStart && len(w) <= 3
	}
	if w == "al" { // et al.
		return strings.HasSuffix(s.text[s.start:from], "et ")
	}
	if isCountryPart(w, next) {
		return true
	}
	if strings.IndexByte(w, '.') >= 0 { // i.e, U.S, J.R.R
		short := true
		for part := range strings.SplitSeq(w, ".") {
			short = short && utf8.RuneCountInString(part) <= 2
		}
		return short && !(len(w) == 3 && (w == "a.m" || w == "p.m" || w == "U.S" || w == "U.K"))
	}
	if r, size := utf8.DecodeRuneInString(w); size == len(w) {
		return unicode.IsLetter(r) && classOf(r) == letter && r != 'I'
	}
	return isAbbreviation(w)
}

// lineEnd looks at the line break at i, and returns where the next line begins.
func (s *splitter) lineEnd(i int) int {
	body := i
	for body > s.start && (s.text[body-1] == ' ' || s.text[body-1] == '\t' || s.text[body-1] == '\r') {
		body--
	}
	breaks, end, at := 0, i, i
	for ; at < len(s.text); at++ {
		switch s.text[at] {
		case '\n':
			breaks++
			end = at + 1
			continue
		case ' ', '\t', '\r':
			continue
		}
		break
	}
	if at >= len(s.text) {
		return len(s.text)
	}
	if breaks == 1 && s.isWrapped(body, at) {
		s.lineStart = end
		return end
	}
	s.cut(end)
	if s.start != end { // within a protected span
		s.lineStart = end
		return end
	}
	// A line of prose is a passage of its own where lines are paragraphs.
	if breaks > 1 || body-s.lineStart >= 200 && endsSentence(s.text[:body]) {
		s.border = true
	}
	s.lineStart = end
	s.markLine(at)
	return max(end, s.start)
}

// isWrapped tells whether the line that ends at body only goes on in the next, which begins
// at next.
func (s *splitter) isWrapped(body, next int) bool {
	if body == 0 || body-s.lineStart < 30 || endsSentence(s.text[:body]) || s.text[body-1] == ':' {
		return false
	}
	r, _ := utf8.DecodeRuneInString(s.text[next:])
	return unicode.IsLower(r)
}

// endsSentence tells whether a text ends with what ends a sentence.
func endsSentence(text string) bool {
	for text != "" {
		r, size := utf8.DecodeLastRuneInString(text)
		switch {
		case isCloser(r):
			text = text[:len(text)-size]
		default:
			return r == '.' || r == '!' || r == '?' || r == '…' || isFullStop(r)
		}
	}
	return false
}

// cut ends the segment at hand at end, if it may end there.
func (s *splitter) cut(end int) {
	if end <= s.start || end >= len(s.text) || s.within(end) {
		return
	}
	s.emit(end)
}

// within tells whether a place is inside a protected span.
func (s *splitter) within(at int) bool {
	for s.next < len(s.spans) && s.spans[s.next].End <= at {
		s.next++
	}
	return s.next < len(s.spans) && s.spans[s.next].Start < at
}

// emit hands out the segment at hand, in pieces if it is too long.
func (s *splitter) emit(end int) {
	if end-s.start > longestRun {
		s.cutRuns(end)
	}
	for end-s.start > maxSentence {
		at := s.clause(s.start+maxSentence/4, s.start+maxSentence)
		if at == 0 { // within a span
			behind := s.spanEnd(s.start + maxSentence)
			at = s.clause(behind, min(behind+maxSentence, end-1))
		}
		if at <= s.start || at >= end {
			break
		}
		s.push(at)
		s.out[len(s.out)-1].joined = s.inWord(at)
	}
	s.push(end)
}

// inWord tells whether letters or digits stand on both sides of a place.
func (s *splitter) inWord(at int) bool {
	before, _ := utf8.DecodeLastRuneInString(s.text[:at])
	after, _ := utf8.DecodeRuneInString(s.text[at:])
	return classOf(before) >= letter && classOf(after) >= letter
}

// mostSpace is up to how many bytes white space is no segment of its own.
const mostSpace = 64

// push hands out the segment at hand as one. A little white space by itself is none, and goes with
// the one before it: left out it would be a mark for nothing, and kept it would stand between two.
func (s *splitter) push(end int) {
	if end <= s.start {
		return
	}
	if n := len(s.out); n > 0 && s.out[n-1].end == s.start && end-s.start <= mostSpace && strings.TrimSpace(s.text[s.start:end]) == "" {
		s.out[n-1].end, s.out[n-1].ends = end, s.text[end-1] == '\n'
		s.start = end
		return
	}
	g := segment{start: s.start, end: end, border: s.border, ends: s.text[end-1] == '\n'}
	s.start, s.border = end, false
	s.out = append(s.out, g)
}

// clause returns the best place to cut between from and to, 0 if there is none: after a
// semicolon, a comma, before a space, before any character.
func (s *splitter) clause(from, to int) int {
	var semicolon, comma, blank, anywhere int
	for at := to; at > from && semicolon == 0; at-- {
		if !utf8.RuneStart(s.text[at]) || s.inSpan(at) {
			continue
		}
		anywhere = max(anywhere, at)
		before, _ := utf8.DecodeLastRuneInString(s.text[:at])
		switch before {
		case ';', '；', '\n':
			semicolon = max(semicolon, at)
		case ',', '，', '、', '،':
			if s.text[at] == ' ' || before != ',' {
				comma = max(comma, at)
			}
		}
		if s.text[at] == ' ' {
			blank = max(blank, at)
		}
	}
	switch {
	case semicolon > 0:
		return semicolon
	case comma > 0:
		return comma
	case blank > 0:
		return blank
	default:
		return anywhere
	}
}

// inSpan is within for any place, not only for later and later ones.
func (s *splitter) inSpan(at int) bool { return s.spanEnd(at) > at }

// spanEnd is where the protected span ends that a place is inside of, or else the place.
func (s *splitter) spanEnd(at int) int {
	lo, hi := 0, len(s.spans)
	for lo < hi {
		if mid := (lo + hi) / 2; s.spans[mid].End <= at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(s.spans) && s.spans[lo].Start < at {
		return s.spans[lo].End
	}
	return at
}
