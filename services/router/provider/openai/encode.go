package openai

import (
	"bytes"
	"strconv"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/chat"
)

// maxKept bounds the scratch space that an encoder keeps, in bytes.
const maxKept = 64 << 10

var (
	rawTrue         = []byte("true")
	rawFalse        = []byte("false")
	rawIncludeUsage = []byte(`{"include_usage":true}`)
)

// encoder is the scratch space of one Encode.
type encoder struct {
	patch    jsonscan.Patch
	small    []byte // the model's name, limits, stream_options
	messages []byte
	tools    []byte
}

// release forgets the call.
func (e *encoder) release() {
	e.patch.Reset(nil)
	e.small = e.small[:0]
	if cap(e.messages)+cap(e.tools) > maxKept {
		e.messages, e.tools = nil, nil
	}
}

func (e *encoder) encode(d *Dialect, call *chat.Call, dec *decoder) ([]byte, error) {
	fields := call.Fields
	e.patch.Reset(fields)
	for m := range fields.All() {
		if err := e.member(d, call, m); err != nil {
			return nil, err
		}
	}
	start := len(e.small)
	e.small = jsonscan.AppendQuoted(e.small, call.Model)
	e.patch.Set("model", e.small[start:len(e.small):len(e.small)])
	if err := e.stream(d, call, dec); err != nil {
		return nil, err
	}
	if call.MaxOutput > 0 {
		if err := e.limit(d, call); err != nil {
			return nil, err
		}
	}
	if d.Scrub {
		if err := e.scrub(d, call); err != nil {
			return nil, err
		}
	}
	dec.choices = 1
	if n, ok := jsonscan.Int64(fields.Raw("n")); ok && n > 1 {
		dec.choices = n
	}
	call.Buffer = e.patch.Apply(call.Buffer[:0])
	return call.Buffer, nil
}

// member takes out what the provider is not to see.
func (e *encoder) member(d *Dialect, call *chat.Call, m jsonscan.Member) error {
	switch string(m.Key) {
	case "model", "messages", "tools", "stream":
		return nil
	case "metadata":
		if !d.Metadata {
			e.patch.Delete("metadata")
			call.LeftOut("", m.Key, m.Raw(call.Fields.Doc()))
		}
		return nil
	}
	if chat.GatewayField(string(m.Key)) {
		e.patch.Delete(string(m.Key))
		return nil
	}
	action, why := Keep, chat.RefusedField(string(m.Key))
	switch {
	case why != "":
		action = Refuse
	case d.Member != nil:
		action, why = d.Member(m.Key, m.Raw(call.Fields.Doc()))
	}
	if action == Keep {
		return nil
	}
	name := string(m.Key)
	if action == Refuse {
		if err := call.Unsupported(name, why); err != nil {
			return err
		}
	}
	e.patch.Delete(name)
	return nil
}

// stream makes the request one for a stream, or for none, and asks for its usage.
func (e *encoder) stream(d *Dialect, call *chat.Call, dec *decoder) error {
	asked, _ := jsonscan.Bool(call.Fields.Raw("stream"))
	options, has := call.Fields.Get("stream_options")
	if !call.Stream {
		if asked {
			e.patch.Set("stream", rawFalse)
			e.patch.Delete("stream_options")
		}
		return nil
	}
	if !asked {
		e.patch.Set("stream", rawTrue)
	}
	if !has || options.Kind == jsonscan.KindNull {
		e.patch.Set("stream_options", rawIncludeUsage)
		return nil
	}
	if options.Kind != jsonscan.KindObject {
		return errs.New(errs.InvalidRequest, "stream_options must be an object").WithParam("stream_options")
	}
	return e.streamOptions(d, call, options.Raw(call.Fields.Doc()), dec)
}

// streamOptions sets include_usage among the caller's own options.
func (e *encoder) streamOptions(d *Dialect, call *chat.Call, raw []byte, dec *decoder) error {
	start, wants, usages, left := len(e.small), false, 0, 0
	out := append(e.small, '{')
	err := jsonscan.ScanObject(raw, func(m jsonscan.Member) error {
		if string(m.Key) == "include_usage" {
			wants, usages = m.Kind == jsonscan.KindTrue, usages+1
			return nil
		}
		keep, err := d.streamOption(call, m.Key, m.Raw(raw))
		if !keep {
			left++
			return err
		}
		out = append(out, raw[m.KeyStart:m.ValueEnd]...)
		out = append(out, ',')
		return nil
	})
	if err != nil {
		return err // a refusal, for the document is valid
	}
	dec.includeUsage = wants
	if wants && usages == 1 && left == 0 {
		return nil // the caller's bytes say it already
	}
	out = append(out, `"include_usage":true}`...)
	e.small = out
	e.patch.Set("stream_options", out[start:len(out):len(out)])
	return nil
}

// streamOption decides about one of the further options.
func (d *Dialect) streamOption(call *chat.Call, key, value []byte) (keep bool, err error) {
	if d.StreamOption == nil {
		return true, nil
	}
	action, why := d.StreamOption(key, value)
	if action == Refuse {
		err = call.Unsupported("stream_options."+string(key), why)
	}
	return action == Keep, err
}

// limit holds the output to the cap. Whichever member the caller used is lowered; the one
// that a server may not know becomes the other.
func (e *encoder) limit(d *Dialect, call *chat.Call) error {
	limited, legacy, most := false, false, call.MaxOutput
	for _, name := range [...]string{memberMaxCompletion, memberMaxTokens} {
		m, ok := call.Fields.Get(name)
		if !ok || m.Kind == jsonscan.KindNull {
			continue
		}
		n, ok := jsonscan.Int64(m.Raw(call.Fields.Doc()))
		if !ok {
			return errs.New(errs.InvalidRequest, name+" must be an integer").WithParam(name)
		}
		limited, legacy = true, legacy || name == memberMaxTokens
		if n > 0 {
			most = min(most, n)
		}
		// Below 1 is no limit at some compatible servers; OpenAI itself refuses it.
		if n > call.MaxOutput || n < 1 && d.Lenient {
			e.setLimit(name, call.MaxOutput)
		}
	}
	switch {
	case d.LegacyLimit && !legacy:
		// A server that does not know max_completion_tokens would not heed it.
		e.patch.Delete(memberMaxCompletion)
		e.setLimit(memberMaxTokens, most)
	case limited:
	default:
		e.setLimit(memberMaxCompletion, call.MaxOutput)
	}
	return nil
}

func (e *encoder) setLimit(name string, n int64) {
	start := len(e.small)
	e.small = strconv.AppendInt(e.small, n, 10)
	e.patch.Set(name, e.small[start:len(e.small):len(e.small)])
}

func (e *encoder) scrub(d *Dialect, call *chat.Call) error {
	doc := call.Fields.Doc()
	if m, ok := call.Fields.Get("messages"); ok && m.Kind == jsonscan.KindArray {
		if raw := m.Raw(doc); foreign(raw) || suspect(raw, d.Suspects) {
			s := scrubber{dialect: d, call: call}
			e.messages = s.messages(e.messages[:0], raw)
			if s.err != nil {
				return s.err
			}
			e.patch.Set("messages", e.messages)
		}
	}
	if m, ok := call.Fields.Get("tools"); ok && m.Kind == jsonscan.KindArray {
		if raw := m.Raw(doc); foreign(raw) || d.Tool != nil && suspect(raw, d.Suspects) {
			s := scrubber{dialect: d, call: call}
			e.tools = s.tools(e.tools[:0], raw)
			switch {
			case s.err != nil:
				return s.err
			case len(e.tools) == len("[]"):
				e.patch.Delete("tools")
			default:
				e.patch.Set("tools", e.tools)
			}
		}
	}
	return nil
}

func suspect(raw []byte, names []string) bool {
	for _, name := range names {
		if bytes.Contains(raw, []byte(name)) {
			return true
		}
	}
	return false
}
