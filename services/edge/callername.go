package edge

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate.dev/platform/id"
	"tollgate.dev/services/edge/admission"
)

// maxCallerName bounds a name that a caller gives in a header, in bytes.
const maxCallerName = 128

// keyPrefix is what the secrets of keys begin with.
const keyPrefix = "sk-"

// callerID is an id that the caller gives in a header: letters, digits and a few signs. Empty
// is none, or one that cannot be taken.
func callerID(h http.Header, name string) string {
	if value := h.Get(name); id.ValidRequestID(value) && !secretIn(value, h) {
		return value
	}
	return ""
}

// callerUser is a user that the caller names in a header: any text of up to 128 bytes without
// control characters, such as an e-mail address.
func callerUser(h http.Header, name string) string {
	value := h.Get(name)
	if len(value) > maxCallerName || !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) || secretIn(value, h) {
		return ""
	}
	return value
}

// secretIn reports whether a header that names something holds a key, by a slip of its
// sender: names go into logs, the ledger and the events, where no secret may be.
func secretIn(value string, h http.Header) bool {
	presented := admission.FromHeader(h)
	return len(value) > len(keyPrefix) && strings.EqualFold(value[:len(keyPrefix)], keyPrefix) || presented != "" && strings.Contains(value, presented)
}

// untaken are the headers that name something and were not taken: an answer says so.
func (c *completion) untaken() (names []string) {
	h := c.r.Header
	for _, name := range []string{"X-User-Id", "X-Platform-Id", "X-Trace-Id"} {
		if h[name] == nil || h.Get(name) == "" {
			continue
		}
		taken := callerID(h, name) != ""
		if name == "X-User-Id" {
			taken = callerUser(h, name) != ""
		}
		if !taken || len(h[name]) > 1 {
			names = append(names, name)
		}
	}
	return names
}
