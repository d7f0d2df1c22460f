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
}

const (
	tagOpen  = "<llmlingua"
	tagClose = "</llmlingua>"
)

// tags takes a text apart that has LLMLingua's tags:
//
//	<llmlingua, rate=0.4>may be compressed to that</llmlingua>
//	<llmlingua, compress=False>stays as it is</llmlingua>
//
// Attributes come in any order, with commas or spaces between. Whatever stands outside tags
// stays as it is; within, any character may stand, `<` too. What stands in code is somebody's
// example, and no tag. It reports false for a text without tags, for one whose tags cannot be
// understood and for one with nothing but tags, which stay as they are.
// Source: microsoft/LLMLingua, "Structured Prompt Compression" in its README, 2024.
func tags(text string) (segments []segment, ok bool) {
	if !strings.Contains(text, tagOpen) {
		return nil, false
	}
	code := protect.Of(text, protect.Code|protect.Inline)
	next := func(mark string, from int) int {
		for at := from; ; at += len(mark) {
			i := strings.Index(text[at:], mark)
			if i < 0 {
				return -1
			}
			if at += i; !protect.Touches(code, at, at+len(mark)) {
				return at
			}
		}
	}
	done := 0
	for at := next(tagOpen, 0); at >= 0; {
		head, size := tag(text[at:])
		if size == 0 {
			return nil, false
		}
		start := at + size
		end, inner := next(tagClose, start), next(tagOpen, start)
		if end < 0 || inner >= 0 && inner < end {
			return nil, false // no end, or tags within tags
		}
		if at > done {
			segments = append(segments, segment{text: text[done:at]})
		}
		head.text = text[start:end]
		segments = append(segments, head)
		done, at = end+len(tagClose), inner
	}
	if segments == nil || next(tagClose, done) >= 0 {
		return nil, false
	}
	if done < len(text) {
		segments = append(segments, segment{text: text[done:]})
	}
	for _, s := range segments {
		if strings.TrimSpace(s.text) != "" {
			return segments, true
		}
	}
	return nil, false // providers refuse a message of nothing
}

// tag reads the opening tag that a text begins with. A size of 0 says that there is none.
func tag(text string) (s segment, size int) {
	end := strings.IndexByte(text, '>')
	if end < 0 {
		return segment{}, 0
	}
	s = segment{free: true, tagged: true}
	attributes := text[len(tagOpen):end]
	if attributes != "" && attributes[0] != ',' && attributes[0] != ' ' {
		return segment{}, 0
	}
	for _, a := range strings.FieldsFunc(attributes, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }) {
		name, value, _ := strings.Cut(a, "=")
		value = strings.Trim(value, `"'`)
		switch strings.ToLower(name) {
		case "rate":
			rate, err := strconv.ParseFloat(value, 64)
			if err != nil || !(rate > 0 && rate <= 1) {
				return segment{}, 0
			}
			s.rate = rate
		case "compress":
			compress, err := strconv.ParseBool(strings.ToLower(value))
			if err != nil {
				return segment{}, 0
			}
			s.free = s.free && compress
		default:
			return segment{}, 0
		}
	}
	if s.rate == 1 {
		s.free = false
	}
	return s, end + 1
}
