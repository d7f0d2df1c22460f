package jsonscan

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// grammar is what both the table test and the fuzz tests start from.
var grammar = []struct {
	doc  string
	msg  string // of the SyntaxError; none when the document is valid
	at   int64
	kind Kind
}{
	{doc: `null`, kind: KindNull},
	{doc: ` true `, kind: KindTrue},
	{doc: "\tfalse\r\n", kind: KindFalse},
	{doc: `0`, kind: KindNumber},
	{doc: `-0`, kind: KindNumber},
	{doc: `-12.50e+07`, kind: KindNumber},
	{doc: `1E400`, kind: KindNumber},
	{doc: `""`, kind: KindString},
	{doc: `"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"`, kind: KindString},
	{doc: `"a lone half, \ud800, is for the decoder"`, kind: KindString},
	{doc: "\"za\u017c\u00f3\u0142\u0107 g\u0119\u015bl\u0105 ja\u017a\u0144, \u4e16\u754c, \U0001F600\"", kind: KindString},
	{doc: "\"\x7f is no control character here\"", kind: KindString},
	{doc: `[]`, kind: KindArray},
	{doc: `[ 1 , [ ] , { } ]`, kind: KindArray},
	{doc: `{}`, kind: KindObject},
	{doc: ` { "a" : 1 , "" : { "a" : [ null ] } } `, kind: KindObject},

	{doc: ``, msg: msgNoValue},
	{doc: `  `, msg: msgNoValue, at: 2},
	{doc: "\xef\xbb\xbf{}", msg: msgBadValue},
	{doc: "\v1", msg: msgBadValue},
	{doc: `nul`, msg: msgBadLiteral},
	{doc: `nuLl`, msg: msgBadLiteral},
	{doc: `True`, msg: msgBadValue},
	{doc: `truefalse`, msg: msgTrailing, at: 4},
	{doc: `{} {}`, msg: msgTrailing, at: 3},
	{doc: `1]`, msg: msgTrailing, at: 1},
	{doc: `01`, msg: msgTrailing, at: 1},
	{doc: `-`, msg: msgBadNumber},
	{doc: `+1`, msg: msgBadValue},
	{doc: `.5`, msg: msgBadValue},
	{doc: `1.`, msg: msgBadNumber},
	{doc: `1.e3`, msg: msgBadNumber},
	{doc: `1e`, msg: msgBadNumber},
	{doc: `1e+`, msg: msgBadNumber},
	{doc: `NaN`, msg: msgBadValue},
	{doc: `0x10`, msg: msgTrailing, at: 1},
	{doc: `"abc`, msg: msgNoQuote, at: 4},
	{doc: `"abc\`, msg: msgBadEscape, at: 4},
	{doc: `"abc\"`, msg: msgNoQuote, at: 6},
	{doc: `"\x41"`, msg: msgBadEscape, at: 1},
	{doc: `"\u12G4"`, msg: msgBadEscape, at: 1},
	{doc: `"\u12`, msg: msgBadEscape, at: 1},
	{doc: `"\u123"`, msg: msgBadEscape, at: 1},
	{doc: "\"a\nb\"", msg: msgControl, at: 2},
	{doc: "\"a\x00b\"", msg: msgControl, at: 2},
	{doc: "\"0123456789abcdef\x1f\"", msg: msgControl, at: 17},
	{doc: "\"a\xff\"", msg: msgBadUTF8, at: 2},
	{doc: "\"\xc3\xa9 \xc3\"", msg: msgBadUTF8, at: 4},
	{doc: "\"\xc0\xaf\"", msg: msgBadUTF8, at: 1},     // overlong
	{doc: "\"\xed\xa0\x80\"", msg: msgBadUTF8, at: 1}, // a surrogate in UTF-8
	{doc: `'a'`, msg: msgBadValue},
	{doc: `[1,]`, msg: msgBadValue, at: 3},
	{doc: `[,1]`, msg: msgBadValue, at: 1},
	{doc: `[1 2]`, msg: msgArrayNext, at: 3},
	{doc: `[1}`, msg: msgArrayNext, at: 2},
	{doc: `[`, msg: msgNoValue, at: 1},
	{doc: `[1`, msg: msgArrayNext, at: 2},
	{doc: `{"a":1,}`, msg: msgKey, at: 7},
	{doc: `{a:1}`, msg: msgKey, at: 1},
	{doc: `{1:1}`, msg: msgKey, at: 1},
	{doc: `{"a"}`, msg: msgColon, at: 4},
	{doc: `{"a" 1}`, msg: msgColon, at: 5},
	{doc: `{"a":}`, msg: msgBadValue, at: 5},
	{doc: `{"a":1 "b":2}`, msg: msgObjectNext, at: 7},
	{doc: `{"a":1`, msg: msgObjectNext, at: 6},
	{doc: `{`, msg: msgKey, at: 1},
	{doc: `/* no */ 1`, msg: msgBadValue},
}

func TestScanFollowsTheGrammar(t *testing.T) {
	for _, tc := range grammar {
		v, err := Scan([]byte(tc.doc))
		if tc.msg == "" {
			if err != nil || v.Kind != tc.kind {
				t.Errorf("Scan(%q) = %v, %v; want a %v", tc.doc, v, err, tc.kind)
			} else if got := string(v.Raw([]byte(tc.doc))); got != strings.TrimSpace(tc.doc) {
				t.Errorf("Scan(%q) spans %q", tc.doc, got)
			}
			continue
		}
		if got := syntaxError(t, err); got.Msg != tc.msg || got.Offset != tc.at {
			t.Errorf("Scan(%q): %v; want %q at %d", tc.doc, got, tc.msg, tc.at)
		}
	}
}

// The same faults must be found at the top level of ScanObject and ScanArray, which have
// loops of their own, and one level down, at every alignment of the 8-byte words.
func TestFaultsAreFoundWhereverTheyLie(t *testing.T) {
	none := func(Member) error { return nil }
	for _, tc := range grammar {
		for pad := range 20 {
			prefix := fmt.Sprintf(`{"%s":1,"x":`, strings.Repeat("p", pad))
			doc := []byte(prefix + tc.doc + "\n}")
			_, whole := Scan(doc)
			err := ScanObject(doc, none)
			if (err == nil) != (whole == nil) || (err == nil) != json.Valid(doc) && utf8.Valid(doc) {
				t.Fatalf("ScanObject(%q): %v; Scan: %v", doc, err, whole)
			}
			if err != nil && *syntaxError(t, err) != *syntaxError(t, whole) {
				t.Errorf("ScanObject(%q): %v; Scan: %v", doc, err, whole)
			}
			doc = []byte("[" + strings.Repeat(" ", pad) + "1," + tc.doc + "\n]")
			_, whole = Scan(doc)
			err = ScanArray(doc, func(int, Value) error { return nil })
			if (err == nil) != (whole == nil) {
				t.Fatalf("ScanArray(%q): %v; Scan: %v", doc, err, whole)
			}
			if err != nil && *syntaxError(t, err) != *syntaxError(t, whole) {
				t.Errorf("ScanArray(%q): %v; Scan: %v", doc, err, whole)
			}
		}
	}
}

// Each byte value at each position of a long string: the word-wise search must stop at
// exactly what the grammar says.
func TestEveryByteInAString(t *testing.T) {
	for c := range 256 {
		for at := 1; at < 40; at++ {
			doc := []byte(`"` + strings.Repeat("x", 40) + `"`)
			doc[at] = byte(c)
			_, err := Scan(doc)
			want := json.Valid(doc) && c < utf8.RuneSelf
			if (err == nil) != want {
				t.Fatalf("byte %#x at %d: %v, want valid: %v", c, at, err, want)
			}
		}
	}
}

func TestDepthLimit(t *testing.T) {
	nest := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	objects := func(n int) []byte { return []byte(strings.Repeat(`{"a":`, n) + "0" + strings.Repeat("}", n)) }
	for _, doc := range [][]byte{nest(DefaultMaxDepth), objects(DefaultMaxDepth)} {
		if _, err := Scan(doc); err != nil {
			t.Errorf("at the limit: %v", err)
		}
	}
	for _, doc := range [][]byte{nest(DefaultMaxDepth + 1), objects(DefaultMaxDepth + 1)} {
		if _, err := Scan(doc); syntaxError(t, err).Msg != msgTooDeep {
			t.Errorf("beyond the limit: %v", err)
		}
	}
	if err := ScanObject(objects(DefaultMaxDepth+1), func(Member) error { return nil }); syntaxError(t, err).Msg != msgTooDeep {
		t.Errorf("ScanObject beyond the limit: %v", err)
	}
	if err := ScanArray(nest(DefaultMaxDepth+1), func(int, Value) error { return nil }); syntaxError(t, err).Msg != msgTooDeep {
		t.Errorf("ScanArray beyond the limit: %v", err)
	}
	shallow := Scanner{MaxDepth: 2}
	if _, err := shallow.Scan(nest(2)); err != nil {
		t.Errorf("two levels of two: %v", err)
	}
	if err := shallow.ScanArray(nest(3), func(int, Value) error { return nil }); syntaxError(t, err).Offset != 2 {
		t.Errorf("three levels of two: %v", err)
	}
}

func TestScanObjectReportsSpans(t *testing.T) {
	doc := []byte(` { "model" : "gpt-4o" ,"m\u006fdel":[1, 2],"":null, "t":1.50 ,"o":{"a":{}},"y":true,"n":false}`)
	want := []string{
		`model@3 string "gpt-4o"`, `model@23 array [1, 2]`, `@43 null null`, `t@52 number 1.50`,
		`o@62 object {"a":{}}`, `y@75 true true`, `n@84 false false`,
	}
	var got []string
	err := ScanObject(doc, func(m Member) error {
		got = append(got, fmt.Sprintf("%s@%d %v %s", m.Key, m.KeyStart, m.Kind, m.Raw(doc)))
		return nil
	})
	if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%v, members:\n%s\nwant:\n%s", err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestScanArrayReportsSpans(t *testing.T) {
	doc := []byte("[ {\"a\":[1]} ,\n\"x\",2 ]")
	var got []string
	err := ScanArray(doc, func(i int, v Value) error {
		got = append(got, fmt.Sprintf("%d %v %s", i, v.Kind, v.Raw(doc)))
		return nil
	})
	if want := "0 object {\"a\":[1]};1 string \"x\";2 number 2"; err != nil || strings.Join(got, ";") != want {
		t.Errorf("%v, %q", err, got)
	}
}

func TestRootOfAnotherKind(t *testing.T) {
	if err := ScanObject([]byte(` []`), nil); *syntaxError(t, err) != (SyntaxError{Offset: 1, Msg: msgNotObject}) {
		t.Error(err)
	}
	if err := ScanArray([]byte(`"x"`), nil); *syntaxError(t, err) != (SyntaxError{Offset: 0, Msg: msgNotArray}) {
		t.Error(err)
	}
	if err := ScanObject([]byte(`[1,`), nil); syntaxError(t, err).Msg != msgNoValue {
		t.Errorf("no JSON at all is reported as %v", err)
	}
}

func TestVisitorEndsTheScan(t *testing.T) {
	stop := errors.New("enough")
	calls := 0
	err := ScanObject([]byte(`{"a":1,"b":2,`), func(Member) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
	calls = 0
	err = ScanArray([]byte(`[1,2,`), func(int, Value) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

func TestErrorsNeverQuoteTheDocument(t *testing.T) {
	const secret = "sk-secret"
	for _, doc := range []string{secret, `{"` + secret, `{"` + secret + `"`, `["` + secret + "\x01", `{"a":1,"a":"` + secret + `"}`} {
		var f Fields
		if err := f.Scan([]byte(doc)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	}
}

func TestLookup(t *testing.T) {
	doc := []byte(` {"a":{"b":[10,{"c":"x"}],"b\u0062":1},"d":1,"d":2,"0":true} `)
	for _, tc := range []struct {
		path string
		want string // empty: not there
	}{
		{"a/b/1/c", `"x"`}, {"a/b/0", `10`}, {"a/bb", `1`}, {"d", `2`}, {"0", `true`},
		{"", string(doc[1 : len(doc)-1])},
		{"a/b/2", ""}, {"a/b/-1", ""}, {"a/b/x", ""}, {"a/c", ""}, {"d/x", ""}, {"nope", ""},
	} {
		var path []string
		if tc.path != "" {
			path = strings.Split(tc.path, "/")
		}
		v, ok := Lookup(doc, path...)
		if ok != (tc.want != "") || string(v.Raw(doc)) != tc.want {
			t.Errorf("Lookup(%s) = %q, %v; want %q", tc.path, v.Raw(doc), ok, tc.want)
		}
	}
	if _, ok := Lookup([]byte(`{"a":1}x`), "a"); ok {
		t.Error("a value was found in an invalid document")
	}
}

func TestKindNames(t *testing.T) {
	var names []string
	for k := range KindObject + 1 {
		names = append(names, k.String())
	}
	if got := strings.Join(names, ","); got != "no value,null,false,true,number,string,array,object" {
		t.Error(got)
	}
}

// FuzzScan holds the scanner against encoding/json: the same documents are valid, but for
// invalid UTF-8 in strings and for depth.
func FuzzScan(f *testing.F) {
	for _, tc := range grammar {
		f.Add([]byte(tc.doc))
		f.Add([]byte(`{"some key":` + tc.doc + `,"b":[` + tc.doc + `]}`))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		v, err := Scan(doc)
		switch valid := json.Valid(doc); {
		case err == nil && !valid:
			t.Fatalf("accepts %q", doc)
		case err != nil && valid && utf8.Valid(doc) && syntaxError(t, err).Msg != msgTooDeep:
			t.Fatalf("refuses %q: %v", doc, err)
		case err == nil && !utf8.Valid(doc):
			t.Fatalf("accepts the bytes of %q", doc)
		case err != nil:
			if at := syntaxError(t, err).Offset; at < 0 || at > int64(len(doc)) {
				t.Fatalf("offset %d outside of %q", at, doc)
			}
		}
		members := 0
		objErr := ScanObject(doc, func(m Member) error {
			members++
			if _, err := Scan(m.Raw(doc)); err != nil {
				t.Fatalf("member %q of %q: %v", m.Raw(doc), doc, err)
			}
			return nil
		})
		if (objErr == nil) != (err == nil && v.Kind == KindObject) {
			t.Fatalf("ScanObject(%q): %v, but Scan: %v", doc, objErr, err)
		}
		elements := 0
		arrErr := ScanArray(doc, func(i int, v Value) error {
			if i != elements {
				t.Fatalf("element %d has index %d", elements, i)
			}
			elements++
			if _, err := Scan(v.Raw(doc)); err != nil {
				t.Fatalf("element %q of %q: %v", v.Raw(doc), doc, err)
			}
			return nil
		})
		if (arrErr == nil) != (err == nil && v.Kind == KindArray) {
			t.Fatalf("ScanArray(%q): %v, but Scan: %v", doc, arrErr, err)
		}
		var want []json.RawMessage
		if arrErr == nil && (json.Unmarshal(doc, &want) != nil || len(want) != elements) {
			t.Fatalf("%d elements in %q, want %d", elements, doc, len(want))
		}
	})
}

func syntaxError(t *testing.T, err error) *SyntaxError {
	t.Helper()
	var se *SyntaxError
	if !errors.As(err, &se) {
		t.Fatalf("%v is not a SyntaxError", err)
	}
	return se
}
