package jsonscan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestScanWords(t *testing.T) {
	long := strings.Repeat("x", MaxWord+1)
	doc := `{"a":["b",{"c":"d"},1],"e":"` + long + `","f\n":{"g":"h\t"},"` + long + `":"` + long[1:] + `","é":null}`
	var got []string
	var f Fields
	err := f.ScanWords([]byte(doc), func(member, word []byte) { got = append(got, fmt.Sprintf("%s:%s", member, word)) })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{":a", "a:b", "a:c", "a:d", ":e", "f\n:g", long + ":" + long[1:], ":é"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatTextHas(t *testing.T) {
	for doc, want := range map[string]struct{ plain, escapes bool }{
		`{"a":"b\n\\u0041"}`:            {plain: true},
		`{"a":["b\u0041"]}`:             {escapes: true},
		`{"\u0041":1}`:                  {escapes: true},
		`{"a":"é"}`:                     {},
		`{"a":"12345678\u0041","b":1}`:  {escapes: true},
		`{"a":"\n234567\u00e9é","b":1}`: {escapes: true},
	} {
		var f Fields
		if err := f.Scan([]byte(doc)); err != nil {
			t.Fatal(err)
		}
		if f.Plain() != want.plain || f.UnicodeEscapes() != want.escapes {
			t.Errorf("%s: plain %v, escapes %v", doc, f.Plain(), f.UnicodeEscapes())
		}
		if err := f.Restore([]byte(doc), f.AppendIndex(nil)); err == nil && (f.Plain() || !f.UnicodeEscapes()) {
			t.Errorf("%s: a restored index knows of the text", doc)
		}
		if err := f.Scan([]byte(`{"a"`)); err == nil || f.Plain() || !f.UnicodeEscapes() {
			t.Error("what is invalid has known text")
		}
	}
	for doc, compact := range map[string]bool{
		`{}`: true, `{"a b":[" c\n ",1,{"d":null}]}`: true, ` {"a":1}`: false, "{\"a\":1}\n": false, `{"a" :1}`: false,
		`{"a": 1}`: false, `{"a":[1, 2]}`: false, `{"a":[ ]}`: false, `{"a":{"b":1	}}`: false, `{"a":1 ,"b":2}`: false,
	} {
		var f Fields
		if err := f.Scan([]byte(doc)); err != nil || f.Compact() != compact {
			t.Errorf("%s: compact %v, %v", doc, f.Compact(), err)
		}
		if err := f.Restore([]byte(doc), f.AppendIndex(nil)); err == nil && f.Compact() {
			t.Errorf("%s: a restored index knows of white space", doc)
		}
	}
	if _, ok := errors.AsType[*SyntaxError](new(Fields).ScanWords([]byte(`[]`), func(_, _ []byte) {})); !ok {
		t.Error("an array is scanned")
	}
}
