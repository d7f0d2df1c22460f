package simulator

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// anthropicDialect is Anthropic's Messages API, version 2023-06-01.
//
// Sources: the types of github.com/anthropics/anthropic-sdk-python at
// 2026-08-07, https://platform.claude.com/docs/en/build-with-claude/streaming
// and …/thinking, and error bodies as users of the API report them in public
// issues (read 2026-11-23).
type anthropicDialect struct{}

func (anthropicDialect) provider() Provider { return Anthropic }

func (d anthropicDialect) authorize(r *http.Request) *apiError {
	if r.Header.Get("X-Api-Key") == "" && !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
		e := d.statusError(http.StatusUnauthorized, "")
		e.message = "x-api-key header is required"
		return e
	}
	if r.Header.Get("Anthropic-Version") == "" {
		return invalid("anthropic-version: header is required")
	}
	return nil
}

// invalid is a refusal in Anthropic's words.
func invalid(format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, kind: "invalid_request_error", message: fmt.Sprintf(format, args...)}
}

func (anthropicDialect) statusError(status int, which string) *apiError {
	switch which {
	case errMalformed:
		return invalid("The request body is not valid JSON")
	case errContextLength:
		return invalid("prompt is too long: 200001 tokens > 200000 maximum")
	case errQuota:
		return invalid("Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.")
	}
	e := &apiError{status: status, kind: "invalid_request_error", message: "The request was refused."}
	switch {
	case status == http.StatusUnauthorized:
		e.kind, e.message = "authentication_error", "invalid x-api-key"
	case status == http.StatusPaymentRequired:
		e.kind, e.message = "billing_error", "There is an issue with your billing or payment information."
	case status == http.StatusForbidden:
		e.kind, e.message = "permission_error", "Your API key does not have permission to use the specified resource."
	case status == http.StatusNotFound:
		e.kind, e.message = "not_found_error", "model: not found"
	case status == http.StatusRequestEntityTooLarge:
		e.kind, e.message = "request_too_large", "Request exceeds the maximum size"
	case status == http.StatusTooManyRequests:
		e.kind, e.message = "rate_limit_error", "This request would exceed your organization's rate limit."
	case status == http.StatusGatewayTimeout:
		e.kind, e.message = "timeout_error", "The request timed out while processing."
	case status == 529 || status == http.StatusServiceUnavailable:
		e.kind, e.message = "overloaded_error", "Overloaded"
	case status >= http.StatusInternalServerError:
		e.kind, e.message = "api_error", "Internal server error"
	}
	return e
}

func (anthropicDialect) appendError(b []byte, x *exchange, e *apiError) []byte {
	b = append(b, `{"type":"error","error":{"type":`...)
	b = appendQuoted(b, e.kind)
	b = append(b, `,"message":`...)
	b = appendQuoted(b, e.message)
	b = append(b, `},"request_id":"`...)
	b = append(b, x.requestID()...)
	return append(b, `"}`...)
}

func (anthropicDialect) header(x *exchange, h http.Header) {
	h["Request-Id"] = []string{x.requestID()}
	h["Anthropic-Ratelimit-Requests-Limit"] = rateLimit
	h["Anthropic-Ratelimit-Requests-Remaining"] = rateRemaining
}

// claude is a message request as it is read.
type claude struct {
	x        *exchange
	root     val
	a        *ask
	p        *prompt
	version  int // such as 405 for claude-…-4-5, 0 when unknown
	thinks   string
	omitted  bool
	budgeted bool // thinks within a budget
	// cache breakpoints, in prompt order
	breakpoints int
	shortSeen   bool // a 5m breakpoint has been seen
	readTokens  int
	write5m     int
	write1h     int
}

// messages serves POST /v1/messages.
func (d anthropicDialect) messages(x *exchange) error {
	c, err := d.read(x, true)
	if err != nil {
		return err
	}
	w := claudeWriter{claude: c, id: x.s.id("msg_")}
	if x.stream {
		return w.stream()
	}
	return w.whole()
}

// countTokens serves POST /v1/messages/count_tokens.
func (d anthropicDialect) countTokens(x *exchange) error {
	c, err := d.read(x, false)
	if err != nil {
		return err
	}
	b := append(x.out[:0], '{')
	b = appendField(b, "input_tokens", c.a.promptTokens())
	x.out = append(b, '}')
	return x.reply(http.StatusOK, x.out)
}

func (d anthropicDialect) read(x *exchange, generate bool) (*claude, error) {
	root := x.doc.root()
	if root.kind() != kindObject {
		return nil, invalid("Input should be a valid dictionary")
	}
	model := root.get("model")
	if model.kind() == kindMissing {
		return nil, invalid("model: Field required")
	}
	if model.str() == "" {
		return nil, invalid("model: Input should be a valid string")
	}
	if err := x.begin(model.str(), root.get("stream").isTrue()); err != nil {
		return nil, err
	}
	c := &claude{x: x, root: root, a: &ask{parallel: true, n: 1}, p: x.newPrompt(), version: claudeVersion(x.name)}
	for _, step := range [...]func() error{c.fields, c.options, c.thinking, c.tools, c.system, c.turns, c.choice} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if generate && !c.a.limited {
		return nil, invalid("max_tokens: Field required")
	}
	if root.get("cache_control").set() {
		if err := c.breakpoint("cache_control", root.get("cache_control")); err != nil {
			return nil, err
		}
	}
	c.a.promptBytes = c.p.bytes
	if generate {
		c.cache()
	}
	return c, nil
}

// claudeVersion reads 405 from claude-sonnet-4-5-20250929, 305 from
// claude-3-5-haiku and 500 from claude-opus-5.
func claudeVersion(name string) int {
	version, found := 0, false
	for _, part := range strings.Split(name, "-") {
		n, err := strconv.Atoi(part)
		switch {
		case err != nil || len(part) > 2:
			if found {
				return version
			}
		case !found:
			version, found = n*100, true
		default:
			return version + n
		}
	}
	return version
}

// claudeFields are the members of a message request, with chatFields' types.
var claudeFields = map[string]byte{
	"max_tokens": 'i', "messages": 'a', "model": 's', "cache_control": 'o', "container": '*', "inference_geo": 's',
	"metadata": 'o', "output_config": 'o', "service_tier": 's', "stop_sequences": 'a', "system": '*',
	"temperature": 'n', "thinking": 'o', "tool_choice": 'o', "tools": 'a', "top_k": 'i', "top_p": 'n',
	"stream": 'b', "output_format": 'o', "context_management": 'o', "mcp_servers": 'a', "betas": 'a', "speed": 's',
}

// betaFields need an anthropic-beta header; betas is the SDK's own.
const betaFields = " output_format context_management mcp_servers speed "

func (c *claude) fields() error {
	for key, v := range c.root.members() {
		want, ok := claudeFields[key]
		if strings.Contains(betaFields, " "+key+" ") && c.x.r.Header.Get("Anthropic-Beta") == "" || key == "betas" {
			ok = false
		}
		if !ok {
			if c.x.dir.Lenient {
				continue
			}
			return invalid("%s: Extra inputs are not permitted", key)
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
			return invalid("%s: Input should be a valid %s", key, pydantic[want])
		}
	}
	return nil
}

var pydantic = map[byte]string{'b': "boolean", 'i': "integer", 'n': "number", 's': "string", 'a': "list", 'o': "dictionary"}

func (c *claude) options() error {
	root, a := c.root, c.a
	if n, ok := root.get("max_tokens").integer(); ok {
		if n < 0 {
			return invalid("max_tokens: Input should be greater than or equal to 0")
		}
		a.maxTokens, a.limited = int(n), true
	}
	temperature, hasT := root.get("temperature").float()
	topP, hasP := root.get("top_p").float()
	_, hasK := root.get("top_k").float()
	switch {
	case hasT && (temperature < 0 || temperature > 1):
		return invalid("temperature: range: 0..1")
	case hasP && (topP < 0 || topP > 1):
		return invalid("top_p: range: 0..1")
	case c.adaptiveOnly() && hasT:
		return invalid("`temperature` is deprecated for this model.")
	case c.adaptiveOnly() && (hasP || hasK):
		return invalid("`top_p` and `top_k` are deprecated for this model.")
	case c.version >= 401 && hasT && hasP:
		return invalid("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
	}
	for i, s := range root.get("stop_sequences").items() {
		if strings.TrimSpace(s.str()) == "" {
			return invalid("stop_sequences.%d: each stop sequence must contain non-whitespace", i)
		}
		a.stops = append(a.stops, s.str())
	}
	format := root.get("output_config").get("format")
	if !format.set() {
		format = root.get("output_format")
	}
	if format.set() {
		if !format.get("type").is("json_schema") {
			return invalid("output_config.format.type: Input should be 'json_schema'")
		}
		if format.get("schema").kind() != kindObject {
			return invalid("output_config.format.schema: Field required")
		}
		if why := openObject(format.get("schema")); why {
			return invalid("output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false")
		}
		a.schema = format.get("schema")
	}
	if e := root.get("output_config").get("effort"); e.set() && !strings.Contains(" low medium high xhigh max ", " "+e.str()+" ") {
		return invalid("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
	}
	return nil
}

// openObject finds an object schema without additionalProperties: false.
func openObject(s val) bool {
	if s.kind() != kindObject {
		return false
	}
	if s.get("type").is("object") {
		if v := s.get("additionalProperties"); v.kind() != kindBool || v.isTrue() {
			return true
		}
	}
	for _, sub := range s.get("properties").members() {
		if openObject(sub) {
			return true
		}
	}
	return openObject(s.get("items"))
}

// adaptiveOnly tells the models that know neither a thinking budget nor
// sampling parameters: Opus 4.7 and everything after it.
func (c *claude) adaptiveOnly() bool { return c.version >= 407 }

func (c *claude) thinking() error {
	t := c.root.get("thinking")
	if !t.set() {
		return nil
	}
	c.thinks = t.get("type").str()
	switch c.thinks {
	case "disabled":
		return nil
	case "adaptive":
		if c.version > 0 && c.version < 406 {
			return invalid("adaptive thinking is not supported on this model")
		}
	case "enabled":
		if c.adaptiveOnly() {
			return invalid(`"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.`)
		}
		c.budgeted = true
		budget, ok := t.get("budget_tokens").integer()
		switch {
		case !ok:
			return invalid("thinking.enabled.budget_tokens: Field required")
		case budget < 1024:
			return invalid("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
		case int(budget) >= c.a.maxTokens:
			return invalid("`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at " +
				"https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size")
		}
	default:
		return invalid("thinking: Input tag '%s' found using 'type' does not match any of the expected tags: 'adaptive', 'disabled', 'enabled'", c.thinks)
	}
	if f, ok := c.root.get("temperature").float(); ok && f != 1 {
		return invalid("`temperature` may only be set to 1 when thinking is enabled. Please consult our documentation at " +
			"https://docs.claude.com/en/docs/build-with-claude/extended-thinking#important-considerations-when-using-extended-thinking'")
	}
	c.a.think = true
	switch d := t.get("display"); {
	case !d.set():
		c.omitted = c.adaptiveOnly() // omitted is the default from Opus 4.7 on
	case d.is("omitted"):
		c.omitted = true
	case !d.is("summarized"):
		return invalid("thinking.display: Input should be 'summarized' or 'omitted'")
	}
	return nil
}

func (c *claude) tools() error {
	for i, t := range c.root.get("tools").items() {
		name := t.get("name").str()
		if kind := t.get("type"); kind.set() && !kind.is("custom") {
			c.p.add(t.raw(), len(t.raw())) // a server tool
			continue
		}
		switch schema := t.get("input_schema"); {
		case !validName(name, 128):
			return invalid("tools.%d.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'", i)
		case schema.kind() != kindObject:
			return invalid("tools.%d.custom.input_schema: Field required", i)
		case !schema.get("type").is("object"):
			return invalid("tools.%d.custom.input_schema.type: Field required", i)
		}
		for key := range t.members() {
			if !c.x.dir.Lenient && !strings.Contains(" name description input_schema cache_control type strict input_examples defer_loading allowed_callers eager_input_streaming ", " "+key+" ") {
				return invalid("tools.%d.custom.%s: Extra inputs are not permitted", i, key)
			}
		}
		for _, other := range c.a.tools {
			if other.name == name {
				return invalid("tools: Tool names must be unique.")
			}
		}
		c.a.tools = append(c.a.tools, tool{name, t.get("input_schema")})
		if err := c.block(fmt.Sprintf("tools.%d", i), t, len(t.raw())); err != nil {
			return err
		}
	}
	return nil
}

func (c *claude) choice() error {
	tc := c.root.get("tool_choice")
	if !tc.set() {
		return nil
	}
	if tc.get("disable_parallel_tool_use").isTrue() {
		c.a.parallel = false
	}
	if len(c.a.tools) == 0 && c.root.get("tools").size() == 0 {
		return invalid("tool_choice may only be specified while providing tools")
	}
	kind := tc.get("type").str()
	switch kind {
	case "auto":
	case "none":
		c.a.choice = choiceNone
	case "any":
		c.a.choice = choiceRequired
	case "tool":
		name := tc.get("name").str()
		c.a.choice, c.a.choiceNames = choiceNamed, []string{name}
		found := false
		for _, t := range c.a.tools {
			found = found || t.name == name
		}
		if !found {
			return invalid("Tool '%s' not found in provided tools", name)
		}
	default:
		return invalid("tool_choice: Input tag '%s' found using 'type' does not match any of the expected tags: 'auto', 'any', 'tool', 'none'", kind)
	}
	// Adaptive thinking can be combined with it,
	// https://platform.claude.com/docs/en/build-with-claude/thinking-tool-workflows (read 2026-11-28).
	if c.budgeted && (kind == "any" || kind == "tool") {
		return invalid("Thinking may not be enabled when tool_choice forces tool use.")
	}
	return nil
}

// breakpoint takes a cache_control marker at the current end of the prompt.
func (c *claude) breakpoint(at string, cc val) error {
	if !cc.get("type").is("ephemeral") {
		return invalid("%s: Input should be 'ephemeral'", at)
	}
	ttl := 5 * time.Minute
	switch v := cc.get("ttl"); {
	case !v.set(), v.is("5m"):
		c.shortSeen = true
	case v.is("1h"):
		if c.shortSeen {
			return invalid("%s: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block", at)
		}
		ttl = time.Hour
	default:
		return invalid("%s.ttl: Input should be '5m' or '1h'", at)
	}
	if c.breakpoints++; c.breakpoints > 4 {
		return invalid("A maximum of 4 blocks with cache_control may be provided. Found %d.", c.breakpoints)
	}
	if n := len(c.p.marks); n > 0 {
		c.p.marks[n-1].ttl = ttl
	}
	return nil
}
