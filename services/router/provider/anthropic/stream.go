package anthropic

import (
	"encoding/json"
	"errors"
	"strconv"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/openaiwire"
	"tollgate.dev/platform/sse"
	"tollgate.dev/services/router/chat"
)

// decoder decodes one answer, whole or streamed.
type decoder struct {
	created      int64
	includeUsage bool

	usage wireUsage
	model string
	id    string

	// head is every chunk up to the members of its delta; empty until message_start.
	head     []byte
	buf      []byte
	event    jsonscan.Fields
	delta    jsonscan.Fields
	block    block
	order    blockOrder
	calls    int // tool calls so far
	finished bool
	done     bool
}

// block is the content block under way; blocks follow each other.
type block struct {
	kind  string // empty between blocks
	index int64
	// call is the tool call's index; started says that arguments were sent.
	call    int
	started bool
	input   []byte
	// size is the length of a text so far, in bytes.
	size int
	// thinking and signature are JSON strings without their quotes.
	thinking, signature []byte
}

// chunkTail ends a chunk that finishes nothing.
const chunkTail = `},"finish_reason":null}]}`

// Event decodes one event. Unknown events, blocks and deltas are passed over, as
// the API's versioning policy asks of clients.
func (d *decoder) Event(event sse.Event, sink *chat.Sink) error {
	if d.done {
		return nil
	}
	if err := d.event.Scan(event.Data); err != nil && !errors.Is(err, jsonscan.ErrDuplicateKey) {
		return broken("the provider sent an event that is no JSON object").WithCause(err)
	}
	kind := d.event.Raw("type")
	switch {
	case jsonscan.EqualString(kind, "content_block_delta"):
		return d.blockDelta(sink)
	case jsonscan.EqualString(kind, "content_block_start"):
		return d.blockStart(sink)
	case jsonscan.EqualString(kind, "content_block_stop"):
		return d.blockStop(sink)
	case jsonscan.EqualString(kind, "message_start"):
		return d.messageStart(sink)
	case jsonscan.EqualString(kind, "message_delta"):
		return d.messageDelta(sink)
	case jsonscan.EqualString(kind, "message_stop"):
		return d.messageStop(sink)
	case jsonscan.EqualString(kind, "error"):
		return streamError(event.Data)
	case kind == nil:
		return broken("the provider sent an event without a type")
	}
	return nil
}

// End checks that message_stop was seen.
func (d *decoder) End(*chat.Sink) error {
	if !d.done {
		return broken("the provider's stream ended too early")
	}
	return nil
}

func (d *decoder) messageStart(sink *chat.Sink) error {
	var m struct {
		ID    string          `json:"id"`
		Model string          `json:"model"`
		Usage json.RawMessage `json:"usage"`
	}
	if err := json.Unmarshal(orNull(d.event.Raw("message")), &m); err != nil {
		return malformed(err)
	}
	if len(d.head) > 0 {
		return broken("the provider began its answer twice")
	}
	d.id, d.model = m.ID, m.Model
	d.head = d.appendHead(nil)
	d.head = append(d.head, `[{"index":0,"delta":{`...)
	if err := d.setUsage(m.Usage, sink); err != nil {
		return err
	}
	d.send(sink, `"role":"assistant","content":""`, nil, "")
	return nil
}

// appendHead begins a chunk, up to the value of choices.
func (d *decoder) appendHead(b []byte) []byte {
	b = quoted(append(b, `{"id":`...), d.id)
	b = append(b, `,"object":"chat.completion.chunk","created":`...)
	b = strconv.AppendInt(b, d.created, 10)
	b = quoted(append(b, `,"model":`...), d.model)
	return append(b, `,"choices":`...)
}

// send adds a chunk: before, raw and after are its delta's members.
func (d *decoder) send(sink *chat.Sink, before string, raw []byte, after string) {
	b := append(d.buf[:0], d.head...)
	b = append(b, before...)
	b = append(b, raw...)
	b = append(b, after...)
	d.buf = append(b, chunkTail...)
	sink.Add(d.buf)
}

// ready checks that the answer has begun.
func (d *decoder) ready() error {
	if len(d.head) == 0 {
		return broken("the provider sent content before message_start")
	}
	return nil
}

func (d *decoder) blockStart(sink *chat.Sink) error {
	if err := d.ready(); err != nil {
		return err
	}
	index, ok := jsonscan.Int64(d.event.Raw("index"))
	if !ok || d.block.kind != "" {
		return broken("the provider sent content out of order")
	}
	var b wireBlock
	if err := json.Unmarshal(orNull(d.event.Raw("content_block")), &b); err != nil {
		return malformed(err)
	}
	if b.Type == "" {
		return broken("the provider sent content without a type")
	}
	d.block = block{kind: b.Type, index: index, thinking: d.block.thinking[:0], signature: d.block.signature[:0]}
	switch b.Type {
	case "text":
		if b.Text != "" {
			d.block.size = len(b.Text)
			d.send(sink, `"content":`, quoted(nil, b.Text), "")
		}
	case "thinking":
		d.block.signature = appendInner(d.block.signature, quoted(nil, b.Signature))
		if b.Thinking != "" {
			d.thinking(sink, quoted(nil, b.Thinking))
		}
	case "redacted_thinking":
		d.send(sink, `"thinking_blocks":[{"type":"redacted_thinking","data":`, quoted(nil, b.Data), `}]`)
	case "tool_use":
		d.block.call = d.calls
		d.calls++
		d.block.input = []byte(arguments(b.Input))
		raw := quoted(nil, b.ID)
		raw = quoted(append(raw, `,"type":"function","function":{"name":`...), b.Name)
		d.send(sink, `"tool_calls":[{"index":`+strconv.Itoa(d.block.call)+`,"id":`, raw, `,"arguments":""}}]`)
	}
	return nil
}

func (d *decoder) blockDelta(sink *chat.Sink) error {
	if err := d.ready(); err != nil {
		return err
	}
	index, ok := jsonscan.Int64(d.event.Raw("index"))
	if !ok || d.block.kind == "" || index != d.block.index {
		return broken("the provider sent content out of order")
	}
	if err := d.delta.Scan(d.event.Raw("delta")); err != nil && !errors.Is(err, jsonscan.ErrDuplicateKey) {
		return broken("the provider sent a delta that is no JSON object").WithCause(err)
	}
	switch kind := d.delta.Raw("type"); {
	case jsonscan.EqualString(kind, "text_delta"):
		if d.block.kind != "text" {
			return nil
		}
		text, err := d.text("text")
		if err == nil && len(text) > len(`""`) {
			d.block.size += textSize(text)
			d.send(sink, `"content":`, text, "")
		}
		return err
	case jsonscan.EqualString(kind, "input_json_delta"):
		if d.block.kind != "tool_use" {
			return nil // a server tool's
		}
		piece, err := d.text("partial_json")
		if err == nil && len(piece) > len(`""`) {
			d.block.started = true
			d.arguments(sink, piece)
		}
		return err
	case jsonscan.EqualString(kind, "thinking_delta"):
		if d.block.kind != "thinking" {
			return nil
		}
		text, err := d.text("thinking")
		if err == nil && len(text) > len(`""`) {
			d.thinking(sink, text)
		}
		return err
	case jsonscan.EqualString(kind, "signature_delta"):
		signature, err := d.text("signature")
		if err == nil {
			d.block.signature = appendInner(d.block.signature, signature)
		}
		return err
	}
	return nil
}

// text is a string member of the delta as JSON, which a chunk can take as it is.
func (d *decoder) text(name string) ([]byte, error) {
	raw := d.delta.Raw(name)
	if len(raw) < 2 || raw[0] != '"' {
		return nil, broken("the provider sent a delta without its " + name)
	}
	return raw, nil
}

// thinking sends a piece of thinking, and keeps it for the signed block.
func (d *decoder) thinking(sink *chat.Sink, text []byte) {
	d.block.thinking = appendInner(d.block.thinking, text)
	d.send(sink, `"reasoning_content":`, text, "")
}

func (d *decoder) arguments(sink *chat.Sink, piece []byte) {
	b := append(d.buf[:0], d.head...)
	b = append(b, `"tool_calls":[{"index":`...)
	b = strconv.AppendInt(b, int64(d.block.call), 10)
	b = append(b, `,"function":{"arguments":`...)
	b = append(b, piece...)
	b = append(b, `}}]`...)
	d.buf = append(b, chunkTail...)
	sink.Add(d.buf)
}

// appendInner appends what is between the quotes of a JSON string.
func appendInner(b, raw []byte) []byte { return append(b, raw[1:len(raw)-1]...) }

func (d *decoder) blockStop(sink *chat.Sink) error {
	index, ok := jsonscan.Int64(d.event.Raw("index"))
	if !ok || d.block.kind == "" || index != d.block.index {
		return broken("the provider sent content out of order")
	}
	d.order.note(d.block.kind, d.block.size)
	switch d.block.kind {
	case "tool_use":
		if !d.block.started { // no arguments, or all of them in the start
			d.arguments(sink, quoted(nil, string(d.block.input)))
		}
	case "thinking":
		// The block goes out whole, when it is signed: a client that collects the
		// thinking_blocks of all chunks can send them back as they are.
		raw := append([]byte{'"'}, d.block.thinking...)
		raw = append(append(raw, `","signature":"`...), d.block.signature...)
		d.send(sink, `"thinking_blocks":[{"type":"thinking","thinking":`, append(raw, '"'), `}]`)
	}
	d.block.kind = ""
	return nil
}

func (d *decoder) messageDelta(sink *chat.Sink) error {
	if err := d.ready(); err != nil {
		return err
	}
	var delta struct {
		StopReason  string      `json:"stop_reason"`
		StopDetails stopDetails `json:"stop_details"`
	}
	if err := json.Unmarshal(orNull(d.event.Raw("delta")), &delta); err != nil {
		return malformed(err)
	}
	if err := d.setUsage(d.event.Raw("usage"), sink); err != nil {
		return err
	}
	if delta.StopReason == "" || d.finished {
		return nil
	}
	d.finished = true
	if delta.StopReason == "refusal" && delta.StopDetails.Explanation != "" {
		d.send(sink, `"refusal":`, quoted(nil, delta.StopDetails.Explanation), "")
	}
	b := append(d.buf[:0], d.head...)
	if !d.order.usual() {
		b = d.order.append(append(b, `"provider_specific_fields":`...))
	}
	b = append(b, `},"finish_reason":"`...)
	b = append(b, finishReason(delta.StopReason)...)
	d.buf = append(b, `"}]}`...)
	sink.Add(d.buf)
	return nil
}

func (d *decoder) messageStop(sink *chat.Sink) error {
	if !d.finished {
		return broken("the provider's stream ended without a reason")
	}
	if d.includeUsage && sink.Usage != nil {
		usage, err := json.Marshal(openaiwire.UsageFrom(sink.Usage))
		if err != nil {
			return malformed(err)
		}
		b := append(d.appendHead(d.buf[:0]), `[],"usage":`...)
		d.buf = append(append(b, usage...), '}')
		sink.Add(d.buf)
	}
	d.done, sink.Done = true, true
	return nil
}

// setUsage takes a cumulative report.
func (d *decoder) setUsage(raw json.RawMessage, sink *chat.Sink) error {
	if !given(raw) {
		return nil
	}
	if err := json.Unmarshal(raw, &d.usage); err != nil {
		return malformed(err)
	}
	sink.Usage = d.usage.disjoint()
	return nil
}

// orNull makes a missing member decode as null does.
func orNull(raw []byte) []byte {
	if raw == nil {
		return []byte("null")
	}
	return raw
}

func malformed(cause error) error {
	return broken("the provider sent a malformed event").WithCause(cause)
}
