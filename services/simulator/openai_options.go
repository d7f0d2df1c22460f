package simulator

import (
	"net/http"
	"strconv"
	"strings"
)

// chatFields are the request members that OpenAI documents, by the type that
// they must have: b bool, i integer, n number, s string, a array, o object,
// * any. A null is accepted everywhere.
var chatFields = map[string]byte{
	"messages": 'a', "model": 's', "audio": 'o', "frequency_penalty": 'n', "function_call": '*', "functions": 'a',
	"logit_bias": 'o', "logprobs": 'b', "max_completion_tokens": 'i', "max_tokens": 'i', "metadata": 'o',
	"modalities": 'a', "moderation": 'o', "n": 'i', "parallel_tool_calls": 'b', "prediction": 'o',
	"presence_penalty": 'n', "prompt_cache_key": 's', "prompt_cache_options": 'o', "prompt_cache_retention": 's',
	"reasoning_effort": 's', "response_format": 'o', "safety_identifier": 's', "seed": 'i', "service_tier": 's',
	"stop": '*', "store": 'b', "stream": 'b', "stream_options": 'o', "temperature": 'n', "tool_choice": '*',
	"tools": 'a', "top_logprobs": 'i', "top_p": 'n', "user": 's', "verbosity": 's', "web_search_options": 'o',
}

// groqOnly are the members that Groq has beside OpenAI's, and openAIOnly those
// that it lacks.
var (
	groqOnly = map[string]byte{
		"reasoning_format": 's', "include_reasoning": 'b', "citation_options": '*', "compound_custom": 'o', "documents": 'a',
		"exclude_domains": 'a', "include_domains": 'a', "search_settings": 'o', "disable_tool_validation": 'b', "debug": 'b',
	}
	openAIOnly = " audio modalities moderation prediction prompt_cache_key prompt_cache_options prompt_cache_retention " +
		"safety_identifier verbosity web_search_options "
)

var fieldTypes = map[byte]struct {
	name string
	kind kind
}{
	'b': {"a boolean", kindBool}, 'i': {"an integer", kindNumber}, 'n': {"a decimal", kindNumber},
	's': {"a string", kindString}, 'a': {"an array", kindArray}, 'o': {"an object", kindObject},
}

// checkFields refuses unknown members and wrong types.
func (d *chatDialect) checkFields(x *exchange, root val) error {
	for key, v := range root.members() {
		want, ok := chatFields[key]
		if d.name == Groq {
			if more, extra := groqOnly[key]; extra {
				want, ok = more, true
			} else if strings.Contains(openAIOnly, " "+key+" ") {
				ok = false
			}
		}
		switch {
		case !ok && x.dir.Lenient:
			continue
		case !ok && d.name == Groq:
			return badRequest("", "", "property '"+key+"' is unsupported")
		case !ok:
			return badRequest(key, "unknown_parameter", "Unknown parameter: '"+key+"'.")
		}
		t, typed := fieldTypes[want]
		if !typed || !v.set() {
			continue
		}
		bad := v.kind() != t.kind
		if want == 'i' && !bad {
			_, integral := v.integer()
			bad = !integral
		}
		if bad {
			return badRequest(key, "invalid_type", "Invalid type for '"+key+"': expected "+t.name+".")
		}
	}
	return nil
}

// ranges are the bounds of numeric members.
var ranges = []struct {
	name   string
	lo, hi float64
}{
	{"temperature", 0, 2}, {"top_p", 0, 1}, {"frequency_penalty", -2, 2}, {"presence_penalty", -2, 2},
	{"n", 1, 128}, {"top_logprobs", 0, 20}, {"max_tokens", 1, 1e9}, {"max_completion_tokens", 1, 1e9},
}

// reasoningModel tells OpenAI's reasoning models, which refuse some parameters.
func reasoningModel(name string) bool {
	if strings.Contains(name, "chat-latest") {
		return false
	}
	return strings.HasPrefix(name, "gpt-5") || strings.HasPrefix(name, "gpt-6") ||
		len(name) > 1 && name[0] == 'o' && name[1] >= '1' && name[1] <= '9'
}

func (d *chatDialect) readOptions(x *exchange, root val, a *ask) error {
	for _, r := range ranges {
		if f, ok := root.get(r.name).float(); ok && (f < r.lo || f > r.hi) {
			code, side := "decimal_above_max_value", "less than or equal to "+number(r.hi)
			if f < r.lo {
				code, side = "decimal_below_min_value", "greater than or equal to "+number(r.lo)
			}
			return badRequest(r.name, code, "Invalid '"+r.name+"': value must be "+side+".")
		}
	}
	for _, check := range [...]func(*exchange, val, *ask) error{
		d.readLimits, d.readStop, d.readFormat, d.readReasoning, d.readLogprobs, d.groqOptions,
	} {
		if err := check(x, root, a); err != nil {
			return err
		}
	}
	if root.get("stream_options").set() && !x.stream {
		return badRequest("stream_options", "", "Invalid value for 'stream_options': The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	}
	if n, ok := root.get("n").integer(); ok {
		a.n = int(n)
	}
	if seed := root.get("seed"); seed.set() {
		a.seed = string(seed.raw())
	}
	return nil
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (d *chatDialect) readLimits(x *exchange, root val, a *ask) error {
	old, now := root.get("max_tokens"), root.get("max_completion_tokens")
	if old.set() && now.set() && d.name == OpenAI {
		return badRequest("max_tokens", "invalid_parameter_combination", "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
	}
	if old.set() && d.name == OpenAI && reasoningModel(x.name) {
		return badRequest("max_tokens", "unsupported_parameter", "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.")
	}
	for _, v := range [...]val{old, now} {
		if n, ok := v.integer(); ok {
			a.maxTokens, a.limited = int(n), true
		}
	}
	return nil
}

func (d *chatDialect) readStop(x *exchange, root val, a *ask) error {
	stop := root.get("stop")
	switch stop.kind() {
	case kindMissing, kindNull:
		return nil
	case kindString:
		a.stops = []string{stop.str()}
	case kindArray:
		for _, s := range stop.items() {
			if s.kind() != kindString {
				return badRequest("stop", "invalid_type", "Invalid type for 'stop': expected a string or an array of strings.")
			}
			a.stops = append(a.stops, s.str())
		}
		if len(a.stops) > 4 {
			return badRequest("stop", "array_above_max_length", "Invalid 'stop': array too long. Expected an array with maximum length 4.")
		}
	default:
		return badRequest("stop", "invalid_type", "Invalid type for 'stop': expected a string or an array of strings.")
	}
	if d.name == OpenAI && reasoningModel(x.name) {
		return badRequest("stop", "unsupported_parameter", "Unsupported parameter: 'stop' is not supported with this model.")
	}
	return nil
}

func (d *chatDialect) readFormat(_ *exchange, root val, a *ask) error {
	format := root.get("response_format")
	if !format.set() {
		return nil
	}
	switch kind := format.get("type").str(); kind {
	case "text":
	case "json_object":
		a.jsonObject = true
		if !containsFold(string(root.get("messages").raw()), "json") {
			return badRequest("messages", "", "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.")
		}
	case "json_schema":
		js := format.get("json_schema")
		schema := js.get("schema")
		if !validName(js.get("name").str(), 64) {
			return badRequest("response_format.json_schema.name", "missing_required_parameter", "Missing required parameter: 'response_format.json_schema.name'.")
		}
		if schema.kind() != kindObject {
			return badRequest("response_format.json_schema.schema", "missing_required_parameter", "Missing required parameter: 'response_format.json_schema.schema'.")
		}
		if js.get("strict").isTrue() {
			if why := strictSchema(schema); why != "" {
				return badRequest("response_format", "", "Invalid schema for response_format '"+js.get("name").str()+"': "+why)
			}
		}
		a.schema = schema
	default:
		return badRequest("response_format.type", "invalid_value", "Invalid value: '"+kind+"'. Supported values are: 'json_object', 'json_schema', and 'text'.")
	}
	return nil
}

// effortTokens are the hidden reasoning tokens of each reasoning_effort.
var effortTokens = map[string]int{
	"none": 0, "minimal": 16, "low": 32, "medium": 64, "default": 64, "high": 128, "xhigh": 256, "max": 512,
}

func (d *chatDialect) readReasoning(x *exchange, root val, a *ask) error {
	effort := root.get("reasoning_effort").str()
	if _, ok := effortTokens[effort]; effort != "" && !ok {
		return badRequest("reasoning_effort", "invalid_value", "Invalid value: '"+effort+
			"'. Supported values are: 'none', 'minimal', 'low', 'medium', 'high', 'xhigh', and 'max'.")
	}
	if d.name == Groq {
		return nil // see reasoningStyle
	}
	model := reasoningModel(x.name)
	if effort != "" && (strings.HasPrefix(x.name, "gpt-4") || strings.HasPrefix(x.name, "gpt-3")) {
		return badRequest("reasoning_effort", "unsupported_parameter", "Unsupported parameter: 'reasoning_effort' is not supported with this model.")
	}
	if model && effort == "" {
		effort = "medium"
	}
	if a.thinkTokens = effortTokens[effort]; a.thinkTokens > 0 && x.dir.Reasoning > 0 {
		a.thinkTokens = x.dir.Reasoning
	}
	if !model || effort == "none" {
		return nil
	}
	for _, name := range [...]string{"temperature", "top_p"} {
		if f, ok := root.get(name).float(); ok && f != 1 {
			return badRequest(name, "unsupported_value", "Unsupported value: '"+name+"' does not support "+
				string(root.get(name).raw())+" with this model. Only the default (1) value is supported.")
		}
	}
	if root.get("logprobs").isTrue() {
		return badRequest("", "", "You are not allowed to request logprobs from this model")
	}
	return nil
}

func (d *chatDialect) readLogprobs(_ *exchange, root val, a *ask) error {
	a.logprobs = root.get("logprobs").isTrue()
	n, ok := root.get("top_logprobs").integer()
	if ok && !a.logprobs {
		return badRequest("top_logprobs", "", "Invalid value for 'top_logprobs': 'top_logprobs' is only allowed when 'logprobs' is enabled.")
	}
	a.topLogprobs = int(n)
	return nil
}

// listModels answers GET /models.
func listModels(x *exchange) error {
	b := append(x.out[:0], `{"object":"list","data":[`...)
	names, owner := openAIModels, "openai"
	if x.d.provider() == Groq {
		names, owner = groqModels, "groq"
	}
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":`...)
		b = appendQuoted(b, name)
		b = append(b, `,"object":"model","created":1700000000,"owned_by":"`...)
		b = append(b, owner...)
		b = append(b, `"}`...)
	}
	x.out = append(b, "]}"...)
	return x.reply(http.StatusOK, x.out)
}

// The models that GET /models names; every other name is answered as well.
var (
	openAIModels = []string{"gpt-4o", "gpt-4o-mini", "gpt-5", "gpt-5-mini", "o3", "text-embedding-3-small", "text-embedding-3-large"}
	groqModels   = []string{"llama-3.3-70b-versatile", "llama-3.1-8b-instant", "openai/gpt-oss-120b", "openai/gpt-oss-20b", "qwen/qwen3-32b"}
)
