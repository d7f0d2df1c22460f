package secrettest_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/secret/secrettest"
)

const key = "sk-a/b+c=\"é\" <d>&\n0123"

func TestFindsEveryForm(t *testing.T) {
	text, err := json.Marshal(map[string]string{"k": "Bearer " + key})
	if err != nil {
		t.Fatal(err)
	}
	leaks := map[string]string{
		"raw":          "x" + key + "y",
		"hex":          hex.EncodeToString([]byte("x" + key)),
		"upper hex":    strings.ToUpper(hex.EncodeToString([]byte(key))),
		"query":        "https://h/?k=" + url.QueryEscape(key),
		"path":         "https://h/" + url.PathEscape(key) + "/x",
		"lower query":  strings.ToLower(url.QueryEscape(key)),
		"JSON":         string(text),
		"quoted":       fmt.Sprintf("%q", "x"+key),
		"ASCII-quoted": fmt.Sprintf("%+q", "x"+key),
		"bytes":        fmt.Sprint([]byte("x" + key + "y")),
	}
	for before := range 4 {
		for after := range 4 {
			in := []byte(strings.Repeat("p", before) + key + strings.Repeat("s", after))
			leaks[fmt.Sprintf("base64 %d %d", before, after)] = base64.StdEncoding.EncodeToString(in)
			leaks[fmt.Sprintf("base64url %d %d", before, after)] = base64.RawURLEncoding.EncodeToString(in)
		}
	}
	for name, haystack := range leaks {
		if secrettest.Find(haystack, key) == "" {
			t.Errorf("%s: not found in %s", name, haystack)
		}
	}
	for name, haystack := range map[string]string{
		"empty": "", "redacted": "key=[redacted]", "a part": key[:10], "another": base64.StdEncoding.EncodeToString([]byte("sk-another-key-0123")),
	} {
		if form := secrettest.Find(haystack, key); form != "" {
			t.Errorf("%s: found as %s", name, form)
		}
	}
}

// recorder is a testing.TB that notes failures instead of failing.
type recorder struct {
	testing.TB
	failures []string
}

func (*recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatal(args ...any) { r.failures = append(r.failures, fmt.Sprint(args...)) }

func TestAssertionsFailAndNameNoSecret(t *testing.T) {
	for name, assert := range map[string]func(testing.TB){
		"text":       func(tb testing.TB) { tb.Helper(); secrettest.AssertNoLeak(tb, "x"+key, "other-secret", key) },
		"reader":     func(tb testing.TB) { tb.Helper(); secrettest.AssertNoLeakIn(tb, strings.NewReader("x"+key), key) },
		"wrapped":    func(tb testing.TB) { tb.Helper(); secrettest.AssertRevealsNone(tb, "x"+key, secret.New(key)) },
		"value":      func(tb testing.TB) { tb.Helper(); secrettest.AssertRedacts(tb, struct{ K string }{key}, key) },
		"bytes":      func(tb testing.TB) { tb.Helper(); secrettest.AssertRedacts(tb, []byte(key), key) },
		"no secrets": func(tb testing.TB) { tb.Helper(); secrettest.AssertNoLeak(tb, "x") },
		"short":      func(tb testing.TB) { tb.Helper(); secrettest.AssertNoLeak(tb, "x", "abc") },
	} {
		r := &recorder{TB: t}
		assert(r)
		if len(r.failures) == 0 {
			t.Errorf("%s: did not fail", name)
		}
		if secrettest.Find(strings.Join(r.failures, "\n"), key) != "" {
			t.Errorf("%s: the message quotes the secret", name)
		}
	}
	r := &recorder{TB: t}
	secrettest.AssertNoLeak(r, "nothing here", key)
	secrettest.AssertRedacts(r, secret.New(key), key)
	if len(r.failures) > 0 {
		t.Errorf("failed without a leak: %v", r.failures)
	}
}
