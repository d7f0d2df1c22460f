package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func TestPatch(t *testing.T) {
	for _, tc := range []struct {
		name, doc string
		ops       string // +name=raw sets, -name deletes
		want      string
	}{
		{"nothing", ` { "a" : 1 } `, "", ` { "a" : 1 } `},
		{"replace", ` { "a" : 1 , "model" : "x" , "c":3 }`, `+model="y"`, ` { "a" : 1 , "model" : "y" , "c":3 }`},
		{"delete the first", `{ "a":1, "b":2, "c":3 }`, "-a", `{ "b":2, "c":3 }`},
		{"delete the last", `{ "a":1, "b":2, "c":3 }`, "-c", `{ "a":1, "b":2 }`},
		{"delete one inside", `{ "a":1, "b":2 , "c":3 }`, "-b", `{ "a":1 , "c":3 }`},
		{"delete the only one", `{ "a":1 }`, "-a", `{  }`},
		{"delete the first two", `{"a":1, "b":2, "c":3}`, "-b -a", `{"c":3}`},
		{"delete the last two", `{"a":1, "b":2, "c":3}`, "-b -c", `{"a":1}`},
		{"delete the outer two", `{"a":1, "b":2, "c":3}`, "-c -a", `{"b":2}`},
		{"delete all", `{"a":1, "b":2, "c":3}`, "-c -a -b", `{}`},
		{"add", "{\n  \"a\": 1\n}", "+b=2 +c=3", "{\n  \"a\": 1,\"b\":2,\"c\":3\n}"},
		{"add to nothing", ` { } `, "+b=2 +c=3", ` { "b":2,"c":3} `},
		{"delete all and add", `{ "a":1, "b":2 }`, "-a -b +c=3", `{ "c":3 }`},
		{"delete the last and add", `{ "a":1, "b":2 }`, "-b +c=3", `{ "a":1,"c":3 }`},
		{"replace beside a delete", `{"a":1,"b":2,"c":3}`, "+a=9 -b +c=8", `{"a":9,"c":8}`},
		{"delete what is not there", `{"a":1}`, "-x", `{"a":1}`},
		{"the last call counts", `{"a":1,"b":2}`, "-a +a=5 +b=6 -b +n=1 +n=2 +m=1 -m", `{"a":5,"n":2}`},
		{"a name with escapes", `{"m\u006fdel":1}`, `+model=2 +q"=3`, `{"m\u006fdel":2,"q\"":3}`},
		{"of two with one key one is left", `{"a":1,"b":2,"a":3}`, "+a=9", `{"b":2,"a":9}`},
		{"both with one key go", `{"a":1,"b":2,"a":3}`, "-a", `{"b":2}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var f Fields
			if err := f.Scan([]byte(tc.doc)); err != nil && !errors.Is(err, ErrDuplicateKey) {
				t.Fatal(err)
			}
			var p Patch
			p.Reset(&f)
			for op := range strings.FieldsSeq(tc.ops) {
				if op[0] == '-' {
					p.Delete(op[1:])
					continue
				}
				name, raw, _ := strings.Cut(op[1:], "=")
				p.Set(name, []byte(raw))
			}
			got := p.Apply([]byte("> "))
			if string(got) != "> "+tc.want {
				t.Errorf("got  %s\nwant > %s", got, tc.want)
			}
			if size := p.Size(); len(got)-2 > size {
				t.Errorf("%d bytes, but Size says %d", len(got)-2, size)
			}
		})
	}
}

func TestPatchDeleteReportsWhetherThereWasAny(t *testing.T) {
	var f Fields
	if err := f.Scan([]byte(`{"a":1}`)); err != nil {
		t.Fatal(err)
	}
	var p Patch
	p.Reset(&f)
	p.Set("b", []byte("2"))
	for i, tc := range []struct {
		name string
		want bool
	}{{"a", true}, {"a", false}, {"b", true}, {"b", false}, {"x", false}} {
		if got := p.Delete(tc.name); got != tc.want {
			t.Errorf("%d: Delete(%s) = %v", i, tc.name, got)
		}
	}
	if got := string(p.Apply(nil)); got != "{}" {
		t.Error(got)
	}
}

func TestPatchOfNoObject(t *testing.T) {
	var f Fields
	if err := f.Scan([]byte(`[1]`)); err == nil {
		t.Fatal("an array was accepted")
	}
	var p Patch
	p.Reset(&f)
	p.Set("a", []byte("1"))
	if got := p.Apply([]byte("> ")); string(got) != "> " {
		t.Errorf("%q", got)
	}
}

// Random objects and changes: the result must be what encoding/json makes of the same
// changes on its map, and every member left alone keeps its bytes and its place.
func TestPatchAgainstEncodingJSON(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test that can be repeated
	space := func() string { return strings.Repeat(" ", rnd.IntN(3)) + strings.Repeat("\n", rnd.IntN(2)) }
	values := []string{`1`, `"x , }"`, `[1, {"a" : 2}]`, `null`, `{ "a": "\"" }`, `-1.50`}
	var f Fields
	var p Patch
	for round := range 4000 {
		n := rnd.IntN(6)
		if round%100 == 0 {
			n = 30 + rnd.IntN(10) // around the inline storage
		}
		var doc strings.Builder
		doc.WriteString(space() + "{" + space())
		members := map[string]string{}
		var order []string
		for i := range n {
			name, value := fmt.Sprintf("k%d", i), values[rnd.IntN(len(values))]
			if i > 0 {
				doc.WriteString("," + space())
			}
			fmt.Fprintf(&doc, "%q%s:%s%s%s", name, space(), space(), value, space())
			members[name] = value
			order = append(order, name)
		}
		doc.WriteString("}" + space())
		if err := f.Scan([]byte(doc.String())); err != nil {
			t.Fatalf("%s: %v", doc.String(), err)
		}
		p.Reset(&f)
		var log []string
		for range rnd.IntN(8) {
			name := fmt.Sprintf("k%d", rnd.IntN(n+2))
			_, there := members[name]
			if rnd.IntN(2) == 0 {
				log = append(log, "delete "+name)
				if p.Delete(name) != there {
					t.Fatalf("Delete(%s) of %s after %v is not %v", name, doc.String(), log, there)
				}
				delete(members, name)
				continue
			}
			value := values[rnd.IntN(len(values))]
			log = append(log, "set "+name)
			p.Set(name, []byte(value))
			members[name] = value
		}
		got := p.Apply(nil)
		var have map[string]any
		if err := json.Unmarshal(got, &have); err != nil {
			t.Fatalf("%s after %v is %s: %v", doc.String(), log, got, err)
		}
		want := map[string]any{}
		for name, value := range members {
			var v any
			if err := json.Unmarshal([]byte(value), &v); err != nil {
				t.Fatal(err)
			}
			want[name] = v
		}
		if !reflect.DeepEqual(have, want) {
			t.Fatalf("%s after %v is %s", doc.String(), log, got)
		}
		at, left := 0, 0
		err := ScanObject(got, func(m Member) error {
			if raw := string(m.Raw(got)); raw != members[string(m.Key)] {
				t.Fatalf("%s after %v is %s: %s changed", doc.String(), log, got, m.Key)
			}
			left++
			for at < len(order) && order[at] != string(m.Key) {
				at++
			}
			return nil
		})
		if err != nil || left != len(members) {
			t.Fatalf("%s after %v is %s: %v, %d members", doc.String(), log, got, err, left)
		}
	}
}

func FuzzPatch(f *testing.F) {
	f.Add([]byte(` { "a" : 1 , "b":[2], "a":3 } `), "a", "b", "c")
	f.Add([]byte(`{}`), "", "b", "c")
	f.Fuzz(func(t *testing.T, doc []byte, set, del, add string) {
		var fields Fields
		if err := fields.Scan(doc); err != nil && !errors.Is(err, ErrDuplicateKey) {
			return
		}
		want := map[string]json.RawMessage{}
		if err := json.Unmarshal(doc, &want); err != nil {
			t.Fatal(err)
		}
		value := json.RawMessage(`[ "v" ]`)
		var p Patch
		p.Reset(&fields)
		// Names as the document would have them: a name of invalid UTF-8 is quoted as another one.
		set, del, add = valid(set), valid(del), valid(add)
		p.Set(set, value)
		want[set] = value
		p.Delete(del)
		delete(want, del)
		p.Set(add, value)
		want[add] = value
		got := p.Apply(nil)
		have := map[string]json.RawMessage{}
		if err := json.Unmarshal(got, &have); err != nil {
			t.Fatalf("%q becomes %q: %v", doc, got, err)
		}
		if len(have) != len(want) {
			t.Fatalf("%q becomes %q", doc, got)
		}
		for name, raw := range want {
			if !bytes.Equal(have[name], raw) {
				t.Fatalf("%q becomes %q: %q is %s, want %s", doc, got, name, have[name], raw)
			}
		}
	})
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func TestFields(t *testing.T) {
	var f Fields
	doc := []byte(` {"model":"m","n":1,"m\u006fre":null} `)
	if err := f.Scan(doc); err != nil || f.Len() != 3 || !bytes.Equal(f.Doc(), doc) {
		t.Fatalf("%v, %d members", err, f.Len())
	}
	if m, ok := f.Get("more"); !ok || m.Kind != KindNull {
		t.Errorf("%v, %v", m, ok)
	}
	if m, ok := f.Get("nope"); ok || m.Kind != 0 || f.Raw("nope") != nil {
		t.Errorf("%v, %v", m, ok)
	}
	if got := string(f.Raw("model")); got != `"m"` {
		t.Error(got)
	}
	var keys []string
	for m := range f.All() {
		if keys = append(keys, string(m.Key)); len(keys) == 2 {
			break
		}
	}
	if strings.Join(keys, ",") != "model,n" {
		t.Error(keys)
	}
	if err := f.Scan([]byte(`{"a":1`)); syntaxError(t, err) == nil || f.Len() != 0 || f.Doc() != nil {
		t.Errorf("%v leaves %d members", err, f.Len())
	}
}

func TestFieldsFindDuplicates(t *testing.T) {
	many := func(n int, extra string) []byte {
		var b strings.Builder
		b.WriteString("{")
		for i := range n {
			fmt.Fprintf(&b, `"k%d":%d,`, i, i)
		}
		return []byte(b.String() + extra + "}")
	}
	var f Fields // one for all: nothing of an earlier document may shine through
	for n := range 3 * inlineFields {
		if err := f.Scan(many(n, `"last":0`)); err != nil || f.Len() != n+1 {
			t.Fatalf("%d members: %v, %d", n+1, err, f.Len())
		}
		for i := range n {
			if got := string(f.Raw(fmt.Sprintf("k%d", i))); got != fmt.Sprint(i) {
				t.Fatalf("k%d of %d is %s", i, n, got)
			}
		}
		if _, ok := f.Get(fmt.Sprintf("k%d", n)); ok {
			t.Fatalf("k%d is still there", n)
		}
		if n == 0 {
			continue
		}
		for _, dup := range []int{0, n / 2, n - 1} {
			err := f.Scan(many(n, fmt.Sprintf(`"\u006b%d":"again"`, dup)))
			if !errors.Is(err, ErrDuplicateKey) || f.Len() != n+1 {
				t.Fatalf("k%d twice of %d: %v", dup, n, err)
			}
			if got := string(f.Raw(fmt.Sprintf("k%d", dup))); got != `"again"` {
				t.Fatalf("k%d twice of %d is %s", dup, n, got)
			}
		}
	}
	if err := f.Scan(many(5000, `"last":0`)); err != nil || f.Len() != 5001 {
		t.Fatal(err)
	}
	if f.Reset(); f.more != nil || f.index != nil || f.Len() != 0 {
		t.Error("Reset keeps the room for 5000 members")
	}
}
