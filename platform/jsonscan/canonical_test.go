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

func TestWriteCanonicalWritesCompactBytesAtOnce(t *testing.T) {
	w := new(recorder)
	raw := []byte(`{"prompt":"` + strings.Repeat("long text ", 1000) + `"}`)
	if err := WriteCanonical(w, raw); err != nil || w.writes != 1 || !bytes.Equal(w.Bytes(), raw) {
		t.Errorf("%v, %d writes", err, w.writes)
	}
	w = new(recorder)
	if err := WriteCanonical(w, []byte("{\n  \"a\" : [ 1, 2, 3 ]\n}\n")); err != nil || w.writes != 1 || w.String() != `{"a":[1,2,3]}` {
		t.Errorf("%v, %d writes: %s", err, w.writes, w)
	}
}

func TestWriteCanonicalReturnsTheWritersError(t *testing.T) {
	for _, raw := range []string{`{"a":1}`, ` { } `, `[ "` + strings.Repeat("x", 600) + `" , 1 ]`, `[ ` + strings.Repeat("1 , ", 600) + `1 ]`} {
		for fails := range 3 {
			w := &recorder{failAt: fails + 1}
			err := WriteCanonical(w, []byte(raw))
			if (w.writes > fails) != errors.Is(err, errFull) {
				t.Errorf("%.10s: write %d fails: %v", raw, fails+1, err)
			}
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
		var w recorder
		if err := WriteCanonical(&w, doc); err != nil || !bytes.Equal(w.Bytes(), got) {
			t.Fatalf("%q: appended %q, written %q, %v", doc, got, w.Bytes(), err)
		}
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
