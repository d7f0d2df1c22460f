package postgres

import (
	"net/url"
	"strings"
)

// parameters names what a connection string sets itself: the query of a URL, or the
// words of the key=value form.
func parameters(text string) map[string]bool {
	out := make(map[string]bool)
	if u, err := url.Parse(text); err == nil && u.Scheme != "" {
		for name := range u.Query() {
			out[name] = true
		}
		return out
	}
	for _, word := range strings.Fields(text) {
		if name, _, ok := strings.Cut(word, "="); ok {
			out[name] = true
		}
	}
	return out
}
