package anthropic

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/sse"
	"tollgate.dev/services/router/chat"
)

// domain fails for an error without a reason.
func domain(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*errs.Error](err); err != nil && !ok {
		t.Fatalf("%T: %v", err, err)
	}
}

func FuzzEncode(f *testing.F) {
	for _, file := range cases(f, "request/*.in.json") {
		var in requestCase
		readJSON(f, file, &in)
		f.Add([]byte(in.Body), in.Model, in.DropParams)
	}
	f.Fuzz(func(t *testing.T, body []byte, model string, drop bool) {
		fields := new(jsonscan.Fields)
		if fields.Scan(body) != nil {
			return // the router has validated it
		}
		before := bytes.Clone(body)
		out, _, err := New().Encode(&chat.Call{Body: body, Fields: fields, Model: model, DropParams: drop})
		domain(t, err)
		if err == nil && !json.Valid(out.Body) {
			t.Fatalf("no JSON: %s", out.Body)
		}
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
	})
}

func FuzzResponse(f *testing.F) {
	for _, file := range cases(f, "response/*.in.json") {
		f.Add(read(f, file))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, err := new(decoder).Response(body)
		domain(t, err)
		if err == nil && !json.Valid(answer.Body) {
			t.Fatalf("no JSON: %s", answer.Body)
		}
	})
}

func FuzzEvent(f *testing.F) {
	for _, file := range cases(f, "stream/*.sse") {
		f.Add(read(f, file))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		sink, err := decode(bytes.NewReader(stream), &decoder{includeUsage: true})
		domain(t, err)
		if (err == nil) != sink.Done {
			t.Fatalf("done %v, %v", sink.Done, err)
		}
		for _, c := range sink.Chunks {
			if !json.Valid(c) {
				t.Fatalf("no JSON: %s", c)
			}
		}
		domain(t, New().Classify(400, nil, stream).Err)
	})
}

func BenchmarkEncode(b *testing.B) {
	prompt, err := json.Marshal(strings.Repeat("All happy families are alike. ", 700))
	if err != nil {
		b.Fatal(err)
	}
	in := requestCase{Model: "claude-opus-5-5", Body: []byte(`{"max_tokens":100,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":` + string(prompt) + `}]}`)}
	call := in.call(b)
	b.SetBytes(int64(len(in.Body)))
	b.ReportAllocs()
	for b.Loop() {
		fresh := *call // without the parsed form
		if _, _, err := New().Encode(&fresh); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTextDelta(b *testing.B) {
	d := &decoder{}
	sink := new(chat.Sink)
	for _, data := range []string{
		`{"type":"message_start","message":{"id":"msg_1","model":"claude-opus-5-5"}}`,
		`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
	} {
		if err := d.Event(sse.Event{Data: []byte(data)}, sink); err != nil {
			b.Fatal(err)
		}
	}
	event := sse.Event{Data: []byte(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" families are alike"}}`)}
	b.SetBytes(int64(len(event.Data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Event(event, sink); err != nil {
			b.Fatal(err)
		}
		sink.Chunks = sink.Chunks[:0]
	}
}
