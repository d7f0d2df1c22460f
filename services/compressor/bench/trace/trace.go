// Package trace makes conversations as agents and people have them, turn by turn, to
// measure what compression does to them. They are made by a program from a fixed seed and
// own texts, and are the same bytes each time.
package trace

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// texts are what agents read and people paste: sources and documents.
//
//go:embed texts
var texts embed.FS

// Trace is a conversation.
type Trace struct {
	// Name is one word.
	Name string
	// Tools tells that most of it is what tools answered.
	Tools bool

	tools    json.RawMessage
	messages []Message
	turns    []int // how many messages each turn's request has
	pauses   []time.Duration
	off      []bool
	unsent   []bool
}

// Message is one of a conversation's, in OpenAI's dialect.
type Message struct {
	Role       string `json:"role"`
	Content    any    `json:"content"`
	Calls      []Call `json:"tool_calls,omitempty"`
	ToolCallID string `json:"tool_call_id,omitempty"`
}

// Call is a call of a tool.
type Call struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`
	Function Function `json:"function"`
}

// Function is what a call is of. Arguments is JSON.
type Function struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// All returns the traces: five kinds of work, and what is small.
func All() []*Trace {
	return []*Trace{coding(), data(), web(), operations(), chat(), edge(), edgeChat(), slow()}
}

// Breakpoints says where a client sets Anthropic's cache breakpoints.
type Breakpoints uint8

// The ways of clients.
const (
	// None sets none.
	None Breakpoints = iota
	// System sets one at the end of the system prompt.
	System
	// Moving sets one there and one at the end of the last message.
	Moving
	// Questions sets one there and one at the end of the user's last message, before what tools
	// answer to it.
	Questions
	// Before sets one there and one at the end of the turn before, so that what is new is behind it.
	Before
)

// Turns is how many requests there are.
func (t *Trace) Turns() int { return len(t.turns) }

// Pause is how long nothing was said before a turn.
func (t *Trace) Pause(turn int) time.Duration {
	if t.pauses == nil {
		return time.Minute
	}
	return t.pauses[turn]
}

// Off tells that the caller asks for no compression in a turn.
func (t *Trace) Off(turn int) bool { return t.off != nil && t.off[turn] }

// Unsent tells that a turn never reaches a provider by itself: a cache before it answers, or its
// messages come with the next turn's.
func (t *Trace) Unsent(turn int) bool { return t.unsent != nil && t.unsent[turn] }

// Request is the body of a turn, the first of which is 0: all that was said before it.
func (t *Trace) Request(turn int, model string, b Breakpoints) ([]byte, error) {
	messages := make([]Message, t.turns[turn])
	copy(messages, t.messages)
	mark := func(i int) {
		text, ok := messages[i].Content.(string)
		if ok {
			messages[i].Content = []any{part{"text", text, &control{"ephemeral"}}}
		}
	}
	if b != None {
		mark(0)
	}
	switch b {
	case Moving:
		mark(len(messages) - 1)
	case Questions:
		last := len(messages) - 1
		for last > 0 && messages[last].Role != "user" {
			last--
		}
		mark(last)
	case Before:
		if turn > 0 {
			mark(t.turns[turn-1] - 1)
		}
	case None, System:
	}
	return encode(struct {
		Model    string          `json:"model"`
		Tools    json.RawMessage `json:"tools,omitempty"`
		Messages []Message       `json:"messages"`
	}{model, t.tools, messages}, "")
}

type part struct {
	Type    string   `json:"type"`
	Text    string   `json:"text"`
	Control *control `json:"cache_control,omitempty"`
}

type control struct {
	Type string `json:"type"`
}

func encode(v any, indent string) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// writer writes a trace.
type writer struct {
	*rand.Rand
	trace *Trace
	calls int
}

// begin starts a trace with its system prompt and its tools, each a name, what it does and
// its parameters, with spaces between.
func begin(name string, seed uint64, system string, tools ...string) *writer {
	//nolint:gosec // the same each time, and no secret
	w := &writer{Rand: rand.New(rand.NewPCG(seed, 1)), trace: &Trace{Name: name, Tools: len(tools) > 0}}
	w.trace.messages = []Message{{Role: "system", Content: system}}
	if len(tools) == 0 {
		return w
	}
	var defs []any
	for _, tool := range tools {
		head, parameters, _ := strings.Cut(tool, " | ")
		called, does, _ := strings.Cut(head, ": ")
		properties := map[string]any{}
		var required []string
		for p := range strings.SplitSeq(parameters, ", ") {
			id, says, _ := strings.Cut(p, "=")
			properties[id] = map[string]any{"type": "string", "description": says}
			required = append(required, id)
		}
		defs = append(defs, map[string]any{"type": "function", "function": map[string]any{
			"name": called, "description": does,
			"parameters": map[string]any{"type": "object", "properties": properties, "required": required},
		}})
	}
	w.trace.tools = must(encode(defs, ""))
	return w
}

func must(raw []byte, err error) []byte {
	if err != nil {
		panic(err) // what is encoded is written in this package
	}
	return raw
}

// pretty is indented JSON, as tools answer.
func pretty(v any) string { return string(must(encode(v, "  "))) }

// text is a file of texts.
func text(name string) string { return string(must(texts.ReadFile("texts/" + name))) }

func (w *writer) user(text string) {
	w.trace.messages = append(w.trace.messages, Message{Role: "user", Content: text})
}

// order is a message of whoever made the application.
func (w *writer) order(text string) {
	w.trace.messages = append(w.trace.messages, Message{Role: "developer", Content: text})
}

// say is an answer: what was before it was a turn.
func (w *writer) say(text string) {
	w.answer(Message{Role: "assistant", Content: text})
}

func (w *writer) answer(m Message) {
	w.trace.turns = append(w.trace.turns, len(w.trace.messages))
	w.trace.messages = append(w.trace.messages, m)
}

// call is an answer that calls a tool, and what the tool says.
func (w *writer) call(name string, arguments map[string]any, result string) {
	id := w.id()
	w.answer(Message{Role: "assistant", Calls: []Call{{id, "function", Function{name, string(must(encode(arguments, "")))}}}})
	w.result(id, result)
}

func (w *writer) result(id, result string) {
	w.trace.messages = append(w.trace.messages, Message{Role: "tool", ToolCallID: id, Content: result})
}

// id is as OpenAI's are.
func (w *writer) id() string {
	w.calls++
	return fmt.Sprintf("call_%s%02d", w.letters(22), w.calls)
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

func (w *writer) letters(n int) string { return w.from(alphabet[:62], n) }
func (w *writer) hex(n int) string     { return w.from("0123456789abcdef", n) }

func (w *writer) from(letters string, n int) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = letters[w.IntN(len(letters))]
	}
	return string(out)
}

// one of some.
func (w *writer) one(of ...string) string { return of[w.IntN(len(of))] }

// between is a number of [least, most].
func (w *writer) between(least, most int) int { return least + w.IntN(most-least+1) }
