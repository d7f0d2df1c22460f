package openai

import (
	"bytes"
	"testing"

	"tollgate.dev/platform/jsonscan"
)

func TestTemplate(t *testing.T) {
	const chunk = `{"id":"c","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}`
	for name, tc := range map[string]struct {
		learned, chunk string
		fits           bool
	}{
		"the same":                 {chunk, chunk, true},
		"another text":             {chunk, `{"id":"c","choices":[{"index":0,"delta":{"content":", \"wörld\"\n"},"finish_reason":null}]}`, true},
		"no text":                  {chunk, `{"id":"c","choices":[{"index":0,"delta":{"content":""},"finish_reason":null}]}`, true},
		"more than the text":       {chunk, `{"id":"c","choices":[{"index":0,"delta":{"content":"a","x":"b"},"finish_reason":null}]}`, false},
		"an end within the text":   {chunk, `{"id":"c","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]} "},"finish_reason":null}]}`, false},
		"an end":                   {chunk, `{"id":"c","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}`, false},
		"another choice":           {chunk, `{"id":"c","choices":[{"index":1,"delta":{"content":"a"},"finish_reason":null}]}`, false},
		"a broken escape":          {chunk, `{"id":"c","choices":[{"index":0,"delta":{"content":"\x"},"finish_reason":null}]}`, false},
		"the last quote escaped":   {chunk, `{"id":"c","choices":[{"index":0,"delta":{"content":"\"},"finish_reason":null}]}`, false},
		"a control character":      {chunk, "{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\x01\"},\"finish_reason\":null}]}", false},
		"bad UTF-8":                {chunk, "{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xff\"},\"finish_reason\":null}]}", false},
		"halves that overlap":      {`{"content":""}`, `{"content":"}`, false},
		"nothing to leave open":    {`{"choices":[{}]}`, `{"choices":[{}]}`, false},
		"nothing learned":          {"", chunk, false},
		"text that looks like one": {`{"a":"\"content\":\"x","content":"y"}`, `{"a":"\"content\":\"z","content":"y"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			var like template
			like.learn([]byte(tc.learned))
			if got := like.fits([]byte(tc.chunk)); got != tc.fits {
				t.Errorf("fits: %v", got)
			}
		})
	}
}

// A chunk that fits is valid JSON whenever what was learned is, and has the same members
// but for the text.
func FuzzTemplate(f *testing.F) {
	f.Add([]byte(`{"choices":[{"delta":{"content":"a"}}]}`), []byte(`{"choices":[{"delta":{"content":"b\u00e9"}}]}`))
	f.Add([]byte(`{"content":"a","error":"b"}`), []byte(`{"content":"","error":"b"}`))
	f.Fuzz(func(t *testing.T, learned, chunk []byte) {
		if _, err := jsonscan.Scan(learned); err != nil {
			return
		}
		var like template
		like.learn(learned)
		if !like.fits(chunk) {
			return
		}
		if _, err := jsonscan.Scan(chunk); err != nil {
			t.Fatalf("%q fits %q, and is invalid: %v", chunk, learned, err)
		}
		blank := func(doc []byte, text int) string {
			end := jsonscan.StringEnd(doc, like.start-1) - 1
			return string(doc[:text]) + string(doc[end:])
		}
		if a, b := blank(learned, like.start), blank(chunk, like.start); a != b {
			t.Fatalf("%q and %q differ in more than the text", a, b)
		}
		if !bytes.HasPrefix(chunk[:like.start], learned[:like.start]) {
			t.Fatal("what comes before the text differs")
		}
	})
}
