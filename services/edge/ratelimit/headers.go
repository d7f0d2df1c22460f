package ratelimit

import (
	"net/http"
	"strconv"
	"time"
)

// state is how the tightest of several limits of one kind stands. The zero state is
// of no limit.
type state struct {
	limited          bool
	limit, remaining int64
	reset            time.Duration
}

// tighten takes another limit's state if less remains there.
func (s *state) tighten(other state) {
	if !s.limited || other.remaining < s.remaining {
		*s = other
	}
}

// tighten takes an account's states where less remains: as replicas share them, or as
// this process counts. The account is locked.
func (g *grant) tighten(r *rule, a *account, now int64, together bool) {
	together = together && a.lease.until != 0 // else nothing is known
	if r.requests != Unlimited {
		if together {
			g.requests.tighten(a.lease.requests.state(&a.requests, r.requests, now))
		} else {
			g.requests.tighten(a.requests.state(r.requests, now))
		}
	}
	if r.tokens != Unlimited {
		if together {
			g.tokenState.tighten(a.lease.tokens.state(&a.tokens, r.tokens, now))
		} else {
			g.tokenState.tighten(a.tokens.state(r.tokens, now))
		}
	}
}

// Headers sets the limits that apply to the call, as they stood when it was let through
// or refused: x-ratelimit-limit-requests, -remaining-requests, -reset-requests and the
// same of tokens, each of the limit of which the least remains, as OpenAI documents
// them (https://platform.openai.com/docs/guides/rate-limits, November 2026: reset is
// the time "until the rate limit resets to its initial state", such as `1s` or
// `6m0s`); and LiteLLM's x-litellm-key-rpm-limit and x-litellm-key-tpm-limit, which
// are the key's own. What is not limited has no header.
func (p Permit) Headers(h http.Header) {
	if p.g == nil {
		return
	}
	if s := &p.g.requests; s.limited {
		h["X-Ratelimit-Limit-Requests"] = number(s.limit)
		h["X-Ratelimit-Remaining-Requests"] = number(s.remaining)
		h["X-Ratelimit-Reset-Requests"] = []string{resetText(s.reset)}
	}
	if s := &p.g.tokenState; s.limited {
		h["X-Ratelimit-Limit-Tokens"] = number(s.limit)
		h["X-Ratelimit-Remaining-Tokens"] = number(s.remaining)
		h["X-Ratelimit-Reset-Tokens"] = []string{resetText(s.reset)}
	}
	if n := p.g.subject.keyRequests; n != Unlimited {
		h["X-Litellm-Key-Rpm-Limit"] = number(n)
	}
	if n := p.g.subject.keyTokens; n != Unlimited {
		h["X-Litellm-Key-Tpm-Limit"] = number(n)
	}
}

func number(n int64) []string { return []string{strconv.FormatInt(n, 10)} }

// resetText is a duration as OpenAI writes it, which is Go's way, rounded up to a
// millisecond.
func resetText(d time.Duration) string {
	if up := d.Truncate(time.Millisecond); up < d {
		return (up + time.Millisecond).String()
	}
	return d.String()
}
