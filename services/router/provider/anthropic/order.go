package anthropic

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/chat"
)

// A message of the dialect has its text, its thinking and its calls each in one place, and
// an answer of the API may have them in any order: text, then thinking, then a call, then
// text again. The API checks that its thinking comes back where it stood, with all before
// it unchanged (https://platform.claude.com/docs/en/build-with-claude/preserved-thinking
// and …/thinking-tool-workflows, read 2026-11-28). So an answer in another order than the
// usual one, thinking, text and calls, tells it in `provider_specific_fields.block_order`:
//
//	["thinking", "text:12", "redacted_thinking", "tool_use", "text:5"]
//
// A text's number is its length in bytes, for the texts are joined.

const (
	blockText     = "text"
	blockThinking = "thinking"
	blockRedacted = "redacted_thinking"
	blockCall     = "tool_use"
)

// blockOrder is the order of an answer's blocks.
type blockOrder []placed

// placed is one block.
type placed struct {
	kind string
	// size is a text's length in bytes.
	size int
}

// note takes a block; those that the dialect has no place for have no order either.
func (o *blockOrder) note(kind string, size int) {
	switch kind {
	case blockText, blockThinking, blockRedacted, blockCall:
		*o = append(*o, placed{kind, size})
	}
}

// usual says that a message says the order by itself.
func (o blockOrder) usual() bool {
	stage, texts := 0, 0
	for _, p := range o {
		at := 0
		switch p.kind {
		case blockText:
			at = 1
			texts++
		case blockCall:
			at = 2
		}
		if at < stage || texts > 1 {
			return false
		}
		stage = at
	}
	return true
}

// append writes the provider_specific_fields that tell the order.
func (o blockOrder) append(b []byte) []byte {
	b = append(b, `{"block_order":[`...)
	for i, p := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, '"'), p.kind...)
		if p.kind == blockText {
			b = strconv.AppendInt(append(b, ':'), int64(p.size), 10)
		}
		b = append(b, '"')
	}
	return append(b, "]}"...)
}

// readOrder reads the order that a message brings back; nil is the usual one.
func readOrder(fields json.RawMessage) blockOrder {
	if fields == nil {
		return nil
	}
	var w struct {
		Order []string `json:"block_order"`
	}
	// Another provider's fields, whatever their types, say nothing here.
	if err := json.Unmarshal(fields, &w); err != nil {
		return nil
	}
	var out blockOrder
	for _, name := range w.Order {
		kind, number, sized := strings.Cut(name, ":")
		size := 0
		if sized {
			var err error
			if size, err = strconv.Atoi(number); err != nil || size < 0 {
				return nil
			}
		}
		out = append(out, placed{kind, size})
	}
	return out
}

// fits says that the order is the message's: nothing was added to it, taken from it or
// changed in length since it was an answer.
func (o blockOrder) fits(m *chat.Message, text string) bool {
	thoughts, calls, size := 0, 0, 0
	for _, p := range o {
		switch p.kind {
		case blockText:
			size += p.size
			if size > len(text) {
				return false
			}
		case blockThinking, blockRedacted:
			if thoughts == len(m.ThinkingBlocks) || m.ThinkingBlocks[thoughts].Type != p.kind {
				return false
			}
			thoughts++
		case blockCall:
			calls++
		default:
			return false
		}
	}
	return thoughts == len(m.ThinkingBlocks) && calls == len(m.ToolCalls) && size == len(text)
}

// ordered writes an assistant's turn in the order that it had as an answer; ok is false
// when the message tells none, or is not that answer any more. trim is that of blocks.
func (e *encoder) ordered(m *chat.Message, at string, trim bool) (b []byte, ok bool, err error) {
	order := readOrder(m.ProviderFields)
	if len(order) == 0 || len(m.Content) > 1 || m.Refusal != "" {
		return nil, false, nil
	}
	text, breakpoint := "", json.RawMessage(nil)
	if len(m.Content) == 1 {
		p := &m.Content[0]
		if p.Type != "text" || len(p.Extra) > 0 {
			return nil, false, nil
		}
		text, breakpoint = p.Text, p.CacheControl
	}
	if !order.fits(m, text) {
		return nil, false, nil
	}
	lastText := -1
	for i, p := range order {
		if p.kind == blockText {
			lastText = i
		}
	}
	thoughts, calls := 0, 0
	for i, p := range order {
		var cc json.RawMessage
		if i == len(order)-1 {
			cc = m.CacheControl
		}
		switch p.kind {
		case blockText:
			piece := text[:p.size]
			text = text[p.size:]
			if trim && i == len(order)-1 {
				piece = strings.TrimRight(piece, " \t\r\n")
			}
			if i == lastText && breakpoint != nil {
				cc = breakpoint
			}
			if !blank(piece) { // which the API refuses
				b = closeBlock(quoted(append(b, `{"type":"text","text":`...), piece), cc)
			}
		case blockCall:
			c := &m.ToolCalls[calls]
			if c.CacheControl != nil {
				cc = c.CacheControl
			}
			if b, err = e.toolUse(b, c, at+".tool_calls["+strconv.Itoa(calls)+"]", cc); err != nil {
				return nil, false, err
			}
			calls++
		default:
			if b, err = thinkingBlock(b, &m.ThinkingBlocks[thoughts], at); err != nil {
				return nil, false, err
			}
			thoughts++
		}
	}
	return b, true, nil
}

// thinkingBlock writes a block of past thinking. One without a signature is another
// provider's, and left out.
func thinkingBlock(b []byte, t *chat.ThinkingBlock, at string) ([]byte, error) {
	switch {
	case t.Type == blockRedacted:
		b = quoted(append(b, `{"type":"redacted_thinking","data":`...), t.Data)
		b = append(b, "},"...)
	case t.Type != blockThinking:
		return nil, invalid(at+".thinking_blocks", "must be of type thinking or redacted_thinking")
	case t.Signature != "":
		b = quoted(append(b, `{"type":"thinking","thinking":`...), t.Thinking)
		b = quoted(append(b, `,"signature":`...), t.Signature)
		b = append(b, "},"...)
	}
	return b, nil
}

// textSize is the length of a JSON string's text, in bytes.
func textSize(raw []byte) int {
	if bytes.IndexByte(raw, '\\') < 0 {
		return len(raw) - len(`""`)
	}
	s, err := jsonscan.String(raw)
	if err != nil {
		return 0 // the document was valid
	}
	return len(s)
}
