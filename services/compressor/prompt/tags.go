package prompt

import (
	"strconv"
	"strings"

	"tollgate.dev/services/compressor/protect"
)

// segment is a part of a string: the segments of a string are the whole of it, in order,
// but for the tags of those that were tagged.
type segment struct {
	text   string
	free   bool    // may be changed
	rate   float64 // 0 is the profile's
	tagged bool    // a tag stood around it
	exact  bool    // is needed to the letter
}

// tags takes a text apart that has LLMLingua's tags, in capitals too:
//
//	<llmlingua, rate=0.4>may be compressed to that</llmlingua>
//	<llmlingua, compress=False>stays as it is</llmlingua>
//
// Attributes come in any order, with commas or spaces between. Whatever stands outside tags
// stays as it is; within, any character may stand, `<` too. What stands in code is somebody's
// example, and no tag. There are no segments for a text without tags. A text is broken that has
// tags which cannot be understood, or nothing but tags, or tags in lines indented as code and
// no others: what it is that they protect, nobody knows.
// Source: microsoft/LLMLingua, "Structured Prompt Compression" in its README, 2024.
func tags(text string) (segments []segment, broken bool) {
	marks, indented, broken := findMarks(text)
	if len(marks) == 0 || broken {
		return nil, broken || indented
	}
	done := 0
	for i := 0; i < len(marks); i += 2 {
		if marks[i].closes || i+1 == len(marks) || !marks[i+1].closes {
			return nil, true // an end alone, no end, or tags within tags
		}
		start, end := marks[i], marks[i+1]
		head, ok := readTag(text[start.name:start.end])
		if !ok {
			return nil, true
		}
		if start.start > done {
			segments = append(segments, segment{text: text[done:start.start]})
		}
		head.text = text[start.end+1 : end.start]
		segments = append(segments, head)
		done = end.end + 1
	}
	if done < len(text) {
		segments = append(segments, segment{text: text[done:]})
	}
	for _, s := range segments {
		if strings.TrimSpace(s.text) != "" {
			return segments, false
		}
	}
	return nil, true // providers refuse a message of nothing
}

// tagName is what the tags are called, in lower case.
const tagName = "llmlingua"

// tagMark is a tag text[start:end+1]: what is behind its name goes from name to its bracket.
type tagMark struct {
	start, name, end int
	closes           bool
}

// findMarks finds the tags outside code, and tells whether there are some in lines that are
// indented as code is. They are broken where one has no end, or is no tag by its form.
func findMarks(text string) (marks []tagMark, indented, broken bool) {
	var code, lines []protect.Span
	for at := 0; ; {
		name := indexFold(text[at:], tagName)
		if name < 0 {
			return marks, indented, false
		}
		name += at
		at = name + len(tagName)
		start := len(strings.TrimRight(text[:name], " \t/")) - 1
		if start < 0 || text[start] != '<' {
			continue // its name alone
		}
		if code == nil {
			code, lines = protect.Of(text, protect.Code|protect.Inline), indentedLines(text)
		}
		if protect.Touches(code, start, at) {
			continue
		}
		if protect.Touches(lines, start, at) {
			indented = true
			continue
		}
		m := tagMark{start: start, name: at, end: strings.IndexByte(text[at:], '>'), closes: text[start+1] == '/'}
		if m.end += at; m.end < at || name > start+2 || name == start+2 && !m.closes || m.closes && m.end > at || strings.IndexByte(text[at:m.end], '<') >= 0 {
			return nil, indented, true
		}
		if start > 0 && text[start-1] == '`' || m.end+1 < len(text) && text[m.end+1] == '`' && m.closes {
			return nil, indented, true // of a span of code that goes on too long to be one
		}
		marks = append(marks, m)
		at = m.end + 1
	}
}

// indexFold is strings.Index for a name in lower case that may stand in capitals.
func indexFold(text, name string) int {
	for i := 0; i+len(name) <= len(text); i++ {
		if text[i]|0x20 == name[0] && strings.EqualFold(text[i:i+len(name)], name) {
			return i
		}
	}
	return -1
}

// indentedLines are the runs of lines, behind a blank one or at the beginning, that are indented as
// code is (CommonMark 0.31, section 4.4).
func indentedLines(text string) (spans []protect.Span) {
	at, open := 0, true // a block may begin
	for line := range strings.Lines(text) {
		end := at + len(line)
		switch blank := strings.TrimSpace(line) == ""; {
		case blank:
			open = true
		case open && (strings.HasPrefix(line, "    ") || strings.HasPrefix(strings.TrimLeft(line, " "), "\t")):
			spans = append(spans, protect.Span{Start: at, End: end, Kind: protect.Code})
		default:
			open = false
		}
		at = end
	}
	return spans
}

// readTag reads what stands behind an opening tag's name.
func readTag(attributes string) (s segment, ok bool) {
	s = segment{free: true, tagged: true}
	if attributes != "" && strings.IndexByte(", \t\r\n", attributes[0]) < 0 {
		return segment{}, false
	}
	for _, a := range strings.FieldsFunc(attributes, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
		name, value, _ := strings.Cut(a, "=")
		value = strings.Trim(value, `"'`)
		switch strings.ToLower(name) {
		case "rate":
			rate, err := strconv.ParseFloat(value, 64)
			if err != nil || !(rate > 0 && rate <= 1) {
				return segment{}, false
			}
			s.rate = rate
		case "compress":
			switch strings.ToLower(value) {
			case "true", "t", "1", "yes", "y", "on":
			case "false", "f", "0", "no", "n", "off":
				s.free = false
			default:
				return segment{}, false
			}
		default:
			return segment{}, false
		}
	}
	if s.rate == 1 {
		s.free = false
	}
	return s, true
}
