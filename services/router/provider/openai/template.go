package openai

import (
	"bytes"

	"tollgate.dev/platform/jsonscan"
)

// template is a chunk in which the text of one "content" member is left open. Nearly all
// chunks of a stream differ in that text alone. A chunk that fits the last one is known to
// be valid JSON, and says the same of all that the decoder looks at, without being
// scanned: what surrounds the text is the same bytes, and the text is one whole string.
type template struct {
	// chunk is the one that was learned from; its text is chunk[start:end].
	chunk      []byte
	start, end int
}

// contentKey begins the member. In valid JSON these bytes are a key and the beginning of
// its value: within a string, a quote has a backslash before it.
var contentKey = []byte(`"content":"`)

// learn takes a chunk that was scanned, that is passed on, and in which nothing but its
// choices matters.
func (t *template) learn(chunk []byte) {
	t.chunk = t.chunk[:0]
	at := bytes.Index(chunk, contentKey)
	if at < 0 {
		return
	}
	at += len(contentKey)
	end := jsonscan.StringEnd(chunk, at-1)
	if end < 0 {
		return
	}
	t.chunk = append(t.chunk, chunk...)
	t.start, t.end = at, end-1
}

// fits reports whether a chunk is the one that was learned from, but for its text.
func (t *template) fits(chunk []byte) bool {
	if len(t.chunk) == 0 {
		return false
	}
	before, after := t.chunk[:t.start], t.chunk[t.end:]
	return len(chunk) >= len(before)+len(after) && bytes.HasPrefix(chunk, before) && bytes.HasSuffix(chunk, after) &&
		jsonscan.StringEnd(chunk, t.start-1) == len(chunk)-len(after)+1
}
