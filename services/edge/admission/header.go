package admission

import (
	"net/http"
	"strings"
)

// FromHeader finds the secret that a caller presents: in `Authorization: Bearer …`
// as OpenAI's clients send it (the scheme in any case, RFC 9110 section 11.1),
// `x-api-key` as Anthropic's do, `api-key` as Azure's do, or `x-goog-api-key` as
// Google's do. The first that is there counts; empty when none is.
func FromHeader(h http.Header) string {
	const scheme = "bearer "
	if v := first(h, "Authorization"); len(v) > len(scheme) && strings.EqualFold(v[:len(scheme)], scheme) {
		if token := strings.TrimSpace(v[len(scheme):]); token != "" {
			return token
		}
	}
	for _, name := range [...]string{"X-Api-Key", "Api-Key", "X-Goog-Api-Key"} {
		if v := strings.TrimSpace(first(h, name)); v != "" {
			return v
		}
	}
	return ""
}

// first is h.Get for a name that is canonical already.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}
