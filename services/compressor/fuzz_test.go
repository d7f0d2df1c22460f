package compressor_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/stage/jsonspace"
	"tollgate.dev/services/compressor/stage/jsontable"
)

// decode reads JSON, lines of it, or text that ends in it, and keeps the digits of numbers.
func decode(t *testing.T, text string) (values []any) {
	t.Helper()
	if at, ok := jsonspace.Find(text); ok {
		values, text = append(values, text[:at]), text[at:]
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	for {
		var v any
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return values
		} else if err != nil {
			t.Fatalf("no JSON: %v", err)
		}
		values = append(values, v)
	}
}

// without returns the body with the texts of its tool messages taken out, and those
// texts: what is left is protected.
func without(t *testing.T, body []byte) (rest []byte, texts []string) {
	t.Helper()
	root, err := jsonscan.Scan(body)
	if err != nil {
		t.Fatal(err)
	}
	last := root.Start
	cut := func(base int, v jsonscan.Value) {
		text, err := jsonscan.String(body[base+v.Start : base+v.End])
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
		rest = append(rest, body[last:base+v.Start]...)
		last = base + v.End
	}
	list, _ := jsonscan.Lookup(body, "messages")
	each := func(base int, v jsonscan.Value, visit func(base int, v jsonscan.Value)) {
		if err := jsonscan.ScanArray(body[base+v.Start:base+v.End], func(_ int, e jsonscan.Value) error {
			visit(base+v.Start, e)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	each(0, list, func(base int, m jsonscan.Value) {
		raw := body[base+m.Start : base+m.End]
		role, _ := jsonscan.Lookup(raw, "role")
		if r := role.Raw(raw); !jsonscan.EqualString(r, "tool") && !jsonscan.EqualString(r, "function") {
			return
		}
		content, ok := jsonscan.Lookup(raw, "content")
		switch {
		case ok && content.Kind == jsonscan.KindString:
			cut(base+m.Start, content)
		case ok && content.Kind == jsonscan.KindArray:
			each(base+m.Start, content, func(base int, part jsonscan.Value) {
				raw := body[base+part.Start : base+part.End]
				kind, _ := jsonscan.Lookup(raw, "type")
				text, ok := jsonscan.Lookup(raw, "text")
				if ok && text.Kind == jsonscan.KindString && jsonscan.EqualString(kind.Raw(raw), "text") {
					cut(base+part.Start, text)
				}
			})
		}
	})
	return append(rest, body[last:]...), texts
}

// Whatever comes in: what goes out is valid, nothing but the texts of tool messages
// differs by a byte, and those that do decode to equal JSON with the same digits, as far as the
// stages for JSON go.
func FuzzCompress(f *testing.F) {
	f.Add(conversation(toolResult(600)))
	f.Add([]byte(`{"messages":[{"role":"tool","content":"[ 1.50,\n  \" a \\\" b \", {\"k\" : 1e9} ]"},{"role":"user","content":"[ 1 ]"}]}`))
	f.Add([]byte(`{"messages":[{"content":[{"type":"text","text":"{ \"\ud83d\ude00\" : \"\\ud800\" }"},{"type":"text","text":" [ ] "}],"role":"function"}], "x" : 1 }`))
	f.Add([]byte(`{"messages":[{"role":"tool","content":"[ \"\ud800\",  1 ]"}]}`))
	f.Add([]byte("{\"messages\":[{\"role\":\"tool\",\"content\":\"[ \xff ]\"}]}"))
	f.Add([]byte(`{"messages":[{"role":"tool","content":"[ 1 ]","cache_control":{}},{"role":"system","content":"{ }"}]}`))
	s := newService(f, compressor.Options{
		Profiles: map[string]compressor.Profile{"default": {Rate: 1}},
		Stages:   []compressor.Stage{jsonspace.Stage{}, jsontable.Stage{}},
	})
	f.Fuzz(func(t *testing.T, body []byte) {
		kept := bytes.Clone(body)
		got, err := s.Compress(t.Context(), compressor.Request{Body: body, Provider: "anthropic", Model: "claude-sonnet-4-5"})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(body, kept) {
			t.Fatal("the caller's body was written to")
		}
		if got.Body == nil {
			return
		}
		if got.Compressed >= got.Original {
			t.Fatalf("a body, yet %d to %d tokens", got.Original, got.Compressed)
		}
		protected, before := without(t, body)
		stayed, after := without(t, got.Body)
		if !bytes.Equal(bytes.TrimSpace(protected), bytes.TrimSpace(stayed)) || len(before) != len(after) {
			t.Fatalf("protected parts changed:\n%q\n%q", protected, stayed)
		}
		for i := range before {
			if before[i] == after[i] {
				continue
			}
			if long, err := jsontable.Decode(after[i]); err == nil {
				after[i] = long
			}
			if !reflect.DeepEqual(decode(t, before[i]), decode(t, after[i])) {
				t.Fatalf("a result says otherwise:\n%q\n%q", before[i], after[i])
			}
		}
		again, err := s.Compress(t.Context(), compressor.Request{Body: got.Body, Provider: "anthropic", Model: "claude-sonnet-4-5"})
		if err != nil || again.Body != nil {
			t.Fatalf("compressed again: %v", err)
		}
	})
}
