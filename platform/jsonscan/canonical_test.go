package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestCanonical(t *testing.T) {
	for _, tc := range []struct{ raw, want string }{
		{``, ``},
		{` `, ``},
		{`{"a":1.50,"b":"x y"}`, `{"a":1.50,"b":"x y"}`},
		{" {\r\n\t\"b\" : [ 1 , 2.0 ] , \"a\":\" \\\" x \\\\\" , \"c\" : \"\\u0020\" } \n", `{"b":[1,2.0],"a":" \" x \\","c":"\u0020"}`},
		{`[ "\\\\" , "\\\"" , " " ]`, `["\\\\","\\\""," "]`},
	} {
		if got := string(AppendCanonical([]byte("> "), []byte(tc.raw))); got != "> "+tc.want {
			t.Errorf("AppendCanonical(%q) = %q", tc.raw, got)
		}
	}
}

// FuzzCanonical holds it against json.Compact, which does the same for valid documents.
func FuzzCanonical(f *testing.F) {
	for _, tc := range grammar {
		f.Add([]byte(tc.doc))
	}
	f.Add([]byte("[ " + strings.Repeat("\"\\\\\" ,\n", 300) + "1]"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		got := AppendCanonical(nil, doc)
		if _, err := Scan(doc); err != nil {
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, doc); err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("%q: %q, want %q (%v)", doc, got, want.Bytes(), err)
		}
	})
}

var errFull = errors.New("full")

type recorder struct {
	bytes.Buffer
	writes, failAt int
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.writes++; r.writes == r.failAt {
		return 0, errFull
	}
	return r.Buffer.Write(p)
}
