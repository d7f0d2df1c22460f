package edge

import (
	"math"
	"strconv"
	"strings"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
)

// parseGateway reads the members that LiteLLM's clients address to the gateway, but for
// `cache`. What has no effect here is noted, so that the answer can name it.
func (c *chatRequest) parseGateway() error {
	for m := range c.fields.All() {
		switch string(m.Key) {
		case "timeout":
			if err := c.parseTimeout(m); err != nil {
				return err
			}
		case "caching":
			// LiteLLM looks for no answer then, and keeps the one that comes all the same.
			switch m.Kind {
			case jsonscan.KindFalse:
				c.cache.noCache = true
			case jsonscan.KindTrue, jsonscan.KindNull:
			default:
				return errs.New(errs.InvalidRequest, "caching must be true or false").WithParam("caching")
			}
		default:
			// A 0 says something here: no retries.
			if ignoredMember(string(m.Key)) && (m.Kind == jsonscan.KindNumber || !blank(m.Raw(c.body))) {
				c.ignored = append(c.ignored, shown(string(m.Key)))
			}
		}
	}
	return nil
}

// ignoredMember says that a member is addressed to the gateway and has no effect. The
// router keeps such members from providers.
func ignoredMember(name string) bool {
	switch name {
	case "fallbacks", "no-log", "num_retries", "tags":
		return true
	}
	return strings.HasPrefix(name, "litellm_")
}

// maxTimeoutMillis is more than the router gives any call: a day.
const maxTimeoutMillis = 24 * 3600 * 1000

// parseTimeout reads LiteLLM's `timeout`, in seconds. The router bounds it by its own.
func (c *chatRequest) parseTimeout(m jsonscan.Member) error {
	if m.Kind == jsonscan.KindNull {
		return nil
	}
	seconds, err := strconv.ParseFloat(string(m.Raw(c.body)), 64)
	if m.Kind != jsonscan.KindNumber || err != nil || seconds <= 0 {
		return errs.New(errs.InvalidRequest, "timeout must be a positive number of seconds").WithParam("timeout")
	}
	// Not a moment less than was asked for, and never 0, which would be no limit.
	c.timeoutMillis = int64(math.Ceil(min(seconds*1000, maxTimeoutMillis)))
	return nil
}
