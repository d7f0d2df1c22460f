package anthropic

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/chat"
)

// encoder writes one request.
type encoder struct {
	call  *chat.Call
	req   *chat.Request
	model model

	think     thinkPlan
	maxTokens int64
	tools     []chat.Tool
	choice    string // the type of `tool_choice`; empty leaves it out
	native    native
}

// native are members in Anthropic's own form, which LiteLLM's clients may send.
type native struct {
	cacheControl json.RawMessage
	inferenceGeo json.RawMessage
	safetyID     string
}

func (e *encoder) encode() ([]byte, error) {
	for _, step := range [...]func() error{e.extras, e.refusals, e.planThinking, e.planTools} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	b := make([]byte, 0, len(e.call.Body)+len(e.call.Body)/4+512)
	b = append(b, `{"model":`...)
	b = quoted(b, e.call.Model)
	b = append(b, `,"max_tokens":`...)
	b = strconv.AppendInt(b, e.maxTokens, 10)
	if e.call.Stream {
		b = append(b, `,"stream":true`...)
	}
	for _, part := range [...]func([]byte) ([]byte, error){
		e.appendMessages, e.appendTools, e.appendSampling, e.appendOutput, e.appendStop, e.appendIdentity,
	} {
		var err error
		if b, err = part(b); err != nil {
			return nil, err
		}
	}
	b = e.appendThinking(b)
	if v := e.native.cacheControl; v != nil {
		b = append(append(b, `,"cache_control":`...), v...)
	}
	if v := e.native.inferenceGeo; v != nil {
		b = append(append(b, `,"inference_geo":`...), v...)
	}
	return append(b, '}'), nil
}

// extras takes the members that have no field of their own.
func (e *encoder) extras() error {
	for _, name := range slices.Sorted(maps.Keys(e.req.Extra)) {
		raw := e.req.Extra[name]
		switch name {
		case "cache_control":
			e.native.cacheControl = raw
			continue
		case "inference_geo":
			e.native.inferenceGeo = raw
			continue
		case "safety_identifier":
			id, err := jsonscan.String(raw)
			if err != nil {
				return invalid(name, "must be a string")
			}
			e.native.safetyID = id
			continue
		}
		if name == "metadata" {
			e.call.LeftOut("", []byte(name), raw)
		}
		if chat.GatewayField(name) || harmless(name, raw) {
			continue
		}
		why := chat.RefusedField(name)
		if why == "" {
			why = "the provider has no such parameter"
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

// refusals are the parameters that the API does not have, unless they ask for
// what is the case anyway.
func (e *encoder) refusals() error {
	r := e.req
	why := map[string]string{}
	if r.N < 0 {
		return invalid("n", "must be positive")
	}
	if r.N > 1 {
		why["n"] = "the provider makes one answer to a request"
	}
	if r.Seed != nil {
		why["seed"] = "the provider's answers cannot be repeated"
	}
	if r.Logprobs {
		why["logprobs"] = "the provider gives no log probabilities"
	}
	if r.TopLogprobs != nil && *r.TopLogprobs != 0 {
		why["top_logprobs"] = "the provider gives no log probabilities"
	}
	if !isNumber(r.FrequencyPenalty, 0) {
		why["frequency_penalty"] = "the provider has no penalties"
	}
	if !isNumber(r.PresencePenalty, 0) {
		why["presence_penalty"] = "the provider has no penalties"
	}
	for _, name := range slices.Sorted(maps.Keys(why)) {
		if err := e.call.Unsupported(name, why[name]); err != nil {
			return err
		}
	}
	return nil
}

// isNumber says that n is not given or has the value.
func isNumber(n json.Number, value float64) bool {
	if n == "" {
		return true
	}
	v, err := n.Float64()
	return err == nil && v == value
}

// appendSampling takes temperature, top_p and top_k as far as the model does.
func (e *encoder) appendSampling(b []byte) ([]byte, error) {
	temperature, topP, topK := e.req.Temperature, e.req.TopP, e.req.TopK
	why := ""
	switch {
	case temperature == "":
	case !within(temperature, 0, 1):
		why = "the provider takes 0 to 1"
	case isNumber(temperature, 1):
		if !e.model.samples() || topP != "" && !isNumber(topP, 1) {
			temperature = "" // it is the default
		}
	case !e.model.samples():
		why = "this model takes no sampling parameters"
	case e.think.active():
		why = "a thinking model takes no temperature but 1"
	}
	if why != "" {
		if err := e.call.Unsupported("temperature", why); err != nil {
			return nil, err
		}
		temperature, why = "", ""
	}
	switch {
	case topP == "":
	case !within(topP, 0, 1):
		return nil, invalid("top_p", "must be between 0 and 1")
	case isNumber(topP, 1):
		if !e.model.samples() || temperature != "" {
			topP = "" // it is the default
		}
	case !e.model.samples():
		why = "this model takes no sampling parameters"
	case e.think.active() && !within(topP, 0.95, 1):
		why = "a thinking model takes 0.95 to 1"
	case e.model.oneSampling() && temperature != "":
		why = "this model takes temperature or top_p, not both"
	}
	if why != "" {
		if err := e.call.Unsupported("top_p", why); err != nil {
			return nil, err
		}
		topP, why = "", ""
	}
	if topK != "" {
		if k, ok := jsonscan.Int64([]byte(topK)); !ok || k < 0 {
			return nil, invalid("top_k", "must be a positive integer")
		}
		switch {
		case !e.model.samples():
			why = "this model takes no sampling parameters"
		case e.think.active():
			why = "a thinking model takes no top_k"
		}
	}
	if why != "" {
		if err := e.call.Unsupported("top_k", why); err != nil {
			return nil, err
		}
		topK = ""
	}
	b = appendNumber(b, "temperature", temperature)
	b = appendNumber(b, "top_p", topP)
	return appendNumber(b, "top_k", topK), nil
}

func within(n json.Number, low, high float64) bool {
	v, err := n.Float64()
	return err == nil && v >= low && v <= high
}

func appendNumber(b []byte, name string, n json.Number) []byte {
	if n == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return append(b, n...)
}

// appendOutput writes output_config: the effort and the form of the answer.
func (e *encoder) appendOutput(b []byte) ([]byte, error) {
	format := e.req.ResponseFormat
	why := ""
	switch {
	case format == nil || format.Type == "text":
		format = nil
	case format.Type == "json_object":
		why = "the provider has no json_object; give a json_schema"
	case !e.model.formats():
		why = "this model has no structured outputs"
	}
	if why != "" {
		if err := e.call.Unsupported("response_format", why); err != nil {
			return nil, err
		}
		format = nil
	}
	if format == nil && e.think.effort == "" {
		return b, nil
	}
	b = append(b, `,"output_config":{`...)
	if e.think.effort != "" {
		b = append(b, `"effort":"`...)
		b = append(b, e.think.effort...)
		b = append(b, '"')
	}
	if format != nil {
		if e.think.effort != "" {
			b = append(b, ',')
		}
		b = append(b, `"format":{"type":"json_schema","schema":`...)
		var err error
		if b, err = appendClosed(b, format.Schema, format.Description); err != nil {
			return nil, err
		}
		b = append(b, '}')
	}
	return append(b, '}'), nil
}

func (e *encoder) appendStop(b []byte) ([]byte, error) {
	n := 0
	for _, s := range e.req.Stop {
		if blank(s) {
			if err := e.call.Unsupported("stop", "the provider takes no sequence of white space alone"); err != nil {
				return nil, err
			}
			continue
		}
		if n++; n == 1 {
			b = append(b, `,"stop_sequences":[`...)
		} else {
			b = append(b, ',')
		}
		b = quoted(b, s)
	}
	if n > 0 {
		b = append(b, ']')
	}
	return b, nil
}

// appendIdentity writes whom the call is for and how urgent it is.
func (e *encoder) appendIdentity(b []byte) ([]byte, error) {
	user, param := e.req.User, "user"
	if id := e.native.safetyID; id != "" {
		// OpenAI's successor of user, by the same meaning.
		user, param = id, "safety_identifier"
	}
	if strings.Contains(user, "@") {
		if err := e.call.Unsupported(param, "the provider takes opaque identifiers, no e-mail addresses"); err != nil {
			return nil, err
		}
		user = ""
	}
	if user != "" {
		b = append(b, `,"metadata":{"user_id":`...)
		b = append(quoted(b, user), '}')
	}
	switch tier := e.req.ServiceTier; tier {
	case "":
	case "auto":
		b = append(b, `,"service_tier":"auto"`...)
	case "default", "standard_only":
		b = append(b, `,"service_tier":"standard_only"`...)
	default:
		if err := e.call.Unsupported("service_tier", "the provider has auto and default"); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func quoted(b []byte, s string) []byte { return jsonscan.AppendQuoted(b, s) }

func blank(s string) bool { return strings.TrimSpace(s) == "" }
