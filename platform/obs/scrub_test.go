package obs_test

import (
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/platform/obs"
)

func TestScrub(t *testing.T) {
	long := "sk-" + strings.Repeat("aB3", 15)
	for in, want := range map[string]string{
		"":                                    "",
		"nothing to see":                      "nothing to see",
		"key sk-abcd1234 used":                "key [redacted] used",
		"sk-ant-api03-xyz_AbC-":               "[redacted]",
		`{"k":"sk-proj-12345678"}`:            `{"k":"[redacted]"}`,
		`a\nsk-12345678\n`:                    `a\n[redacted]\n`,
		"sk-1234":                             "sk-1234", // too short to be one
		"task-management-board":               "task-management-board",
		"k%3D" + long:                         "k%3D[redacted]",
		"x" + long:                            "x[redacted]",
		"gsk_12345678 gsk_x":                  "[redacted] gsk_x",
		"?key=AIzaSyA-12345678&x=1":           "?key=[redacted]&x=1",
		"Authorization: Bearer abc.def-ghi":   "Authorization: Bearer [redacted]",
		"bearer  12345678":                    "bearer  [redacted]",
		"BEARER 12345678":                     "BEARER [redacted]",
		"Basic cGstbGY6c2stbGY=":              "Basic [redacted]",
		"bearer of news":                      "bearer of news",
		"bearer":                              "bearer",
		"postgres://u:p%40ss@h/d":             "postgres://u:[redacted]@h/d",
		"redis://:pass@h":                     "redis://:[redacted]@h",
		"http://h:80/a@b":                     "http://h:80/a@b",
		"http://u@h":                          "http://u@h",
		"sk-11111111sk-22222222, sk-33333333": "[redacted], [redacted]",
	} {
		if got := obs.Scrub(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("a sk-12345678 b", "x")
	f.Add("://u:p@h", "Bearer ")
	f.Fuzz(func(t *testing.T, before, after string) {
		const key = "sk-0123456789abcdefghij0123456789"
		// Nothing around a key keeps it from being found, but characters that lengthen it.
		got := obs.Scrub(before + " " + key + " " + after)
		if strings.Contains(got, key) {
			t.Errorf("%q and %q hide a key", before, after)
		}
		if again := obs.Scrub(got); strings.Contains(again, key) || len(again) > 2*len(got)+64 {
			t.Errorf("scrubbing twice: %q", again)
		}
	})
}

func BenchmarkScrub(b *testing.B) {
	line := fmt.Sprintf(`{"time":"2026-11-23T10:00:00Z","level":"INFO","msg":"served","request_id":"req_%036d","model":"gpt-4o","status":200}`, 7)
	b.ReportAllocs()
	for b.Loop() {
		obs.Scrub(line)
	}
}
