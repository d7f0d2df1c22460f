package simulator

import (
	"net/http"
	"strings"
	"time"
)

const shortTTL = 5 * time.Minute

// redactedMagic is the documented prefix of the prompt that makes the real API
// answer with redacted thinking, for tests.
const redactedMagic = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING"

// claudeWriter writes one message, whole or as a stream.
type claudeWriter struct {
	*claude
	id  string
	out answer
}

func (w *claudeWriter) make() {
	w.out = w.x.answer(w.a, 0, func() string { return w.x.s.id("toolu_") })
	if w.a.limited && w.a.maxTokens == 0 {
		w.out = answer{finish: finishLength} // fills the cache, and answers nothing
	}
}

func (w *claudeWriter) redacted() bool {
	return w.x.dir.Redacted || strings.Contains(w.a.lastText, redactedMagic)
}

var claudeStop = [...]string{
	finishStop: "end_turn", finishLength: "max_tokens", finishSequence: "stop_sequence", finishTools: "tool_use", finishFilter: "refusal",
}

func (w *claudeWriter) head(b []byte) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, w.id...)
	b = append(b, `","type":"message","role":"assistant","model":`...)
	b = appendQuoted(b, w.x.name)
	return append(b, `,"content":[`...)
}

// appendStop appends the members that tell why the message ended.
func (w *claudeWriter) appendStop(b []byte) []byte {
	b = append(b, `"stop_reason":"`...)
	b = append(b, claudeStop[w.out.finish]...)
	b = append(b, `","stop_sequence":`...)
	b = appendNullable(b, w.out.stop)
	if w.out.finish == finishFilter {
		return append(b, `,"stop_details":{"type":"refusal","category":"general_harms","explanation":"This is a simulated refusal."}`...)
	}
	return b
}

// appendInput appends the members of usage that count the prompt.
func (w *claudeWriter) appendInput(b []byte) []byte {
	rest := w.a.promptTokens() - w.readTokens - w.write5m - w.write1h
	b = appendField(b, "input_tokens", rest)
	b = appendField(b, "cache_creation_input_tokens", w.write5m+w.write1h)
	return appendField(b, "cache_read_input_tokens", w.readTokens)
}

func (w *claudeWriter) usage(b []byte, output int) []byte {
	b = append(b, `"usage":{`...)
	b = w.appendInput(b)
	b = append(b, `,"cache_creation":{`...)
	b = appendField(b, "ephemeral_5m_input_tokens", w.write5m)
	b = appendField(b, "ephemeral_1h_input_tokens", w.write1h)
	b = append(b, '}')
	b = appendField(b, "output_tokens", output)
	b = w.details(b)
	return append(b, `,"service_tier":"standard","inference_geo":"not_available"}`...)
}

func (w *claudeWriter) details(b []byte) []byte {
	if w.out.reasoning == 0 {
		return b
	}
	b = append(b, `,"output_tokens_details":{`...)
	b = appendField(b, "thinking_tokens", w.out.reasoning)
	return append(b, '}')
}

// shown is the thinking text as it is sent, and its signature.
func (w *claudeWriter) shown() (thinking, signature string) {
	if !w.omitted {
		thinking = w.out.thought
	}
	return thinking, w.x.s.sign("thinking", thinking)
}

func (w *claudeWriter) whole() error {
	w.make()
	x := w.x
	b := w.head(x.out[:0])
	start := len(b)
	next := func() {
		if len(b) > start {
			b = append(b, ',')
		}
	}
	if w.out.thought != "" {
		if w.redacted() {
			b = append(b, `{"type":"redacted_thinking","data":`...)
			b = appendQuoted(b, w.redactedData())
		} else {
			thinking, signature := w.shown()
			b = append(b, `{"type":"thinking","thinking":`...)
			b = appendQuoted(b, thinking)
			b = append(b, `,"signature":`...)
			b = appendQuoted(b, signature)
		}
		b = append(b, '}')
	}
	if w.out.text != "" {
		next()
		b = append(b, `{"type":"text","text":`...)
		b = appendQuoted(b, w.out.text)
		b = append(b, '}')
	}
	for _, c := range w.out.calls {
		next()
		b = append(b, `{"type":"tool_use","id":"`...)
		b = append(b, c.id...)
		b = append(b, `","name":`...)
		b = appendQuoted(b, c.name)
		b = append(b, `,"input":`...)
		b = append(b, c.args...)
		b = append(b, '}')
	}
	b = append(b, "],"...)
	b = w.appendStop(b)
	if !x.dir.NoUsage {
		b = append(b, ',')
		b = w.usage(b, w.out.output+w.out.reasoning)
	}
	x.out = append(b, '}')
	return x.reply(http.StatusOK, x.out)
}

// stream answers as the documented event sequence: message_start, a ping, the
// blocks, message_delta, message_stop.
func (w *claudeWriter) stream() error {
	w.make()
	st := w.x.openStream(sseUTF8, func(b []byte) (string, []byte) {
		return "error", anthropicDialect{}.appendError(b, w.x, anthropicDialect{}.statusError(529, ""))
	})
	b := append(w.x.out[:0], `{"type":"message_start","message":`...)
	b = w.head(b)
	b = append(b, `],"stop_reason":null,"stop_sequence":null`...)
	if !w.x.dir.NoUsage {
		b = append(b, ',')
		b = w.usage(b, 1)
	}
	w.x.out = append(b, "}}"...)
	_ = st.send("message_start", w.x.out) // each later send, and close, return the stream's error
	_ = st.send("ping", []byte(`{"type":"ping"}`))
	index := 0
	if w.out.thought != "" {
		w.streamThinking(st, index)
		index++
	}
	if w.out.text != "" {
		w.streamText(st, index)
		index++
	}
	for _, c := range w.out.calls {
		w.streamCall(st, index, c)
		index++
	}
	w.messageDelta(st, w.out.output+w.out.reasoning, true)
	if !w.x.dir.NoDone {
		_ = st.send("message_stop", []byte(`{"type":"message_stop"}`))
	}
	return st.close("")
}

func (w *claudeWriter) messageDelta(st *sse, output int, end bool) {
	b := append(w.x.out[:0], `{"type":"message_delta","delta":{`...)
	if end {
		b = w.appendStop(b)
	} else {
		b = append(b, `"stop_reason":null,"stop_sequence":null`...)
	}
	b = append(b, '}')
	if !w.x.dir.NoUsage {
		b = append(b, `,"usage":{`...)
		b = w.appendInput(b)
		b = appendField(b, "output_tokens", output)
		b = w.details(b)
		b = append(b, '}')
	}
	w.x.out = append(b, '}')
	_ = st.send("message_delta", w.x.out)
}

func (w *claudeWriter) begin(st *sse, index int, block string) {
	b := append(w.x.out[:0], `{"type":"content_block_start","index":`...)
	b = appendInt(b, index)
	b = append(b, `,"content_block":`...)
	b = append(b, block...)
	w.x.out = append(b, '}')
	_ = st.send("content_block_start", w.x.out)
}

func (w *claudeWriter) delta(st *sse, index int, kind, member, text string) {
	b := append(w.x.out[:0], `{"type":"content_block_delta","index":`...)
	b = appendInt(b, index)
	b = append(b, `,"delta":{"type":"`...)
	b = append(b, kind...)
	b = append(b, `","`...)
	b = append(b, member...)
	b = append(b, `":`...)
	b = appendQuoted(b, text)
	w.x.out = append(b, "}}"...)
	_ = st.send("content_block_delta", w.x.out)
}

func (w *claudeWriter) end(st *sse, index int) {
	b := append(w.x.out[:0], `{"type":"content_block_stop","index":`...)
	b = appendInt(b, index)
	w.x.out = append(b, '}')
	_ = st.send("content_block_stop", w.x.out)
}

func (w *claudeWriter) streamThinking(st *sse, index int) {
	if w.redacted() {
		block := appendQuoted([]byte(`{"type":"redacted_thinking","data":`), w.redactedData())
		w.begin(st, index, string(block)+"}")
		w.end(st, index)
		return
	}
	thinking, signature := w.shown()
	w.begin(st, index, `{"type":"thinking","thinking":"","signature":""}`)
	for piece := range pieces(thinking, 0) {
		w.delta(st, index, "thinking_delta", "thinking", piece)
	}
	w.delta(st, index, "signature_delta", "signature", signature)
	w.end(st, index)
}

func (w *claudeWriter) streamText(st *sse, index int) {
	w.begin(st, index, `{"type":"text","text":""}`)
	sent := 0
	for piece := range pieces(w.out.text, w.x.dir.Chunks) {
		if st.err != nil {
			return
		}
		w.delta(st, index, "text_delta", "text", piece)
		if sent += len(piece); w.x.dir.UsageMid {
			w.messageDelta(st, w.out.reasoning+tokens(sent), false)
		}
	}
	w.end(st, index)
}

func (w *claudeWriter) streamCall(st *sse, index int, c toolCall) {
	block := append([]byte(`{"type":"tool_use","id":"`), c.id...)
	block = append(block, `","name":`...)
	block = appendQuoted(block, c.name)
	w.begin(st, index, string(block)+`,"input":{}}`)
	w.delta(st, index, "input_json_delta", "partial_json", "")
	for piece := range pieces(c.args, 0) {
		w.delta(st, index, "input_json_delta", "partial_json", piece)
	}
	w.end(st, index)
}
