package prompt

import (
	"slices"
	"strings"
	"unicode"
)

// keepElements has the paragraphs stay that are in tags of the caller's, unless these name documents:
// what `<output_format>` or `<system_prompt>` is around, are instructions for all that anybody knows. The
// outermost tags count. It returns how many bytes more stay.
func keepElements(texts []string, all []block) (kept int) {
	i := 0 // the first paragraph that may be in an element to come: both are in order
	for from, text := range texts {
		for _, e := range elements(text) {
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
