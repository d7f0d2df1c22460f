package openai

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/chat"
)

// maxMessage bounds what a caller is told of a provider's message, in bytes.
const maxMessage = 2 << 10

// Codes of the error object, from OpenAI's guide to error codes, Groq's documentation
// (https://console.groq.com/docs/errors, read 2026-11-23) and public reports.
const (
	codeContext   = "context_length_exceeded"
	codeRateLimit = "rate_limit_exceeded"
	kindQuota     = "insufficient_quota" // a code as well
	// llama.cpp, with status 400 or 500 (github.com/ggml-org/llama.cpp, pull request 15780).
	kindContext = "exceed_context_size_error"
)

// problem is a provider's error object.
type problem struct {
	message, code, kind, param string
	// number is the code where it is one: compatible servers repeat the HTTP status.
	number int64
}

// Classify says what an answer with a status other than 2xx means.
//
//   - What the caller's request is at fault for is invalid_request,
//     context_length_exceeded or unsupported_parameter, with the provider's message:
//     it speaks of the caller's own content.
//   - A refused credential, an unknown model, an exhausted quota are the gateway's to
//     mend. Another deployment may do better; the provider's message, which may name the
//     account, is kept from the caller.
//   - A limit of the provider's carries how long it wants to be left alone.
func (p *Provider) Classify(status int, header http.Header, body []byte) chat.Failure {
	return classify(status, header, readProblem(body))
}

// embedded is the error that came in an answer with status 200, or in a stream.
func (d *Dialect) embedded(doc []byte) error {
	p := readProblem(doc)
	f := classify(p.status(), nil, p)
	return chat.Verdict(f.Err, f.Elsewhere)
}

func classify(status int, header http.Header, p problem) chat.Failure {
	f := judge(status, p)
	if f.Err.Reason == errs.ProviderRateLimited || f.Err.Reason == errs.ProviderUnavailable {
		if f.RetryAfter = retryAfter(header); f.RetryAfter > 0 {
			f.Err = f.Err.WithRetryAfter(f.RetryAfter)
		}
	}
	if code := identifier(p.code); code != "" {
		f.Err = f.Err.WithDetail("provider_code", code)
	}
	if kind := identifier(p.kind); kind != "" {
		f.Err = f.Err.WithDetail("provider_type", kind)
	}
	return f
}

// judge decides by the code where there is one that means something, then by status.
func judge(status int, p problem) chat.Failure {
	switch {
	case p.kind == kindContext:
		return callers(errs.ContextLengthExceeded, p)
	case p.kind == kindQuota || status == http.StatusPaymentRequired:
		return quota()
	case status >= 500 && p.code != codeRateLimit:
		return byStatus(status, p)
	}
	switch p.code {
	case codeContext:
		return callers(errs.ContextLengthExceeded, p)
	case kindQuota, "credit_balance_exhausted", "billing_hard_limit_reached", "billing_not_active", "blocked_api_access":
		return quota()
	case "invalid_api_key", "organization_restricted", "account_deactivated":
		return credential()
	case "model_not_found", "model_decommissioned":
		return unknownModel()
	case codeRateLimit:
		// Groq sends it with 413 too, for a request above the tokens of a whole minute.
		return limited(status == http.StatusTooManyRequests)
	case "unsupported_parameter", "unsupported_value", "unknown_parameter":
		if status == http.StatusBadRequest {
			return unsupported(p)
		}
	case "tool_use_failed", "json_validate_failed", "output_parse_failed":
		// Groq: what the model generated was not what was asked for. It is in
		// `failed_generation`, and stays there. The next try is another throw of the dice.
		return failure(errs.ProviderError, "the model's answer did not have the form that was asked for", false)
	}
	if name := namedInWords(status, p.message); name != "" {
		p.param = name
		return unsupported(p)
	}
	return byStatus(status, p)
}

func byStatus(status int, p problem) chat.Failure {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusFailedDependency:
		switch {
		case tooLong(p):
			return callers(errs.ContextLengthExceeded, p)
		case strings.Contains(p.message, "property '") && strings.Contains(p.message, "' is unsupported"): // Groq
			return callers(errs.UnsupportedParameter, p)
		}
		return callers(errs.InvalidRequest, p)
	case http.StatusNotFound:
		if p.code != "" && p.number == 0 {
			return callers(errs.InvalidRequest, p)
		}
		return unknownModel()
	case http.StatusUnauthorized, http.StatusForbidden:
		return credential()
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return failure(errs.ProviderTimeout, "the provider did not answer in time", true)
	case http.StatusConflict, http.StatusTooEarly:
		return limited(false)
	case http.StatusTooManyRequests:
		return limited(true)
	case 498: // Groq: the flex tier has no capacity left, which says nothing of the others.
		return failure(errs.ProviderUnavailable, "the provider has no capacity for this service tier", false)
	case http.StatusBadGateway, http.StatusServiceUnavailable, 529:
		return failure(errs.ProviderUnavailable, "the provider is overloaded or away", true)
	}
	return failure(errs.ProviderError, "the provider failed", true)
}

// failure is one that another attempt may mend.
func failure(reason errs.Reason, message string, cooldown bool) chat.Failure {
	return chat.Failure{Err: errs.New(reason, message), Retry: true, Cooldown: cooldown}
}

// operators is a failure that the deployment's operator has to mend.
func operators(message string) chat.Failure {
	f := failure(errs.ProviderError, message, true)
	f.Elsewhere = true
	return f
}

func quota() chat.Failure { return operators("the account at the provider has no quota left") }

func credential() chat.Failure { return operators("the provider refused the credential") }

func unknownModel() chat.Failure {
	return operators("the provider does not serve the model that the deployment names")
}

func limited(cooldown bool) chat.Failure {
	return failure(errs.ProviderRateLimited, "the provider's rate limit is reached", cooldown)
}

// callers is a failure that the caller's request is at fault for.
func callers(reason errs.Reason, p problem) chat.Failure {
	message := p.message
	if message == "" {
		message = "the provider refused the request"
	}
	err := errs.New(reason, message)
	if p.param != "" {
		err = err.WithParam(p.param)
	}
	return chat.Failure{Err: err}
}

// unsupported is a failure for a parameter that the model does not have.
func unsupported(p problem) chat.Failure {
	f := callers(errs.UnsupportedParameter, p)
	f.Refused.Member = p.param
	if p.param == memberMaxTokens && strings.Contains(p.message, "'"+memberMaxCompletion+"'") {
		// OpenAI's reasoning models: "Use 'max_completion_tokens' instead."
		f.Refused.Instead = memberMaxCompletion
	}
	return f
}

// namedInWords is the parameter that an error without a code says the model does not have;
// empty where it says nothing of the kind. Of Groq are "property 'x' is unsupported", of a
// member of the request itself, and "`x` is not supported with this model"; OpenAI refuses
// logprobs with 403 (public reports, read 2026-11-28).
func namedInWords(status int, message string) string {
	if message == "You are not allowed to request logprobs from this model" && (status == http.StatusBadRequest || status == http.StatusForbidden) {
		return "logprobs"
	}
	if status != http.StatusBadRequest {
		return ""
	}
	for _, words := range [...][2]string{{"property '", "' is unsupported"}, {"`", "` is not supported with this model"}} {
		if rest, ok := strings.CutPrefix(message, words[0]); ok {
			if name, _, ok := strings.Cut(rest, words[1]); ok {
				return identifier(name)
			}
		}
	}
	return ""
}

// tooLong tells the context error of compatible servers that have no code for it, as
// vLLM, which repeats OpenAI's old words.
func tooLong(p problem) bool {
	m := strings.ToLower(p.message)
	return strings.Contains(m, "maximum context length") || strings.Contains(m, "context_length_exceeded") ||
		strings.Contains(m, "exceeds the context window") || strings.Contains(m, "longer than the model's context length")
}

// status guesses the HTTP status of an error that came without one; 0 is unknown.
func (p problem) status() int {
	if p.number >= 400 && p.number < 600 {
		return int(p.number)
	}
	switch p.kind {
	case "invalid_request_error", "BadRequestError":
		return http.StatusBadRequest
	case "authentication_error", "permission_error", "permissions_error":
		return http.StatusForbidden
	case "rate_limit_error", "requests", "tokens", kindQuota:
		return http.StatusTooManyRequests
	case "service_unavailable_error", "overloaded_error":
		return http.StatusServiceUnavailable
	}
	return 0
}

// readProblem reads an error body: OpenAI's `{"error": {…}}`; the object without the
// wrapper, as vLLM and Mistral send it; `{"error": "…"}` and `{"detail": "…"}`; any of
// them in an array. What is none of these is an empty problem.
func readProblem(body []byte) problem {
	at, ok := jsonscan.Lookup(body)
	if ok && at.Kind == jsonscan.KindArray {
		at, ok = jsonscan.Lookup(body, "0")
	}
	if !ok || at.Kind != jsonscan.KindObject {
		return problem{}
	}
	var p problem
	doc := at.Raw(body)
	inner, has := jsonscan.Lookup(doc, "error")
	switch {
	case has && inner.Kind == jsonscan.KindObject:
		doc = inner.Raw(doc)
	case has && inner.Kind == jsonscan.KindString:
		p.message = clip(text(inner.Raw(doc)))
		return p
	}
	_ = jsonscan.ScanObject(doc, func(m jsonscan.Member) error {
		raw := m.Raw(doc)
		switch string(m.Key) {
		case "message":
			p.message = clip(text(raw))
		case "detail":
			if p.message == "" {
				p.message = clip(text(raw))
			}
		case "type":
			p.kind = text(raw)
		case "param":
			p.param = clip(text(raw))
		case "code":
			p.code = text(raw)
			p.number, _ = jsonscan.Int64(raw)
		}
		return nil
	})
	return p
}

// text is a string's text, and nothing for another value.
func text(raw []byte) string {
	if raw[0] != '"' {
		return ""
	}
	s, _ := jsonscan.String(raw)
	return s
}

// clip cuts a text to maxMessage at the border of a character.
func clip(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	end := maxMessage
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// identifier is s if it is one: error codes and types are, and nothing that could carry
// more than that goes into an error's details.
func identifier(s string) string {
	if len(s) > 64 {
		return ""
	}
	for i := range len(s) {
		c := s[i]
		if c != '_' && c != '-' && c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return ""
		}
	}
	return s
}
