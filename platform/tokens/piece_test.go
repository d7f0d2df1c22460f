package tokens

import (
	"strings"
	"testing"
)

// A text cut where tokenEnds says so has as many tokens as the whole: the place that pieces
// are cut at changes no count.
func FuzzTokenEnds(f *testing.F) {
	var c Counter
	for _, s := range []string{
		"Hello, world! It's 12345 o'clock.\nNext line\n\n  indented // comment\n/path x",
		"a \n b\r\nc  d\td ~ e' s don't STOP", "CamelCase XMLHttp 漢字 and é à la\nÉ", "!!!\n///\n1 2  3 .a b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 300 {
			return
		}
		whole := func(e Encoding, s string) int64 {
			n, err := c.Count(e, s)
			if err != nil {
				t.Fatal(err)
			}
			return n.Tokens
		}
		if strings.ToValidUTF8(text, "") != text {
			return
		}
		for i := range text {
			if !tokenEnds(text, i) {
				continue
			}
			for _, e := range []Encoding{O200k, CL100k} {
				if a, b, all := whole(e, text[:i]), whole(e, text[i:]), whole(e, text); a+b != all {
					t.Errorf("%s: %q + %q are %d+%d tokens, the whole has %d", e, text[:i], text[i:], a, b, all)
				}
			}
		}
	})
}
