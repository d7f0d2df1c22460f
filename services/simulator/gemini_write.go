package simulator

import (
	"net/http"
	"strconv"
)

// geminiWriter writes GenerateContentResponse objects.
type geminiWriter struct {
	*gemini
	id string
}

func (w *geminiWriter) newCallID() string { return w.x.s.id("call_") }

var geminiFinish = [...]string{
	finishStop: "STOP", finishLength: "MAX_TOKENS", finishSequence: "STOP", finishTools: "STOP", finishFilter: "SAFETY",
}

// signature appends the thoughtSignature of a part; name is the called
// function's, or "" on a text part.
func (w *geminiWriter) signature(b []byte, name string) []byte {
	if !w.signs {
		return b
	}
	b = append(b, `,"thoughtSignature":"`...)
	b = append(b, w.x.s.sign("gemini", name)...)
	return append(b, '"')
}

func appendText(b []byte, text string) []byte {
	b = append(b, `{"text":`...)
	return appendQuoted(b, text)
}

// callPart appends a functionCall part. Only the first call of an answer is
// signed; from Gemini 3 on calls have ids.
func (w *geminiWriter) callPart(b []byte, i int, c toolCall) []byte {
	b = append(b, `{"functionCall":{"name":`...)
	b = appendQuoted(b, c.name)
	b = append(b, `,"args":`...)
	b = append(b, c.args...)
	if w.version >= 300 {
		b = append(b, `,"id":"`...)
		b = append(b, c.id...)
		b = append(b, '"')
	}
	b = append(b, '}')
	if i == 0 {
		b = w.signature(b, c.name)
	}
	return append(b, '}')
}

// open begins a candidate up to its parts.
func (w *geminiWriter) open(b []byte) []byte { return append(b, `{"content":{"parts":[`...) }

// shut ends a candidate.
func (w *geminiWriter) shut(b []byte, index int, finish string) []byte {
	b = append(b, `],"role":"model"}`...)
	if finish != "" {
		b = append(b, `,"finishReason":"`...)
		b = append(b, finish...)
		b = append(b, '"')
	}
	b = append(b, `,"index":`...)
	return appendInt(b, index)
}

// tail ends a response with usage and identity.
func (w *geminiWriter) tail(b []byte, output, reasoning int) []byte {
	b = append(b, ']')
	if !w.x.dir.NoUsage {
		b = append(b, `,"usageMetadata":{`...)
		in := w.a.promptTokens()
		b = appendField(b, "promptTokenCount", in)
		if output > 0 {
			b = appendField(b, "candidatesTokenCount", output)
		}
		b = appendField(b, "totalTokenCount", in+output+reasoning)
		if w.a.cached > 0 {
			b = appendField(b, "cachedContentTokenCount", w.a.cached)
		}
		b = append(b, `,"promptTokensDetails":[{"modality":"TEXT","tokenCount":`...)
		b = appendInt(b, tokens(w.a.promptBytes))
		b = append(b, '}')
		if w.a.images > 0 {
			b = append(b, `,{"modality":"IMAGE","tokenCount":`...)
			b = appendInt(b, w.a.images*ImageTokens)
			b = append(b, '}')
		}
		b = append(b, ']')
		if reasoning > 0 {
			b = appendField(b, "thoughtsTokenCount", reasoning)
		}
		b = append(b, '}')
	}
	b = append(b, `,"modelVersion":`...)
	b = appendQuoted(b, w.x.name)
	b = append(b, `,"responseId":"`...)
	b = append(b, w.id...)
	return append(b, `"}`...)
}

func (w *geminiWriter) whole() error {
	b := append(w.x.out[:0], `{"candidates":[`...)
	var output, reasoning int
	for i := range w.a.n {
		out := w.x.answer(w.a, i, w.newCallID)
		output, reasoning = output+out.output, reasoning+out.reasoning
		if i > 0 {
			b = append(b, ',')
		}
		b = w.open(b)
		start := len(b)
		if w.shown && out.thought != "" {
			b = append(appendText(b, out.thought), `,"thought":true}`...)
		}
		if out.text != "" {
			if len(b) > start {
				b = append(b, ',')
			}
			b = append(w.signature(appendText(b, out.text), ""), '}')
		}
		for j, c := range out.calls {
			if len(b) > start {
				b = append(b, ',')
			}
			b = w.callPart(b, j, c)
		}
		b = w.shut(b, i, geminiFinish[out.finish])
		b = append(w.logprobs(b, out.text), '}')
	}
	w.x.out = w.tail(b, output, reasoning)
	return w.x.reply(http.StatusOK, w.x.out)
}

// logprobs appends logprobsResult, in tokens of four bytes.
func (w *geminiWriter) logprobs(b []byte, text string) []byte {
	if !w.a.logprobs || text == "" {
		return b
	}
	var chosen, top []byte
	for from := 0; from < len(text); {
		to := runeCut(text, from+4)
		if to <= from {
			to = len(text)
		}
		if from > 0 {
			chosen, top = append(chosen, ','), append(top, ',')
		}
		chosen = appendCandidate(chosen, text[from:to], 0)
		top = append(top, `{"candidates":[`...)
		for k := range w.a.topLogprobs {
			if k > 0 {
				top = append(top, ',')
			}
			token := text[from:to]
			if k > 0 {
				token = "alt" + strconv.Itoa(k)
			}
			top = appendCandidate(top, token, k)
		}
		top = append(top, "]}"...)
		from = to
	}
	b = append(b, `,"avgLogprobs":-0.125,"logprobsResult":{"chosenCandidates":[`...)
	b = append(b, chosen...)
	b = append(b, `],"topCandidates":[`...)
	b = append(b, top...)
	return append(b, "]}"...)
}

func appendCandidate(b []byte, token string, k int) []byte {
	b = append(b, `{"token":`...)
	b = appendQuoted(b, token)
	b = append(b, `,"tokenId":`...)
	b = appendInt(b, k+1)
	b = append(b, `,"logProbability":-`...)
	b = strconv.AppendFloat(b, float64(k+1)/8, 'f', -1, 64)
	return append(b, '}')
}

// stream answers as chunks, each a whole GenerateContentResponse with the
// usage so far. A text answer is signed on a last, empty part, as the
// documentation warns that it may be.
func (w *geminiWriter) stream(asSSE bool) error {
	f := sseGoog
	if !asSSE {
		f = sseArray
	}
	st := w.x.openStream(f, func(b []byte) (string, []byte) {
		return "", geminiDialect{}.appendError(b, w.x, geminiDialect{}.statusError(503, ""))
	})
	var before answer // what earlier candidates took
	for i := range w.a.n {
		out := w.x.answer(w.a, i, w.newCallID)
		if err := w.candidate(st, i, &out, &before); err != nil {
			break // close returns it
		}
		before.output += out.output
		before.reasoning += out.reasoning
	}
	return st.close("")
}

func (w *geminiWriter) candidate(st *sse, index int, out, before *answer) error {
	sent := before.output
	send := func(fill func([]byte) []byte, finish, text string) error {
		b := w.open(append(w.x.out[:0], `{"candidates":[`...))
		b = w.shut(fill(b), index, finish)
		b = append(w.logprobs(b, text), '}')
		w.x.out = w.tail(b, sent, before.reasoning+out.reasoning)
		return st.send("", w.x.out)
	}
	if w.shown {
		for piece := range pieces(out.thought, 0) {
			if err := send(func(b []byte) []byte { return append(appendText(b, piece), `,"thought":true}`...) }, "", ""); err != nil {
				return err
			}
		}
	}
	bytes := 0
	for piece := range pieces(out.text, w.x.dir.Chunks) {
		bytes += len(piece)
		sent = before.output + tokens(bytes)
		if err := send(func(b []byte) []byte { return append(appendText(b, piece), '}') }, "", piece); err != nil {
			return err
		}
	}
	for i, c := range out.calls {
		sent = before.output + out.output
		if err := send(func(b []byte) []byte { return w.callPart(b, i, c) }, "", ""); err != nil {
			return err
		}
	}
	sent = before.output + out.output
	return send(func(b []byte) []byte {
		b = appendText(b, "")
		if len(out.calls) == 0 {
			b = w.signature(b, "")
		}
		return append(b, '}')
	}, geminiFinish[out.finish], "")
}
