package gemini

import (
	"bytes"
	"encoding/json"
	"strconv"

	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/openaiwire"
	"tollgate.dev/platform/sse"
	"tollgate.dev/services/router/chat"
)

// stream is what a decoder knows of the stream so far.
type stream struct {
	id string
	// head begins every chunk, up to the index of its choice.
	head    []byte
	usage   *usagev1.Usage
	choices []streamChoice
	ended   int // choices that have ended
	blocked bool
	b       []byte
}

type streamChoice struct {
	index int
	begun bool // the role was sent
	calls int
	ended bool
}

// Event decodes one GenerateContentResponse of a stream.
func (d *decoder) Event(event sse.Event, sink *chat.Sink) error {
	if len(bytes.TrimSpace(event.Data)) == 0 {
		return nil
	}
	r := &d.r
	if err := r.read(event.Data); err != nil {
		return err
	}
	if r.hasUsage {
		d.usage = r.usage.usage(d.tier)
		sink.Usage = d.usage
	}
	if d.head == nil {
		d.begin(event.Data)
	}
	for i := range r.candidates {
		if err := d.candidate(i, &r.candidates[i], sink); err != nil {
			return err
		}
	}
	if r.blockReason != "" && len(d.choices) == 0 {
		d.blocked = true
		c := d.at(0)
		d.finish(c, "content_filter", nil, sink)
	}
	return nil
}

// begin takes the answer's identity from its first event.
func (d *decoder) begin(data []byte) {
	d.id = answerID(d.r.responseID, data)
	model := d.r.modelVersion
	if model == "" {
		model = d.model
	}
	b := jsonscan.AppendQuoted(append(make([]byte, 0, 256), `{"id":`...), d.id)
	b = append(b, `,"object":"chat.completion.chunk","created":`...)
	b = strconv.AppendInt(b, d.created, 10)
	d.head = jsonscan.AppendQuoted(append(b, `,"model":`...), model)
}

func (d *decoder) at(index int) *streamChoice {
	for i := range d.choices {
		if d.choices[i].index == index {
			return &d.choices[i]
		}
	}
	d.choices = append(d.choices, streamChoice{index: index})
	return &d.choices[len(d.choices)-1]
}

func (d *decoder) candidate(at int, c *candidate, sink *chat.Sink) error {
	index, err := c.position(at)
	if err != nil {
		return err
	}
	choice := d.at(index)
	logprobs := c.logprobs
	if !d.logprobs {
		logprobs = nil
	}
	for i := range c.parts {
		p := &c.parts[i]
		if p.empty() {
			continue
		}
		if choice.ended {
			return errs.New(errs.ProviderError, "the provider's stream goes on after its end")
		}
		d.delta(choice)
		switch {
		case p.call != nil:
			d.call(choice, p)
		case p.foreign != nil:
			f := fields{parts: []json.RawMessage{jsonscan.AppendCanonical(nil, p.foreign)}}
			d.b = f.append(d.b, "provider_specific_fields")
		default:
			d.text(p)
		}
		if p.call == nil && p.foreign == nil && !p.thought {
			d.close(logprobs, "", sink)
			logprobs = nil
		} else {
			d.close(nil, "", sink)
		}
	}
	if err := d.metadata(choice, c, sink); err != nil {
		return err
	}
	if c.finishReason == "" || choice.ended {
		return nil
	}
	reason, err := finish(c.finishReason, choice.calls)
	if err != nil {
		return err
	}
	d.finish(choice, reason, logprobs, sink)
	return nil
}

// metadata passes citations on, which come when they are known.
func (d *decoder) metadata(choice *streamChoice, c *candidate, sink *chat.Sink) error {
	if c.citations == nil && c.grounding == nil {
		return nil
	}
	f := fields{citations: c.citations, grounding: c.grounding}
	if choice.ended {
		return errs.New(errs.ProviderError, "the provider's stream goes on after its end")
	}
	d.delta(choice)
	d.b = f.append(d.b, "provider_specific_fields")
	d.close(nil, "", sink)
	return nil
}

// delta begins a chunk, up to the members of its delta.
func (d *decoder) delta(c *streamChoice) {
	d.b = append(append(d.b[:0], d.head...), `,"choices":[{"index":`...)
	d.b = strconv.AppendInt(d.b, int64(c.index), 10)
	d.b = append(d.b, `,"delta":{`...)
	if !c.begun {
		d.b = append(d.b, `"role":"assistant"`...)
		c.begun = true
	}
}

// close ends a chunk.
func (d *decoder) close(logprobs json.RawMessage, finish string, sink *chat.Sink) {
	d.b = append(d.b, '}')
	if logprobs != nil {
		d.b = appendLogprobs(append(d.b, `,"logprobs":`...), logprobs)
	}
	if finish == "" {
		d.b = append(d.b, `,"finish_reason":null}]}`...)
	} else {
		d.b = append(append(append(d.b, `,"finish_reason":"`...), finish...), `"}]}`...)
	}
	sink.Add(d.b)
}

// text writes text or a thought, with its signature.
func (d *decoder) text(p *part) {
	if p.text != "" {
		name := "content"
		if p.thought {
			name = "reasoning_content"
		}
		d.b = jsonscan.AppendQuoted(member(d.b, name), p.text)
	}
	if p.signature != "" {
		d.b = append(member(d.b, "provider_specific_fields"), `{"thought_signatures":[`...)
		d.b = append(jsonscan.AppendQuoted(d.b, p.signature), "]}"...)
	}
}

// call writes a call, which the API never splits.
func (d *decoder) call(c *streamChoice, p *part) {
	id := p.call.id
	if id == "" {
		id = callID(d.id, c.index, c.calls, p.call)
	}
	b := append(member(d.b, "tool_calls"), `[{"index":`...)
	b = strconv.AppendInt(b, int64(c.calls), 10)
	b = jsonscan.AppendQuoted(append(b, `,"id":`...), id)
	b = jsonscan.AppendQuoted(append(b, `,"type":"function","function":{"name":`...), p.call.name)
	b = jsonscan.AppendQuoted(append(b, `,"arguments":`...), p.call.arguments())
	b = append(b, '}')
	if p.signature != "" {
		b = signatureField(member(b, "provider_specific_fields"), p.signature)
	}
	d.b = append(b, "}]"...)
	c.calls++
}

// finish ends a choice.
func (d *decoder) finish(c *streamChoice, reason string, logprobs json.RawMessage, sink *chat.Sink) {
	d.delta(c)
	d.close(logprobs, reason, sink)
	c.ended = true
	d.ended++
}

// signatureField writes a call's provider_specific_fields.
func signatureField(b []byte, signature string) []byte {
	return append(jsonscan.AppendQuoted(append(b, `{"thought_signature":`...), signature), '}')
}

// End checks that every candidate has ended: the API returns all that were asked
// for, or none. It adds the usage chunk that the caller may have asked for.
func (d *decoder) End(sink *chat.Sink) error {
	if !d.blocked && (d.ended < d.want || d.ended < len(d.choices)) {
		return errs.New(errs.ProviderError, "the provider's stream broke off")
	}
	if !d.includeUsage || d.usage == nil {
		return nil
	}
	usage, err := json.Marshal(openaiwire.UsageFrom(d.usage))
	if err != nil {
		return errs.New(errs.ProviderError, "the provider's usage cannot be read").WithCause(err)
	}
	d.b = append(append(d.b[:0], d.head...), `,"choices":[],"usage":`...)
	d.b = append(d.b, usage...)
	if tier := d.usage.GetServiceTier(); tier != "" {
		d.b = jsonscan.AppendQuoted(append(d.b, `,"service_tier":`...), tier)
	}
	sink.Add(append(d.b, '}'))
	return nil
}
