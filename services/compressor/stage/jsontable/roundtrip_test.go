package jsontable

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"tollgate.dev/platform/jsonscan"
)

// roundTrip fails when a valid document does not come back, whether the short form is worth
// it or not.
func roundTrip(t *testing.T, text string) {
	t.Helper()
	raw := []byte(text)
	if v, err := jsonscan.Scan(raw); err != nil || v.Kind < jsonscan.KindArray {
		return
	}
	doc := string(jsonscan.AppendCanonical(nil, raw))
	root := tree(doc)
	if root.depth() > maxNesting {
		return
	}
	var e encoder
	e.value(&root)
	short := e.text(head)
	if back, err := Decode(short); err != nil || back != doc {
		t.Fatalf("%s\nbecomes\n%s\nand comes back as\n%s\n%v", doc, short, back, err)
	}
}

// random makes values of few keys and strings, so that they are often alike.
type random struct{ *rand.Rand }

var stock = []string{
	"", " ", "a", "b c", "1", "01", "1e5", "-", "true", "null", "x,y", "[", "{a}", "\"q\"", "back\\slash", "é", "=", "|x", "*", "(a)", "k:v",
	"https://example.com/a/1", "https://example.com/a/2", "https://example.com/b/1.png", "2026-11-28T10:00:00Z", "2026-11-28T10:05:00Z", "line\nbreak", "a ", "\u2028",
}

func (r random) value(depth int) any {
	switch n := r.IntN(10); {
	case n < 3 && depth > 0:
		list := []any{}
		if r.IntN(2) == 0 { // alike
			width := r.IntN(5)
			for range r.IntN(6) {
				list = append(list, r.object(depth-1, width, 8))
			}
			return list
		}
		for range r.IntN(5) {
			list = append(list, r.value(depth-1))
		}
		return list
	case n < 5 && depth > 0:
		return r.object(depth-1, r.IntN(6), 7)
	case n == 5:
		return nil
	case n == 6:
		return r.IntN(2) == 0
	case n == 7:
		return json.Number([]string{"0", "-1.50", "1e+02", "12345678901234567890"}[r.IntN(4)])
	default:
		return stock[r.IntN(len(stock))]
	}
}

// object has its members in order, each of them most of the time.
func (r random) object(depth, width, often int) json.RawMessage {
	var out strings.Builder
	out.WriteByte('{')
	for i := range width {
		if r.IntN(8) >= often {
			continue
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		key, _ := json.Marshal([]string{"id", "a b", "user", "x:y", "", "=", "k(1)", "é"}[i%8])
		value, err := json.Marshal(r.value(depth))
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&out, "%s:%s", key, value)
	}
	return json.RawMessage(out.String() + "}")
}

func TestWhateverComesBack(t *testing.T) {
	for seed := range uint64(4000) {
		r := random{rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // cases that can be made again
		raw, err := json.Marshal(r.value(4))
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, string(raw))
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add(`[{"a":1,"b":"x"},{"a":2},{"b":null,"c":[{"d":1},{"d":2}]}]`)
	f.Add(`{"a":{"x":1},"b":{"x":2},"c":{}}`)
	f.Add(`[["a","1"],["b","2"],["c","3"],["d","4"]]`)
	f.Add(`["https://x.y/1","https://x.y/2","https://x.y/3"]`)
	f.Add(`[{"a":{"b":{}}},{"a":{"b":{"c":"\ud800"}}}]`)
	f.Fuzz(roundTrip)
}
