// Package prompt takes a chat-completions request apart into what may be changed and what
// may not, and puts it together again with every other byte as it was.
package prompt

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"tollgate.dev/platform/jsonscan"
)

// ErrShape is returned for a body that is no chat-completions request, or one that can be
// read in two ways. Its text quotes nothing of the body.
var ErrShape = errors.New("not a chat-completions request of one meaning")

// Kind is what a text is.
type Kind uint8

const (
	// ToolResult is what a tool answered.
	ToolResult Kind = iota + 1
	// Context is of an earlier user message than the last.
	Context
)

// Text is a piece of the prompt that may be changed.
type Text struct {
	// Kind is what it is.
	Kind Kind
	// Original is how the caller sent it, unescaped.
	Original string

	start, end int // of the string with its quotes, in the body
	current    string
	changed    bool
}

// Current is the text as the last change left it.
func (t *Text) Current() string { return t.current }

// Replace changes the text. The new one must be UTF-8.
func (t *Text) Replace(text string) {
	t.current, t.changed = text, text != t.Original
}

// Prompt is a request's texts.
type Prompt struct {
	// Texts are those that may be changed, in the order of the body. Protected are
	// everything outside the messages, system and developer messages, the assistant's turns
	// with their tool calls, the last user message, every message up to the last cache
	// breakpoint, and within the others all but the text.
	Texts []*Text
	// Fixed are the texts that count as tokens and stay as they are: contents, roles, names
	// and the like of all messages as far as they are not Texts, and the tool definitions.
	Fixed []string
	// Messages and Names are how many messages there are, and how many of them are named.
	Messages, Names int

	body []byte
}

// Body is the request with the changed texts in place; nil when none changed.
func (p *Prompt) Body() []byte {
	var out []byte
	done := 0
	for _, t := range p.Texts {
		if !t.changed {
			continue
		}
		if out == nil {
			out = make([]byte, 0, len(p.body))
		}
		out = append(out, p.body[done:t.start]...)
		out = jsonscan.AppendQuoted(out, t.current)
		done = t.end
	}
	if out == nil {
		return nil
	}
	return append(out, p.body[done:]...)
}

// Parse reads a request in OpenAI's dialect. Its errors are [ErrShape]. The body is kept,
// and must not change.
func Parse(body []byte) (*Prompt, error) {
	p := &Prompt{body: body}
	var request jsonscan.Fields
	if err := request.Scan(body); err != nil {
		return nil, shape(err)
	}
	messages, ok := request.Get("messages")
	if !ok || messages.Kind != jsonscan.KindArray {
		return nil, fmt.Errorf("%w: there is no list of messages", ErrShape)
	}
	for _, name := range [...]string{"tools", "functions", "response_format"} {
		if raw := request.Raw(name); raw != nil {
			p.Fixed = append(p.Fixed, string(raw))
		}
	}
	r := reader{prompt: p, question: -1, breakpoint: -1}
	err := jsonscan.ScanArray(messages.Raw(body), func(_ int, v jsonscan.Value) error {
		v.Start += messages.ValueStart
		v.End += messages.ValueStart
		return r.message(v)
	})
	if err != nil {
		return nil, shape(err)
	}
	p.Messages = r.count
	for _, name := range [...]string{"cache_control", "cache_control_injection_points"} {
		if m, ok := request.Get(name); ok && m.Kind != jsonscan.KindNull {
			r.breakpoint = r.count // where, the provider or the router decides
		}
	}
	r.release()
	return p, nil
}

func shape(err error) error {
	if errors.Is(err, ErrShape) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrShape, err)
}

// reader goes through the messages. Which texts may be changed is known at the end.
type reader struct {
	prompt     *Prompt
	count      int
	question   int // the last user message
	breakpoint int // the last message with a cache breakpoint
	found      []candidate
}

// candidate is a text of a message that may be changed if its message may.
type candidate struct {
	text    *Text
	message int
}

// message reads the message that the span of the body holds.
func (r *reader) message(v jsonscan.Value) error {
	if v.Kind != jsonscan.KindObject {
		return fmt.Errorf("%w: a message is no object", ErrShape)
	}
	index := r.count
	r.count++
	var m jsonscan.Fields
	if err := m.Scan(v.Raw(r.prompt.body)); err != nil {
		return err
	}
	// Wherever in the message it is; within text its quotes would be escaped.
	if bytes.Contains(m.Doc(), []byte(`"cache_control"`)) {
		r.breakpoint = index
	}
	role, err := jsonscan.String(m.Raw("role"))
	if err != nil {
		return fmt.Errorf("%w: a message has no role", ErrShape)
	}
	var kind Kind
	switch role {
	case "tool", "function":
		kind = ToolResult
	case "user":
		kind, r.question = Context, index
	case "system", "developer", "assistant":
	default:
		return fmt.Errorf("%w: a message has an unknown role", ErrShape)
	}
	for field := range m.All() {
		value := field.Value()
		value.Start += v.Start
		value.End += v.Start
		if string(field.Key) != "content" {
			if err := r.fixed(string(field.Key), value); err != nil {
				return err
			}
			continue
		}
		if err := r.content(value, kind, index); err != nil {
			return err
		}
	}
	return nil
}

// fixed notes a member of a message that stays as it is.
func (r *reader) fixed(key string, v jsonscan.Value) error {
	raw := v.Raw(r.prompt.body)
	if key == "name" {
		r.prompt.Names++
	}
	if v.Kind != jsonscan.KindString {
		if v.Kind == jsonscan.KindArray || v.Kind == jsonscan.KindObject {
			r.prompt.Fixed = append(r.prompt.Fixed, string(raw))
		}
		return nil
	}
	if key == "tool_call_id" {
		return nil
	}
	text, err := jsonscan.String(raw)
	if err != nil {
		return err
	}
	r.prompt.Fixed = append(r.prompt.Fixed, text)
	return nil
}

// content reads a message's content: a string, or a list of parts.
func (r *reader) content(v jsonscan.Value, kind Kind, message int) error {
	switch v.Kind {
	case jsonscan.KindString:
		return r.text(v, kind, message)
	case jsonscan.KindArray:
		return jsonscan.ScanArray(v.Raw(r.prompt.body), func(_ int, part jsonscan.Value) error {
			part.Start += v.Start
			part.End += v.Start
			return r.part(part, kind, message)
		})
	case jsonscan.KindNull:
		return nil
	default:
		return fmt.Errorf("%w: a content is neither text nor a list of parts", ErrShape)
	}
}

// part reads a content part. Only one of type text has text that may be changed.
func (r *reader) part(v jsonscan.Value, kind Kind, message int) error {
	if v.Kind != jsonscan.KindObject {
		return fmt.Errorf("%w: a content part is no object", ErrShape)
	}
	var part jsonscan.Fields
	if err := part.Scan(v.Raw(r.prompt.body)); err != nil {
		return err
	}
	text, ok := part.Get("text")
	if !jsonscan.EqualString(part.Raw("type"), "text") || !ok || text.Kind != jsonscan.KindString {
		return nil
	}
	value := text.Value()
	value.Start += v.Start
	value.End += v.Start
	return r.text(value, kind, message)
}

// text notes a string of the body, as fixed when its kind is none.
func (r *reader) text(v jsonscan.Value, kind Kind, message int) error {
	raw := v.Raw(r.prompt.body)
	text, err := jsonscan.String(raw)
	if err != nil {
		return err
	}
	// Half a surrogate pair is read as U+FFFD, and could not be written again.
	if kind == 0 || strings.Count(text, "\uFFFD") != bytes.Count(raw, []byte("\uFFFD")) {
		r.prompt.Fixed = append(r.prompt.Fixed, text)
		return nil
	}
	r.found = append(r.found, candidate{&Text{Kind: kind, Original: text, start: v.Start, end: v.End, current: text}, message})
	return nil
}

// release decides which of the texts may be changed.
func (r *reader) release() {
	for _, c := range r.found {
		if c.message <= r.breakpoint || c.message == r.question {
			r.prompt.Fixed = append(r.prompt.Fixed, c.text.Original)
			continue
		}
		r.prompt.Texts = append(r.prompt.Texts, c.text)
	}
}
