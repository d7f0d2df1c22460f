package anthropic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/services/router/chat"
)

// answered is an answer whose blocks are named by letters: a thought, a redacted one, a
// text, a call.
func answered(letters string) []wireBlock {
	var out []wireBlock
	for i, c := range letters {
		name := fmt.Sprintf("%c%d é\n\"\\", c, i)
		switch c {
		case 't':
			out = append(out, wireBlock{Type: blockThinking, Thinking: name, Signature: "s" + name})
		case 'r':
			out = append(out, wireBlock{Type: blockRedacted, Data: name})
		case 'x':
			out = append(out, wireBlock{Type: blockText, Text: name})
		case 'c':
			out = append(out, wireBlock{Type: blockCall, ID: fmt.Sprintf("toolu_%d", i), Name: "f", Input: json.RawMessage(`{"city":"Zürich","n":1.0}`)})
		}
	}
	return out
}

// wire is a block as the API writes it.
func wire(t *testing.T, b wireBlock) []byte {
	t.Helper()
	var v any
	switch b.Type {
	case blockThinking:
		v = map[string]any{"type": b.Type, "thinking": b.Thinking, "signature": b.Signature}
	case blockRedacted:
		v = map[string]any{"type": b.Type, "data": b.Data}
	case blockText:
		v = map[string]any{"type": b.Type, "text": b.Text}
	default:
		v = map[string]any{"type": b.Type, "id": b.ID, "name": b.Name, "input": b.Input}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// streamOf is the stream of an answer, its text in pieces.
func streamOf(t *testing.T, blocks []wireBlock) []byte {
	t.Helper()
	var b bytes.Buffer
	send := func(event string, args ...any) { fmt.Fprintf(&b, "data: "+event+"\n\n", args...) }
	quote := func(s string) string { return string(quoted(nil, s)) }
	send(`{"type":"message_start","message":{"id":"m","model":"claude-opus-5-5"}}`)
	for i, block := range blocks {
		switch block.Type {
		case blockThinking:
			send(`{"type":"content_block_start","index":%d,"content_block":{"type":"thinking","thinking":"","signature":""}}`, i)
			send(`{"type":"content_block_delta","index":%d,"delta":{"type":"thinking_delta","thinking":%s}}`, i, quote(block.Thinking))
			send(`{"type":"content_block_delta","index":%d,"delta":{"type":"signature_delta","signature":%s}}`, i, quote(block.Signature))
		case blockText:
			send(`{"type":"content_block_start","index":%d,"content_block":{"type":"text","text":""}}`, i)
			for _, piece := range strings.SplitAfter(block.Text, " ") {
				send(`{"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":%s}}`, i, quote(piece))
			}
		default:
			send(`{"type":"content_block_start","index":%d,"content_block":%s}`, i, wire(t, block))
		}
		send(`{"type":"content_block_stop","index":%d}`, i)
	}
	send(`{"type":"message_delta","delta":{"stop_reason":"end_turn"}}`)
	send(`{"type":"message_stop"}`)
	return b.Bytes()
}

// sentBack is the content of the assistant's turn that the next request has.
func sentBack(t *testing.T, m chat.AnswerMessage) []json.RawMessage {
	t.Helper()
	turns := []any{map[string]any{"role": "user", "content": "q"}, m}
	for _, c := range m.ToolCalls {
		turns = append(turns, map[string]any{"role": "tool", "tool_call_id": c.ID, "content": "r"})
	}
	body, err := json.Marshal(map[string]any{"messages": append(turns, map[string]any{"role": "user", "content": "q"})})
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := New().Encode(requestCase{Model: "claude-opus-5-5", Body: body}.call(t))
	if err != nil {
		t.Fatal(err)
	}
	var sent struct {
		Messages []struct {
			Role    string            `json:"role"`
			Content []json.RawMessage `json:"content"`
		} `json:"messages"`
	}
	if err := json.Unmarshal(out.Body, &sent); err != nil {
		t.Fatal(err)
	}
	if len(sent.Messages) < 2 || sent.Messages[1].Role != "assistant" {
		return nil // an answer that says nothing is left out
	}
	return sent.Messages[1].Content
}

// An answer's blocks come back in the order and with the borders that they had, whole and
// streamed: the API checks the place of its thinking.
func FuzzBlocksComeBackInTheirOrder(f *testing.F) {
	for _, letters := range []string{"x", "txc", "tcc", "trtxcc", "xt", "txtxc", "xcxc", "ctc", "txtctxrc", "xx", "ttx", "ct", "rxrcrx"} {
		f.Add(letters)
	}
	f.Fuzz(func(t *testing.T, letters string) {
		if len(letters) > 40 {
			return
		}
		blocks := answered(letters)
		if len(blocks) == 0 {
			return
		}
		var content [][]byte
		for _, b := range blocks {
			content = append(content, wire(t, b))
		}
		whole := fmt.Appendf(nil, `{"type":"message","id":"m","model":"m","stop_reason":"end_turn","content":[%s]}`, bytes.Join(content, []byte(",")))
		answer, err := new(decoder).Response(whole)
		if err != nil {
			t.Fatal(err)
		}
		var completion chat.Completion
		if err := json.Unmarshal(answer.Body, &completion); err != nil {
			t.Fatal(err)
		}
		sink, err := decode(bytes.NewReader(streamOf(t, blocks)), new(decoder))
		if err != nil {
			t.Fatal(err)
		}
		for how, m := range map[string]chat.AnswerMessage{"whole": completion.Choices[0].Message, "streamed": collect(t, sink.Chunks).Message} {
			sent := sentBack(t, m)
			if len(sent) != len(content) {
				t.Fatalf("%s: %d blocks of %q came back, %s", how, len(sent), letters, sent)
			}
			for i := range sent {
				same(t, fmt.Sprintf("%s: block %d of %q", how, i, letters), sent[i], content[i])
			}
		}
	})
}

// A turn that is not the answer any more is written in the usual order.
func TestOrderThatDoesNotFit(t *testing.T) {
	const order = `{"block_order":["text:2","thinking","tool_use"]}`
	m := chat.Message{
		Role: "assistant", Content: []chat.Part{{Type: "text", Text: "hi"}}, ProviderFields: json.RawMessage(order),
		ThinkingBlocks: []chat.ThinkingBlock{{Type: blockThinking, Signature: "s"}}, ToolCalls: []chat.ToolCall{{ID: "a", Name: "f"}},
	}
	for name, change := range map[string]func(*chat.Message){
		"another text":   func(m *chat.Message) { m.Content = []chat.Part{{Type: "text", Text: "hello"}} },
		"a shorter text": func(m *chat.Message) { m.Content = []chat.Part{{Type: "text", Text: "h"}} },
		"a second part":  func(m *chat.Message) { m.Content = append(m.Content, m.Content[0]) },
		"no thinking":    func(m *chat.Message) { m.ThinkingBlocks = nil },
		"other thinking": func(m *chat.Message) { m.ThinkingBlocks = []chat.ThinkingBlock{{Type: blockRedacted, Data: "d"}} },
		"one call more":  func(m *chat.Message) { m.ToolCalls = append(m.ToolCalls, m.ToolCalls[0]) },
		"a refusal":      func(m *chat.Message) { m.Refusal = "no" },
		"an unknown kind": func(m *chat.Message) {
			m.ProviderFields = json.RawMessage(`{"block_order":["text:2","x","thinking","tool_use"]}`)
		},
		"a negative length":  func(m *chat.Message) { m.ProviderFields = json.RawMessage(`{"block_order":["text:-2"]}`) },
		"a length of words":  func(m *chat.Message) { m.ProviderFields = json.RawMessage(`{"block_order":["text:two"]}`) },
		"an order of no use": func(m *chat.Message) { m.ProviderFields = json.RawMessage(`{"block_order":7}`) },
	} {
		changed := m
		change(&changed)
		e := encoder{call: new(chat.Call)}
		if _, ok, err := e.ordered(&changed, "m", false); ok || err != nil {
			t.Errorf("%s: ok %v, %v", name, ok, err)
		}
	}
	e := encoder{call: new(chat.Call)}
	b, ok, err := e.ordered(&m, "m", false)
	if want := `{"type":"text","text":"hi"},{"type":"thinking","thinking":"","signature":"s"},{"type":"tool_use","id":"a","name":"f","input":{}},`; !ok || err != nil || string(b) != want {
		t.Errorf("%s %v %v", b, ok, err)
	}
}
