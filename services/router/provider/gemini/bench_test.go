package gemini

import (
	"os"
	"testing"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/sse"
	"tollgate.dev/services/router/chat"
)

func BenchmarkEncode(b *testing.B) {
	for _, name := range []string{"text", "turns"} {
		b.Run(name, func(b *testing.B) {
			raw, err := os.ReadFile("testdata/request/" + name + ".in.json")
			if err != nil {
				b.Fatal(err)
			}
			v, _ := jsonscan.Lookup(raw, "body")
			body := v.Raw(raw)
			var fields jsonscan.Fields
			if err := fields.Scan(body); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				call := &chat.Call{Body: body, Fields: &fields, Model: "gemini-3-pro"}
				if _, _, err := codec().Encode(call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEvent(b *testing.B) {
	data := []byte(`{"candidates": [{"content": {"parts": [{"text": " a few tokens of text"}],"role": "model"},"index": 0}],` +
		`"usageMetadata": {"promptTokenCount": 15,"candidatesTokenCount": 2,"totalTokenCount": 17,"promptTokensDetails": [{"modality": "TEXT","tokenCount": 15}]},` +
		`"modelVersion": "gemini-2.5-flash","responseId": "Il0taoSYJ5Cez7IP"}`)
	d := decoderFor(b, plain, true)
	var sink chat.Sink
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Event(sse.Event{Data: data}, &sink); err != nil {
			b.Fatal(err)
		}
		sink.Take()
	}
}
