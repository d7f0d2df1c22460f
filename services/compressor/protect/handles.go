package protect

import (
	"strings"
	"unicode"

	"tollgate.dev/services/compressor/wordset"
)

// maxAlike is how many values of one name, or lines in brackets, tell what comes next. Where there
// are more they are a list.
const maxAlike = 5

// The sizes of values, in bytes: of data, which stays whatever its name's number, of a token, and of
// an identifier in capitals and digits.
const (
	leastData       = 256
	leastToken      = 16
	leastIdentifier = 6
)

// maxNotice is how long a line in brackets may be that tells how to go on, in bytes.
const maxNotice = 400

// Handles finds what a later call may have to repeat, each with its name: tokens, cursors, keys, ids
// and signatures, and lines in brackets that say how to read on. Of values shorter than data none is
// found where a name has more than five. The spans, in any order, may overlap; their kind is [Handle].
func Handles(text string) []Span {
	h := handleScanner{text: text, names: NewNames(text), counts: map[string]int{}}
	for i := 0; i < len(text); {
		if !valueBytes[text[i]] {
			if text[i] == '\n' || i == 0 {
				h.notice(i)
			}
			i++
			continue
		}
		if i == 0 {
			h.notice(0)
		}
		i = h.value(i)
	}
	var spans []Span
	for _, f := range h.found {
		if f.always || h.counts[f.name] <= maxAlike || f.name == notice && strings.TrimSpace(text[f.End:]) == "" {
			spans = append(spans, f.Span)
		}
	}
	return spans
}

// handleScanner is at work on one text.
type handleScanner struct {
	text   string
	names  *Names
	found  []handle
	counts map[string]int // of each name
}

// handle is what was found. Its name is what it is counted by.
type handle struct {
	Span
	name   string
	always bool
}

// What is counted together, whatever its name.
const (
	notice     = "[notice]"
	identifier = "[identifier]"
)

func (h *handleScanner) add(start, end int, name string, always bool) {
	h.counts[name]++
	h.found = append(h.found, handle{Span{start, end, Handle}, name, always})
}

// valueBytes are what values are of: base64, tokens with dots, paths.
var valueBytes = func() (t [256]bool) {
	for _, b := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_.~%") {
		t[b] = true
	}
	return t
}()

// value goes on from the word at start, and returns its end.
func (h *handleScanner) value(start int) int {
	var digits, uppers, others, lowers int
	end := start
	for ; end < len(h.text) && valueBytes[h.text[end]]; end++ {
		switch b := h.text[end]; traits[b] {
		case digit:
			digits++
		case upper:
			uppers++
		case lower:
			lowers++
		default:
			if b != '-' {
				others++
			}
		}
	}
	next := end
	for next < len(h.text) && next < end+2 && h.text[next] == '=' {
		next++
	}
	if digits+uppers > 0 && !valued(h.text[next:]) {
		end = next // what fills base64 up
	}
	for stop := end; end > start && end == stop && strings.IndexByte(".-/~", h.text[end-1]) >= 0; stop = end {
		end--
		others--
	}
	size := end - start
	if size >= leastIdentifier && digits > 0 && uppers > 0 && lowers == 0 && others <= 0 {
		if from, ok := identifierBefore(h.text, start); ok {
			h.add(from, end, identifier, false)
		}
	}
	switch {
	case size >= leastData, size >= leastToken && (digits > 0 && uppers+lowers > 0 || 4*uppers > size && 4*lowers > size):
		if name, ok := h.names.before(start); ok {
			h.add(name.from, end, name.text, size >= leastData)
			if name.header.End > 0 {
				h.add(name.header.Start, name.header.End, name.text, size >= leastData)
			}
		}
	case size > 0:
		from, name, ok := continuedBefore(h.text, start)
		if ok && (digits > 0 || size >= leastToken || uppers > 1 || strings.EqualFold(h.text[start:end], "true") || strings.EqualFold(h.text[start:end], "yes")) {
			h.add(from, end, name, false)
		}
	}
	return max(next, start+1)
}

// valued tells whether a text begins with what may be a value: then what stands before is its name.
func valued(text string) bool {
	return text != "" && (valueBytes[text[0]] && text[0] != '.' || text[0] == '"')
}

// notice looks at the line at i, or behind the line break there.
func (h *handleScanner) notice(i int) {
	if h.text[i] == '\n' {
		i++
	}
	for i < len(h.text) && strings.IndexByte(" \t.*_>-", h.text[i]) >= 0 {
		i++
	}
	if i == len(h.text) || strings.IndexByte("[(<", h.text[i]) < 0 {
		return
	}
	line := h.text[i:min(len(h.text), i+maxNotice)]
	if n := strings.IndexByte(line, '\n'); n >= 0 {
		line = line[:n]
	} else if i+maxNotice < len(h.text) {
		return
	}
	line = strings.TrimRight(line, " \t\r.*_")
	last := line[len(line)-1]
	switch {
	case line[0] == '[' && last == ']' && kindOfMark(line) == 0, line[0] == '(' && last == ')':
	case line[0] == '<' && last == '>' && strings.Contains(line, " ") && !strings.ContainsAny(line, `="/`):
	default:
		return
	}
	if hasWord(line, continuations) {
		h.add(i, i+len(line), notice, false)
	}
}

// Names tells of a text's values whether what names them says that they are handles. It is for one
// text, and for its values in their order.
type Names struct {
	text string
	// line is the line at hand, from its begin up to before its end.
	line, end int
	// tables are by [separators] the lines up to the one at hand that are apart alike.
	tables [len(separators)]tableHead
	// columns are how many of each stand in the line up to at. quoted tells whether a quotation mark
	// is open there, within which none counts.
	columns [len(separators)]int
	at      int
	quoted  bool
}

// separators are what sets the cells of a table apart.
const separators = ",\t|;"

// tableHead is the first line of a run of lines that have at least as many separators.
type tableHead struct {
	Span
	count int
}

// NewNames returns the names of a text.
func NewNames(text string) *Names {
	n := &Names{text: text}
	n.read()
	return n
}

// Named tells whether a name says of the value that begins at start that it is a token, a cursor, a
// key, an id, a signature or the like. The name stands before the value, joined by a colon, an equals
// sign or a verb, as its element of XML, as its column's header or as a scheme.
func (n *Names) Named(start int) bool {
	_, ok := n.before(start)
	return ok
}

// foundName is a value's name, and where it begins. That of a column begins with the value, and has
// the table's first line.
type foundName struct {
	text   string
	from   int
	header Span
}

func (n *Names) before(start int) (name foundName, ok bool) {
	const reach = 200
	base := max(0, start-reach)
	lead := n.text[base:start]
	for {
		from, text := nameBefore(lead)
		if text == scheme || hasWord(text, handles) {
			return foundName{text: text, from: base + from}, true
		}
		i := strings.LastIndexAny(lead, "\"\n")
		if i < 0 || lead[i] != '"' || len(lead) < start-base {
			return n.column(start)
		}
		lead = lead[:i] // the value's own begin
	}
}

// read reads the line that begins at line.
func (n *Names) read() {
	n.at, n.quoted, n.columns = n.line, false, [len(separators)]int{}
	n.end = len(n.text)
	if k := strings.IndexByte(n.text[n.line:], '\n'); k >= 0 {
		n.end = n.line + k
	}
	for i := range n.tables {
		count := strings.Count(n.text[n.line:n.end], separators[i:i+1])
		if t := &n.tables[i]; t.count == 0 || count < t.count {
			*t = tableHead{Span{Start: n.line, End: n.end}, count}
		}
	}
}

// column returns the header of the column whose cell begins at start, if it is a handle's name.
func (n *Names) column(start int) (name foundName, ok bool) {
	for n.end < start && n.end < len(n.text) {
		n.line = n.end + 1
		n.read()
	}
	if start < n.line {
		return foundName{}, false
	}
	for ; n.at < start; n.at++ {
		if b := n.text[n.at]; b == '"' {
			n.quoted = !n.quoted
		} else if i := strings.IndexByte(separators, b); i >= 0 && !n.quoted {
			n.columns[i]++
		}
	}
	before := strings.TrimRight(n.text[max(n.line, start-maxHeader):start], " \"'`")
	for i := range n.tables {
		t := &n.tables[i]
		if t.count == 0 || n.columns[i] > t.count || t.Start == n.line || t.End-t.Start > maxHead || before != "" && before[len(before)-1] != separators[i] {
			continue
		}
		cell := strings.Trim(strings.Split(n.text[t.Start:t.End], separators[i:i+1])[n.columns[i]], " \"'`*\r")
		if len(cell) <= maxHeader && !strings.ContainsAny(cell, "{}[]:=") && hasWord(cell, handles) {
			return foundName{cell, start, t.Span}, true
		}
	}
	return foundName{}, false
}

// maxHead is how long a table's first line is, and maxHeader the header of a column, in bytes: more is
// a clause.
const maxHead, maxHeader = 4096, 32

// decoration is what may stand around a name or a value.
const decoration = " \t\\\"'`*_"

// scheme stands for the name of what a scheme says to be a key or a credential: ssh-rsa, Bearer.
const scheme = "[scheme]"

// nameBefore is the name of the member, the field, the variable, the element or the subject whose
// value begins behind a text, and where it begins; empty when there is none.
func nameBefore(lead string) (from int, name string) {
	if k := schemeBefore(lead); k >= 0 {
		return k, scheme
	}
	if from, name = cellBefore(lead); name != "" {
		return from, name
	}
	inLine := strings.TrimRight(lead, decoration)
	spaced := strings.Contains(lead[len(inLine):], " ")
	lead = strings.TrimRight(inLine, decoration+"\r\n")
	below := len(lead) < len(inLine)
	for _, block := range [...]string{": |", ": >", ": |-", ": >-"} { // of YAML
		if key, ok := strings.CutSuffix(lead, block); ok && below {
			return lastWord(strings.TrimRight(key, decoration))
		}
	}
	for strings.HasSuffix(lead, ">") && !strings.HasSuffix(lead, "=>") {
		open := strings.LastIndexByte(lead, '<')
		if open < 0 {
			return 0, ""
		}
		element, _, _ := strings.Cut(lead[open+1:len(lead)-1], " ")
		if !typefaces[strings.ToLower(element)] {
			return open, element[strings.IndexByte(element, ':')+1:]
		}
		lead = strings.TrimRight(lead[:open], decoration)
	}
	rest, joined := lead, below && strings.HasPrefix(lead[strings.LastIndexByte(lead, '\n')+1:], "#") // a heading
	for _, sign := range [...]string{":", "=", "=>", "："} {
		if left, ok := strings.CutSuffix(lead, sign); ok {
			rest, joined = strings.TrimRight(left, decoration), true
		}
	}
	for _, verb := range [...]string{" is", " was"} {
		if subject, ok := strings.CutSuffix(rest, verb); ok {
			rest, joined = strings.TrimRight(subject, decoration), true
		}
	}
	if open := strings.LastIndexByte(rest, '('); open > 0 && joined && strings.HasSuffix(rest, ")") {
		rest = strings.TrimRight(rest[:open], decoration)
	}
	from, name = lastWord(rest)
	if !joined && (below || !spaced || !hasWord(name, nouns)) {
		return 0, ""
	}
	return from, name
}

// cellBefore is the name in the cell beside the one that begins behind a text, between bars or tabs.
func cellBefore(lead string) (from int, name string) {
	const around = " \"'`*"
	rest := strings.TrimRight(lead, around)
	if rest == "" || rest[len(rest)-1] != '|' && rest[len(rest)-1] != '\t' {
		return 0, ""
	}
	rest = rest[:len(rest)-1]
	from = strings.LastIndexAny(rest, "|\t\n") + 1
	if name = strings.Trim(rest[from:], around); len(name) > maxHeader || !hasWord(name, handles) || strings.ContainsAny(name, "{}[]:=") {
		return 0, ""
	}
	return from + strings.Index(rest[from:], name), name
}

// lastWord is the name that a text ends in.
func lastWord(text string) (from int, name string) {
	from = strings.LastIndexFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.@$", r)
	})
	if from >= 0 {
		for from++; from < len(text) && text[from]&0xC0 == 0x80; from++ {
		}
		return from, text[from:]
	}
	return 0, text
}

// typefaces are the elements of HTML that say nothing of a value but how it looks.
var typefaces = map[string]bool{"b": true, "strong": true, "code": true, "pre": true, "em": true, "i": true, "tt": true, "kbd": true, "samp": true}

// schemeBefore is where the scheme of a key or a credential begins that a text ends in; -1 for none.
func schemeBefore(lead string) int {
	rest, ok := strings.CutSuffix(lead, " ")
	if !ok {
		return -1
	}
	from, word := lastWord(rest)
	if word == "Bearer" || word == "Basic" || strings.HasPrefix(word, "ssh-") || strings.HasPrefix(word, "sk-ssh-") || strings.HasPrefix(word, "ecdsa-sha2-") {
		return from
	}
	return -1
}

// continuedBefore is the name, joined by a colon or an equals sign, that says that the value at start
// tells how to go on.
func continuedBefore(text string, start int) (from int, name string, ok bool) {
	k := start
	for k > 0 && start-k < 8 && strings.IndexByte(decoration, text[k-1]) >= 0 {
		k--
	}
	if k == 0 || text[k-1] != ':' && text[k-1] != '=' {
		return 0, "", false
	}
	const reach = 64
	base := max(0, k-reach)
	from, name = lastWord(strings.TrimRight(text[base:k-1], decoration))
	return base + from, name, hasWord(name, continuations)
}

// identifierBefore tells whether id, number, key, code or reference stands directly before an
// identifier, or joined to it as names are.
func identifierBefore(text string, start int) (from int, ok bool) {
	const reach = 64
	base := max(0, start-reach)
	lead := text[base:start]
	from, name := nameBefore(lead)
	if !hasWord(name, identifiers) {
		from, name = lastWord(strings.TrimRight(lead, decoration+"#("))
	}
	return base + from, hasWord(name, identifiers)
}

// handles are words of names whose values are repeated as they are, continuations those by which the
// next call goes on, identifiers those of what it names, and nouns those that need nothing between them
// and the value. Handles alone stand in the plural, too: what is said of tokens and pages is how many.
var (
	handles = withPlurals(`token cursor next prev previous page pagination state signature sig sign key id uid uuid session continuation continue
		offset marker anchor nonce etag ticket handle ref reference resume after before since secret credential auth authorization cookie csrf hash digest checksum
		bookmark position checkpoint scroll pit receipt version`)
	continuations = wordset.Fields("offset page pagination cursor token continuation truncated")
	identifiers   = wordset.Fields("id number key code reference")
	nouns         = wordset.Fields("token cursor key id signature")
)

func withPlurals(list string) map[string]bool {
	all := wordset.Fields(list)
	for _, w := range strings.Fields(list) {
		all[w+"s"] = true
	}
	return all
}

// longestWord is more than each of these words is long, in bytes.
const longestWord = 16

// hasWord tells whether one of a name's words is of some: next_page_token, nextPageToken, sessionIDs.
func hasWord(name string, words map[string]bool) bool {
	var lowered [longestWord]byte
	for start := 0; start < len(name); {
		end := start
		for ; end < len(name) && isLetter(name[end]); end++ {
			if end > start && isCapital(name[end]) && (!isCapital(name[end-1]) || end+1 < len(name) && isLetter(name[end+1]) && !isCapital(name[end+1]) && name[end+1] != 's') {
				break
			}
			if n := end - start; n < longestWord {
				lowered[n] = name[end] | 0x20
			}
		}
		if n := end - start; n > 0 && n <= longestWord && words[string(lowered[:n])] {
			return true
		}
		start = max(end, start+1)
	}
	return false
}

// isLetter tells whether a byte is a letter, or of one beyond ASCII.
func isLetter(b byte) bool { return traits[b]&(lower|upper) != 0 || b >= 0x80 }

func isCapital(b byte) bool { return traits[b] == upper }
