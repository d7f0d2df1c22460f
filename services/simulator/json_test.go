package simulator

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"unicode/utf8"
)

// FuzzJSON holds the reader against encoding/json: the same texts are
// accepted, and they mean the same.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-0.5e+3,true,null,"\ud83d\ude00\u00e9\n"],"a":{}}`, `"\ud800x"`, `[1,]`, `{"a"}`, `01`, ` "x" `, "\"\x01\"", `-`, `{"\u0061":1}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var d doc
		err := d.parse([]byte(s))
		if errors.Is(err, errDepth) {
			return
		}
		if (err == nil) != json.Valid([]byte(s)) {
			t.Fatalf("%q: %v, encoding/json says valid: %v", s, err, json.Valid([]byte(s)))
		}
		if err != nil || !utf8.ValidString(s) {
			return
		}
		compact := appendCompact(nil, d.root())
		var want, got any
		if err := json.Unmarshal([]byte(s), &want); err != nil {
			return // a number that float64 does not hold
		}
		if err := json.Unmarshal(compact, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q became %q: %v", s, compact, err)
		}
		if text, ok := want.(string); ok {
			if d.root().str() != text || string(appendQuoted(nil, text)) == "" {
				t.Errorf("%q reads as %q, want %q", s, d.root().str(), text)
			}
			var back string
			if err := json.Unmarshal(appendQuoted(nil, text), &back); err != nil || back != text {
				t.Errorf("%q is written as %q", text, appendQuoted(nil, text))
			}
		}
	})
}

func TestInstance(t *testing.T) {
	for _, tc := range []struct{ name, schema, want string }{
		{"empty", `{}`, `"simulated"`},
		{"object", `{"type":"object","properties":{"a":{"type":"boolean"},"b":{"type":["null","number"]}}}`, `{"a":true,"b":1}`},
		{"required without a schema", `{"type":"object","required":["x"]}`, `{"x":"simulated"}`},
		{"enum and const", `{"type":"array","items":{"enum":["é",2]},"minItems":2}`, `["é","é"]`},
		{"bounds", `{"type":"object","properties":{"a":{"type":"integer","exclusiveMinimum":5},"b":{"type":"number","maximum":0.5},"c":{"type":"integer","multipleOf":7,"minimum":8}}}`, `{"a":6,"b":0.5,"c":14}`},
		{"strings", `{"type":"object","properties":{"a":{"type":"string","minLength":14},"b":{"type":"string","maxLength":3},"c":{"type":"string","format":"date"}}}`, `{"a":"simulated a...","b":"sim","c":"2026-01-02"}`},
		{"references", `{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"v":{"type":"null"}},"required":["v"]}}}`, `{"v":null}`},
		{"a recursive schema ends", `{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#"}}},"required":["kids"]}`, `{"kids":[{"kids":[]}]}`},
		{"alternatives", `{"anyOf":[{"type":"null"},{"type":"integer"}]}`, `1`},
		{"allOf", `{"allOf":[{"properties":{"a":{"type":"integer"}}},{"properties":{"b":{"const":{"x": 1}}}}]}`, `{"a":1,"b":{"x":1}}`},
		{"Google's", `{"type":"OBJECT","properties":{"a":{"type":"ARRAY","items":{"type":"STRING"},"minItems":"2"}}}`, `{"a":["simulated a","simulated a"]}`},
		{"tuples", `{"type":"array","prefixItems":[{"type":"integer"},{"type":"boolean"}],"minItems":2}`, `[1,true]`},
	} {
		var d doc
		if err := d.parse([]byte(tc.schema)); err != nil {
			t.Fatal(err)
		}
		if got := string(instance(nil, d.root())); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestPieces(t *testing.T) {
	for _, tc := range []struct {
		text   string
		chunks int
		want   []string
	}{
		{"", 0, nil},
		{"0123456789abcdefgh", 0, []string{"0123456789abcdef", "gh"}},
		{"0123456789", 3, []string{"012", "345", "6789"}},
		{"ééé", 3, []string{"é", "é", "é"}},
		{"ab", 5, []string{"a", "b"}},
	} {
		var got []string
		for p := range pieces(tc.text, tc.chunks) {
			got = append(got, p)
		}
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%q in %d: %q", tc.text, tc.chunks, got)
		}
	}
}
