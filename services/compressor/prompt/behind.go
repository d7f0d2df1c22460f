package prompt

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// behind takes apart what the caller says behind the documents with no blank line between: what
// follows a line that ends them, and short lines before a question or the end of the message. It is told
// by form alone, in any language, so it may be the documents' own: on doubt it stays.
func behind(all []block, first int, by mark) []block {
	all = ended(all, first, by)
	cuts := map[int]int{} // by block, where its last lines begin
	free := true          // nothing but what stays is behind
	for i := len(all) - 1; i >= first; i-- {
		b := &all[i]
		if b.own || small(b) || questioned(b) {
			continue
		}
		if free || questioned(&all[i+1]) {
			if at := lastLines(b.text); at < len(b.text) && separable(all, b.text[at:], by) {
				cuts[i] = at
			}
		}
		free = false
	}
	if len(cuts) == 0 {
		return all
	}
	out := make([]block, 0, len(all)+len(cuts))
	for i := range all {
		at, ok := cuts[i]
		if !ok {
			out = append(out, all[i])
			continue
		}
		before, after := all[i].cut(at)
		after.own, after.unsure = true, true
		out = append(out, before, after)
	}
	return out
}

// cut is a paragraph in two, the second of which begins with a line.
func (b *block) cut(at int) (before, after block) {
	before, after = *b, *b
	before.text = strings.TrimRight(b.text[:at], " \t\r\n")
	before.end = b.start + len(before.text)
	after.text, after.start = b.text[at:], b.start+at
	return before, after
}

// questioned tells whether a paragraph is a question by its label or its mark.
func questioned(b *block) bool {
	text := strings.TrimSpace(b.text)
	return labelled(text, questionLabels) || asks(text)
}

// separable tells whether a paragraph may be shortened without its last lines. Where it would stay for
// what they say, being nobody's documents for certain, it goes on to.
func separable(all []block, lines string, by mark) bool {
	switch by {
	case unmarked, byParts:
		first, second := speaks(lines)
		return !first && !second && !instructs(lines) && !ordering(lines) && !binds(lines)
	case byDocuments:
		first, _ := speaks(lines)
		return !first || !outlined(all)
	default:
		return true
	}
}

// ended marks what follows a line that ends the documents as the caller's, that line too: what is in the
// same text behind the last mark of a document. Such lines stand within documents as well. So where several
// documents are marked, one ends them that does not stand within others of them, and everywhere one with
// no more behind it than an instruction has.
func ended(all []block, first int, by mark) []block {
	_, last := marked(all, first)
	start := max(last, first)
	if start >= len(all) {
		return all
	}
	end, size := start, 0 // of the blocks of the text; what is no question in them
	for ; end < len(all) && all[end].from == all[start].from; end++ {
		if !questioned(&all[end]) {
			size += len(all[end].text)
		}
	}
	var within map[string]bool
	fence, quotes := "", "" // the line that closes them
	for i := start; i < end; i++ {
		b := &all[i]
		if questioned(b) {
			continue
		}
		below := i == last+1 && last >= first && len(all[last].text) <= headingBytes && strings.IndexByte(all[last].text, '\n') < 0
		for at := 0; at < len(b.text); {
			next := len(b.text)
			if n := strings.IndexByte(b.text[at:], '\n'); n >= 0 {
				next = at + n + 1
			}
			line := strings.TrimSpace(b.text[at:next])
			from, kind := at, endOf(line)
			switch {
			case fence != "":
				if kind = notEnd; strings.HasPrefix(line, fence) {
					fence, from, kind = "", next, title
				}
			case strings.HasPrefix(line, "```") || strings.HasPrefix(line, "~~~"):
				fence, kind = line[:3], notEnd
			case i == last && at == 0: // the mark
				below, kind = len(line) <= headingBytes, notEnd
			case below: // what is drawn below a heading, or opens
				if strings.HasPrefix(line, `""`) || strings.HasPrefix(line, "''") {
					quotes = line
				}
				below, kind = false, notEnd
			}
			at = next
			if kind == notEnd {
				continue
			}
			if size-from > instructionBytes && line != quotes {
				if kind == title || by != byDocuments {
					continue
				}
				if within == nil {
					within = linesWithin(all[first:start])
				}
				if within[line] {
					continue
				}
			}
			if from < len(b.text) && !separable(all, b.text[from:], by) {
				return all
			}
			return ownFrom(all, i, from, end)
		}
		size -= len(b.text)
	}
	return all
}

// ownFrom marks what is behind a place in a paragraph, up to another paragraph, as the caller's.
func ownFrom(all []block, i, at, end int) []block {
	switch {
	case at >= len(all[i].text):
		i++
	case at > 0:
		before, after := all[i].cut(at)
		all = slices.Insert(all, i+1, after)
		all[i] = before
		i, end = i+1, end+1
	}
	for ; i < end; i++ {
		all[i].own = true
	}
	return all
}

// linesWithin are lines that may end documents but have more of a document behind them, and are not
// drawn below its heading.
func linesWithin(all []block) map[string]bool {
	within := map[string]bool{}
	for i := range all {
		below := false
		for at, text := 0, all[i].text; at < len(text); {
			next := len(text)
			if n := strings.IndexByte(text[at:], '\n'); n >= 0 {
				next = at + n + 1
			}
			line := strings.TrimSpace(text[at:next])
			more := next < len(text) || i+1 < len(all) && !document(strings.TrimSpace(all[i+1].text))
			if more && !below && endOf(line) != notEnd {
				within[line] = true
			}
			below = at == 0 && len(line) <= headingBytes
			at = next
		}
	}
	return within
}

// The kinds of lines that may end documents.
const (
	notEnd = iota
	rule   // `---`, `"""`, `</documents>`, `[END OF DOCUMENTS]`
	title  // in brackets or rules, as `=== TASK ===`, such as stand above chapters, too
)

// endBytes is the most that such a line has.
const endBytes = 80

// endOf tells whether a line may end documents.
func endOf(line string) int {
	if len(line) < 3 || len(line) > endBytes {
		return notEnd
	}
	if strings.HasPrefix(line, "</") {
		if name := line[2 : len(line)-1]; strings.HasSuffix(line, ">") && namesDocuments(name) && !strings.ContainsAny(name, "<> ") {
			return rule
		}
		return notEnd
	}
	mark := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }
	inner := strings.TrimFunc(line, mark)
	if inner == "" { // signs alone
		first, size := utf8.DecodeRuneInString(line)
		rest := strings.Trim(strings.ReplaceAll(line, " ", ""), string(first))
		if rest == "" && first != '.' && first != '…' && strings.Count(line, line[:size]) > 2 {
			return rule
		}
		return notEnd
	}
	before, rest, _ := strings.Cut(line, inner)
	enclosed := strings.ContainsAny(before, "[<{") && strings.ContainsAny(rest, "]>}") || drawn(before) && drawn(rest)
	if !enclosed || strings.ContainsAny(inner, "0123456789") {
		return notEnd
	}
	word, _ := wordAt(inner, 0)
	if strings.HasSuffix(before, "/") || slices.Contains(endWords, strings.ToLower(word)) {
		return rule
	}
	return title
}

// drawn tells whether a text is of two signs of a rule and more.
func drawn(text string) bool {
	text = strings.ReplaceAll(text, " ", "")
	return len(text) > 1 && strings.IndexByte("-=#~_*+", text[0]) >= 0 && strings.Trim(text, text[:1]) == ""
}

// endWords begin lines that say where documents end, in lower case.
var endWords = []string{"end", "ende", "fin", "fine", "fim", "einde", "koniec", "konec", "конец", "кінець", "slut", "slutt", "loppu", "son", "τέλος", "sfârșit", "vége"}

// lineBytes is the most that a line has which is a short one beside prose.
const lineBytes = 200

// lastLines returns where the short lines at the end of a paragraph begin that may be the caller's: each
// is a line for itself, none that goes on with a sentence. The paragraph's first line is none of them, and
// neither are lines that begin with the same two words as more of them than may be the caller's.
func lastLines(text string) (start int) {
	start = len(text)
	if strings.IndexByte(text, '\n') < 0 {
		return start
	}
	width := 0 // of lines that may have been broken for their width
	for line := range strings.Lines(text) {
		if n := len(strings.TrimSpace(line)); n <= lineBytes {
			width = max(width, n)
		}
	}
	alike, words := len(text), "" // where lines end that begin alike, and with what
	for end := len(text); ; {
		at := strings.LastIndexByte(text[:end], '\n') + 1
		line := strings.TrimSpace(text[at:end])
		if at == 0 || len(line) > lineBytes || !worded(line) {
			return start
		}
		if two := firstWords(line); two != words {
			alike, words = min(end+1, len(text)), two
		}
		if len(text)-at > smallBytes {
			return max(start, alike)
		}
		end = at - 1
		above := strings.LastIndexByte(text[:end], '\n') + 1
		before := strings.TrimSpace(text[above:end])
		if above == 0 && len(before) <= headingBytes && document(strings.TrimSpace(text)) {
			return start // all that the document has below its heading is its own
		}
		fits, _, _ := strings.Cut(line, " ")
		if len(before) > lineBytes || len(before)+1+len(fits) <= width || endsSentence(before) {
			start = at
		}
	}
}

// firstWords are the first two words of a line, behind the marks of lists.
func firstWords(line string) string {
	start := max(strings.IndexFunc(line, unicode.IsLetter), 0)
	_, end := wordAt(line, start)
	if end < len(line) {
		_, end = wordAt(line, end+1)
	}
	return line[start:min(end, len(line))]
}

// worded tells whether a line is of words: no row of a table, no part of JSON, no tag, no fence.
func worded(line string) bool {
	return line != "" && strings.IndexByte("|{<`~", line[0]) < 0 && strings.IndexByte("|}", line[len(line)-1]) < 0 &&
		(line[0] != '"' || line[len(line)-1] != ',') && strings.IndexFunc(line, unicode.IsLetter) >= 0
}

// endsSentence tells whether a line ends with a sentence.
func endsSentence(line string) bool {
	line = strings.TrimRight(line, "\"'”’»“)]）」』*_ ")
	r, _ := utf8.DecodeLastRuneInString(line)
	return unicode.Is(unicode.Sentence_Terminal, r) || r == ':' || r == '：' || r == '…' || r == '>'
}
