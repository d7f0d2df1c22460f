package simulator

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// geminiDialect is the Gemini API's generateContent and streamGenerateContent.
//
// Sources: the types of github.com/googleapis/go-genai at 2026-08-21,
// https://ai.google.dev/gemini-api/docs/thought-signatures and …/thinking, and
// error bodies as users of the API report them in public issues (read
// 2026-11-23).
type geminiDialect struct{}

func (geminiDialect) provider() Provider { return Gemini }

// authorize answers what the real API answers, which is 403 and not 401.
func (d geminiDialect) authorize(r *http.Request) *apiError {
	if r.Header.Get("X-Goog-Api-Key") != "" || r.URL.Query().Get("key") != "" {
		return nil
	}
	return &apiError{status: http.StatusForbidden, kind: "PERMISSION_DENIED",
		message: "Method doesn't allow unregistered callers (callers without established identity). Please use API Key " +
			"or other form of API consumer identity to call this API."}
}

// badArgument is a refusal in Google's words.
func badArgument(format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, kind: "INVALID_ARGUMENT", message: fmt.Sprintf(format, args...)}
}

// violation is a refusal of a field by the JSON reader of Google's APIs.
func violation(at, description string) *apiError {
	e := badArgument("%s", description)
	b := []byte(`{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{`)
	if at != "" {
		b = append(b, `"field":`...)
		b = append(appendQuoted(b, at), ',')
	}
	b = append(b, `"description":`...)
	e.details = string(appendQuoted(b, description)) + "}]}"
	return e
}

var googleStatus = map[int]string{
	400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED",
	429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}

var googleMessage = map[string]string{
	"UNAUTHENTICATED":    "Request had invalid authentication credentials.",
	"PERMISSION_DENIED":  "The caller does not have permission",
	"NOT_FOUND":          "The model is not found for API version v1beta, or is not supported for generateContent.",
	"RESOURCE_EXHAUSTED": "Resource has been exhausted (e.g. check quota).",
	"INTERNAL":           "An internal error has occurred. Please retry.",
	"UNAVAILABLE":        "The model is overloaded. Please try again later.",
	"DEADLINE_EXCEEDED":  "The request timed out. Please try again.",
}

func (geminiDialect) statusError(status int, which string) *apiError {
	switch which {
	case errMalformed:
		return violation("", "Invalid JSON payload received. Unexpected token.")
	case errContextLength:
		return badArgument("The input token count exceeds the maximum number of tokens allowed (1048576).")
	case errQuota:
		e := &apiError{status: http.StatusTooManyRequests, kind: "RESOURCE_EXHAUSTED",
			message: "You exceeded your current quota, please check your plan and billing details."}
		e.details = `{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel"}]}`
		return e
	}
	kind, ok := googleStatus[status]
	switch {
	case !ok && status >= http.StatusInternalServerError:
		kind = "INTERNAL"
	case !ok:
		kind = "INVALID_ARGUMENT"
	}
	e := &apiError{status: status, kind: kind, message: googleMessage[kind]}
	if e.message == "" {
		e.message = "Request contains an invalid argument."
	}
	return e
}

func (geminiDialect) appendError(b []byte, _ *exchange, e *apiError) []byte {
	b = append(b, `{"error":{"code":`...)
	b = appendInt(b, e.status)
	b = append(b, `,"message":`...)
	b = appendQuoted(b, e.message)
	b = append(b, `,"status":`...)
	b = appendQuoted(b, e.kind)
	details := e.details
	if e.retryAfter > 0 {
		if details != "" {
			details += ","
		}
		details += `{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"` +
			strconv.FormatFloat(e.retryAfter.Seconds(), 'f', -1, 64) + `s"}`
	}
	if details != "" {
		b = append(b, `,"details":[`...)
		b = append(b, details...)
		b = append(b, ']')
	}
	return append(b, "}}"...)
}

func (geminiDialect) header(_ *exchange, _ http.Header) {}

// gemini is a request as it is read.
type gemini struct {
	x       *exchange
	root    val
	a       *ask
	p       *prompt
	version int // such as 205 for gemini-2.5-…, 0 when unknown
	signs   bool
	shown   bool // includeThoughts
	calls   []pastCall
}

// generate serves both methods; the path ends in "{model}:{method}".
func (d geminiDialect) generate(x *exchange) error {
	model, method, ok := cutLast(x.r.PathValue("call"), ":")
	if !ok || (method != "generateContent" && method != "streamGenerateContent") {
		return d.statusError(http.StatusNotFound, "")
	}
	if err := x.begin(model, method == "streamGenerateContent"); err != nil {
		return err
	}
	root := x.doc.root()
	if root.kind() != kindObject {
		return violation("", "Invalid JSON payload received. Unexpected token.")
	}
	g := &gemini{x: x, root: root, a: &ask{parallel: true, n: 1}, p: x.newPrompt(), version: geminiVersion(x.name)}
	for _, step := range [...]func() error{g.unknown, g.tools, g.config, g.system, g.contents, g.signatures} {
		if err := step(); err != nil {
			return err
		}
	}
	g.a.promptBytes = g.p.bytes
	g.a.cached = x.implicit(g.p)
	w := geminiWriter{gemini: g, id: x.s.id("")}
	if x.stream {
		return w.stream(x.r.URL.Query().Get("alt") == "sse")
	}
	return w.whole()
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// geminiVersion reads 205 from gemini-2.5-flash.
func geminiVersion(name string) int {
	rest, ok := strings.CutPrefix(name, "gemini-")
	if !ok {
		return 0
	}
	number, _, _ := strings.Cut(rest, "-")
	major, minor, _ := strings.Cut(number, ".")
	n, err := strconv.Atoi(major)
	if err != nil {
		return 0
	}
	m, err := strconv.Atoi(minor)
	if err != nil {
		m = 0
	}
	return n*100 + m
}

// find reads a member by its name in lowerCamelCase or in snake_case, as
// Google's JSON reader does.
func find(v val, name string) val {
	if m := v.get(name); m.kind() != kindMissing {
		return m
	}
	return v.get(snake(name))
}

func snake(name string) string {
	b := make([]byte, 0, len(name)+4)
	for i := range len(name) {
		if c := name[i]; c >= 'A' && c <= 'Z' {
			b = append(b, '_', c+'a'-'A')
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

func (g *gemini) tools() error {
	for i, t := range g.root.get("tools").items() {
		decls := find(t, "functionDeclarations")
		if decls.size() > 0 {
			g.p.add(decls.raw(), len(decls.raw()))
		}
		for j, f := range decls.items() {
			at := fmt.Sprintf("tools[%d].function_declarations[%d]", i, j)
			name := f.get("name").str()
			if !goodFunctionName(name) {
				return badArgument("* GenerateContentRequest.%s.name: Invalid function name. Must start with a letter or an underscore. "+
					"Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64.\n", at)
			}
			schema := f.get("parameters")
			if js := find(f, "parametersJsonSchema"); js.set() {
				if schema.set() {
					return badArgument("* GenerateContentRequest.%s: only one of parameters and parameters_json_schema may be set.\n", at)
				}
				schema = js
			} else if e := g.checkSchema(at+".parameters", schema); e != nil {
				return e
			}
			for _, other := range g.a.tools {
				if other.name == name {
					return badArgument("Duplicate function declaration found: %s", name)
				}
			}
			g.a.tools = append(g.a.tools, tool{name, schema})
		}
	}
	return g.toolConfig()
}

func goodFunctionName(s string) bool {
	if s == "" || len(s) > 64 || (s[0] >= '0' && s[0] <= '9') || strings.IndexByte("-.:", s[0]) >= 0 {
		return false
	}
	return validName(strings.NewReplacer(".", "_", ":", "_").Replace(s), 64)
}

func (g *gemini) toolConfig() error {
	fc := find(find(g.root, "toolConfig"), "functionCallingConfig")
	if !fc.set() {
		return nil
	}
	allowed := find(fc, "allowedFunctionNames")
	mode := fc.get("mode").str()
	if allowed.size() > 0 && mode != "ANY" && mode != "VALIDATED" {
		return badArgument("Allowed function names should only be set when function calling mode is ANY or VALIDATED.")
	}
	switch mode {
	case "", "AUTO", "MODE_UNSPECIFIED", "VALIDATED":
	case "NONE":
		g.a.choice = choiceNone
	case "ANY":
		if len(g.a.tools) == 0 {
			return badArgument("Function calling config is set without function_declarations.")
		}
		g.a.choice = choiceRequired
	default:
		return violation("tool_config.function_calling_config.mode",
			"Invalid value at 'tool_config.function_calling_config.mode' (type.googleapis.com/google.ai.generativelanguage.v1beta.FunctionCallingConfig.Mode), \""+mode+"\"")
	}
	for _, n := range allowed.items() {
		known := false
		for _, t := range g.a.tools {
			known = known || n.is(t.name)
		}
		if !known {
			return badArgument("Function %s in allowed_function_names is not among the function declarations.", n.str())
		}
		if g.a.choice == choiceRequired || g.a.choice == choiceNamed {
			g.a.choice, g.a.choiceNames = choiceNamed, append(g.a.choiceNames, n.str())
		}
	}
	return nil
}

func (g *gemini) config() error {
	c, a := find(g.root, "generationConfig"), g.a
	for _, r := range [...]struct {
		name   string
		lo, hi float64
	}{{"temperature", 0, 2}, {"topP", 0, 1}, {"candidateCount", 1, 8}, {"maxOutputTokens", 1, 1e9}, {"logprobs", 0, 20}} {
		v := find(c, r.name)
		if f, ok := v.float(); v.set() && (!ok || f < r.lo || f > r.hi) {
			return badArgument("* GenerateContentRequest.generation_config.%s: %s must be in the range [%s, %s].\n",
				snake(r.name), snake(r.name), number(r.lo), number(r.hi))
		}
	}
	if n, ok := find(c, "maxOutputTokens").integer(); ok {
		a.maxTokens, a.limited = int(n), true
	}
	if n, ok := find(c, "candidateCount").integer(); ok {
		a.n = int(n)
	}
	if seed := c.get("seed"); seed.set() {
		if _, ok := seed.integer(); !ok {
			return violation("generation_config.seed", "Invalid value at 'generation_config.seed' (TYPE_INT32)")
		}
		a.seed = string(seed.raw())
	}
	stops := find(c, "stopSequences")
	if stops.size() > 5 {
		return badArgument("* GenerateContentRequest.generation_config.stop_sequences: too many stop sequences, at most 5 are allowed.\n")
	}
	for _, s := range stops.items() {
		a.stops = append(a.stops, s.str())
	}
	a.logprobs = find(c, "responseLogprobs").isTrue()
	if n, ok := c.get("logprobs").integer(); ok {
		if !a.logprobs {
			return badArgument("logprobs can only be set when response_logprobs is true.")
		}
		a.topLogprobs = int(n)
	}
	if err := g.format(c); err != nil {
		return err
	}
	return g.thinking(find(c, "thinkingConfig"))
}

func (g *gemini) format(c val) error {
	mime := find(c, "responseMimeType")
	schema, js := find(c, "responseSchema"), find(c, "responseJsonSchema")
	switch {
	case mime.set() && !strings.Contains(" text/plain application/json text/x.enum ", " "+mime.str()+" "):
		return badArgument("* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are `text/plain`, `application/json`, `application/xml`, `application/yaml` and `text/x.enum`.\n")
	case schema.set() && js.set():
		return badArgument("* GenerateContentRequest.generation_config: only one of response_schema and response_json_schema may be set.\n")
	case (schema.set() || js.set()) && !mime.is("application/json") && !mime.is("text/x.enum"):
		return badArgument("* GenerateContentRequest.generation_config.response_schema: response_mime_type must be `application/json` or `text/x.enum`.\n")
	case mime.is("application/json") && len(g.a.tools) > 0 && g.version > 0 && g.version < 300:
		return badArgument("Function calling with a response mime type: 'application/json' is unsupported")
	}
	if schema.set() {
		if e := g.checkSchema("generation_config.response_schema", schema); e != nil {
			return e
		}
		g.a.schema = schema
	} else if js.set() {
		g.a.schema = js
	}
	g.a.jsonObject = mime.is("application/json")
	return nil
}

func (g *gemini) thinking(t val) error {
	budget, level := find(t, "thinkingBudget"), find(t, "thinkingLevel")
	thinker := g.version >= 205
	g.shown = find(t, "includeThoughts").isTrue()
	g.a.think = g.shown || thinker && !strings.Contains(g.x.name, "flash-lite")
	switch {
	case budget.set() && level.set():
		return badArgument("You can only set only one of thinking budget and thinking level.")
	case t.set() && g.version > 0 && !thinker && (g.shown || budget.set() || level.set()):
		return badArgument("Thinking is not enabled for this model")
	case level.set() && g.version > 0 && g.version < 300:
		return badArgument("Thinking level is not supported for this model.")
	case level.set() && !strings.Contains(" MINIMAL LOW MEDIUM HIGH THINKING_LEVEL_UNSPECIFIED ", " "+strings.ToUpper(level.str())+" "):
		return violation("generation_config.thinking_config.thinking_level",
			"Invalid value at 'generation_config.thinking_config.thinking_level' (type.googleapis.com/google.ai.generativelanguage.v1beta.ThinkingConfig.ThinkingLevel), \""+level.str()+"\"")
	case level.set():
		g.a.think = true
	case budget.set():
		n, ok := budget.integer()
		if !ok || n < -1 {
			return badArgument("The thinking budget is invalid. Please choose a value between 0 and 24576, or -1.")
		}
		if n == 0 && strings.Contains(g.x.name, "-pro") {
			return badArgument("Budget 0 is invalid. This model only works in thinking mode.")
		}
		g.a.think = n != 0
	}
	// Gemini 3 signs every answer; 2.5 only those that could call a tool.
	g.signs = g.version >= 300 || g.a.think && len(g.a.tools) > 0
	return nil
}
