package gemini

import (
	"encoding/json"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/chat"
)

// A response is read by hand and not by encoding/json, because a stream has one for
// every few tokens.

func errUnreadable() error {
	return errs.New(errs.ProviderError, "the provider's answer cannot be read")
}

// read reads a response into r, whose memory it uses again. A fault that the response
// tells is an error.
func (r *response) read(body []byte) error {
	*r = response{candidates: r.candidates[:0]}
	err := jsonscan.ScanObject(body, func(m jsonscan.Member) error {
		raw := m.Raw(body)
		switch string(m.Key) {
		case "candidates":
			return elements(m.Kind, raw, func(v jsonscan.Value) error {
				return r.next().read(v.Kind, v.Raw(raw))
			})
		case "promptFeedback":
			return members(m.Kind, raw, func(m jsonscan.Member) error {
				if string(m.Key) == "blockReason" {
					return text(m.Kind, m.Raw(raw), &r.blockReason)
				}
				return nil
			})
		case "usageMetadata":
			r.hasUsage = m.Kind != jsonscan.KindNull
			return r.usage.read(m.Kind, raw)
		case "modelVersion":
			return text(m.Kind, raw, &r.modelVersion)
		case "responseId":
			return text(m.Kind, raw, &r.responseID)
		case "error":
			if m.Kind == jsonscan.KindNull {
				return nil
			}
			// Details of other kinds may have members of other types.
			r.fault = new(wireStatus)
			_ = json.Unmarshal(raw, r.fault)
		}
		return nil
	})
	if err != nil {
		return errUnreadable()
	}
	if r.fault != nil {
		f := r.fault.failure(0, nil)
		return chat.Verdict(f.Err, f.Elsewhere)
	}
	return nil
}

// next adds a candidate, with the memory of an earlier one.
func (r *response) next() *candidate {
	n := len(r.candidates)
	if n < cap(r.candidates) {
		r.candidates = r.candidates[:n+1]
		r.candidates[n] = candidate{parts: r.candidates[n].parts[:0]}
	} else {
		r.candidates = append(r.candidates, candidate{})
	}
	return &r.candidates[n]
}

func (c *candidate) read(kind jsonscan.Kind, raw []byte) error {
	return members(kind, raw, func(m jsonscan.Member) error {
		value := m.Raw(raw)
		switch string(m.Key) {
		case "index":
			c.hasIndex = m.Kind != jsonscan.KindNull
			return number64(m.Kind, value, &c.index)
		case "content":
			return members(m.Kind, value, func(m jsonscan.Member) error {
				if string(m.Key) != "parts" {
					return nil
				}
				parts := m.Raw(value)
				return elements(m.Kind, parts, func(v jsonscan.Value) error {
					c.parts = append(c.parts, part{})
					return c.parts[len(c.parts)-1].read(v.Kind, v.Raw(parts))
				})
			})
		case "finishReason":
			return text(m.Kind, value, &c.finishReason)
		case "logprobsResult":
			c.logprobs = object(m.Kind, value)
		case "citationMetadata":
			c.citations = object(m.Kind, value)
		case "groundingMetadata":
			c.grounding = object(m.Kind, value)
		}
		return nil
	})
}

func (p *part) read(kind jsonscan.Kind, raw []byte) error {
	err := members(kind, raw, func(m jsonscan.Member) error {
		value := m.Raw(raw)
		if m.Kind == jsonscan.KindNull {
			return nil
		}
		switch string(m.Key) {
		case "text":
			p.hasText = true
			return text(m.Kind, value, &p.text)
		case "thought":
			p.thought = m.Kind == jsonscan.KindTrue
		case "thoughtSignature":
			return text(m.Kind, value, &p.signature)
		case "functionCall":
			p.call = new(functionCall)
			return members(m.Kind, value, func(m jsonscan.Member) error {
				switch string(m.Key) {
				case "id":
					return text(m.Kind, m.Raw(value), &p.call.id)
				case "name":
					return text(m.Kind, m.Raw(value), &p.call.name)
				case "args":
					p.call.args = m.Raw(value)
				}
				return nil
			})
		case "partMetadata":
		default:
			p.foreign = raw
		}
		return nil
	})
	if p.hasText || p.call != nil {
		p.foreign = nil // such as a text with metadata of a kind not known here
	}
	return err
}

func (u *usageMetadata) read(kind jsonscan.Kind, raw []byte) error {
	return members(kind, raw, func(m jsonscan.Member) error {
		value := m.Raw(raw)
		switch string(m.Key) {
		case "promptTokenCount":
			return number64(m.Kind, value, &u.prompt)
		case "cachedContentTokenCount":
			return number64(m.Kind, value, &u.cached)
		case "candidatesTokenCount":
			return number64(m.Kind, value, &u.candidates)
		case "toolUsePromptTokenCount":
			return number64(m.Kind, value, &u.toolUse)
		case "thoughtsTokenCount":
			return number64(m.Kind, value, &u.thoughts)
		case "promptTokensDetails":
			return u.promptDetails.read(m.Kind, value)
		case "cacheTokensDetails":
			return u.cacheDetails.read(m.Kind, value)
		case "candidatesTokensDetails":
			return u.candidatesDetails.read(m.Kind, value)
		case "toolUsePromptTokensDetails":
			return u.toolUseDetails.read(m.Kind, value)
		case "serviceTier":
			return text(m.Kind, value, &u.serviceTier)
		}
		return nil
	})
}

func (d *modalities) read(kind jsonscan.Kind, raw []byte) error {
	*d = modalities{}
	return elements(kind, raw, func(v jsonscan.Value) error {
		var tokens int64
		var into *int64
		one := v.Raw(raw)
		err := members(v.Kind, one, func(m jsonscan.Member) error {
			value := m.Raw(one)
			switch {
			case string(m.Key) == "tokenCount":
				return number64(m.Kind, value, &tokens)
			case string(m.Key) != "modality":
			case string(value) == `"AUDIO"`:
				into = &d.audio
			case string(value) == `"IMAGE"`:
				into = &d.image
			}
			return nil
		})
		if into != nil {
			*into = count(*into + count(tokens))
		}
		return err
	})
}

// members visits an object's members; null has none.
func members(kind jsonscan.Kind, raw []byte, visit func(jsonscan.Member) error) error {
	switch kind {
	case jsonscan.KindNull:
		return nil
	case jsonscan.KindObject:
		return jsonscan.ScanObject(raw, visit)
	default:
		return errUnreadable()
	}
}

// elements visits an array's elements; null has none.
func elements(kind jsonscan.Kind, raw []byte, visit func(jsonscan.Value) error) error {
	switch kind {
	case jsonscan.KindNull:
		return nil
	case jsonscan.KindArray:
		return jsonscan.ScanArray(raw, func(_ int, v jsonscan.Value) error { return visit(v) })
	default:
		return errUnreadable()
	}
}

func text(kind jsonscan.Kind, raw []byte, to *string) (err error) {
	switch kind {
	case jsonscan.KindNull:
		return nil
	case jsonscan.KindString:
		*to, err = jsonscan.String(raw)
		return err
	default:
		return errUnreadable()
	}
}

func number64(kind jsonscan.Kind, raw []byte, to *int64) error {
	if kind == jsonscan.KindNull {
		return nil
	}
	n, ok := jsonscan.Int64(raw)
	if !ok {
		return errUnreadable()
	}
	*to = n
	return nil
}

func object(kind jsonscan.Kind, raw []byte) json.RawMessage {
	if kind != jsonscan.KindObject {
		return nil
	}
	return raw
}
