//go:build !race

// The race detector takes minutes for what has one goroutine: make test runs this without it.

package extract_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/extract"
)

// long are texts of half a megabyte, each of which takes minutes where any step is quadratic.
func long() map[string]string {
	texts := map[string]string{}
	for name, unit := range map[string]string{
		"full stops": ".", "exclamation marks": "!", "ellipses": "…", "stops of Chinese": "。", "quotes": `"`, "opening quotes": "“",
		"closers": ")", "stops and closers": `.")`, "spaces": " ", "tabs": "\t", "newlines": "\n", "returns": "\r",
		"lines of spaces": " \n", "blank lines": "  \n\n", "pointed letters": "a.", "one word": "x", "one word of Chinese": "字", "digits": "7",
		"commas": ",", "semicolons": ";", "headings": "# A\n\n", "headings alone": "#\n", "documents": "[1] a\n\n", "open documents": "Document [1](Title: (",
		"tags": "<a>\n", "brackets": "[", "footnotes": ".[1]", "sentences of a character": "A. ", "lines": "a\n", "not UTF-8": "\xe3", "words": "ab ",
	} {
		texts[name] = strings.Repeat(unit, 1<<19/len(unit))
	}
	texts["newlines, then sentences"] = "It is so." + strings.Repeat("\n", 1<<18) + strings.Repeat("B. ", 1<<16)
	texts["a stop, spaces, then stops"] = "It is so." + strings.Repeat(" ", 1<<18) + strings.Repeat(". ", 1<<17)
	return texts
}

// Time grows with the text and not with its square, whatever it is made of. Tokens are
// estimated: an encoding's take linear time, too, but more of it.
func TestSelectLong(t *testing.T) {
	s := extract.New(&counter)
	for name, text := range long() {
		t.Run(name, func(t *testing.T) {
			// What is not asked for is central, by other steps, for which a part will do.
			for question, text := range map[string]string{"how deep is lake orrin and what is it to a": text, "": text[:len(text)/4]} {
				req := extract.Request{Question: question, Texts: []extract.Text{{Text: text}}, Budget: 20_000, Encoding: tokens.Generic}
				res, err := s.Select(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				if res.Tokens > req.Budget || res.Tokens < res.Original && len(res.Texts[0]) >= len(text) {
					t.Errorf("%d of %d tokens, %d of %d bytes", res.Tokens, res.Original, len(res.Texts[0]), len(text))
				}
			}
		})
	}
}

// So it is with many texts.
func TestSelectMany(t *testing.T) {
	texts := make([]extract.Text, 20_000)
	for i := range texts {
		texts[i].Text = "Lake Orrin is deep. So it is."
	}
	selected(t, extract.New(&counter), extract.Request{Question: "how deep is lake orrin", Texts: texts, Budget: 100_000})
}

// waning is a context that is looked at so many times before it ends.
type waning struct {
	context.Context //nolint:containedctx // it is one
	left, looked    int
}

func (w *waning) Err() error {
	w.looked++
	if w.left--; w.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// Wherever in a long text its time ends, the selection does: it looks at the context in
// every step, and often.
func TestSelectInterrupted(t *testing.T) {
	s := extract.New(&counter)
	for name, text := range map[string]string{
		"sentences": strings.Repeat(lakes, 100), "a word": strings.Repeat("x", 1<<16), "kept words": strings.Repeat("ab ", 1<<15),
	} {
		for _, question := range []string{"", "how deep is lake orrin"} {
			req := extract.Request{Question: question, Texts: []extract.Text{{Text: text}}, Budget: 10_000, Encoding: tokens.O200k}
			if name == "kept words" {
				req.Texts[0].Keep = []extract.Span{{Start: 0, End: len(text)}}
			}
			all := &waning{Context: t.Context(), left: 1 << 30}
			if _, err := s.Select(all, req); err != nil {
				t.Fatal(err)
			}
			if all.looked < len(text)/(16<<10) {
				t.Errorf("%s: the context was looked at %d times", name, all.looked)
			}
			for left := 0; left < all.looked; left += max(all.looked/6, 1) {
				if _, err := s.Select(&waning{Context: t.Context(), left: left}, req); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s, %d of %d looks: %v", name, left, all.looked, err)
				}
			}
		}
	}
}
