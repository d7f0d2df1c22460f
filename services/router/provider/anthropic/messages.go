package anthropic

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/chat"
)

// turn is a message of the API: one or more neighbours of one role.
type turn struct {
	role string
	// results are tool_result blocks, which come first; rest are the other blocks.
	// Each block ends with a comma.
	results, rest []byte
}

// conversation collects the turns and the system prompt.
type conversation struct {
	system []byte
	turns  []turn
}

// role returns the turn under way if it has the role, or begins one.
func (c *conversation) role(role string) *turn {
	if n := len(c.turns); n == 0 || c.turns[n-1].role != role {
		c.turns = append(c.turns, turn{role: role})
	}
	return &c.turns[len(c.turns)-1]
}

func (e *encoder) appendMessages(b []byte) ([]byte, error) {
	var c conversation
	for i := range e.req.Messages {
		if err := e.message(&c, i); err != nil {
			return nil, err
		}
	}
	if len(c.turns) == 0 {
		return nil, invalid("messages", "need a turn of the user")
	}
	if len(c.system) > 0 {
		b = append(b, `,"system":[`...)
		b = append(b, c.system...)
		b[len(b)-1] = ']'
	}
	b = append(b, `,"messages":[`...)
	for i := range c.turns {
		if i > 0 {
			b = append(b, ',')
		}
		t := &c.turns[i]
		b = append(append(append(b, `{"role":"`...), t.role...), `","content":[`...)
		b = append(append(b, t.results...), t.rest...)
		b[len(b)-1] = ']'
		b = append(b, '}')
	}
	return append(b, ']'), nil
}

// message adds message i to the conversation.
func (e *encoder) message(c *conversation, i int) error {
	m := &e.req.Messages[i]
	at := "messages[" + strconv.Itoa(i) + "]"
	if err := e.messageExtras(m, at); err != nil {
		return err
	}
	var blocks []byte
	var err error
	switch m.Role {
	case "system", "developer":
		if blocks, err = e.blocks(nil, m, at, false); err != nil || len(blocks) == 0 {
			return err
		}
		if e.staysInPlace(c, i) {
			t := c.role("system")
			t.rest = append(t.rest, blocks...)
		} else {
			c.system = append(c.system, blocks...)
		}
	case "user":
		t := c.role("user")
		before := len(t.rest)
		if t.rest, err = e.blocks(t.rest, m, at, false); err == nil && len(t.rest) == before {
			err = invalid(at+".content", "must not be blank")
		}
		return err
	case "assistant":
		if blocks, err = e.assistant(m, at, i == len(e.req.Messages)-1); err != nil || len(blocks) == 0 {
			return err
		}
		t := c.role("assistant")
		t.rest = append(t.rest, blocks...)
	case "tool":
		if blocks, err = e.toolResult(m, at); err != nil {
			return err
		}
		t := c.role("user")
		t.results = append(t.results, blocks...)
	case "function":
		return invalid(at+".role", "must be tool; function is a legacy form without call ids")
	default:
		return invalid(at+".role", "must be system, developer, user, assistant or tool")
	}
	return nil
}

// staysInPlace says that a system message may stand here: behind a user turn, and
// before an assistant's or the end.
func (e *encoder) staysInPlace(c *conversation, i int) bool {
	if !e.model.systemTurns() || len(c.turns) == 0 || c.turns[len(c.turns)-1].role == "assistant" {
		return false
	}
	for _, next := range e.req.Messages[i+1:] {
		switch next.Role {
		case "system", "developer":
		default:
			return next.Role == "assistant"
		}
	}
	return true
}

// messageExtras refuses the members that have no counterpart.
func (e *encoder) messageExtras(m *chat.Message, at string) error {
	if m.Name != "" && m.Role != "tool" {
		if err := e.call.Unsupported(at+".name", "the provider does not tell participants apart"); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Extra)) {
		switch {
		case name == "annotations" && m.Role == "assistant":
			continue // what an answer cites; nothing takes it back
		case name == "is_error" && m.Role == "tool":
			continue // Anthropic's own; see toolResult
		}
		if err := e.call.Unsupported(at+"."+name, "the provider's messages have no such member"); err != nil {
			return err
		}
	}
	return nil
}

// assistant writes an assistant's turn: its thinking, its text, its calls.
func (e *encoder) assistant(m *chat.Message, at string, last bool) ([]byte, error) {
	b, ok, err := e.ordered(m, at, last)
	if ok || err != nil {
		return b, err
	}
	for i := range m.ThinkingBlocks {
		if b, err = thinkingBlock(b, &m.ThinkingBlocks[i], at); err != nil {
			return nil, err
		}
	}
	if b, err = e.blocks(b, m, at, last && len(m.ToolCalls) == 0); err != nil {
		return nil, err
	}
	if !blank(m.Refusal) {
		b = quoted(append(b, `{"type":"text","text":`...), m.Refusal)
		b = append(b, "},"...)
	}
	for i := range m.ToolCalls {
		cc := m.ToolCalls[i].CacheControl
		if cc == nil && i == len(m.ToolCalls)-1 {
			cc = m.CacheControl
		}
		if b, err = e.toolUse(b, &m.ToolCalls[i], at+".tool_calls["+strconv.Itoa(i)+"]", cc); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (e *encoder) toolUse(b []byte, call *chat.ToolCall, at string, cc json.RawMessage) ([]byte, error) {
	for _, name := range slices.Sorted(maps.Keys(call.Extra)) {
		if err := e.call.Unsupported(at+"."+name, "the provider's tool calls have no such member"); err != nil {
			return nil, err
		}
	}
	if call.ID == "" {
		return nil, invalid(at+".id", "is missing")
	}
	b = appendID(append(b, `{"type":"tool_use","id":`...), call.ID)
	b = quoted(append(b, `,"name":`...), call.Name)
	b = append(b, `,"input":`...)
	if blank(call.Arguments) {
		b = append(b, "{}"...) // how other models write a call without arguments
	} else {
		arguments := []byte(call.Arguments)
		v, err := jsonscan.Scan(arguments)
		if err != nil || v.Kind != jsonscan.KindObject {
			return nil, invalid(at+".function.arguments", "must be the JSON of an object")
		}
		b = append(b, v.Raw(arguments)...)
	}
	return closeBlock(b, cc), nil
}

// toolResult writes the result of one call.
func (e *encoder) toolResult(m *chat.Message, at string) ([]byte, error) {
	if m.ToolCallID == "" {
		return nil, invalid(at+".tool_call_id", "is missing")
	}
	b := appendID([]byte(`{"type":"tool_result","tool_use_id":`), m.ToolCallID)
	// A breakpoint belongs on the result as a whole, wherever the client put it.
	whole := *m
	whole.CacheControl = nil
	cc := m.CacheControl
	whole.Content = slices.Clone(m.Content)
	for i := range whole.Content {
		if p := &whole.Content[i]; p.CacheControl != nil {
			cc, p.CacheControl = p.CacheControl, nil
		}
	}
	content, err := e.blocks(nil, &whole, at, false)
	if err != nil {
		return nil, err
	}
	if len(content) > 0 {
		b = append(append(b, `,"content":[`...), content...)
		b[len(b)-1] = ']'
	}
	if raw, ok := m.Extra["is_error"]; ok {
		failed, isBool := jsonscan.Bool(raw)
		if !isBool {
			return nil, invalid(at+".is_error", "must be a boolean")
		}
		if failed {
			b = append(b, `,"is_error":true`...)
		}
	}
	return closeBlock(b, cc), nil
}

// appendID writes a call's id in the characters that the API takes.
func appendID(b []byte, id string) []byte {
	return quoted(b, strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
			return r
		}
		return '_'
	}, id))
}

// closeBlock ends a block, with a cache breakpoint if there is one.
func closeBlock(b []byte, cc json.RawMessage) []byte {
	if cc != nil {
		b = append(append(b, `,"cache_control":`...), cc...)
	}
	return append(b, "},"...)
}

// refuse is for content: leaving a piece of it out, as for a parameter, would change
// what is asked.
func refuse(param, why string) error {
	return errs.New(errs.UnsupportedParameter, param+": "+why).WithParam(param)
}
