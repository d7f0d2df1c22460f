package edge

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/cachetier"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/edge/admission"
)

// chatRequest is what the edge needs to know of a chat completion. The rest of the
// body is the provider's business.
type chatRequest struct {
	body   []byte
	fields jsonscan.Fields

	model        string
	stream       bool
	includeUsage bool
	// maxTokens is the caller's own limit, the larger one of two; 0 is none. modernLimit
	// says that it is max_completion_tokens alone, which some servers do not know.
	maxTokens   int64
	modernLimit bool
	// answers is how many are wanted, at least 1.
	answers int64
	tools   bool
	// breakpoints says that the request may ask the provider to cache its prompt, audio
	// that it may hold or ask for sound, searches that it may have the model search.
	breakpoints, audio, searches bool
	// unbounded says that the prompt's length does not follow from the body's: it may
	// hold a document, or spells names so that nothing can be told of it.
	unbounded bool
	// images is how many the request may hold at most.
	images int64
	tier   string
	// region is where the caller wants the model to run; empty is not given.
	region string
	cache  cacheControl
	drop   bool
	// timeoutMillis is how long the caller wants to wait for a provider; 0 is not given.
	timeoutMillis int64
	// ignored are the members for the gateway that have no effect here.
	ignored []string
}

// cacheControl is how a caller wants its answer cached.
type cacheControl struct {
	// use asks for the cache where it is off by default.
	use     bool
	noCache bool
	noStore bool
	// ttl is how long the answer lives, 0 is not given; with noLife it is not kept.
	ttl       time.Duration
	noLife    bool
	maxAge    time.Duration
	partition string
	// wish is up to which tier the cache may answer, and from which score. Others may be stricter.
	wish admission.Caching
}

// parse reads what the edge needs. Everything in the body is validated as JSON, and
// nothing is changed.
func (c *chatRequest) parse(body []byte) error {
	c.body = body
	if err := c.fields.ScanWords(body, c.word); err != nil {
		if errors.Is(err, jsonscan.ErrDuplicateKey) {
			name := shown(c.repeated())
			return errs.Newf(errs.InvalidRequest, "%s is given twice", name).WithParam(name)
		}
		return errs.Newf(errs.InvalidRequest, "the request body is no JSON object: %v", err)
	}
	model, ok := c.fields.Get("model")
	if !ok || model.Kind != jsonscan.KindString {
		return errs.New(errs.InvalidRequest, "model must be a string").WithParam("model")
	}
	var err error
	if c.model, err = jsonscan.String(model.Raw(body)); err != nil || c.model == "" || len(c.model) > 256 {
		return errs.New(errs.InvalidRequest, "model must be a name of at most 256 characters").WithParam("model")
	}
	messages, ok := c.fields.Get("messages")
	if !ok || messages.Kind != jsonscan.KindArray {
		return errs.New(errs.InvalidRequest, "messages must be an array").WithParam("messages")
	}
	if first := bytes.TrimSpace(messages.Raw(body)[1:]); first[0] == ']' {
		return errs.New(errs.InvalidRequest, "messages must not be empty").WithParam("messages")
	}
	if c.fields.UnicodeEscapes() && hidesNames(body) {
		c.unbounded, c.breakpoints, c.audio, c.searches = true, true, true, true
	}
	if c.stream, err = c.boolean("stream"); err != nil {
		return err
	}
	if c.drop, err = c.boolean("drop_params"); err != nil {
		return err
	}
	if c.maxTokens, err = c.count("max_tokens", 0); err != nil {
		return err
	}
	modern, err := c.count("max_completion_tokens", 0)
	if err != nil {
		return err
	}
	c.modernLimit = c.maxTokens == 0 && modern > 0
	c.maxTokens = max(c.maxTokens, modern)
	if c.answers, err = c.count("n", 1); err != nil {
		return err
	}
	if c.answers > 128 {
		return errs.New(errs.InvalidRequest, "n must be at most 128").WithParam("n")
	}
	if options, ok := c.fields.Get("stream_options"); ok && options.Kind == jsonscan.KindObject {
		if v, ok := jsonscan.Lookup(options.Raw(body), "include_usage"); ok {
			c.includeUsage = v.Kind == jsonscan.KindTrue
		}
	}
	if tools, ok := c.fields.Get("tools"); ok {
		c.tools = tools.Kind == jsonscan.KindArray
	}
	if tier, ok := c.fields.Get("service_tier"); ok && tier.Kind == jsonscan.KindString {
		if c.tier, err = jsonscan.String(tier.Raw(body)); err != nil {
			return errs.New(errs.InvalidRequest, "service_tier must be a string").WithParam("service_tier")
		}
	}
	if region, ok := c.fields.Get("inference_geo"); ok && region.Kind == jsonscan.KindString {
		if c.region, err = jsonscan.String(region.Raw(body)); err != nil {
			return errs.New(errs.InvalidRequest, "inference_geo must be a string").WithParam("inference_geo")
		}
	}
	if m, ok := c.fields.Get("cached_content"); ok && m.Kind != jsonscan.KindNull {
		c.unbounded = true // Gemini's own cache holds the beginning of the prompt
	}
	if err := c.parseGateway(); err != nil {
		return err
	}
	return c.parseCache()
}

// repeated is the first member that is given twice.
func (c *chatRequest) repeated() string {
	seen := make(map[string]bool, c.fields.Len())
	for m := range c.fields.All() {
		if seen[string(m.Key)] {
			return string(m.Key)
		}
		seen[string(m.Key)] = true
	}
	return ""
}

func (c *chatRequest) boolean(name string) (bool, error) {
	m, ok := c.fields.Get(name)
	if !ok {
		return false, nil
	}
	switch m.Kind {
	case jsonscan.KindTrue:
		return true, nil
	case jsonscan.KindFalse, jsonscan.KindNull:
		return false, nil
	default:
	}
	return false, errs.Newf(errs.InvalidRequest, "%s must be true or false", name).WithParam(name)
}

// count reads a positive integer.
func (c *chatRequest) count(name string, absent int64) (int64, error) {
	m, ok := c.fields.Get(name)
	if !ok || m.Kind == jsonscan.KindNull {
		return absent, nil
	}
	n, ok := jsonscan.Int64(m.Raw(c.body))
	if !ok || n < 1 || n > 1<<31 {
		return 0, errs.Newf(errs.InvalidRequest, "%s must be a positive integer", name).WithParam(name)
	}
	return n, nil
}

// parseCache reads LiteLLM's `cache` object.
func (c *chatRequest) parseCache() error {
	m, ok := c.fields.Get("cache")
	if !ok || m.Kind == jsonscan.KindNull {
		return nil
	}
	bad := func(name string) error {
		return errs.Newf(errs.InvalidRequest, "cache.%s has the wrong type", name).WithParam("cache." + name)
	}
	if m.Kind != jsonscan.KindObject {
		return errs.New(errs.InvalidRequest, "cache must be an object").WithParam("cache")
	}
	raw := m.Raw(c.body)
	return jsonscan.ScanObject(raw, func(m jsonscan.Member) error {
		value, name := m.Raw(raw), string(m.Key)
		switch name {
		case "no-cache", "no-store", "use-cache":
			on, ok := jsonscan.Bool(value)
			if !ok {
				return bad(name)
			}
			c.cache.noCache = c.cache.noCache || on && name == "no-cache"
			c.cache.noStore = c.cache.noStore || on && name == "no-store"
			c.cache.use = c.cache.use || on && name == "use-cache"
		case "ttl", "s-maxage":
			seconds, ok := jsonscan.Int64(value)
			if !ok || seconds < 0 || seconds > maxTTLSeconds {
				return badSeconds("cache." + name)
			}
			if name == "ttl" {
				c.cache.live(seconds)
			} else {
				c.cache.young(seconds)
			}
		case "namespace":
			text, err := jsonscan.String(value)
			switch {
			case err != nil:
				return bad(name)
			case len(text) > maxPartition:
				return badPartition("cache." + name)
			}
			c.cache.partition = text
		case "tier":
			text, err := jsonscan.String(value)
			if err != nil || !c.cache.upTo(text) {
				return badTier("cache.tier")
			}
		case "similarity-threshold":
			if !c.cache.from(value) {
				return badThreshold("cache.similarity-threshold")
			}
		default:
			// A control that is passed over would cache, or answer from the cache, against
			// the caller's word.
			return errs.Newf(errs.InvalidRequest, "cache has no member %s", shown(name)).WithParam("cache")
		}
		return nil
	})
}

// live says how long the answer lives, the last who says it; of 0 seconds it is not kept.
func (c *cacheControl) live(seconds int64) {
	c.ttl, c.noLife = time.Duration(seconds)*time.Second, seconds == 0
}

// young wants no entry that is older, the least of all who say it.
func (c *cacheControl) young(seconds int64) {
	switch age := time.Duration(seconds) * time.Second; {
	case age == 0:
		c.noCache = true // nothing that is kept is young enough
	case c.maxAge == 0 || age < c.maxAge:
		c.maxAge = age
	}
}

// maxTTLSeconds bounds a caller's own time to live: a year.
const maxTTLSeconds = 366 * 24 * 3600

// badSeconds refuses a time that is none, or too long.
func badSeconds(name string) error {
	return errs.Newf(errs.InvalidRequest, "%s must be a whole number of seconds from 0 to %d", name, maxTTLSeconds).WithParam(name)
}

// upTo has no tier behind the named one answer. It is false for a name that no tier has.
func (c *cacheControl) upTo(name string) bool {
	tier := cachetier.Named(name)
	c.wish = admission.Caching{Last: tier}.Over(c.wish)
	return tier != cachev1.Tier_TIER_UNSPECIFIED
}

// from has no answer of a lower score serve. It is false for what is
// no number from 0 to 1.
func (c *cacheControl) from(raw []byte) bool {
	v, err := jsonscan.Scan(raw)
	if err != nil || v.Kind != jsonscan.KindNumber {
		return false
	}
	least, err := strconv.ParseFloat(string(v.Raw(raw)), 64)
	if err != nil || least < 0 || least > 1 {
		return false
	}
	c.wish = admission.Caching{Threshold: &least}.Over(c.wish)
	return true
}

// headers reads `Cache-Control`, `X-Cache-Tier`, `X-Cache-Threshold` and `X-Cache-Ttl`.
func (c *cacheControl) headers(h http.Header) error {
	for _, line := range h["Cache-Control"] {
		for directive := range strings.SplitSeq(line, ",") {
			if err := c.directive(directive); err != nil {
				return err
			}
		}
	}
	if tier := h.Get("X-Cache-Tier"); tier != "" && !c.upTo(tier) {
		return badTier("X-Cache-Tier")
	}
	if least := h.Get("X-Cache-Threshold"); least != "" && !c.from([]byte(least)) {
		return badThreshold("X-Cache-Threshold")
	}
	text := h.Get("X-Cache-Ttl")
	if text == "" {
		return nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 || seconds > maxTTLSeconds {
		return badSeconds("X-Cache-Ttl")
	}
	c.live(seconds)
	return nil
}

// directive reads one of a request's `Cache-Control`, by RFC 9111. Those that would only have an older
// answer taken, or one that lives on for a time, ask for nothing that an answer within its life
// does not give; and what is unknown is to be passed over.
func (c *cacheControl) directive(text string) error {
	name, value, _ := strings.Cut(strings.TrimSpace(text), "=")
	switch strings.ToLower(name) {
	case "no-cache":
		c.noCache = true
	case "no-store":
		c.noStore = true
	case "max-age":
		value = strings.Trim(value, `"`)
		if value == "" || strings.Trim(value, "0123456789") != "" {
			return errs.New(errs.InvalidRequest, "max-age of Cache-Control must be a whole number of seconds").WithParam("Cache-Control")
		}
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil { // too large for a number; nothing lives so long
			seconds = maxTTLSeconds
		}
		c.young(min(seconds, maxTTLSeconds))
	case "only-if-cached":
		// No error stands for an answer that is not there, and a call to a provider is what its caller does not want.
		return errs.New(errs.UnsupportedParameter, "only-if-cached of Cache-Control is not supported: a call is answered by its provider where the cache has no answer").
			WithParam("Cache-Control")
	}
	return nil
}

// hidesNames says that the body escapes a letter or an underscore, as no encoder does:
// the names of members cannot be searched for then.
func hidesNames(body []byte) bool {
	escape := []byte(`\u00`)
	for {
		i := bytes.Index(body, escape)
		if i < 0 || len(body) < i+6 {
			return false
		}
		c, err := strconv.ParseUint(string(body[i+4:i+6]), 16, 8)
		if err == nil && (c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z') {
			return true
		}
		body = body[i+6:]
	}
}

// word takes a short string of the body, a key or a value. Those that name what a prompt
// may hold beside text are counted wherever they stand: at least as much is found as there
// is, where no name is hidden.
func (c *chatRequest) word(member, word []byte) {
	switch string(word) {
	case "image_url", "input_audio", "file":
		if string(member) == "messages" {
			c.images++
			c.unbounded = c.unbounded || string(word) == "file"
		}
	}
	switch {
	case bytes.HasPrefix(word, audio) || bytes.HasSuffix(word, audio):
		c.audio = true
	case bytes.HasPrefix(word, breakpoint):
		c.breakpoints = true
	case bytes.HasPrefix(word, webSearch):
		c.searches = true
	}
}

// How the names begin, or end, of what asks for sound, for a breakpoint of the provider's
// cache, and for searches.
var (
	audio      = []byte("audio")
	breakpoint = []byte("cache_control")
	webSearch  = []byte("web_search")
)

// form is in which form the caller hears the answer: empty for a whole one, and else with the
// options of the stream.
func (c *chatRequest) form() string {
	if !c.stream {
		return ""
	}
	return "stream" + string(c.fields.Raw("stream_options"))
}
