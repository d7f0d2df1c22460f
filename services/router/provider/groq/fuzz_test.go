package groq_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/sse"
	"tollgate.dev/services/router/chat"
	"tollgate.dev/services/router/provider/groq"
	"tollgate.dev/services/router/provider/openai/openaitest"
)

// seeds are the fixtures that a pattern names.
func seeds(f *testing.F, pattern string) [][]byte {
	f.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds %s: %v", pattern, err)
	}
	var out [][]byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		out = append(out, data)
	}
	return out
}

// FuzzEncode: what a caller sends is refused with a reason that blames the caller, or
// becomes a request in which Groq is left nothing to refuse by name.
func FuzzEncode(f *testing.F) {
	for _, pattern := range []string{"testdata/request/*.in.json", "../openai/testdata/request/*.in.json"} {
		for _, body := range seeds(f, pattern) {
			f.Add(body, true)
		}
	}
	codec := groq.New()
	f.Fuzz(func(t *testing.T, body []byte, stream bool) {
		fields := new(jsonscan.Fields)
		if fields.Scan(body) != nil {
			return
		}
		out, _, err := codec.Encode(&chat.Call{Body: body, Fields: fields, Model: "m", Stream: stream, DropParams: true})
		if err != nil {
			if !errs.Is(err, errs.InvalidRequest) {
				t.Fatal(err)
			}
			return
		}
		again := new(jsonscan.Fields)
		if err := again.Scan(out.Body); err != nil {
			t.Fatalf("%v in %s", err, out.Body)
		}
		call := &chat.Call{Body: out.Body, Fields: again, Model: "m", Stream: stream}
		if _, _, err := codec.Encode(call); err != nil {
			t.Fatalf("what was encoded is refused: %v\n%s\nfrom\n%s", err, out.Body, body)
		}
	})
}

// FuzzEvent: whatever a stream holds, its chunks are objects and its errors have reasons.
func FuzzEvent(f *testing.F) {
	for _, stream := range seeds(f, "testdata/stream/*.sse") {
		f.Add(stream)
	}
	codec := groq.New()
	f.Fuzz(func(t *testing.T, data []byte) {
		call := openaitest.Decode(t, []byte(`{"model":"m","stream_options":{"include_usage":true}}`), "m")
		call.Stream = true
		_, decoder, err := codec.Encode(call)
		if err != nil {
			t.Fatal(err)
		}
		sink, err := openaitest.Drain(decoder, bytes.NewReader(data))
		if _, ok := errors.AsType[*errs.Error](err); err != nil && !ok && !errors.Is(err, sse.ErrEventTooLarge) && !errors.Is(err, io.ErrNoProgress) {
			t.Fatal(err)
		}
		for _, c := range sink.Chunks {
			if v, err := jsonscan.Scan(c); err != nil || v.Kind != jsonscan.KindObject {
				t.Fatalf("a chunk that is no object: %q", c)
			}
		}
	})
}
