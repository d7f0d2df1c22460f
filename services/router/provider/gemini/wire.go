package gemini

import (
	"encoding/json"

	"tollgate.dev/platform/jsonscan"
)

// response is a GenerateContentResponse: a whole answer, or an event of a stream. Its
// raw members are parts of what it was read from.
type response struct {
	candidates   []candidate
	blockReason  string
	usage        usageMetadata
	hasUsage     bool
	modelVersion string
	responseID   string
	fault        *wireStatus
}

type candidate struct {
	index        int64
	hasIndex     bool
	parts        []part
	finishReason string
	logprobs     json.RawMessage
	citations    json.RawMessage
	grounding    json.RawMessage
}

type part struct {
	text      string
	hasText   bool
	thought   bool
	signature string
	call      *functionCall
	// foreign is the whole part, when it is neither text nor a call.
	foreign json.RawMessage
}

// empty says that there is nothing to tell of the part.
func (p *part) empty() bool {
	return p.call == nil && p.foreign == nil && p.text == "" && p.signature == ""
}

type functionCall struct {
	id   string
	name string
	args json.RawMessage
}

// arguments is the compact text of the arguments, digits as they are.
func (c *functionCall) arguments() string {
	if len(c.args) == 0 || c.args[0] != '{' {
		return "{}"
	}
	return string(jsonscan.AppendCanonical(nil, c.args))
}

// position is a candidate's index; one that is not named is where it stands.
func (c *candidate) position(at int) (int, error) {
	if !c.hasIndex {
		return at, nil
	}
	if c.index < 0 || c.index >= maxCandidates {
		return 0, errUnreadable()
	}
	return int(c.index), nil
}

// maxCandidates bounds candidates' indexes; the API makes at most 8.
const maxCandidates = 128

// fields makes provider_specific_fields of what the dialect has no place for.
type fields struct {
	signatures []string
	parts      []json.RawMessage
	citations  json.RawMessage
	grounding  json.RawMessage
}

// append writes the object; it leaves b as it is when there is nothing in it.
func (f *fields) append(b []byte, name string) []byte {
	if len(f.signatures) == 0 && len(f.parts) == 0 && f.citations == nil && f.grounding == nil {
		return b
	}
	if name != "" {
		b = member(b, name)
	}
	b = append(b, '{')
	if len(f.signatures) > 0 {
		b = append(member(b, "thought_signatures"), '[')
		for _, s := range f.signatures {
			b = jsonscan.AppendQuoted(element(b), s)
		}
		b = append(b, ']')
	}
	if len(f.parts) > 0 {
		b = append(member(b, "parts"), '[')
		for _, p := range f.parts {
			b = append(element(b), p...)
		}
		b = append(b, ']')
	}
	if f.citations != nil {
		b = jsonscan.AppendCanonical(member(b, "citation_metadata"), f.citations)
	}
	if f.grounding != nil {
		b = jsonscan.AppendCanonical(member(b, "grounding_metadata"), f.grounding)
	}
	return append(b, '}')
}
