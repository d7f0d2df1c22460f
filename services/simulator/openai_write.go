package simulator

import (
	"hash/fnv"
	"net/http"
	"strconv"
)

// chatWriter writes one chat completion, whole or as a stream.
type chatWriter struct {
	d         *chatDialect
	x         *exchange
	a         *ask
	root      val
	created   int64
	id        string
	reasoning reasoningStyle
	head      []byte // what every chunk begins with
	usageNull bool   // include_usage: chunks carry "usage":null
}

func (w *chatWriter) newCallID() string { return w.x.s.id("call_") }

// answer makes a choice, with Groq's raw reasoning in its text.
func (w *chatWriter) answer(i int) answer {
	out := w.x.answer(w.a, i, w.newCallID)
	if w.reasoning == reasoningRaw && out.thought != "" {
		out.text = "<think>\n" + out.thought + "\n</think>\n\n" + out.text
	}
	return out
}

// fingerprint depends on the model and Options.Seed, as the real one depends
// on the backend's configuration.
func (w *chatWriter) fingerprint() string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(w.x.name))
	_, _ = h.Write(strconv.AppendUint(nil, w.x.s.opt.Seed, 16))
	return "fp_sim" + strconv.FormatUint(h.Sum64()&0xffffffff, 16)
}

// start appends the members that answers and chunks share.
func (w *chatWriter) start(b []byte, object string) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, w.id...)
	b = append(b, `","object":"`...)
	b = append(b, object...)
	b = append(b, `","created":`...)
	b = strconv.AppendInt(b, w.created, 10)
	b = append(b, `,"model":`...)
	b = appendQuoted(b, w.x.name)
	if w.root.get("service_tier").set() || w.d.name == Groq {
		b = append(b, `,"service_tier":"`...)
		b = append(b, map[Provider]string{OpenAI: "default", Groq: "on_demand"}[w.d.name]...)
		b = append(b, '"')
	}
	b = append(b, `,"system_fingerprint":"`...)
	b = append(b, w.fingerprint()...)
	return append(b, '"')
}

// whole answers without a stream.
func (w *chatWriter) whole() error {
	x := w.x
	w.id = x.s.id("chatcmpl-")
	b := w.start(x.out[:0], "chat.completion")
	b = append(b, `,"choices":[`...)
	var total answer
	for i := range w.a.n {
		out := w.answer(i)
		if i > 0 {
			b = append(b, ',')
		}
		b = w.choice(b, i, &out)
		total.output += out.output
		total.reasoning += out.reasoning
	}
	b = append(b, ']')
	if !x.dir.NoUsage {
		b = append(b, `,"usage":`...)
		b = w.usage(b, total.output, total.reasoning)
	}
	if w.d.name == Groq {
		b = append(b, `,"x_groq":{"id":"`...)
		b = append(b, x.requestID()...)
		b = append(b, '"')
		if w.a.seed != "" {
			b = append(b, `,"seed":`...)
			b = append(b, w.a.seed...)
		}
		b = append(b, '}')
	}
	x.out = append(b, '}')
	return x.reply(http.StatusOK, x.out)
}

func (w *chatWriter) choice(b []byte, i int, out *answer) []byte {
	b = append(b, `{"index":`...)
	b = appendInt(b, i)
	b = append(b, `,"message":{"role":"assistant"`...)
	switch {
	case out.finish != finishTools:
		b = append(b, `,"content":`...)
		b = appendQuoted(b, out.text)
	case w.d.name == OpenAI:
		b = append(b, `,"content":null`...)
	}
	if w.reasoning == reasoningField && out.thought != "" {
		b = append(b, `,"reasoning":`...)
		b = appendQuoted(b, out.thought)
	}
	if out.finish == finishTools {
		b = append(b, `,"tool_calls":[`...)
		for j, c := range out.calls {
			if j > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"id":"`...)
			b = append(b, c.id...)
			b = append(b, `","type":"function","function":{"name":`...)
			b = appendQuoted(b, c.name)
			b = append(b, `,"arguments":`...)
			b = appendQuoted(b, c.args)
			b = append(b, "}}"...)
		}
		b = append(b, ']')
	}
	if w.d.name == OpenAI {
		b = append(b, `,"refusal":null,"annotations":[]`...)
	}
	b = append(b, `},"logprobs":`...)
	b = w.logprobs(b, out.text)
	b = append(b, `,"finish_reason":"`...)
	b = append(b, chatFinish[out.finish]...)
	return append(b, `"}`...)
}

var chatFinish = [...]string{
	finishStop: "stop", finishLength: "length", finishSequence: "stop", finishTools: "tool_calls", finishFilter: "content_filter",
}

// logprobs appends the logprobs of a piece of text, in tokens of four bytes.
func (w *chatWriter) logprobs(b []byte, text string) []byte {
	if !w.a.logprobs {
		return append(b, "null"...)
	}
	b = append(b, `{"content":[`...)
	for from := 0; from < len(text); {
		to := runeCut(text, from+4)
		if to <= from {
			to = len(text)
		}
		if from > 0 {
			b = append(b, ',')
		}
		b = appendLogprob(b, text[from:to], 0)
		b = append(b, `,"top_logprobs":[`...)
		for k := range w.a.topLogprobs {
			if k > 0 {
				b = append(b, ',')
			}
			alt := text[from:to]
			if k > 0 {
				alt = "alt" + strconv.Itoa(k)
			}
			b = appendLogprob(b, alt, k)
			b = append(b, '}')
		}
		b = append(b, "]}"...)
		from = to
	}
	return append(b, `],"refusal":null}`...)
}

// appendLogprob appends a token, whose object stays open; rank k has the
// logprob -(k+1)/8.
func appendLogprob(b []byte, token string, k int) []byte {
	b = append(b, `{"token":`...)
	b = appendQuoted(b, token)
	b = append(b, `,"logprob":-`...)
	b = strconv.AppendFloat(b, float64(k+1)/8, 'f', -1, 64)
	b = append(b, `,"bytes":[`...)
	for i := range len(token) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendInt(b, int(token[i]))
	}
	return append(b, ']')
}

// usage appends the usage object.
func (w *chatWriter) usage(b []byte, output, reasoning int) []byte {
	in := w.a.promptTokens()
	b = append(b, '{')
	if w.d.name == Groq {
		b = append(b, `"queue_time":0.001,"prompt_time":0.001,"completion_time":0.001,"total_time":0.002`...)
	}
	b = appendField(b, "prompt_tokens", in)
	b = appendField(b, "completion_tokens", output+reasoning)
	b = appendField(b, "total_tokens", in+output+reasoning)
	if w.d.name == OpenAI || w.a.cached > 0 {
		b = append(b, `,"prompt_tokens_details":{`...)
		b = appendField(b, "cached_tokens", w.a.cached)
		if w.d.name == OpenAI {
			b = appendField(b, "audio_tokens", 0)
		}
		b = append(b, '}')
	}
	if w.d.name == OpenAI || reasoning > 0 {
		b = append(b, `,"completion_tokens_details":{`...)
		b = appendField(b, "reasoning_tokens", reasoning)
		if w.d.name == OpenAI {
			b = append(b, `,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0`...)
		}
		b = append(b, '}')
	}
	return append(b, '}')
}
