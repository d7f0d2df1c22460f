package jsonscan

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// The bodies that matter: 20 KB of prompt, in three kinds of text, and a body that is all structure.
func bodies() map[string][]byte {
	chat := func(text string) []byte {
		quoted := AppendQuoted(nil, strings.Repeat(text, 20_000/len(text)))
		return []byte(`{"model":"gpt-4o","temperature":0.7,"stream":true,"messages":[{"role":"system","content":"Be brief."},` +
			`{"role":"user","content":` + string(quoted) + `}],"stream_options":{"include_usage":true}}`)
	}
	return map[string][]byte{
		"prose":     chat("The quick brown fox jumps over the lazy dog, and then it sleeps until the evening comes. It said \"no\".\n"),
		"code":      chat("func add(a, b int) int {\n\treturn a + b // \"sum\"\n}\n"),
		"polish":    chat("Za\u017c\u00f3\u0142\u0107 g\u0119\u015bl\u0105 ja\u017a\u0144, a potem id\u017a spa\u0107 do domu i nie wracaj. "),
		"chinese":   chat("\u654f\u6377\u7684\u68d5\u8272\u72d0\u72f8\u8df3\u8fc7\u4e86\u61d2\u72d7\u3002"),
		"structure": []byte(`{"a":[` + strings.Repeat(`{"id":12,"ok":true,"f":[1.5,2,null]},`, 500) + `1]}`),
	}
}

func BenchmarkFields(b *testing.B) {
	for name, doc := range bodies() {
		b.Run(name, func(b *testing.B) {
			var f Fields
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			for b.Loop() {
				if err := f.Scan(doc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncodingJSONValid(b *testing.B) {
	for name, doc := range bodies() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			for b.Loop() {
				if !json.Valid(doc) {
					b.Fatal("invalid")
				}
			}
		})
	}
}

func BenchmarkPatch(b *testing.B) {
	doc := bodies()["prose"]
	var f Fields
	if err := f.Scan(doc); err != nil {
		b.Fatal(err)
	}
	var p Patch
	var out []byte
	other := []byte(`"other"`)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		p.Reset(&f)
		p.Set("model", other)
		p.Delete("stream_options")
		out = p.Apply(out[:0])
	}
}

func BenchmarkSorter(b *testing.B) {
	var s Sorter
	for name, doc := range bodies() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Write(io.Discard, doc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendQuoted(b *testing.B) {
	var body struct{ Messages []struct{ Content string } }
	if err := json.Unmarshal(bodies()["prose"], &body); err != nil {
		b.Fatal(err)
	}
	text := body.Messages[1].Content
	var out []byte
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		out = AppendQuoted(out[:0], text)
	}
}

// The hot path must not allocate: this fails where a benchmark would only show it.
func TestHotPathDoesNotAllocate(t *testing.T) {
	doc := bodies()["code"]
	var f Fields
	var p Patch
	out := make([]byte, 0, 2*len(doc))
	other, one := []byte(`"other"`), []byte("1")
	run := func() {
		if err := f.Scan(doc); err != nil {
			t.Fatal(err)
		}
		if m, ok := f.Get("model"); !ok || !EqualString(m.Raw(doc), "gpt-4o") {
			t.Fatal("model")
		}
		messages := f.Raw("messages")
		err := ScanArray(messages, func(_ int, v Value) error {
			raw := v.Raw(messages)
			return ScanObject(raw, func(m Member) error {
				EqualString(m.Raw(raw), "gpt-4o")
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		p.Reset(&f)
		p.Set("model", other)
		p.Delete("temperature")
		p.Set("n", one)
		out = p.Apply(out[:0])
		out = AppendCanonical(out[:0], doc)
	}
	run()
	if n := testing.AllocsPerRun(100, run); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
