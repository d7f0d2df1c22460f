package gemini

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/chat"
)

// maxStops is how many stop sequences the API takes.
const maxStops = 5

// encoder makes one request.
type encoder struct {
	call  *chat.Call
	req   *chat.Request
	model model

	contents []byte
	system   []byte // parts
	// modelOpen says that the last content is the model's, and lacks its end.
	modelOpen bool
	// pastCalls are the calls so far, by id.
	pastCalls map[string]pastCall
	// order counts the calls.
	order int
	// results wait for the last result of their turn.
	results []result
	media   mediaDetail

	// safety and cached are the caller's own safetySettings and cachedContent.
	safety, cached []byte
	// tier is the service tier that is asked for; empty is the default.
	tier string
}

// request makes the request's body. Pieces are written in the order in which the
// caller is told of their faults.
func (e *encoder) request() ([]byte, error) {
	if err := e.extras(); err != nil {
		return nil, err
	}
	if err := e.messages(); err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, len(e.contents)+len(e.system)+1024), '{')
	if len(e.contents) == 0 {
		// Only system messages, or none: the API then says what is missing.
		if len(e.system) > 0 {
			b = append(append(append(b, `"contents":[{"role":"user","parts":[`...), e.system...), "]}]"...)
		}
	} else {
		b = append(append(append(b, `"contents":[`...), e.contents...), ']')
		if len(e.system) > 0 {
			b = append(append(append(b, `,"systemInstruction":{"parts":[`...), e.system...), "]}"...)
		}
	}
	b, err := e.tools(b)
	if err != nil {
		return nil, err
	}
	config, err := e.config([]byte{'{'})
	if err != nil {
		return nil, err
	}
	if len(config) > 1 {
		b = append(append(member(b, "generationConfig"), config...), '}')
	}
	if err := e.serviceTier(); err != nil {
		return nil, err
	}
	if e.tier != "" {
		b = jsonscan.AppendQuoted(member(b, "serviceTier"), e.tier)
	}
	if e.safety != nil {
		b = jsonscan.AppendCanonical(member(b, "safetySettings"), e.safety)
	}
	if e.cached != nil {
		b = jsonscan.AppendCanonical(member(b, "cachedContent"), e.cached)
	}
	return append(b, '}'), nil
}

// extras takes the members that have no field of their own.
func (e *encoder) extras() error {
	for _, name := range slices.Sorted(maps.Keys(e.req.Extra)) {
		raw := e.req.Extra[name]
		switch name {
		case "safety_settings":
			e.safety = raw
			continue
		case "cached_content":
			e.cached = raw
			continue
		}
		if chat.GatewayField(name) && (name != "metadata" || raw[0] == '{') || harmless(name, raw) {
			if name == "metadata" {
				e.call.LeftOut("", []byte(name), raw)
			}
			continue
		}
		why := chat.RefusedField(name)
		if why == "" {
			why = "the Gemini API has no such parameter"
		}
		if name == "functions" || name == "function_call" {
			why = "use tools and tool_choice instead"
		}
		if err := e.call.Unsupported(name, why); err != nil {
			return err
		}
	}
	return nil
}

// harmless tells members whose value asks for nothing beyond what the API does.
func harmless(name string, raw json.RawMessage) bool {
	switch compact := string(jsonscan.AppendCanonical(nil, raw)); name {
	case "store", "stream_options.include_obfuscation":
		return compact == "false"
	case "modalities":
		return compact == `["text"]`
	case "logit_bias":
		return compact == "{}"
	case "functions":
		return compact == "[]"
	}
	return false
}

// config writes the members of generationConfig.
func (e *encoder) config(b []byte) ([]byte, error) {
	r := e.req
	for _, p := range [...]struct {
		name  string
		value json.Number
	}{
		{"temperature", r.Temperature}, {"topP", r.TopP}, {"topK", r.TopK},
		{"presencePenalty", r.PresencePenalty}, {"frequencyPenalty", r.FrequencyPenalty},
	} {
		if p.value != "" {
			b = append(member(b, p.name), p.value...)
		}
	}
	switch {
	case r.N < 0:
		return nil, invalid("n", "must be positive")
	case r.N > 1:
		b = strconv.AppendInt(member(b, "candidateCount"), r.N, 10)
	}
	most := r.MaxTokens
	if most < 0 {
		return nil, invalid("max_tokens", "must be positive")
	}
	if e.call.MaxOutput > 0 && (most == 0 || e.call.MaxOutput < most) {
		most = e.call.MaxOutput
	}
	if most > 0 {
		b = strconv.AppendInt(member(b, "maxOutputTokens"), min(most, math.MaxInt32), 10)
	}
	if s := r.Seed; s != nil {
		if *s < math.MinInt32 || *s > math.MaxInt32 {
			if err := e.call.Unsupported("seed", "the Gemini API takes a seed of 32 bits"); err != nil {
				return nil, err
			}
		} else {
			b = strconv.AppendInt(member(b, "seed"), *s, 10)
		}
	}
	for _, step := range [...]func([]byte) ([]byte, error){e.stop, e.logprobs, e.format, e.thinking, e.resolution} {
		var err error
		if b, err = step(b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (e *encoder) stop(b []byte) ([]byte, error) {
	if len(e.req.Stop) == 0 {
		return b, nil
	}
	if len(e.req.Stop) > maxStops {
		return b, e.call.Unsupported("stop", "the Gemini API takes at most 5 stop sequences")
	}
	b = append(member(b, "stopSequences"), '[')
	for _, s := range e.req.Stop {
		b = jsonscan.AppendQuoted(element(b), s)
	}
	return append(b, ']'), nil
}

func (e *encoder) logprobs(b []byte) ([]byte, error) {
	r := e.req
	if !r.Logprobs {
		if r.TopLogprobs != nil && *r.TopLogprobs != 0 {
			return nil, invalid("top_logprobs", "needs logprobs to be true")
		}
		return b, nil
	}
	b = append(member(b, "responseLogprobs"), "true"...)
	if r.TopLogprobs != nil {
		b = strconv.AppendInt(member(b, "logprobs"), *r.TopLogprobs, 10)
	}
	return b, nil
}

func (e *encoder) format(b []byte) ([]byte, error) {
	f := e.req.ResponseFormat
	if f == nil || f.Type == "text" {
		return b, nil
	}
	if len(e.req.Tools) > 0 && !e.model.mixesToolsAndJSON() {
		return b, e.call.Unsupported("response_format", "models before Gemini 3 take no JSON format together with tools")
	}
	b = append(member(b, "responseMimeType"), `"application/json"`...)
	if f.Type != "json_schema" {
		return b, nil
	}
	schema, err := e.described(f)
	if err != nil {
		return nil, err
	}
	return jsonscan.AppendCanonical(member(b, "responseJsonSchema"), schema), nil
}

// described is the schema with the format's description, for which the API has no
// other place. The format's name is a label that no model needs.
func (e *encoder) described(f *chat.ResponseFormat) ([]byte, error) {
	if f.Description == "" {
		return f.Schema, nil
	}
	var fields jsonscan.Fields
	if err := fields.Scan(f.Schema); err != nil {
		return nil, invalid("response_format.json_schema.schema", "must be an object")
	}
	if _, has := fields.Get("description"); has {
		return f.Schema, e.call.Unsupported("response_format.json_schema.description", "the schema has a description of its own")
	}
	var patch jsonscan.Patch
	patch.Reset(&fields)
	patch.Set("description", jsonscan.AppendQuoted(nil, f.Description))
	return patch.Apply(nil), nil
}

// serviceTier maps the tier,
// https://ai.google.dev/gemini-api/docs/priority-inference and …/flex-inference.
func (e *encoder) serviceTier() error {
	switch t := e.req.ServiceTier; t {
	case "", "auto", "default", "standard":
		return nil
	case "flex", "priority":
		e.tier = t
		return nil
	default:
		return e.call.Unsupported("service_tier", "the Gemini API has the tiers default, flex and priority")
	}
}

// member begins a member of the object that b ends in.
func member(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

// element begins an element of the array that b ends in.
func element(b []byte) []byte {
	if len(b) > 0 && b[len(b)-1] != '[' {
		b = append(b, ',')
	}
	return b
}

func invalid(param, what string) error {
	return errs.New(errs.InvalidRequest, param+" "+what).WithParam(param)
}
