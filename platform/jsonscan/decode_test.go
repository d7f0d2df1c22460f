package jsonscan

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestString(t *testing.T) {
	for _, tc := range []struct{ raw, want string }{
		{`""`, ""},
		{`"plain"`, "plain"},
		{`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t"},
		{`"a\u00E9b\u4e16c"`, "a\u00e9b\u4e16c"},
		{`"\ud83d\ude00!"`, "\U0001F600!"},
		{`"\u0000"`, "\x00"},
		// Halves of a pair, as encoding/json has them.
		{`"\ud83d"`, "\uFFFD"},
		{`"\ude00x"`, "\uFFFDx"},
		{`"\ud83d\u0041"`, "\uFFFDA"},
		{`"\ud83d\ud83d\ude00"`, "\uFFFD\U0001F600"},
		{`"\ud83dx\ude00"`, "\uFFFDx\uFFFD"},
		{`"\ud83d\n"`, "\uFFFD\n"},
		{`"\\u0041"`, `\u0041`},
	} {
		got, err := String([]byte(tc.raw))
		if err != nil || got != tc.want {
			t.Errorf("String(%s) = %q, %v; want %q", tc.raw, got, err, tc.want)
		}
		if got, err := AppendString([]byte("before "), []byte(tc.raw)); err != nil || string(got) != "before "+tc.want {
			t.Errorf("AppendString(%s) = %q, %v", tc.raw, got, err)
		}
		if !EqualString([]byte(tc.raw), tc.want) {
			t.Errorf("EqualString(%s, %q) is false", tc.raw, tc.want)
		}
		for _, other := range []string{tc.want + "x", "x" + tc.want, strings.TrimSuffix(tc.want+"!", "!!") + "\x00"} {
			if EqualString([]byte(tc.raw), other) {
				t.Errorf("EqualString(%s, %q) is true", tc.raw, other)
			}
		}
	}
	for _, raw := range []string{``, `"`, `"a`, `a"`, `1`, `null`, ` "a"`, `"a" `, `"a""b"`, `"\q"`, "\"\xff\"", "\"\n\""} {
		if got, err := String([]byte(raw)); syntaxError(t, err) == nil || got != "" {
			t.Errorf("String(%q) = %q", raw, got)
		}
		if EqualString([]byte(raw), "") || EqualString([]byte(raw), "a") {
			t.Errorf("EqualString(%q) is true", raw)
		}
		if got, err := AppendString([]byte("before"), []byte(raw)); err == nil || string(got) != "before" {
			t.Errorf("AppendString(%q) = %q, %v", raw, got, err)
		}
	}
}

func TestInt64(t *testing.T) {
	for _, tc := range []struct {
		raw  string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"-0", 0, true}, {"0.000", 0, true}, {"0e999999999999999999999", 0, true}, {"-0.0e-5", 0, true},
		{"16", 16, true}, {"16.0", 16, true}, {"-16.000", -16, true}, {"1e3", 1000, true}, {"1E+3", 1000, true},
		{"1.5e1", 15, true}, {"150e-1", 15, true}, {"1500.0e-2", 15, true}, {"0.001e3", 1, true}, {"1000e-3", 1, true},
		{"9223372036854775807", math.MaxInt64, true}, {"-9223372036854775808", math.MinInt64, true},
		{"9223372036854775807.0", math.MaxInt64, true}, {"922337203685477580700e-2", math.MaxInt64, true},
		{"9007199254740993", 1<<53 + 1, true}, {"1e18", 1e18, true}, {"9e18", 9e18, true},
		{"9223372036854775808", 0, false}, {"-9223372036854775809", 0, false}, {"18446744073709551616", 0, false},
		{"1e19", 0, false}, {"10e18", 0, false}, {"1e999999999999999999999", 0, false}, {"92233720368547758080", 0, false},
		{"1.5", 0, false}, {"15e-1", 0, false}, {"1e-1", 0, false}, {"1e-999999999999999999999", 0, false},
		{"", 0, false}, {"-", 0, false}, {"01", 0, false}, {"1.", 0, false}, {" 1", 0, false}, {"1 ", 0, false},
		{`"1"`, 0, false}, {"null", 0, false}, {"true", 0, false}, {"1,2", 0, false}, {"0x10", 0, false},
	} {
		if got, ok := Int64([]byte(tc.raw)); got != tc.want || ok != tc.ok {
			t.Errorf("Int64(%s) = %d, %v; want %d, %v", tc.raw, got, ok, tc.want, tc.ok)
		}
	}
}

func FuzzInt64(f *testing.F) {
	for _, seed := range []string{"0", "-16.0", "1.5e1", "922337203685477580.80e1", "-9223372036854775808", "1e-1"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := Scan(raw)
		got, ok := Int64(raw)
		if err != nil || v.Kind != KindNumber || v.End-v.Start != len(raw) {
			if ok {
				t.Fatalf("Int64(%q) is a number", raw)
			}
			return
		}
		if i := strings.IndexAny(string(raw), "eE"); i >= 0 && len(raw)-i > 5 {
			return // more zeros than are worth computing here
		}
		exact, good := new(big.Rat).SetString(string(raw))
		if !good {
			t.Fatalf("%q is no rational", raw)
		}
		want := exact.IsInt() && exact.Num().IsInt64()
		if ok != want || ok && got != exact.Num().Int64() {
			t.Fatalf("Int64(%q) = %d, %v; it is %v", raw, got, ok, exact)
		}
	})
}

func TestBool(t *testing.T) {
	for _, tc := range []struct {
		raw       string
		value, ok bool
	}{{"true", true, true}, {"false", false, true}, {"null", false, false}, {" true", false, false}, {`"true"`, false, false}, {"", false, false}} {
		if value, ok := Bool([]byte(tc.raw)); value != tc.value || ok != tc.ok {
			t.Errorf("Bool(%q) = %v, %v", tc.raw, value, ok)
		}
	}
}

func TestAppendQuoted(t *testing.T) {
	for _, tc := range []struct{ s, want string }{
		{"", `""`},
		{"8 bytes!", `"8 bytes!"`},
		{"8 bytes!\n8 bytes!", `"8 bytes!\n8 bytes!"`},
		{"plain </script> & \u2028 \u00e9 \U0001F600 \x7f", "\"plain </script> & \u2028 \u00e9 \U0001F600 \x7f\""},
		{"\"\\/\b\f\n\r\t\x00\x1f", `"\"\\/\b\f\n\r\t\u0000\u001f"`},
		{"a\xffb\xc3", "\"a\uFFFDb\uFFFD\""},
		{"\xed\xa0\x80", "\"\uFFFD\uFFFD\uFFFD\""},
	} {
		if got := string(AppendQuoted([]byte("> "), tc.s)); got != "> "+tc.want {
			t.Errorf("AppendQuoted(%q) = %s, want %s", tc.s, got, tc.want)
		}
	}
}

// FuzzString holds decoding and encoding against encoding/json and against each other.
func FuzzString(f *testing.F) {
	f.Add([]byte(`"\ud83d\ude00\ud83d\u0041 \"\\ \n"`), "text")
	f.Add([]byte(`"gpt-4o"`), "\x00\xff\"")
	f.Add([]byte("\"\xff\""), "\u2028")
	f.Fuzz(func(t *testing.T, raw []byte, s string) {
		var want string
		exact := len(raw) > 0 && raw[0] == '"' && raw[len(raw)-1] == '"'
		valid := exact && utf8.Valid(raw) && json.Unmarshal(raw, &want) == nil
		got, err := String(raw)
		if (err == nil) != valid || valid && got != want {
			t.Fatalf("String(%q) = %q, %v; encoding/json: %q, %v", raw, got, err, want, valid)
		}
		if valid && !EqualString(raw, want) {
			t.Fatalf("EqualString(%q, %q) is false", raw, want)
		}
		if EqualString(raw, s) != (valid && want == s) {
			t.Fatalf("EqualString(%q, %q)", raw, s)
		}
		quoted := AppendQuoted(nil, s)
		back, err := String(quoted)
		if err != nil || back != strings.ToValidUTF8(s, "") && utf8.ValidString(s) {
			t.Fatalf("%q is quoted as %q, which is %q, %v", s, quoted, back, err)
		}
		var std string
		if err := json.Unmarshal(quoted, &std); err != nil || std != back {
			t.Fatalf("%q is quoted as %q: %q, %v", s, quoted, std, err)
		}
		if utf8.ValidString(s) != (back == s) {
			t.Fatalf("%q comes back as %q", s, back)
		}
	})
}
