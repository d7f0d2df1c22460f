// Package secrettest asserts that secrets did not get out.
package secrettest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"tollgate.dev/platform/secret"
)

// minLength is the shortest secret for which a match means something, in bytes.
const minLength = 6

// AssertNoLeak fails the test when one of the secrets stands in the haystack, as it is
// or in base64 (at any alignment, standard or URL-safe), hexadecimal, URL-escaped,
// JSON-escaped or Go-quoted form, whatever the case of the escapes. A secret shorter
// than 6 bytes, which would match by chance, fails the test as well. The message names
// the secret's position and the form, never the secret.
func AssertNoLeak(tb testing.TB, haystack string, secrets ...string) {
	tb.Helper()
	if len(secrets) == 0 {
		tb.Fatal("AssertNoLeak was given no secrets and would pass on anything")
	}
	for i, s := range secrets {
		if len(s) < minLength {
			tb.Errorf("secret %d is shorter than %d bytes", i, minLength)
			continue
		}
		if form := Find(haystack, s); form != "" {
			tb.Errorf("secret %d leaked (%s form)", i, form)
		}
	}
}

// AssertNoLeakIn is AssertNoLeak for what a reader gives, read to its end.
func AssertNoLeakIn(tb testing.TB, r io.Reader, secrets ...string) {
	tb.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		tb.Fatalf("reading what may leak: %v", err)
	}
	AssertNoLeak(tb, string(b), secrets...)
}

// AssertRedacts fails the test when v, printed by any verb, as an error, or encoded as
// JSON, shows one of the secrets.
func AssertRedacts(tb testing.TB, v any, secrets ...string) {
	tb.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		AssertNoLeak(tb, fmt.Sprintf(verb, v), secrets...)
	}
	if b, err := json.Marshal(v); err == nil {
		AssertNoLeak(tb, string(b), secrets...)
	} else {
		AssertNoLeak(tb, err.Error(), secrets...)
	}
}

// AssertRevealsNone is AssertNoLeak for wrapped secrets.
func AssertRevealsNone(tb testing.TB, haystack string, secrets ...secret.String) {
	tb.Helper()
	plain := make([]string, len(secrets))
	for i, s := range secrets {
		plain[i] = s.Reveal()
	}
	AssertNoLeak(tb, haystack, plain...)
}

// Find returns the name of the form in which s stands in the haystack, or "".
func Find(haystack, s string) string {
	lower := strings.ToLower(haystack)
	for _, f := range forms(s) {
		h := haystack
		if f.fold {
			h = lower
		}
		if f.text != "" && strings.Contains(h, f.text) {
			return f.name
		}
	}
	return ""
}

type form struct {
	name, text string
	fold       bool // compare in lower case
}

func forms(s string) []form {
	jsonText, _ := json.Marshal(s) // a string always encodes
	out := []form{
		{name: "raw", text: s},
		{name: "hex", text: hex.EncodeToString([]byte(s)), fold: true},
		{name: "URL query", text: strings.ToLower(url.QueryEscape(s)), fold: true},
		{name: "URL path", text: strings.ToLower(url.PathEscape(s)), fold: true},
		{name: "JSON", text: string(jsonText[1 : len(jsonText)-1])},
		{name: "Go-quoted", text: unquoted(fmt.Sprintf("%q", s))},
		{name: "ASCII-quoted", text: unquoted(fmt.Sprintf("%+q", s))},
		{name: "byte list", text: unquoted(fmt.Sprint([]byte(s)))},
	}
	// Inside a longer text that is encoded as one, a secret starts at one of three
	// alignments; the characters that also depend on its neighbours are cut off.
	for shift := range 3 {
		padded := make([]byte, shift+len(s))
		copy(padded[shift:], s)
		skip := []int{0, 2, 3}[shift]
		end := len(padded) * 8 / 6
		for name, enc := range map[string]*base64.Encoding{
			"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding,
		} {
			out = append(out, form{name: name, text: enc.EncodeToString(padded)[skip:end]})
		}
	}
	return out
}

func unquoted(s string) string { return s[1 : len(s)-1] }
