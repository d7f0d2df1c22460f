package simulator

import (
	"net/http"
	"strconv"
	"strings"
)

// Words of statusError.
const (
	errMalformed     = "malformed"
	errContextLength = "context-length"
	errQuota         = "quota"
)

// chatDialect is OpenAI's chat completions API, and Groq's, which follows it
// with the differences of groq.go.
//
// Sources: the types of github.com/openai/openai-python at 2026-08-21 and
// github.com/groq/groq-python at 2026-08-18, and error bodies as users of the
// APIs report them in public issues (read 2026-11-23).
type chatDialect struct{ name Provider }

func (d *chatDialect) provider() Provider { return d.name }

func (d *chatDialect) authorize(r *http.Request) *apiError {
	if key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && strings.TrimSpace(key) != "" {
		return nil
	}
	if d.name == Groq {
		return d.statusError(http.StatusUnauthorized, "")
	}
	return &apiError{
		status: http.StatusUnauthorized, kind: "invalid_request_error",
		message: "You didn't provide an API key. You need to provide your API key in an Authorization header " +
			"using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
	}
}

func (d *chatDialect) statusError(status int, which string) *apiError {
	e := &apiError{status: status, kind: "invalid_request_error"}
	switch which {
	case errMalformed:
		e.message = "We could not parse the JSON body of your request. (HINT: This likely means you aren't using " +
			"your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
		if d.name == Groq {
			e.message = "could not parse the JSON request body"
		}
		return e
	case errContextLength:
		e.status, e.code, e.param = http.StatusBadRequest, "context_length_exceeded", "messages"
		e.message = "This model's maximum context length is 128000 tokens. However, your messages resulted in more tokens. " +
			"Please reduce the length of the messages."
		if d.name == Groq {
			e.message = "Please reduce the length of the messages or completion."
		}
		return e
	case errQuota:
		e.status, e.kind, e.code = http.StatusTooManyRequests, "insufficient_quota", "insufficient_quota"
		e.message = "You exceeded your current quota, please check your plan and billing details."
		return e
	}
	d.byStatus(e)
	return e
}

func (d *chatDialect) byStatus(e *apiError) {
	switch s := e.status; {
	case s == http.StatusUnauthorized:
		e.code, e.message = "invalid_api_key", "Incorrect API key provided."
		if d.name == Groq {
			e.message = "Invalid API Key"
		}
	case s == http.StatusForbidden:
		e.code, e.message = "unsupported_country_region_territory", "Country, region, or territory not supported"
		if d.name == Groq {
			e.kind, e.code, e.message = "permissions_error", "model_permission_blocked_org", "The model is blocked at the organization level."
		}
	case s == http.StatusNotFound:
		e.code, e.message = "model_not_found", "The model does not exist or you do not have access to it."
	case s == http.StatusRequestEntityTooLarge:
		e.code, e.message = "request_too_large", "The request is too large."
	case s == http.StatusTooManyRequests:
		e.kind, e.code, e.message = "requests", "rate_limit_exceeded", "Rate limit reached for requests."
	case s == http.StatusServiceUnavailable:
		e.kind, e.code, e.message = "service_unavailable_error", "server_is_overloaded", "Our servers are currently overloaded. Please try again later."
		if d.name == Groq {
			e.kind, e.code, e.message = "internal_server_error", "service_unavailable", "Service Unavailable"
		}
	case s >= http.StatusInternalServerError:
		e.kind, e.message = "server_error", "The server had an error while processing your request. Sorry about that!"
		if d.name == Groq {
			e.kind, e.code, e.message = "internal_server_error", "internal_server_error", "Internal Server Error"
		}
	default:
		e.message = "The request was refused."
	}
}

func (d *chatDialect) appendError(b []byte, _ *exchange, e *apiError) []byte {
	b = append(b, `{"error":{"message":`...)
	b = appendQuoted(b, e.message)
	b = append(b, `,"type":`...)
	b = appendQuoted(b, e.kind)
	if d.name == Groq {
		// Groq leaves absent members out.
		if e.code != "" {
			b = append(b, `,"code":`...)
			b = appendQuoted(b, e.code)
		}
		return append(b, "}}\n"...)
	}
	b = append(b, `,"param":`...)
	b = appendNullable(b, e.param)
	b = append(b, `,"code":`...)
	b = appendNullable(b, e.code)
	return append(b, "}}"...)
}

func appendNullable(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return appendQuoted(b, s)
}

var (
	rateLimit     = []string{"10000"}
	rateRemaining = []string{"9999"}
	rateReset     = []string{"6ms"}
	processingMS  = []string{"1"}
)

func (d *chatDialect) header(x *exchange, h http.Header) {
	h["X-Request-Id"] = []string{x.requestID()}
	h["X-Ratelimit-Limit-Requests"] = rateLimit
	h["X-Ratelimit-Remaining-Requests"] = rateRemaining
	h["X-Ratelimit-Reset-Requests"] = rateReset
	if d.name == OpenAI {
		h["Openai-Processing-Ms"] = processingMS
	}
}

func (x *exchange) requestID() string {
	return "req_sim" + strconv.FormatUint(x.call.ID, 10)
}

// badRequest is a refusal in OpenAI's words.
func badRequest(param, code, message string) *apiError {
	return &apiError{status: http.StatusBadRequest, kind: "invalid_request_error", param: param, code: code, message: message}
}

// chat serves chat completions.
func (d *chatDialect) chat(x *exchange) error {
	root := x.doc.root()
	if root.kind() != kindObject {
		return badRequest("", "", "Invalid type for request body: expected an object.")
	}
	model := root.get("model")
	if model.str() == "" {
		return badRequest("", "", "you must provide a model parameter")
	}
	if err := x.begin(model.str(), root.get("stream").isTrue()); err != nil {
		return err
	}
	if err := d.checkFields(x, root); err != nil {
		return err
	}
	a, p := &ask{parallel: true, n: 1}, x.newPrompt()
	if err := d.readTools(root, a, p); err != nil {
		return err
	}
	if err := d.readMessages(x, root, a, p); err != nil {
		return err
	}
	if err := d.readOptions(x, root, a); err != nil {
		return err
	}
	a.promptBytes = p.bytes
	a.cached = x.implicit(p)
	cw := chatWriter{d: d, x: x, a: a, root: root, created: x.s.opt.Now().Unix()}
	cw.reasoning = d.reasoningStyle(x.name, root, a)
	if x.stream {
		return cw.stream()
	}
	return cw.whole()
}

// readTools takes the tools, which stand at the start of the prompt.
func (d *chatDialect) readTools(root val, a *ask, p *prompt) error {
	tools := root.get("tools")
	if !tools.set() {
		for _, needy := range [...]string{"tool_choice", "parallel_tool_calls"} {
			if v := root.get(needy); v.set() && !v.is("none") && d.name == OpenAI {
				return badRequest(needy, "", "Invalid value for '"+needy+"': '"+needy+"' is only allowed when 'tools' are specified.")
			}
		}
		return nil
	}
	p.add(tools.raw(), len(tools.raw()))
	for i, t := range tools.items() {
		at := "tools[" + strconv.Itoa(i) + "]"
		if !t.get("type").is("function") {
			return badRequest(at+".type", "invalid_value", "Invalid value: '"+t.get("type").str()+"'. Supported values are: 'function'.")
		}
		f := t.get("function")
		name := f.get("name").str()
		if !validName(name, 64) {
			return badRequest(at+".function.name", "invalid_value", "Invalid '"+at+
				".function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.")
		}
		if ps := f.get("parameters"); ps.set() {
			if !ps.get("type").is("object") {
				return badRequest(at+".function.parameters", "invalid_function_parameters", "Invalid schema for function '"+name+
					"': schema must be a JSON Schema of 'type: \"object\"'.")
			}
			if f.get("strict").isTrue() {
				if why := strictSchema(ps); why != "" {
					return badRequest(at+".function.parameters", "invalid_function_parameters", "Invalid schema for function '"+name+"': "+why)
				}
			}
		}
		a.tools = append(a.tools, tool{name, f.get("parameters")})
	}
	return d.readChoice(root, a)
}

func (d *chatDialect) readChoice(root val, a *ask) error {
	if v := root.get("parallel_tool_calls"); v.set() {
		a.parallel = v.isTrue()
	}
	choice := root.get("tool_choice")
	switch {
	case !choice.set() || choice.is("auto"):
	case choice.is("none"):
		a.choice = choiceNone
	case choice.is("required"):
		a.choice = choiceRequired
	case choice.kind() == kindObject && choice.get("type").is("function"):
		name := choice.get("function").get("name").str()
		a.choice, a.choiceNames = choiceNamed, []string{name}
		for _, t := range a.tools {
			if t.name == name {
				return nil
			}
		}
		return badRequest("tool_choice", "", "Invalid value for 'tool_choice': function '"+name+"' is not one of the tools.")
	default:
		return badRequest("tool_choice", "invalid_value", "Invalid value for 'tool_choice'. Supported values are: 'none', 'auto', and 'required'.")
	}
	return nil
}

// validName is the pattern ^[a-zA-Z0-9_-]{1,max}$.
func validName(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// strictSchema names what OpenAI's strict mode misses in a schema.
// https://platform.openai.com/docs/guides/structured-outputs (read 2026-11).
func strictSchema(s val) string {
	if s.kind() != kindObject {
		return ""
	}
	if props := s.get("properties"); props.kind() == kindObject {
		if v := s.get("additionalProperties"); v.kind() != kindBool || v.isTrue() {
			return "In context=(), 'additionalProperties' is required to be supplied and to be false."
		}
		required := map[string]bool{}
		for _, r := range s.get("required").items() {
			required[r.str()] = true
		}
		for key, sub := range props.members() {
			if !required[key] {
				return "In context=(), 'required' is required to be supplied and to be an array including every key in properties. Missing '" + key + "'."
			}
			if why := strictSchema(sub); why != "" {
				return why
			}
		}
	}
	if why := strictSchema(s.get("items")); why != "" {
		return why
	}
	for _, alt := range s.get("anyOf").items() {
		if why := strictSchema(alt); why != "" {
			return why
		}
	}
	for _, group := range [...]string{"$defs", "definitions"} {
		for _, sub := range s.get(group).members() {
			if why := strictSchema(sub); why != "" {
				return why
			}
		}
	}
	return ""
}
