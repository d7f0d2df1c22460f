package gemini

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/sse"
	"tollgate.dev/services/router/chat"
)

// seed adds the inputs of a directory's cases.
func seed(f *testing.F, pattern string) {
	f.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, p := range paths {
		raw, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
}

// known fails for an error without a reason.
func known(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if _, ok := errors.AsType[*errs.Error](err); !ok {
		t.Fatalf("an error without a reason: %v", err)
	}
}

// FuzzEncode: whatever a caller sends is refused with a reason, or becomes valid JSON.
func FuzzEncode(f *testing.F) {
	paths, err := filepath.Glob("testdata/request/*.in.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range paths {
		raw, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		v, ok := jsonscan.Lookup(raw, "body")
		if !ok {
			f.Fatal(p)
		}
		f.Add(v.Raw(raw), "gemini-3-pro", false)
		f.Add(v.Raw(raw), "gemini-2.5-flash", true)
	}
	f.Fuzz(func(t *testing.T, body []byte, model string, drop bool) {
		var fields jsonscan.Fields
		if err := fields.Scan(body); err != nil {
			return
		}
		out, _, err := codec().Encode(&chat.Call{Body: body, Fields: &fields, Model: model, DropParams: drop})
		known(t, err)
		if err != nil {
			return
		}
		if v, err := jsonscan.Scan(out.Body); err != nil || v.Kind != jsonscan.KindObject {
			t.Fatalf("%v in %s", err, out.Body)
		}
	})
}

// FuzzResponse: whatever the provider answers is refused, or becomes valid JSON.
func FuzzResponse(f *testing.F) {
	seed(f, "response/*.in.json")
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, err := decoderFor(t, plain, false).Response(body)
		known(t, err)
		if err != nil {
			return
		}
		if _, err := jsonscan.Scan(answer.Body); err != nil {
			t.Fatalf("%v in %s", err, answer.Body)
		}
		positive(t, answer)
	})
}

func positive(t *testing.T, a chat.Answer) {
	t.Helper()
	u := a.Usage
	for _, n := range []int64{u.GetInput(), u.GetCachedInput(), u.GetOutput(), u.GetReasoning(), u.GetAudioInput(),
		u.GetAudioOutput(), u.GetCachedAudio(), u.GetImageOutput()} {
		if n < 0 {
			t.Fatalf("usage %v", u)
		}
	}
}

// FuzzEvent: whatever a stream holds, chunks are valid JSON.
func FuzzEvent(f *testing.F) {
	seed(f, "response/*.in.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		d := decoderFor(t, `{"messages":[{"role":"user","content":"hi"}],"logprobs":true,"stream_options":{"include_usage":true}}`, true)
		var sink chat.Sink
		for range 2 {
			if err := d.Event(sse.Event{Data: data}, &sink); err != nil {
				known(t, err)
				break
			}
		}
		known(t, d.End(&sink))
		for _, c := range sink.Take() {
			if _, err := jsonscan.Scan(c); err != nil {
				t.Fatalf("%v in %s", err, c)
			}
		}
	})
}

// FuzzClassify: any error body becomes an error with a reason.
func FuzzClassify(f *testing.F) {
	f.Add(400, []byte(`{"error":{"code":400,"message":"x","status":"INVALID_ARGUMENT","details":[{"retryDelay":"17s"}]}}`), "17")
	f.Add(429, []byte(`[{"error":{}}]`), "Mon, 23 Nov 2026 12:00:30 GMT")
	f.Fuzz(func(t *testing.T, status int, body []byte, after string) {
		got := codec().Classify(status, map[string][]string{"Retry-After": {after}}, body)
		if got.Err == nil || got.Err.Reason == "" || got.RetryAfter < 0 || got.RetryAfter > maxWait {
			t.Fatalf("%+v", got)
		}
	})
}
