package protect

import "strings"

// How far a closing mark may be from its opening one, in bytes.
const (
	maxQuote   = 400
	maxSingle  = 160
	maxInline  = 2000
	maxBracket = 300
	maxCite    = 160
	maxTag     = 1000
)

// The kinds of closing marks that are searched for.
const (
	pairs   = iota // and those of quotation that follow it
	square  = 10
	round   = 11
	angle   = 12
	comment = 13
	address = 14
	ticks   = 15        // and up to seven of them
	full    = ticks + 8 // and those of full width that follow it
	element = full + 4  // and those of code that follow it
	closers = element + 4
)

// line goes on from the beginning of a line, over a code block or JSON in the short form if
// one begins there.
func (s *scanner) line(i int) int {
	if s.byteAt(i) == ShortJSON[0] && s.after(i, ShortJSON) > 0 {
		return s.add(i, len(s.text), JSON)
	}
	mark, n, k := s.fence(i)
	if n == 0 {
		return i
	}
	quoted := s.isQuoted(i)
	if mark == '`' {
		for ; k < len(s.text) && s.text[k] != '\n'; k++ {
			if s.text[k] == '`' { // inline code
				return i
			}
		}
	}
	for {
		next := strings.IndexByte(s.text[k:], '\n')
		if next < 0 {
			return s.add(i, len(s.text), Code)
		}
		k += next + 1
		if s.isQuoted(k) != quoted {
			if quoted { // the quotation ends, and its fence with it
				return s.add(i, k-1, Code)
			}
			continue
		}
		closing, m, end := s.fence(k)
		if closing != mark || m < n {
			continue
		}
		for s.byteAt(end) == ' ' || s.byteAt(end) == '\t' || s.byteAt(end) == '\r' {
			end++
		}
		if end == len(s.text) || s.text[end] == '\n' {
			return s.add(i, end, Code)
		}
	}
}

// fence tells the mark and length of the fence with which the line at i begins, and where it
// ends; 0 when there is none. The signs of a quotation may stand before it.
func (s *scanner) fence(i int) (mark byte, n, end int) {
	for s.byteAt(i) == ' ' || s.byteAt(i) == '\t' || s.byteAt(i) == '>' {
		i++
	}
	mark = s.byteAt(i)
	if mark != '`' && mark != '~' {
		return 0, 0, i
	}
	for s.byteAt(i) == mark {
		n++
		i++
	}
	if n < 3 {
		return 0, 0, i
	}
	return mark, n, i
}

// isQuoted tells whether the line at i is quoted, as in Markdown.
func (s *scanner) isQuoted(i int) bool {
	for s.byteAt(i) == ' ' || s.byteAt(i) == '\t' {
		i++
	}
	return s.byteAt(i) == '>'
}

// breaks tells whether the line end at i ends a paragraph.
func (s *scanner) breaks(i int) bool {
	for i++; i < len(s.text); i++ {
		switch s.text[i] {
		case ' ', '\t', '\r':
		case '\n':
			return true
		case '`', '~':
			return strings.HasPrefix(s.text[i:], "```") || strings.HasPrefix(s.text[i:], "~~~")
		default:
			return false
		}
	}
	return true
}

// find returns where mark stands next, from i on, at most limit bytes further and within the
// paragraph; -1 when it does not. The kind is for its memory of where the mark is not.
func (s *scanner) find(i, limit, kind int, mark string) int {
	end := min(i+limit, len(s.text))
	for k := max(i, min(s.barren[kind], end)); k < end; k++ {
		switch b := s.text[k]; {
		case b == mark[0] && strings.HasPrefix(s.text[k:], mark):
			s.barren[kind] = k
			return k
		case b == '\n' && s.breaks(k):
			end = k
		}
	}
	s.barren[kind] = max(s.barren[kind], end-len(mark)+1)
	return -1
}

// inline goes on from a backtick.
func (s *scanner) inline(i int) int {
	n := i
	for s.byteAt(n) == '`' {
		n++
	}
	width := n - i
	if width > 7 {
		return n
	}
	mark := s.text[i:n]
	for k := n; ; {
		k = s.find(k, maxInline-(k-n), ticks+width, mark)
		if k < 0 {
			return n
		}
		end := k + width
		for s.byteAt(end) == '`' {
			end++
		}
		if end == k+width {
			return s.add(i, end, Inline)
		}
		if k = end; k-n >= maxInline {
			return n
		}
	}
}

// straight goes on from a quotation mark that opens and closes alike, and may be neither.
func (s *scanner) straight(i int, mark byte, limit int) int {
	if i > 0 {
		switch b := s.text[i-1]; {
		case b == '\\':
			return i + 1 // an escaped one opens nothing
		case b >= 0x80 && mark == '"':
		case traits[b]&core != 0, strings.IndexByte(`.!?)]}"'%`, b) >= 0:
			return i + 1
		}
	}
	if b := s.byteAt(i + 1); b <= ' ' || b == mark {
		return i + 1
	}
	end := min(i+limit, len(s.text))
	for k := i + 1; k < end; k++ {
		switch s.text[k] {
		case '\\':
			k++
		case '\n':
			if mark == '\'' || s.breaks(k) {
				return i + 1
			}
		case mark:
			if b := s.text[k-1]; b == ' ' || b == '\n' || b == '\t' {
				return i + 1 // it opens
			}
			if mark == '\'' && s.is(k+1, core) {
				continue // an apostrophe
			}
			return s.add(i, k+1, Quote)
		}
	}
	return i + 1
}

// quotations are the pairs of quotation marks; several rows with the same first are tried in
// order. » opens only after a space.
var quotations = [...]struct{ open, close string }{
	{"“", "”"}, {"„", "“"}, {"„", "”"}, {"«", "»"}, {"»", "«"}, {"「", "」"}, {"『", "』"}, {"‘", "’"}, {"‹", "›"},
}

// fullWidth are the brackets of Chinese and Japanese that citations stand in.
var fullWidth = [...]struct{ open, close string }{{"【", "】"}, {"〔", "〕"}, {"（", "）"}, {"［", "］"}}

// sign goes on from a character of several bytes.
func (s *scanner) sign(i int) int {
	text := s.text[i:]
	switch b := s.byteAt(i + 1); {
	case text[0] == 0xE3 && b != 0x80, text[0] == 0xEF && b != 0xBC && b != 0xBF, text[0] == 0xE2 && b != 0x80 && b != 0x82 && b != 0x88:
		return s.next(i) // kana, full-width letters, arrows: none that is looked for
	case text[0] == 0xEF && !wide(text) && !strings.HasPrefix(text, "（") && !strings.HasPrefix(text, "［") && s.after(i, "￥") == 0:
		return s.next(i)
	}
	for n, q := range quotations {
		if !strings.HasPrefix(text, q.open) {
			continue
		}
		if q.open == "»" && i > 0 && s.text[i-1] > ' ' && s.text[i-1] != '(' {
			break
		}
		start, limit := i+len(q.open), maxQuote
		if q.open == "‘" {
			limit = maxSingle
		}
		for k := start; k-start < limit; k += len(q.close) {
			if k = s.find(k, limit-(k-start), pairs+n, q.close); k < 0 {
				break
			}
			if q.close == "’" && s.is(k+len(q.close), core) {
				continue // an apostrophe
			}
			return s.add(i, k+len(q.close), Quote)
		}
	}
	for n, b := range fullWidth {
		if !strings.HasPrefix(text, b.open) {
			continue
		}
		start := i + len(b.open)
		if end := s.find(start, maxCite, full+n, b.close); end > 0 {
			if inner := s.text[start:end]; isNoteOrNumbers(inner) || isSourceReference(inner) {
				return s.add(i, end+len(b.close), Citation)
			}
		}
		return start
	}
	for _, currency := range [...]string{"€", "£", "¥", "₹", "₽", "±", "−", "￥"} {
		if k := s.after(i, currency); k > 0 {
			if k = s.blank(k); s.is(k, digit) {
				return s.number(i, k)
			}
		}
	}
	if wide(text) {
		end := i
		for wide(s.text[end:]) || s.is(end, digit|dot|comma) && wide(s.text[end+1:]) {
			if s.text[end] < 0x80 {
				end++
			} else {
				end += 3
			}
		}
		if k := s.counter(end); k > 0 {
			end = k
		}
		return s.add(i, end, Number)
	}
	return s.next(i)
}

// wide tells whether text begins with a digit of full width.
func wide(text string) bool {
	return len(text) >= 3 && text[0] == 0xEF && text[1] == 0xBC && text[2] >= 0x90 && text[2] <= 0x99
}

// bracket goes on from a square bracket at open, before which start may be another mark:
// JSON, a link, a citation, or none of them.
func (s *scanner) bracket(start, open int) int {
	if start == open {
		if end := s.jsonEnd(open); end > 0 && s.sizable(open, end) {
			return s.add(open, end, JSON)
		}
	}
	end := s.find(open+1, maxBracket, square, "]")
	if end < 0 {
		return open + 1
	}
	if s.byteAt(end+1) == '(' {
		if k := s.find(end+2, maxTag, address, ")"); k > 0 && destination(s.text[end+2:k]) {
			if strings.IndexByte(s.text[end+2:k], '(') >= 0 && s.byteAt(k+1) == ')' {
				k++ // an address with parentheses
			}
			return s.add(start, k+1, Link)
		}
	}
	if kind := kindOfMark(s.text[open : end+1]); kind != 0 {
		return s.add(open, end+1, kind)
	}
	if inner := s.text[open+1 : end]; isNoteOrNumbers(inner) || end-open <= maxCite && isSourceReference(inner) {
		return s.add(s.label(open), end+1, Citation)
	}
	return open + 1
}

// kindOfMark tells what mark of an earlier stage a text in brackets is; 0 when it is none.
func kindOfMark(mark string) Kind {
	switch {
	case strings.HasPrefix(mark, SameAs):
		return Reference
	case strings.HasPrefix(mark, AsAbove), strings.HasSuffix(mark, MoreTimes), strings.Contains(mark, Omitted):
		return Citation
	default:
		return 0
	}
}

// destination tells whether a link can lead to text: an address without spaces, and perhaps a
// title in quotation marks.
func destination(text string) bool {
	address, title, found := strings.Cut(text, " ")
	return !strings.Contains(address, "\n") && (!found || title != "" && strings.IndexByte("\"'", title[0]) >= 0 && !strings.Contains(title, "\n"))
}

// isNoteOrNumbers tells whether text between brackets is a footnote's name or numbers of sources.
func isNoteOrNumbers(text string) bool {
	if strings.HasPrefix(text, "^") {
		return len(text) > 1 && !strings.ContainsAny(text, " \n")
	}
	digits := 0
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case !strings.ContainsRune(" ,-;.–、，；", r):
			return false
		}
	}
	return digits > 0 && len(text) <= 40
}

// label returns where the word begins that a citation's bracket at i is the number of, as in
// Document [3]; i when there is no such word.
func (s *scanner) label(i int) int {
	k := i - 1
	if k < 0 || s.text[k] != ' ' {
		return i
	}
	for k > 0 && i-k < 12 && s.is(k-1, lower|upper) {
		k--
	}
	if s.done > k {
		return i
	}
	switch strings.ToLower(s.text[k : i-1]) {
	case "document", "doc", "source", "passage", "article", "ref", "reference", "chunk", "result", "page", "section", "figure", "table":
		return k
	}
	return i
}

// parenthesis goes on from an opening one, over a citation if it has one: (Smith et al., 2020;
// Jones 2019b), (see Sec. 3.1.).
func (s *scanner) parenthesis(i int) int {
	if !s.is(i+1, upper|other) && s.byteAt(i+1) < 0xE3 && referralLength(s.text[i+1:]) == 0 {
		return i + 1
	}
	end := s.find(i+1, maxCite, round, ")")
	if end > 0 && strings.IndexByte(s.text[i+1:end], '(') >= 0 { // (see Smith (2019), p. 3)
		most := max(end+1, min(i+maxCite, len(s.text)))
		if k := strings.IndexAny(s.text[end+1:most], "()\n"); k >= 0 && s.text[end+1+k] == ')' {
			end += 1 + k
		}
	}
	if end < 0 || !isSourceReference(s.text[i+1:end]) {
		return i + 1
	}
	return s.add(i, end+1, Citation)
}

// tag goes on from a less-than sign.
func (s *scanner) tag(i int) int {
	next := s.byteAt(i + 1)
	if next == '!' && s.after(i+2, "--") > 0 {
		if k := strings.Index(s.text[max(i+4, s.barren[comment]):], "-->"); k >= 0 {
			return s.add(i, max(i+4, s.barren[comment])+k+3, Tag)
		}
		s.barren[comment] = len(s.text)
		return i + 4
	}
	if next == '/' {
		next = s.byteAt(i + 2)
	}
	if t := traits[next]; t&(lower|upper) == 0 && next != '!' && next != '?' {
		return i + 1
	}
	k := s.find(i+1, maxTag, angle, ">")
	if k < 0 || strings.IndexByte(s.text[i+1:k], '<') >= 0 {
		return i + 1
	}
	if end := s.codeElement(i, k+1); end > 0 {
		return s.add(i, end, Code)
	}
	return s.add(i, k+1, Tag)
}

// codeElements are the elements of HTML that hold code, or text whose spaces count.
var codeElements = [...]string{"pre", "script", "style", "textarea"}

// codeElement returns where one of these elements ends whose tag is text[i:k]; 0 for another tag, and
// for one without an end.
func (s *scanner) codeElement(i, k int) int {
	for n, name := range codeElements {
		if k < i+2+len(name) || !strings.EqualFold(s.text[i+1:i+1+len(name)], name) || s.is(i+1+len(name), core|dash) {
			continue
		}
		for at := max(k, s.barren[element+n]); ; at += 2 {
			next := strings.Index(s.text[min(at, len(s.text)):], "</")
			if next < 0 {
				s.barren[element+n] = len(s.text)
				return 0
			}
			at += next
			if end := at + 2 + len(name); end < len(s.text) && strings.EqualFold(s.text[at+2:end], name) && s.text[end] == '>' {
				return end + 1
			}
		}
	}
	return 0
}
