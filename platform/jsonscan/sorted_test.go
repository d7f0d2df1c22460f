package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestSorter(t *testing.T) {
	var s Sorter
	deep := strings.Repeat(`{"b":1,"a":`, maxSorted)
	for _, tc := range []struct{ raw, want string }{
		{`1`, `1`},
		{` "a b" `, `"a b"`},
		{`[ ]`, `[]`},
		{`{ }`, `{}`},
		{`{"b":1.50,"a":[true , null,{ "d" : "x \" y", "c":[ ] } ]}`, `{"a":[true,null,{"c":[],"d":"x \" y"}],"b":1.50}`},
		{`[{"role":"user","content":"a"},{"content":"b","role":"user"}]`, `[{"content":"a","role":"user"},{"content":"b","role":"user"}]`},
		{`{"a":1,"a":0,"A":2}`, `{"A":2,"a":1,"a":0}`},
		{`{"\u0061":1,"Z":-1e5}`, `{"Z":-1e5,"\u0061":1}`},
		{deep + ` { "z" : 1 , "y" : 2 } ` + strings.Repeat("}", maxSorted), strings.Repeat(`{"a":`, maxSorted) + `{"z":1,"y":2}` + strings.Repeat(`,"b":1}`, maxSorted)},
		{`{"` + strings.Repeat("k", 600) + `":1,"a":"` + strings.Repeat("v", 600) + `"}`, `{"a":"` + strings.Repeat("v", 600) + `","` + strings.Repeat("k", 600) + `":1}`},
	} {
		var w recorder
		if err := s.Write(&w, []byte(tc.raw)); err != nil || w.String() != tc.want {
			t.Errorf("%s: %s, %v", tc.raw, w.String(), err)
		}
	}
	if err := s.Write(&recorder{failAt: 1}, []byte(`{"a":1}`)); !errors.Is(err, errFull) {
		t.Errorf("the writer's error is lost: %v", err)
	}
}

// TestSorterLeavesOut leaves out values that were found in what was read.
func TestSorterLeavesOut(t *testing.T) {
	var s Sorter
	const raw = `[ {"b":[1, 2],"a":"x"}, {"c":{"d":"y"},"a":"x"} ]`
	for want, of := range map[string]func(Element) Element{
		"[{\"a\":\"x\",\"b\":[1,2]},{\"a\":\"x\",\"c\":{\"d\":\"y\"}}]": func(Element) Element { return Element{} },
		"\x01":                             func(root Element) Element { return root },
		"[{\"a\":\"x\",\"b\":[1,2]},\x01]": func(root Element) Element { return root.Last() },
		"[{\"a\":\"x\",\"b\":[1,2]},{\"a\":\x01,\"c\":{\"d\":\"y\"}}]": func(root Element) Element { return root.Last().Member("a") },
		"[{\"a\":\"x\",\"b\":[1,2]},{\"a\":\"x\",\"c\":\x01}]":         func(root Element) Element { return root.Last().Member("c") },
		"[{\"a\":\"x\",\"b\":[1,2]},{\"a\":\"x\",\"c\":{\"d\":\x01}}]": func(root Element) Element { return root.Last().Member("c").Member("d") },
	} {
		var w recorder
		sorted := s.Read([]byte(raw))
		if err := sorted.Write(&w, of(sorted.Root())); err != nil || w.String() != want {
			t.Errorf("%q, %v, want %q", w.String(), err, want)
		}
	}
}

func TestElement(t *testing.T) {
	for _, tc := range []struct {
		raw, member, want string
		kind              Kind
	}{
		{`{"a": "x" }`, "a", `"x"`, KindString},
		{`{"a":[1, 2]}`, "a", `[1, 2]`, KindArray},
		{`{"":{}}`, "", `{}`, KindObject},
		{`{"ab":1,"a":2}`, "a", `2`, KindNumber},
		{`{"a":1,"a":2}`, "a", ``, 0},
		{`{"a":1,"\u0062":2}`, "a", ``, 0},
		{`{"b":1}`, "a", ``, 0},
		{`["a"]`, "a", ``, 0},
		{`"a"`, "a", ``, 0},
		{``, "a", ``, 0},
	} {
		var s Sorter
		e := s.Read([]byte(tc.raw)).Root().Member(tc.member)
		if string(e.Raw()) != tc.want || e.Kind() != tc.kind {
			t.Errorf("%s: %s %v", tc.raw, e.Raw(), e.Kind())
		}
	}
	var s Sorter
	list := s.Read([]byte(`[1,[2,3,4]]`)).Root()
	if last := list.Last(); list.Len() != 2 || last.Len() != 3 || string(last.Last().Raw()) != "4" || last.Last().Last().Raw() != nil || (Element{}).Len() != 0 {
		t.Errorf("%d elements, the last is %s", list.Len(), last.Raw())
	}
}

func TestSorterAllocatesNothing(t *testing.T) {
	var s Sorter
	raw := []byte(`[{"role":"system","content":"Be exact."},{"role":"user","content":[{"type":"text","text":"a"}]}]`)
	if n := testing.AllocsPerRun(100, func() { _ = s.Write(io.Discard, raw) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// What is written says the same, in one way, whatever the order and the space.
func FuzzSorter(f *testing.F) {
	for _, tc := range grammar {
		f.Add([]byte(tc.doc))
	}
	f.Add([]byte(`{"b":{"d":1,"c":[{"f":1,"e":2}]},"a":0}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var s Sorter
		var w bytes.Buffer
		if err := s.Write(&w, doc); err != nil {
			t.Fatal(err)
		}
		if _, err := Scan(doc); err != nil {
			return
		}
		var want, got any
		if json.Unmarshal(doc, &want) != nil {
			return
		}
		if err := json.Unmarshal(w.Bytes(), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q became %q: %v", doc, w.Bytes(), err)
		}
		var again bytes.Buffer
		if err := s.Write(&again, w.Bytes()); err != nil || !bytes.Equal(again.Bytes(), w.Bytes()) {
			t.Fatalf("%q became %q", w.Bytes(), again.Bytes())
		}
	})
}
