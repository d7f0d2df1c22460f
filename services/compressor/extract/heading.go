package extract

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxHeading is the most bytes of a line that is taken for a heading.
const maxHeading = 120

// markers are the words that number a document in a prompt, folded.
var markers = []string{
	"document", "doc", "passage", "source", "context", "article", "text", "result", "chunk", "snippet", "reference", "paragraph",
	"dokument", "quelle", "abschnitt", "documento", "fuente", "fonte", "texto", "extrait",
	"文档", "文件", "文章", "资料", "段落", "来源", "文書", "資料", "문서", "документ", "источник", "текст",
}

// markLine looks for a heading at the front of the line that begins at i, and cuts after it.
func (s *splitter) markLine(i int) {
	line := s.text[i:]
	if len(s.tags) > 0 { // a tag is a segment by itself
		line = line[:max(min(s.tags[0].Start-i, len(line)), 0)]
	}
	if n, label, title := documentMarker(line); n > 0 {
		s.border = true
		if s.start < i && strings.TrimSpace(s.text[s.start:i]) != "" {
			return // within a protected span
		}
		before := len(s.out)
		if label < n {
			s.heading(i+label, i+label)
		}
		if s.heading(i+n, i+title); len(s.out) > before {
			s.out[before].role = numbering
		}
		return
	}
	end := strings.IndexByte(line, '\n')
	if end < 0 || end > maxHeading {
		return
	}
	text := strings.TrimRight(line[:end], " \t\r")
	if text == "" || !s.headingLine(text) {
		return
	}
	if text[0] == '#' || text[0] == '<' {
		s.border = true
	}
	if s.border {
		rest := i + end
		for rest < len(s.text) && (s.text[rest] == '\n' || s.text[rest] == '\r' || s.text[rest] == ' ' || s.text[rest] == '\t') {
			rest++
		}
		last := i + end + strings.LastIndexByte(s.text[i+end:rest], '\n') + 1
		if r, _ := utf8.DecodeRuneInString(s.text[rest:]); rest < len(s.text) && !unicode.IsLower(r) {
			s.heading(last, i)
			s.lineStart = last
		}
	}
}

// heading hands out the segment at hand as a heading that ends at end; its title begins at
// title.
func (s *splitter) heading(end, title int) {
	if end <= s.start || end >= len(s.text) || s.within(end) {
		return
	}
	g := segment{start: s.start, end: end, border: true, heading: true, title: title, ends: s.text[end-1] == '\n'}
	s.start, s.border = end, false
	s.out = append(s.out, g)
}

// headingLine tells whether a line that stands at the beginning of a passage is a heading.
func (s *splitter) headingLine(line string) bool {
	switch line[0] {
	case '#':
		return true
	case '<':
		return line[len(line)-1] == '>'
	case '-', '*', '+', '|', '>', '`', '{', '[', '"':
		return false
	}
	r, _ := utf8.DecodeLastRuneInString(line)
	switch r {
	case '.', '!', '?', ';', ',', ':', '：', '。', '！', '？', '；', '，', '、', '…', '|', '{', '}':
		return false
	}
	if strings.Count(line, " ") > 12 || len(line) > 4 && strings.Contains(line[4:], ". ") {
		return false
	}
	r, _ = utf8.DecodeRuneInString(line)
	return !unicode.IsLower(r)
}

// documentMarker reads what numbers a document at the front of a line, as in "Document [3](Title: …)",
// "[3] Title", "[Doc 3]", "Source 2: …", "--- 3 ---", and returns its length, that of what numbers
// in it, and where the title in it begins, or 0.
func documentMarker(line string) (n, label, title int) {
	if n = ruledNumberLength(line); n > 0 {
		return n, n, n
	}
	i := 0
	for i < len(line) && (line[i] == '#' || line[i] == ' ' || line[i] == '*' || line[i] == '<') && i < 6 {
		i++
	}
	bracket := i < len(line)-1 && line[i] == '[' && ascii[line[i+1]&0x7f] == letter
	if bracket {
		i++
	}
	from := i
	for _, m := range markers {
		if len(line) >= i+len(m) && strings.EqualFold(line[i:i+len(m)], m) {
			i += len(m)
			break
		}
	}
	named := i > from
	if named && i < len(line) && line[i] == ' ' {
		i++
	}
	numbered := numberLength(line[i:], !named)
	if numbered == 0 {
		return 0, 0, 0
	}
	if i += numbered; bracket {
		if i >= len(line) || line[i] != ']' {
			return 0, 0, 0
		}
		i++
	}
	for i < len(line) && (line[i] == ':' || line[i] == '.' || line[i] == '>' || line[i] == '*') {
		i++
	}
	title = i
	at := i
	for at < len(line) && line[at] == ' ' {
		at++
	}
	if at < len(line) && line[at] == '(' {
		if size := parenthesisLength(line[at:]); size > 0 {
			title = at + 1
			if rest := line[title:]; len(rest) > 6 && strings.EqualFold(rest[:6], "title:") {
				title += 6
			}
			return at + size, i, title
		}
	}
	return i, i, title
}

// ruledNumberLength is the length of a line that is a number between dashes or the like, with its line break,
// or 0.
func ruledNumberLength(line string) int {
	end := strings.IndexByte(line, '\n')
	if end < 0 || end > maxHeading || !strings.HasPrefix(line, "--") && !strings.HasPrefix(line, "==") {
		return 0
	}
	text := strings.TrimSpace(strings.Trim(strings.TrimRight(line[:end], " \t\r"), "-="))
	for _, m := range markers {
		if len(text) > len(m) && strings.EqualFold(text[:len(m)], m) {
			text = strings.TrimLeft(text[len(m):], " #")
			break
		}
	}
	if text == "" || len(text) > 5 || !isNumber(text) {
		return 0
	}
	return end + 1
}

// numberLength reads a number at the front of a text, in brackets or, unless they are a must,
// without.
func numberLength(text string, brackets bool) int {
	i := 0
	bracket := i < len(text) && (text[i] == '[' || text[i] == '(')
	if brackets && (!bracket || text[i] != '[') {
		return 0
	}
	if bracket {
		i++
	} else if i < len(text) && text[i] == '#' {
		i++
	}
	from := i
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	if i == from || i-from > 5 {
		return 0
	}
	if bracket {
		if i >= len(text) || text[i] != ']' && text[i] != ')' {
			return 0
		}
		return i + 1
	}
	if i < len(text) && (ascii[text[i]&0x7f] == letter || text[i] >= utf8.RuneSelf || ascii[text[i]&0x7f] == space && text[i] != '\n') {
		return 0 // "Text 3 of …" is prose
	}
	return i
}

// parenthesisLength returns the length of what is in parentheses at the front of a text, on one
// line, or 0.
func parenthesisLength(text string) int {
	depth := 0
	for i := 0; i < len(text) && i < 300; i++ {
		switch text[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		case '\n':
			return 0
		}
	}
	return 0
}
