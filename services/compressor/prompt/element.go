package prompt

import (
	"slices"
	"strings"
	"unicode"

	"tollgate.dev/services/compressor/protect"
)

// keepElements has the paragraphs stay that are in tags of the caller's, unless these name documents:
// what `<output_format>` or `<system_prompt>` is around, are instructions for all that anybody knows. The
// outermost tags count, which were found by text. It returns how many bytes more stay.
func keepElements(found [][]element, all []block) (kept int) {
	i := 0 // the first paragraph that may be in an element to come: both are in order
	for from := range found {
		for _, e := range found[from] {
			if namesDocuments(e.name) {
				continue
			}
			for i < len(all) && (all[i].from < from || all[i].from == from && all[i].end <= e.start) {
				i++
			}
			for ; i < len(all) && all[i].from == from && all[i].start < e.end; i++ {
				if b := &all[i]; !b.stays {
					b.stays = true
					kept += len(b.text)
				}
				if all[i].end > e.end {
					break // the next element may begin in it
				}
			}
		}
	}
	return kept
}

// element is text[start:end] with the tags around it.
type element struct {
	name       string
	start, end int
}

// elements are the outermost elements of a text whose tags begin lines, and that have an end.
func elements(text string) (found []element) {
	var ends map[string]int
	for at := 0; at < len(text); {
		line := text[at:]
		next := len(text)
		if n := strings.IndexByte(line, '\n'); n >= 0 {
			next, line = at+n+1, line[:n]
		}
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		if name := tagNameOf(line[indent:]); name != "" && !slices.Contains(markup, strings.ToLower(name)) {
			if ends == nil {
				ends = lastEnds(text)
			}
			closing := "</" + name + ">"
			if last, ok := ends[name]; ok && last >= at { // so that what has no end is not looked for again and again
				end := at + strings.Index(text[at:], closing) + len(closing)
				found = append(found, element{name, at + indent, end})
				if next = end; at >= next {
					next = at + 1
				}
			}
		}
		at = next
	}
	return found
}

// aroundDocuments are those elements of a text whose tags name documents, outside code. One in a short
// line says something of a document, as `<source>mill.pdf</source>` does, and is none.
func aroundDocuments(text string, found []element) (around []element) {
	var code []protect.Span
	for _, e := range found {
		if !namesDocuments(e.name) || e.end-e.start <= headingBytes && strings.IndexByte(text[e.start:e.end], '\n') < 0 {
			continue
		}
		if code == nil {
			code = append(protect.Of(text, protect.Code), protect.Span{Start: len(text), End: len(text)})
		}
		if !protect.Touches(code, e.start, e.start+1) {
			around = append(around, e)
		}
	}
	return around
}

// pair is an opening tag and its closing one.
type pair struct{ open, closing span }

// pairs are the tags of a text that have both, in the order of the opening ones, which begin lines or
// follow a tag. What was opened within an element and is not closed there is none.
func pairs(text string) (found []pair) {
	if !strings.Contains(text, "</") {
		return nil
	}
	type opened struct {
		tag  span
		gone bool
	}
	var all []opened
	var open []int               // those that are not closed yet
	byName := map[string][]int{} // the same by name, with some that are gone
	for at := strings.IndexByte(text, '<'); at >= 0; {
		tag := text[at:min(at+maxTag, len(text))]
		size := strings.IndexAny(tag, ">\n") + 1
		tag = tag[:size]
		switch {
		case !strings.HasSuffix(tag, ">"):
			at++
		case strings.HasPrefix(tag, "</"):
			name := tag[2 : size-1]
			mates := byName[name]
			for len(mates) > 0 && all[mates[len(mates)-1]].gone {
				mates = mates[:len(mates)-1]
			}
			if len(mates) > 0 {
				mate := mates[len(mates)-1]
				mates = mates[:len(mates)-1]
				found = append(found, pair{all[mate].tag, span{at, at + size}})
				for last := -1; last != mate; open = open[:len(open)-1] {
					last = open[len(open)-1]
					all[last].gone = true
				}
			}
			if mates != nil {
				byName[name] = mates
			}
			at += size
		default:
			name := tagNameOf(tag)
			if name != "" && !slices.Contains(markup, strings.ToLower(name)) && (at > 0 && text[at-1] == '>' || beginsLine(text, at)) {
				byName[name] = append(byName[name], len(all))
				open = append(open, len(all))
				all = append(all, opened{tag: span{at, at + size}})
				at += size
			} else {
				at++
			}
		}
		next := strings.IndexByte(text[min(at, len(text)):], '<')
		if next < 0 {
			break
		}
		at += next
	}
	slices.SortFunc(found, func(a, b pair) int { return a.open.start - b.open.start })
	return found
}

// beginsLine tells whether a place is the first of its line that is no space.
func beginsLine(text string, at int) bool {
	before := strings.TrimRight(text[max(at-maxIndent, 0):at], " \t")
	return before == "" && at <= maxIndent || strings.HasSuffix(before, "\n")
}

// The most bytes that a tag has, and that it is indented by.
const (
	maxTag    = 200
	maxIndent = 64
)

// keepPairs takes tags out of parts of a text that may be changed, so that of two that belong together
// none is left without the other: those of which the part has one alone, and those around all of a part.
// The parts are in order.
func keepPairs(text string, free []span) []span {
	if len(free) == 0 {
		return nil
	}
	in := func(s span) int {
		i, _ := slices.BinarySearchFunc(free, s.start, func(f span, at int) int { return f.end - 1 - at })
		if i < len(free) && free[i].start <= s.start && s.end <= free[i].end {
			return i
		}
		return -1
	}
	whole := make([]span, len(free)) // without the tags around all of it
	for i := range free {
		whole[i] = trimmed(text, free[i])
	}
	var keep []span
	for _, p := range pairs(text) {
		i, j := in(p.open), in(p.closing)
		switch {
		case i < 0 && j < 0:
			continue
		case i != j:
		case p.open.start == whole[i].start && p.closing.end == whole[i].end:
			whole[i] = trimmed(text, span{p.open.end, p.closing.start})
		default:
			continue
		}
		if i >= 0 {
			keep = append(keep, p.open)
		}
		if j >= 0 {
			keep = append(keep, p.closing)
		}
	}
	if keep == nil {
		return free
	}
	slices.SortFunc(keep, func(a, b span) int { return a.start - b.start })
	var left []span
	for _, s := range free {
		for ; len(keep) > 0 && keep[0].start < s.end; keep = keep[1:] {
			if before := trimmed(text, span{s.start, keep[0].start}); before.start < before.end {
				left = append(left, before)
			}
			s.start = keep[0].end
		}
		if s = trimmed(text, s); s.start < s.end {
			left = append(left, s)
		}
	}
	return left
}

// trimmed is a part of a text without the white space around it.
func trimmed(text string, s span) span {
	if s.start >= s.end {
		return span{s.start, s.start}
	}
	body := strings.TrimLeft(text[s.start:s.end], " \t\r\n")
	s.start = s.end - len(body)
	s.end = s.start + len(strings.TrimRight(body, " \t\r\n"))
	return s
}

// lastEnds are where the last closing tag of each name begins.
func lastEnds(text string) map[string]int {
	ends := map[string]int{}
	for at := 0; ; {
		n := strings.Index(text[at:], "</")
		if n < 0 {
			return ends
		}
		start := at + n
		at = start + 2
		if n = strings.IndexAny(text[at:], "<> \n"); n < 0 {
			return ends
		}
		if at += n; text[at] == '>' {
			ends[text[start+2:at]] = start
		}
	}
}

// tagNameOf is the name of the opening tag that a line begins with.
func tagNameOf(line string) string {
	if len(line) < 3 || line[0] != '<' {
		return ""
	}
	end := strings.IndexByte(line, '>')
	if end < 0 || line[end-1] == '/' {
		return ""
	}
	name, _, _ := strings.Cut(line[1:end], " ")
	if name == "" || strings.IndexFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.:", r)
	}) >= 0 {
		return ""
	}
	return name
}

// markup are the elements of HTML that stand in documents.
var markup = strings.Fields(`a abbr address article aside b blockquote body br caption center cite code col dd details div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6
	head header hr html i img label li link main mark math meta nav ol p pre q s script section small span strong style sub summary sup svg table tbody td tfoot th thead title tr tt u ul video`)

// documentNames are names of tags that documents stand in, or parts of such names.
var documentNames = strings.Fields(`document documents doc docs context source sources passage passages article articles result results excerpt excerpts file files page pages data text texts
	content contents snippet snippets chunk chunks knowledge background reference references transcript transcripts paper papers book chapter item items entry entries record records row rows
	webpage website report reports email emails message messages log logs quote quotes story stories paragraph paragraphs corpus evidence fact facts material materials information conversation history`)

// namesDocuments tells whether a tag's name says that a document is in it: its last part does, but for
// numbers, as in `retrieved_documents` and `doc-3`.
func namesDocuments(name string) bool {
	parts := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '_' || r == '-' || r == '.' || r == ':' || unicode.IsDigit(r) })
	if len(parts) == 0 {
		return false
	}
	last := parts[len(parts)-1]
	for _, p := range parts {
		if slices.Contains(ruleLabels, p) || slices.Contains(questionLabels, p) || p == "system" || p == "prompt" {
			return false
		}
	}
	return slices.Contains(documentNames, last) || slices.Contains(contextLabels, last)
}
