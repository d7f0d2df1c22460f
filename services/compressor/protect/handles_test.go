package protect_test

import (
	"fmt"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/protect"
)

// The spans of what a later call may have to repeat begin with its name.
func TestHandles(t *testing.T) {
	for text, want := range map[string]string{
		"There are 20. next_page: 3, of 10":                  "next_page: 3",
		"page=2&limit=10":                                    "page=2",
		"Next page token: `CAUQAA`.":                         "token: `CAUQAA",
		"truncated: true":                                    "truncated: true",
		"cursor = dXNlcjpVMDYxTkZUVDI=":                      "cursor = dXNlcjpVMDYxTkZUVDI=",
		"(id: TCK-99182-AX)":                                 "id: TCK-99182-AX",
		"Its ID is TCK99182.":                                "ID is TCK99182",
		"the order number #A-20-77 is yours":                 "number #A-20-77",
		"etag: \"33a64df551425fcc55e4d42a148795d9f25f89d4\"": "etag: \"33a64df551425fcc55e4d42a148795d9f25f89d4",
		"[more on page 2]":                                   "[more on page 2]",
		"> **[truncated]**":                                  "[truncated]",
		"The page: Introduction":                             "",
		"max_tokens: 500":                                    "",
		"of 1,000 tokens: p50":                               "",
		"Token: Ring":                                        "",
		"[1] Smith, A. The old mill.":                        "",
		"The code TCK99182B":                                 "code TCK99182B",
		"The codex TCK99182B":                                "",
		"id is tck-99182":                                    "",
		"a number of AB12":                                   "",
		"<a href=\"/page\">":                                 "",
		"[same as the result of call_page above]":            "",
		"(page 3) says so":                                   "",
		"":                                                   "",
	} {
		var got []string
		for _, s := range protect.Handles(text) {
			got = append(got, text[s.Start:s.End])
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q has %q", text, got)
		}
	}
}

// Any text has spans within it, however its quotation marks and tables end.
func FuzzHandles(f *testing.F) {
	for _, seed := range []string{"token,name\n\"a,b", "id is TCK-99182-AX", "[page", "<token>abcdefghijk0123456789=", "cursor\u00e9=1", strings.Repeat("a,", 99)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range protect.Handles(text) {
			if s.Start < 0 || s.Start >= s.End || s.End > len(text) {
				t.Fatalf("%q has %+v", text, s)
			}
		}
	})
}

func BenchmarkHandles(b *testing.B) {
	var log strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&log, "2024-05-01T12:00:00Z INFO session=3f2a99c1d07b4e%05d page=%d user=%d took=12ms path=/api/v1/items\n", i, i, i)
	}
	for name, text := range map[string]string{
		"prose":  strings.Repeat("The harbour was made wider for the 4th time by its owner, at a price of 12 pounds. ", 5000),
		"log":    log.String(),
		"quotes": strings.Repeat(strings.Repeat("\"", 180)+"abcdefghijk0123456789", 2000),
		"cells":  "token,token\n\"" + strings.Repeat("abcdefghijk0123456789,", 20000),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				protect.Handles(text)
			}
		})
	}
}
