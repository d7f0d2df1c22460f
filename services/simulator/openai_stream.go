package simulator

// stream answers as an event stream of chat.completion.chunk objects.
func (w *chatWriter) stream() error {
	x := w.x
	w.id = x.s.id("chatcmpl-")
	w.head = append(w.start(nil, "chat.completion.chunk"), `,"choices":[`...)
	w.usageNull = w.root.get("stream_options").get("include_usage").isTrue()
	f := sseUTF8
	if w.d.name == Groq {
		f = ssePlain
	}
	st := x.openStream(f, w.midError)
	total, err := w.choices(st)
	if err == nil && w.usageNull && !x.dir.NoUsage {
		b := append(x.out[:0], w.head...)
		b = append(b, `],"usage":`...)
		b = w.usage(b, total.output, total.reasoning)
		x.out = append(b, '}')
		_ = st.send("", x.out) // close returns the stream's error
	}
	return st.close("[DONE]")
}

// midError is an error in mid-stream.
func (w *chatWriter) midError(b []byte) (string, []byte) {
	return "", w.d.appendError(b, w.x, w.d.statusError(500, ""))
}

// choices sends the choices one after the other; OpenAI interleaves them, and
// says that a client may not count on any order.
func (w *chatWriter) choices(st *sse) (total answer, err error) {
	for i := range w.a.n {
		out := w.answer(i)
		total.output += out.output
		total.reasoning += out.reasoning
		if err = w.one(st, i, &out, &total); err != nil {
			return total, err
		}
	}
	return total, nil
}

// delta begins a chunk up to its delta, which the caller fills and chunk ends.
func (w *chatWriter) delta(index int) []byte {
	b := append(w.x.out[:0], w.head...)
	b = append(b, `{"index":`...)
	b = appendInt(b, index)
	return append(b, `,"delta":{`...)
}

// chunk ends a chunk and sends it. text is what its logprobs are for.
func (w *chatWriter) chunk(st *sse, b []byte, text, finish string, extra func([]byte) []byte) error {
	b = append(b, `},"logprobs":`...)
	if text == "" {
		b = append(b, "null"...)
	} else {
		b = w.logprobs(b, text)
	}
	b = append(b, `,"finish_reason":`...)
	b = appendNullable(b, finish)
	b = append(b, "}]"...)
	if extra != nil {
		b = extra(b)
	} else if w.usageNull && w.d.name == OpenAI {
		b = append(b, `,"usage":null`...)
	}
	w.x.out = append(b, '}')
	return st.send("", w.x.out)
}

func (w *chatWriter) one(st *sse, index int, out *answer, total *answer) error {
	b := append(w.delta(index), `"role":"assistant"`...)
	switch {
	case out.finish != finishTools:
		b = append(b, `,"content":""`...)
	case w.d.name == OpenAI:
		b = append(b, `,"content":null`...)
	}
	var first func([]byte) []byte
	if w.d.name == OpenAI {
		b = append(b, `,"refusal":null`...)
	} else {
		first = w.groqID
	}
	if err := w.chunk(st, b, "", "", first); err != nil {
		return err
	}
	if w.reasoning == reasoningField {
		for piece := range pieces(out.thought, 0) {
			b := append(w.delta(index), `"reasoning":`...)
			if err := w.chunk(st, appendQuoted(b, piece), "", "", nil); err != nil {
				return err
			}
		}
	}
	sent := 0
	for piece := range pieces(out.text, w.x.dir.Chunks) {
		b := append(w.delta(index), `"content":`...)
		sent += len(piece)
		var mid func([]byte) []byte
		if w.x.dir.UsageMid {
			mid = func(b []byte) []byte {
				b = append(b, `,"usage":`...)
				return w.usage(b, tokens(sent), out.reasoning)
			}
		}
		if err := w.chunk(st, appendQuoted(b, piece), piece, "", mid); err != nil {
			return err
		}
	}
	for i, c := range out.calls {
		if err := w.call(st, index, i, c); err != nil {
			return err
		}
	}
	var last func([]byte) []byte
	if w.d.name == Groq {
		last = func(b []byte) []byte { return w.groqLast(b, total) }
	}
	return w.chunk(st, w.delta(index), "", chatFinish[out.finish], last)
}

// call sends a tool call: OpenAI its name and then its arguments in pieces,
// Groq all at once.
func (w *chatWriter) call(st *sse, index, i int, c toolCall) error {
	open := func(b []byte) []byte {
		b = append(b, `"tool_calls":[{"index":`...)
		return appendInt(b, i)
	}
	b := open(w.delta(index))
	b = append(b, `,"id":"`...)
	b = append(b, c.id...)
	b = append(b, `","type":"function","function":{"name":`...)
	b = appendQuoted(b, c.name)
	b = append(b, `,"arguments":`...)
	args := ""
	if w.d.name == Groq {
		args = c.args
	}
	b = appendQuoted(b, args)
	if err := w.chunk(st, append(b, "}}]"...), "", "", nil); err != nil || w.d.name == Groq {
		return err
	}
	for piece := range pieces(c.args, 0) {
		b := append(open(w.delta(index)), `,"function":{"arguments":`...)
		b = appendQuoted(b, piece)
		if err := w.chunk(st, append(b, "}}]"...), "", "", nil); err != nil {
			return err
		}
	}
	return nil
}

func (w *chatWriter) groqID(b []byte) []byte {
	b = append(b, `,"x_groq":{"id":"`...)
	b = append(b, w.x.requestID()...)
	return append(b, `"}`...)
}

// groqLast appends what Groq's last chunk has: the seed and the usage, which
// it sends whether or not include_usage asks for it.
func (w *chatWriter) groqLast(b []byte, total *answer) []byte {
	b = w.groqID(b)
	b = b[:len(b)-1]
	if w.a.seed != "" {
		b = append(b, `,"seed":`...)
		b = append(b, w.a.seed...)
	}
	if !w.x.dir.NoUsage {
		b = append(b, `,"usage":`...)
		b = w.usage(b, total.output, total.reasoning)
	}
	return append(b, '}')
}
