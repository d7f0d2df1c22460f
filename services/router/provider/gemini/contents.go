package gemini

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/chat"
)

const (
	// unsigned stands in for a signature that a history does not have,
	// https://ai.google.dev/gemini-api/docs/thought-signatures#faqs.
	unsigned = "skip_thought_signature_validator"
	// idSignature separates a signature that LiteLLM puts into a call's id.
	idSignature = "__thought__"
)

// pastCall is a call that the conversation holds.
type pastCall struct {
	name  string
	order int
}

// result is a call's result.
type result struct {
	order int
	part  []byte
}

// messages fills contents and system.
func (e *encoder) messages() error {
	// The current turn begins at the last message of the user.
	turn := 0
	for i := range e.req.Messages {
		if e.req.Messages[i].Role == "user" {
			turn = i
		}
	}
	for i := range e.req.Messages {
		m := &e.req.Messages[i]
		at := fmt.Sprintf("messages[%d]", i)
		if err := e.refuse(at, m); err != nil {
			return err
		}
		var err error
		switch m.Role {
		case "system", "developer":
			err = e.systemMessage(at, m)
		case "user":
			err = e.userMessage(at, m)
		case "assistant":
			err = e.assistantMessage(at, m, i > turn)
		case "tool", "function":
			err = e.toolMessage(at, m)
		default:
			err = invalid(at+".role", "must be system, developer, user, assistant, tool or function")
		}
		if err != nil {
			return err
		}
	}
	e.flushResults()
	e.closeModel()
	return nil
}

// refuse refuses what no message can have.
func (e *encoder) refuse(at string, m *chat.Message) error {
	if m.Name != "" && m.Role != "tool" && m.Role != "function" {
		if err := e.call.Unsupported(at+".name", "the Gemini API has no names of participants"); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Extra)) {
		if m.Role == "assistant" && (name == "annotations" || name == "extra_content") {
			continue // of a past answer; extra_content is read where it is needed
		}
		if err := e.call.Unsupported(at+"."+name, "the Gemini API has no such parameter"); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) systemMessage(at string, m *chat.Message) error {
	for i := range m.Content {
		p := &m.Content[i]
		pat := fmt.Sprintf("%s.content[%d]", at, i)
		if p.Type != "text" {
			return errs.Newf(errs.UnsupportedParameter, "%s: the Gemini API takes only text as an instruction", pat).WithParam(pat)
		}
		if err := e.partExtra(pat, p); err != nil {
			return err
		}
		e.system = textPart(element(e.system), p.Text)
	}
	return nil
}

func (e *encoder) userMessage(at string, m *chat.Message) error {
	e.flushResults()
	e.closeModel()
	b := append(element(e.contents), `{"role":"user","parts":[`...)
	start := len(b)
	for i := range m.Content {
		p := &m.Content[i]
		if p.Type == "text" && p.Text == "" && len(m.Content) > 1 {
			continue
		}
		var err error
		if b, err = e.part(element(b), fmt.Sprintf("%s.content[%d]", at, i), p); err != nil {
			return err
		}
	}
	if len(b) == start {
		b = textPart(b, "")
	}
	e.contents = append(b, "]}"...)
	return nil
}

// assistantMessage writes the model's parts: thoughts, parts of its own kind, text,
// calls. current says that the message is of the current turn.
func (e *encoder) assistantMessage(at string, m *chat.Message, current bool) error {
	e.flushResults()
	fields, err := readFields(m)
	if err != nil {
		return invalid(at+".provider_specific_fields", err.Error())
	}
	b := e.thoughts(nil, m)
	for _, raw := range fields.parts {
		b = jsonscan.AppendCanonical(element(b), raw)
	}
	if b, err = e.said(b, at, m, fields.signatures); err != nil {
		return err
	}
	for i := range m.ToolCalls {
		c := &m.ToolCalls[i]
		if b, err = e.functionCall(element(b), fmt.Sprintf("%s.tool_calls[%d]", at, i), c, current && i == 0); err != nil {
			return err
		}
	}
	if len(b) == 0 {
		return nil // an empty answer, such as a filtered one
	}
	if !e.modelOpen {
		e.contents = append(element(e.contents), `{"role":"model","parts":[`...)
		e.modelOpen = true
	}
	e.contents = append(element(e.contents), b...)
	return nil
}

// said writes the text with its signature, and further signatures on parts of their
// own.
func (e *encoder) said(b []byte, at string, m *chat.Message, signatures []string) ([]byte, error) {
	var texts []string
	for i := range m.Content {
		p := &m.Content[i]
		pat := fmt.Sprintf("%s.content[%d]", at, i)
		if p.Type != "text" && p.Type != "refusal" {
			return nil, errs.Newf(errs.UnsupportedParameter, "%s: an assistant message holds text", pat).WithParam(pat)
		}
		if err := e.partExtra(pat, p); err != nil {
			return nil, err
		}
		if p.Text != "" {
			texts = append(texts, p.Text)
		}
	}
	if m.Refusal != "" {
		texts = append(texts, m.Refusal)
	}
	for i, text := range texts {
		b = textPart(element(b), text)
		if i == len(texts)-1 && len(signatures) > 0 {
			b = sign(b, signatures[0])
			signatures = signatures[1:]
		}
	}
	for _, s := range signatures {
		b = sign(textPart(element(b), ""), s)
	}
	return b, nil
}

// thoughts writes the thinking of a past answer, as Google's own clients return it.
// Models that do not think have no use for it.
func (e *encoder) thoughts(b []byte, m *chat.Message) []byte {
	if !e.model.thinks() {
		return b
	}
	thought := func(text string) {
		if text != "" {
			b = textPart(element(b), text)
			b = append(b[:len(b)-1], `,"thought":true}`...)
		}
	}
	for i := range m.ThinkingBlocks {
		thought(m.ThinkingBlocks[i].Thinking)
	}
	if len(b) == 0 {
		thought(m.ReasoningContent) // it has no more than the blocks
	}
	return b
}

// functionCall writes a call. demand says that it is one that must be signed.
func (e *encoder) functionCall(b []byte, at string, c *chat.ToolCall, demand bool) ([]byte, error) {
	for _, name := range slices.Sorted(maps.Keys(c.Extra)) {
		if err := e.call.Unsupported(at+"."+name, "the Gemini API has no such parameter"); err != nil {
			return nil, err
		}
	}
	id, signature, _ := strings.Cut(c.ID, idSignature)
	if c.ThoughtSignature != "" {
		signature = c.ThoughtSignature
	}
	if signature == "" && demand && e.model.demandsSignatures() {
		signature = unsigned
	}
	if e.pastCalls == nil {
		e.pastCalls = make(map[string]pastCall)
	}
	e.pastCalls[id] = pastCall{c.Name, e.order}
	e.order++
	b = append(b, `{"functionCall":{`...)
	if id != "" {
		b = jsonscan.AppendQuoted(member(b, "id"), id)
	}
	b = jsonscan.AppendQuoted(member(b, "name"), c.Name)
	b = member(b, "args")
	if strings.TrimSpace(c.Arguments) == "" {
		b = append(b, "{}"...)
	} else {
		v, err := jsonscan.Scan([]byte(c.Arguments))
		if err != nil || v.Kind != jsonscan.KindObject {
			return nil, invalid(at+".function.arguments", "must be a JSON object")
		}
		b = jsonscan.AppendCanonical(b, []byte(c.Arguments))
	}
	b = append(b, "}}"...)
	if signature != "" {
		b = sign(b, signature)
	}
	return b, nil
}

// toolMessage keeps a result until its turn is complete.
func (e *encoder) toolMessage(at string, m *chat.Message) error {
	id, _, _ := strings.Cut(m.ToolCallID, idSignature)
	call, ok := e.pastCalls[id]
	name := call.name
	if !ok || id == "" {
		// A result without its call, as function messages are, can name the function.
		if name = m.Name; name == "" {
			return invalid(at+".tool_call_id", "names no call of an earlier message")
		}
		call.order = e.order + len(e.results)
	}
	b := []byte(`{"functionResponse":{`)
	if id != "" {
		b = jsonscan.AppendQuoted(member(b, "id"), id)
	}
	b = jsonscan.AppendQuoted(member(b, "name"), name)
	var text strings.Builder
	var media []byte
	for i := range m.Content {
		p := &m.Content[i]
		pat := fmt.Sprintf("%s.content[%d]", at, i)
		switch {
		case p.Type == "text":
			text.WriteString(p.Text)
			if err := e.partExtra(pat, p); err != nil {
				return err
			}
		case p.Type == "image_url" && e.model.takesMediaResults() && isDataURL(p.Image.URL):
			var err error
			if media, err = e.part(element(media), pat, p); err != nil {
				return err
			}
		default:
			return errs.Newf(errs.UnsupportedParameter,
				"%s: a function response holds text and, from Gemini 3 on, images as data URLs", pat).WithParam(pat)
		}
	}
	b = member(b, "response")
	if v, err := jsonscan.Scan([]byte(text.String())); err == nil && v.Kind == jsonscan.KindObject {
		b = jsonscan.AppendCanonical(b, []byte(text.String()))
	} else {
		b = append(jsonscan.AppendQuoted(append(b, `{"output":`...), text.String()), '}')
	}
	if len(media) > 0 {
		b = append(append(append(member(b, "parts"), '['), media...), ']')
	}
	e.results = append(e.results, result{call.order, append(b, "}}"...)})
	return nil
}

// flushResults writes the results of one turn, in the order of the calls: without
// ids it is all that tells them apart.
func (e *encoder) flushResults() {
	if len(e.results) == 0 {
		return
	}
	e.closeModel()
	slices.SortStableFunc(e.results, func(a, b result) int { return cmp.Compare(a.order, b.order) })
	b := append(element(e.contents), `{"role":"user","parts":[`...)
	for _, r := range e.results {
		b = append(element(b), r.part...)
	}
	e.contents = append(b, "]}"...)
	e.results = e.results[:0]
}

// closeModel ends the model's content.
func (e *encoder) closeModel() {
	if e.modelOpen {
		e.contents = append(e.contents, "]}"...)
		e.modelOpen = false
	}
}

// providerFields is what this codec reads back of an answer's own fields.
type providerFields struct {
	signatures []string
	parts      []json.RawMessage
}

func readFields(m *chat.Message) (providerFields, error) {
	var f providerFields
	if raw := m.ProviderFields; raw != nil {
		var w struct {
			Signatures []string          `json:"thought_signatures"`
			Parts      []json.RawMessage `json:"parts"`
		}
		// Another provider's fields, whatever their types, say nothing here.
		if err := json.Unmarshal(raw, &w); err == nil {
			f.signatures, f.parts = w.Signatures, w.Parts
		}
		for _, p := range f.parts {
			if p[0] != '{' {
				return f, fmt.Errorf("holds a part that is no object")
			}
		}
	}
	if raw := m.Extra["extra_content"]; raw != nil && len(f.signatures) == 0 {
		if v, ok := jsonscan.Lookup(raw, "google", "thought_signature"); ok && v.Kind == jsonscan.KindString {
			if s, err := jsonscan.String(v.Raw(raw)); err == nil {
				f.signatures = []string{s}
			}
		}
	}
	return f, nil
}

func textPart(b []byte, text string) []byte {
	return append(jsonscan.AppendQuoted(append(b, `{"text":`...), text), '}')
}

// sign adds a signature to the part that b ends in.
func sign(b []byte, signature string) []byte {
	return append(jsonscan.AppendQuoted(append(b[:len(b)-1], `,"thoughtSignature":`...), signature), '}')
}
