package anthropic

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tollgate.dev/platform/errs"
	"tollgate.dev/services/router/chat"
)

// statusOverloaded is the API's status for overloaded_error.
const statusOverloaded = 529

// maxMessage bounds what an error takes over of the provider's message, in bytes.
const maxMessage = 1000

// wireError is the API's error body,
// https://platform.claude.com/docs/en/api/errors (read 2026-11-23).
type wireError struct {
	Error struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"error"`
	RequestID string `json:"request_id"`
}

// Classify says what an unsuccessful answer means. The provider's own message,
// which may quote the prompt, becomes the error's only where the caller's request is at
// fault; it is the caller's own content, and nothing to log.
//
// A model that the API does not know (404) is the deployment's fault, not the
// caller's, who has named a model of the gateway's.
func (c Codec) Classify(status int, header http.Header, body []byte) chat.Failure {
	var w wireError
	_ = json.Unmarshal(body, &w) // what is no JSON has no type and no message
	f := failure(status, &w)
	id := w.RequestID
	if id == "" {
		id = header.Get("Request-Id")
	}
	f.Err = detail(detail(f.Err, "provider_type", w.Error.Type), "provider_request_id", id)
	if f.Retry && !f.Elsewhere {
		f.RetryAfter = c.retryAfter(header)
		if f.RetryAfter > 0 && f.Err.Reason == errs.ProviderRateLimited {
			f.Err = f.Err.WithRetryAfter(f.RetryAfter)
		}
	}
	return f
}

// failure decides by the status and, where that says too little, the body.
func failure(status int, w *wireError) chat.Failure {
	kind, message := w.Error.Type, w.Error.Message
	switch {
	case kind == "billing_error", status == http.StatusPaymentRequired,
		status == http.StatusBadRequest && strings.Contains(message, "credit balance is too low"):
		return operators("the gateway's account at the provider has a billing problem")
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return operators("the provider refused the gateway's credential")
	case status == http.StatusNotFound:
		return operators("the provider does not serve the model that the deployment names")
	case status == http.StatusTooManyRequests:
		return fault(errs.ProviderRateLimited, "the provider limits the rate of requests")
	case status == statusOverloaded, status == http.StatusServiceUnavailable, status == http.StatusBadGateway:
		return fault(errs.ProviderUnavailable, "the provider is overloaded")
	case status == http.StatusGatewayTimeout, status == http.StatusRequestTimeout:
		return fault(errs.ProviderTimeout, "the provider ran out of time")
	case status == http.StatusConflict, status == http.StatusTooEarly:
		return chat.Failure{Err: errs.New(errs.ProviderRateLimited, "the provider asks to try again"), Retry: true}
	case status >= http.StatusInternalServerError:
		return fault(errs.ProviderError, "the provider had an internal error")
	case status < http.StatusBadRequest:
		return fault(errs.ProviderError, "the provider answered with an unexpected status")
	}
	reason := errs.InvalidRequest
	if contextExceeded(message) {
		reason = errs.ContextLengthExceeded
	}
	if message == "" {
		message = "the provider refused the request"
	}
	return chat.Failure{Err: errs.New(reason, clip(message))}
}

// fault is a failure that another deployment need not share.
func fault(reason errs.Reason, message string) chat.Failure {
	return chat.Failure{Err: errs.New(reason, message), Retry: true, Cooldown: true}
}

// operators is a failure that the deployment's operator has to mend.
func operators(message string) chat.Failure {
	f := fault(errs.ProviderError, message)
	f.Elsewhere = true
	return f
}

// contextExceeded knows the API's two messages: the prompt alone is too long, or it
// is together with max_tokens.
func contextExceeded(message string) bool {
	return strings.Contains(message, "prompt is too long") ||
		strings.Contains(message, "exceed context limit")
}

// streamError is an error event, which has the same body without a status.
func streamError(data []byte) error {
	var w wireError
	_ = json.Unmarshal(data, &w)
	status := http.StatusInternalServerError
	switch w.Error.Type {
	case "invalid_request_error":
		status = http.StatusBadRequest
	case "authentication_error":
		status = http.StatusUnauthorized
	case "permission_error":
		status = http.StatusForbidden
	case "not_found_error":
		status = http.StatusNotFound
	case "request_too_large":
		status = http.StatusRequestEntityTooLarge
	case "rate_limit_error":
		status = http.StatusTooManyRequests
	case "timeout_error":
		status = http.StatusGatewayTimeout
	case "overloaded_error":
		status = statusOverloaded
	}
	f := failure(status, &w)
	err := detail(f.Err, "provider_type", w.Error.Type)
	return chat.Verdict(detail(err, "provider_request_id", w.RequestID), f.Elsewhere)
}

// detail adds an identifier of the provider's, if it is one.
func detail(err *errs.Error, name, value string) *errs.Error {
	if value == "" || len(value) > 64 || strings.IndexFunc(value, notInIdentifier) >= 0 {
		return err
	}
	return err.WithDetail(name, value)
}

func notInIdentifier(r rune) bool {
	return r != '_' && (r < 'A' || r > 'Z') && notInName(r)
}

// maxWait bounds what a header can ask for.
const maxWait = 24 * time.Hour

// retryAfter reads retry-after, in seconds or as a date, or else when the limit
// that is used up is reset.
func (c Codec) retryAfter(header http.Header) time.Duration {
	if v := header.Get("Retry-After-Ms"); v != "" {
		if ms, err := strconv.ParseInt(v, 10, 64); err == nil {
			return bounded(ms, time.Millisecond)
		}
	}
	if v := header.Get("Retry-After"); v != "" {
		if seconds, err := strconv.ParseInt(v, 10, 64); err == nil {
			return bounded(seconds, time.Second)
		}
		if at, err := http.ParseTime(v); err == nil {
			return min(max(at.Sub(c.now()), 0), maxWait)
		}
	}
	wait := time.Duration(0)
	for _, limit := range [...]string{"Requests", "Tokens", "Input-Tokens", "Output-Tokens"} {
		name := "Anthropic-Ratelimit-" + limit
		if header.Get(name+"-Remaining") != "0" {
			continue
		}
		if at, err := time.Parse(time.RFC3339, header.Get(name+"-Reset")); err == nil {
			wait = max(wait, min(at.Sub(c.now()), maxWait))
		}
	}
	return wait
}

// bounded is n units, within 0 and maxWait.
func bounded(n int64, unit time.Duration) time.Duration {
	return time.Duration(min(max(n, 0), int64(maxWait/unit))) * unit
}

func clip(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "")
}
