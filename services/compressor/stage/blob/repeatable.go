package blob

import (
	"strings"

	"tollgate.dev/services/compressor/protect"
)

// isRepeatable tells whether data may be what a later call has to say again, such as the token of
// the next page: its name says so, or it is not large for a string of JSON and nothing says that it
// is data.
func isRepeatable(names *protect.Names, text string, start, end int, inJSON bool) bool {
	if strings.HasSuffix(text[:start], "base64,") {
		return false // a data URL
	}
	if names.Named(start) {
		return true
	}
	return inJSON && end-start < leastInJSON && !strings.ContainsAny(text[start:end], "\\\n")
}
