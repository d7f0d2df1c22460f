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
// stays as it is; within, any character may stand, `<` too. It reports false for a text
// without tags, for one whose tags cannot be understood and for one with nothing but tags, which stay
// as they are.
// Source: microsoft/LLMLingua, "Structured Prompt Compression" in its README, 2024.
func tags(text string) (segments []segment, ok bool) {
	if !strings.Contains(text, tagOpen) || inCode(text) {
		return nil, false
	}
	for {
		at := strings.Index(text, tagOpen)
		if at < 0 {
			break
		}
		head, size := tag(text[at:])
		if size == 0 {
			return nil, false
		}
		inner := text[at+size:]
		end := strings.Index(inner, tagClose)
		if end < 0 || strings.Contains(inner[:end], tagOpen) {
			return nil, false // no end, or tags within tags
		}
		if at > 0 {
			segments = append(segments, segment{text: text[:at]})
		}
		head.text = inner[:end]
		segments = append(segments, head)
		text = inner[end+len(tagClose):]
	}
	if segments == nil || strings.Contains(text, tagClose) {
		return nil, false
	}
	if text != "" {
		segments = append(segments, segment{text: text})
	}
	for _, s := range segments {
		if strings.TrimSpace(s.text) != "" {
			return segments, true
		}
	}
	return nil, false // providers refuse a message of nothing
}

// inCode tells whether a tag of a text is within code, which is somebody's example.
func inCode(text string) bool {
	for _, s := range protect.Append(nil, text) {
		if s.Kind&(protect.Code|protect.Inline) != 0 && strings.Contains(text[s.Start:s.End], tagOpen) {
			return true
		}
	}
	return false
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
