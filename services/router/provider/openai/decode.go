package openai

import (
	"bytes"
	"math/bits"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/sse"
	"tollgate.dev/services/router/chat"
)

// decoder serves one answer.
type decoder struct {
	dialect *Dialect
	// choices is how many answers were asked for.
	choices int64
	// includeUsage says that the caller wants the chunk with the usage.
	includeUsage bool
	done         bool
	tier         string
	finishes     finishes
	like         template
}

// answer is where a body or a chunk has what matters here. A value whose Kind is 0 is
// not there.
type answer struct {
	choices, usage, fault, tier, groq jsonscan.Value
}

// scan validates doc and finds its members. A member that is null counts as absent.
func (a *answer) scan(doc []byte) error {
	return jsonscan.ScanObject(doc, func(m jsonscan.Member) error {
		if m.Kind == jsonscan.KindNull {
			return nil
		}
		switch string(m.Key) {
		case "choices":
			a.choices = m.Value()
		case "usage":
			a.usage = m.Value()
		case "error":
			if m.Kind == jsonscan.KindObject || m.Kind == jsonscan.KindString && m.ValueEnd-m.ValueStart > len(`""`) {
				a.fault = m.Value()
			}
		case "service_tier":
			a.tier = m.Value()
		case "x_groq":
			a.groq = m.Value()
		}
		return nil
	})
}

// Response passes a whole answer on.
func (d *decoder) Response(body []byte) (chat.Answer, error) {
	var a answer
	if err := a.scan(body); err != nil {
		return chat.Answer{}, errs.New(errs.ProviderError, "the provider's answer is no JSON object").WithCause(err)
	}
	d.noteTier(a.tier, body)
	out := chat.Answer{Body: body, Usage: d.usage(&a, body)}
	switch {
	case a.fault.Kind != 0:
		return chat.Answer{Usage: out.Usage}, d.dialect.embedded(body)
	case a.choices.Kind != jsonscan.KindArray || emptyArray(a.choices.Raw(body)):
		return chat.Answer{Usage: out.Usage}, errs.New(errs.ProviderError, "the provider's answer has no choices")
	}
	return out, nil
}

// Event passes a chunk on.
func (d *decoder) Event(event sse.Event, sink *chat.Sink) error {
	data := event.Data
	if d.done || len(data) == 0 && d.dialect.Lenient {
		return nil
	}
	if len(data) < 16 && string(bytes.TrimSpace(data)) == "[DONE]" {
		d.done, sink.Done = true, true
		return nil
	}
	if len(event.Name) == 0 && d.like.fits(data) {
		sink.Add(data)
		return nil
	}
	var a answer
	if err := a.scan(data); err != nil {
		return errs.New(errs.ProviderError, "a chunk of the provider's stream is no JSON object").WithCause(err)
	}
	d.noteTier(a.tier, data)
	if u := d.usage(&a, data); u != nil {
		sink.Usage = u
	}
	if a.fault.Kind != 0 || string(event.Name) == "error" {
		return d.dialect.embedded(data)
	}
	if a.groq.Kind == jsonscan.KindObject {
		if err := stopped(a.groq.Raw(data)); err != nil {
			return err
		}
	}
	empty := true
	switch a.choices.Kind {
	case jsonscan.KindArray:
		choices := a.choices.Raw(data)
		if empty = emptyArray(choices); !empty && d.dialect.Lenient {
			d.finishes.note(choices)
		}
	default:
		if !d.dialect.Lenient {
			return errs.New(errs.ProviderError, "a chunk of the provider's stream has no choices")
		}
	}
	if empty && a.usage.Kind == jsonscan.KindObject && !d.includeUsage {
		return nil
	}
	if !empty && a.usage.Kind == 0 && a.groq.Kind == 0 {
		d.like.learn(data)
	}
	sink.Add(data)
	return nil
}

// End reports whether the stream was complete.
func (d *decoder) End(*chat.Sink) error {
	if d.done || d.dialect.Lenient && d.finishes.all(d.choices) {
		return nil
	}
	return errs.New(errs.ProviderError, "the provider's stream broke off before its end")
}

func (d *decoder) noteTier(tier jsonscan.Value, doc []byte) {
	if tier.Kind != jsonscan.KindString {
		return
	}
	raw := tier.Raw(doc)
	for _, name := range d.dialect.DefaultTiers {
		if jsonscan.EqualString(raw, name) {
			d.tier = ""
			return
		}
	}
	if !jsonscan.EqualString(raw, d.tier) {
		d.tier, _ = jsonscan.String(raw)
	}
}

// stopped reports Groq's own error member, "an error string indicating why a stream was
// stopped early" (github.com/groq/groq-python at 9620fde, chat_completion_chunk.py).
func stopped(raw []byte) error {
	v, ok := jsonscan.Lookup(raw, "error")
	if !ok || v.Kind == jsonscan.KindNull {
		return nil
	}
	return chat.Verdict(errs.New(errs.ProviderError, "the provider stopped the stream early"), false)
}

func emptyArray(raw []byte) bool { return len(bytes.TrimSpace(raw[1:len(raw)-1])) == 0 }

// finishes follows which choices of a stream have ended. Choices beyond the 64th, which
// no compatible server is known to have, are never seen to end.
type finishes struct {
	seen, ended uint64
	beyond      bool
}

// note takes the choices of a chunk.
func (f *finishes) note(choices []byte) {
	// The document is valid, so the scans cannot fail.
	_ = jsonscan.ScanArray(choices, func(at int, v jsonscan.Value) error {
		if v.Kind != jsonscan.KindObject {
			return nil
		}
		index, ended := int64(at), false
		raw := v.Raw(choices)
		_ = jsonscan.ScanObject(raw, func(m jsonscan.Member) error {
			switch string(m.Key) {
			case "index":
				if n, ok := jsonscan.Int64(m.Raw(raw)); ok {
					index = n
				}
			case "finish_reason":
				ended = m.Kind == jsonscan.KindString && m.ValueEnd-m.ValueStart > len(`""`)
			}
			return nil
		})
		if index < 0 || index > 63 {
			f.beyond = true
			return nil
		}
		f.seen |= 1 << index
		if ended {
			f.ended |= 1 << index
		}
		return nil
	})
}

// all reports whether every choice has ended, and at least want of them.
func (f *finishes) all(want int64) bool {
	if f.beyond || f.seen == 0 || f.seen != f.ended {
		return false
	}
	return want <= int64(bits.OnesCount64(f.ended))
}
