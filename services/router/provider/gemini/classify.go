package gemini

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tollgate.dev/platform/errs"
	"tollgate.dev/services/router/chat"
)

const (
	// maxMessage bounds what an error takes over of the provider's message, in bytes.
	maxMessage = 1000
	// maxWait bounds what the provider can ask to wait.
	maxWait = 24 * time.Hour
)

// wireStatus is google.rpc.Status as HTTP answers have it,
// https://cloud.google.com/apis/design/errors.
type wireStatus struct {
	Code    int          `json:"code"`
	Message string       `json:"message"`
	Status  string       `json:"status"`
	Details []wireDetail `json:"details"`
}

// wireDetail is any of ErrorInfo, RetryInfo and QuotaFailure.
type wireDetail struct {
	Type       string `json:"@type"`
	Reason     string `json:"reason"`
	RetryDelay string `json:"retryDelay"`
	Violations []struct {
		QuotaID string `json:"quotaId"`
	} `json:"violations"`
}

// Classify says what an unsuccessful answer means. The provider's own message, which
// may quote the prompt, becomes the error's only where the caller's request is at
// fault; it is the caller's own content, and nothing to log. Other messages may name
// the account.
//
// A key that Google does not know is answered with 400, and is the gateway's fault,
// as are a location that is not served and a model that does not exist (404). A file
// of the caller's that cannot be read is answered with 403.
func (c Codec) Classify(status int, header http.Header, body []byte) chat.Failure {
	var w struct {
		Error wireStatus `json:"error"`
	}
	body = bytes.TrimSpace(body)
	if len(body) > 0 && body[0] == '[' { // streamGenerateContent without alt=sse
		var list []json.RawMessage
		if err := json.Unmarshal(body, &list); err == nil && len(list) > 0 {
			body = list[0]
		}
	}
	_ = json.Unmarshal(body, &w) // what is no JSON has no status and no message
	f := w.Error.failure(status, header)
	if f.Retry && !f.Elsewhere && f.RetryAfter == 0 {
		if at, err := http.ParseTime(header.Get("Retry-After")); err == nil {
			f.wait(at.Sub(c.now()))
		}
	}
	return f.Failure
}

// failure is a chat.Failure in the making.
type failure struct {
	chat.Failure
}

func (f *failure) wait(d time.Duration) {
	f.RetryAfter = min(max(d, 0), maxWait)
	if f.RetryAfter > 0 && f.Err.Reason == errs.ProviderRateLimited {
		f.Err = f.Err.WithRetryAfter(f.RetryAfter)
	}
}

// failure decides by the HTTP status, or else the status' own code.
func (w *wireStatus) failure(status int, header http.Header) failure {
	if status == 0 {
		status = w.Code
	}
	f := failure{w.decide(status)}
	if w.Status != "" {
		f.Err = f.Err.WithDetail("provider_type", enum(w.Status))
	}
	delay := time.Duration(0)
	for i := range w.Details {
		d := &w.Details[i]
		if strings.HasSuffix(d.Type, "ErrorInfo") && d.Reason != "" {
			f.Err = f.Err.WithDetail("provider_code", enum(d.Reason))
		}
		if strings.HasSuffix(d.Type, "QuotaFailure") && len(d.Violations) > 0 && d.Violations[0].QuotaID != "" {
			f.Err = f.Err.WithDetail("provider_quota", clip(d.Violations[0].QuotaID))
		}
		if parsed, err := time.ParseDuration(d.RetryDelay); err == nil {
			delay = max(delay, parsed)
		}
	}
	if !f.Retry || f.Elsewhere {
		return f
	}
	if delay == 0 {
		if seconds, err := strconv.ParseInt(header.Get("Retry-After"), 10, 64); err == nil {
			delay = time.Duration(min(max(seconds, 0), int64(maxWait/time.Second))) * time.Second
		}
	}
	f.wait(delay)
	return f
}

// decide chooses the reason.
func (w *wireStatus) decide(status int) chat.Failure {
	switch {
	case w.badKey():
		return operators("the provider refused the gateway's credential")
	case status == http.StatusForbidden && strings.Contains(w.Message, "access the File"):
		return w.callers(errs.InvalidRequest, "the provider cannot read a file of the request")
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return operators("the provider refused the gateway's credential")
	case w.Status == "FAILED_PRECONDITION":
		return operators("the provider does not serve the gateway's account or location")
	case status == http.StatusNotFound && (w.Message == "" || strings.Contains(w.Message, "models/") || strings.Contains(w.Message, "model is not found")):
		return operators("the provider does not know the deployment's model")
	case status == http.StatusTooManyRequests && w.daysQuota():
		return operators("the account at the provider has no quota left for the day")
	case status == http.StatusTooManyRequests:
		return fault(errs.ProviderRateLimited, "the provider limits the rate of requests")
	case status == http.StatusRequestTimeout, status == http.StatusGatewayTimeout:
		return fault(errs.ProviderTimeout, "the provider ran out of time")
	case status == http.StatusConflict, status == http.StatusTooEarly, status == 499:
		return chat.Failure{Err: errs.New(errs.ProviderUnavailable, "the provider asks to try again"), Retry: true}
	case status == http.StatusServiceUnavailable, status == http.StatusBadGateway, status == 529:
		return fault(errs.ProviderUnavailable, "the provider is overloaded")
	case status >= http.StatusInternalServerError:
		return fault(errs.ProviderError, "the provider had an internal error")
	case status < http.StatusBadRequest:
		return fault(errs.ProviderError, "the provider answered with an unexpected status")
	case strings.Contains(w.Message, "input token count") && strings.Contains(w.Message, "exceeds the maximum number of tokens"):
		return w.callers(errs.ContextLengthExceeded, "the request is longer than the model's context")
	}
	return w.callers(errs.InvalidRequest, "the provider refused the request")
}

// badKey tells an unknown or expired key, which is answered with 400.
func (w *wireStatus) badKey() bool {
	for i := range w.Details {
		if w.Details[i].Reason == "API_KEY_INVALID" {
			return true
		}
	}
	return strings.HasPrefix(w.Message, "API key ") || strings.HasPrefix(w.Message, "API Key ")
}

// daysQuota tells an exhausted quota from a limit of the minute. Google gives both the same
// status and text; the quota's id, such as GenerateRequestsPerDayPerProjectPerModel, has the
// time (https://ai.google.dev/gemini-api/docs/rate-limits, November 2026).
func (w *wireStatus) daysQuota() bool {
	for i := range w.Details {
		for _, v := range w.Details[i].Violations {
			if strings.Contains(v.QuotaID, "PerDay") {
				return true
			}
		}
	}
	return false
}

// callers is a failure that the request itself is the cause of; otherwise is what it
// says when the provider says nothing.
func (w *wireStatus) callers(reason errs.Reason, otherwise string) chat.Failure {
	message := clip(w.Message)
	if message == "" {
		message = otherwise
	}
	return chat.Failure{Err: errs.New(reason, message)}
}

// operators is a failure that the deployment's operator has to mend.
func operators(message string) chat.Failure {
	f := fault(errs.ProviderError, message)
	f.Elsewhere = true
	return f
}

// fault is a failure that another deployment need not share.
func fault(reason errs.Reason, message string) chat.Failure {
	return chat.Failure{Err: errs.New(reason, message), Retry: true, Cooldown: true}
}

func clip(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "")
}
