package app

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tollgate.dev/services/cache/embed/provider"
	"tollgate.dev/services/router/upstream"
)

// The embedder is told of a request that did not leave, so that nobody is charged for it.
func TestPosterTellsWhatDidNotLeave(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	left := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer left.Close()
	client := upstream.New(upstream.Options{Allowlist: upstream.Allowlist{
		strings.TrimPrefix(closed.URL, "http://"), strings.TrimPrefix(left.URL, "http://"),
	}})
	defer client.Close()
	for name, tc := range map[string]struct {
		url    string
		unsent bool
	}{
		"nobody is there":         {closed.URL, true},
		"the host is not allowed": {"https://elsewhere.example", true},
		"it is asked, and leaves": {left.URL, false},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, tc.url, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := poster{client}.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if err == nil || errors.Is(err, provider.ErrUnsent) != tc.unsent {
			t.Errorf("%s: %v", name, err)
		}
	}
}
