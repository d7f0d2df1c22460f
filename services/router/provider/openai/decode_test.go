package openai_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/sse"
	"tollgate.dev/services/router/chat"
	"tollgate.dev/services/router/provider/openai"
	"tollgate.dev/services/router/provider/openai/openaitest"
)

func decoder(t testing.TB, codec *openai.Provider, body string) chat.Decoder {
	t.Helper()
	call := openaitest.Decode(t, []byte(body), "m")
	call.Stream = true
	_, d, err := codec.Encode(call)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func chunk(index int, finish string) string {
	return fmt.Sprintf(`{"id":"c","object":"chat.completion.chunk","choices":[{"index":%d,"delta":{"content":"x"},"finish_reason":%s}]}`, index, finish)
}

func stream(chunks ...string) string {
	var b []byte
	for _, c := range chunks {
		b = sse.AppendEvent(b, "", []byte(c))
	}
	return string(b)
}

// What ends a stream: [DONE] always; at a compatible server also its end, once every
// choice that was asked for has finished.
func TestEnd(t *testing.T) {
	const stop = `"stop"`
	for name, tc := range map[string]struct {
		body, stream       string
		strict, compatible bool
	}{
		"done":                      {`{"model":"m"}`, stream(chunk(0, stop), "[DONE]"), true, true},
		"nothing":                   {`{"model":"m"}`, "", false, false},
		"a comment":                 {`{"model":"m"}`, ": ping\n\n", false, false},
		"no finish":                 {`{"model":"m"}`, stream(chunk(0, "null")), false, false},
		"an empty finish":           {`{"model":"m"}`, stream(chunk(0, `""`)), false, false},
		"finished":                  {`{"model":"m"}`, stream(chunk(0, "null"), chunk(0, stop)), false, true},
		"finished, then cut":        {`{"model":"m"}`, stream(chunk(0, stop)) + "data: {", false, true},
		"one of two":                {`{"model":"m","n":2}`, stream(chunk(0, stop)), false, false},
		"the second is under way":   {`{"model":"m"}`, stream(chunk(0, stop), chunk(1, "null")), false, false},
		"both":                      {`{"model":"m","n":2}`, stream(chunk(1, stop), chunk(0, stop)), false, true},
		"a choice beyond the bound": {`{"model":"m"}`, stream(chunk(64, stop)), false, false},
		"a negative choice":         {`{"model":"m"}`, stream(chunk(-1, stop)), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			for codec, want := range map[*openai.Provider]bool{openai.New(): tc.strict, openai.NewCompatible(): tc.compatible} {
				_, err := openaitest.Drain(decoder(t, codec, tc.body), strings.NewReader(tc.stream))
				if (err == nil) != want || err != nil && !errs.Is(err, errs.ProviderError) {
					t.Errorf("base URL %q: got %v, want a clean end: %v", codec.BaseURL(), err, want)
				}
			}
		})
	}
}

// What was used stays known when the stream breaks off after it was told.
func TestUsageSurvivesABreak(t *testing.T) {
	sink, err := openaitest.Drain(decoder(t, openai.New(), `{"model":"m"}`), strings.NewReader(stream(
		chunk(0, `"stop"`), `{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}`)))
	if !errs.Is(err, errs.ProviderError) || sink.Usage.GetInput() != 7 || sink.Usage.GetOutput() != 2 || len(sink.Chunks) != 1 {
		t.Errorf("%v, %v, %d chunks", err, sink.Usage, len(sink.Chunks))
	}
}

func TestNothingFollowsDone(t *testing.T) {
	d := decoder(t, openai.New(), `{"model":"m"}`)
	sink, err := openaitest.Drain(d, strings.NewReader(stream(chunk(0, `"stop"`), " [DONE]\t")))
	if err != nil || !sink.Done {
		t.Fatal(err, sink.Done)
	}
	if err := d.Event(sse.Event{Data: []byte("not JSON")}, sink); err != nil || len(sink.Chunks) != 1 {
		t.Error(err, len(sink.Chunks))
	}
	if err := d.End(sink); err != nil {
		t.Error(err)
	}
}

// No error text tells what the provider or the caller said, except for the messages
// about the caller's own request.
func TestErrorsTellNothing(t *testing.T) {
	const secret = "s3cret"
	d := decoder(t, openai.New(), `{"model":"m"}`)
	for _, body := range []string{
		`{"choices":[],"x":"` + secret + `"}`, secret, `{"error":{"message":"` + secret + `","type":"server_error"}}`,
		`{"error":{"message":"` + secret + `","type":"` + secret + ` x","code":"tool_use_failed","failed_generation":"` + secret + `"}}`,
	} {
		_, err := d.Response([]byte(body))
		e := errs.Of(err)
		if strings.Contains(fmt.Sprint(e.Error(), e.Details, errors.Unwrap(e)), secret) {
			t.Errorf("%v tells it", err)
		}
	}
	for _, status := range []int{401, 403, 404, 408, 409, 429, 498, 500, 502, 503} {
		f := openai.New().Classify(status, nil, []byte(`{"error":{"message":"`+secret+`"}}`))
		if strings.Contains(fmt.Sprint(f.Err, f.Err.Details), secret) {
			t.Errorf("%d: %v tells it", status, f.Err)
		}
	}
}

func TestLongMessageIsCut(t *testing.T) {
	f := openai.New().Classify(400, nil, []byte(`{"error":{"message":"`+strings.Repeat("é", 4000)+`"}}`))
	if n := len(f.Err.Message); n > 2<<10 || !strings.HasSuffix(f.Err.Message, "é") {
		t.Errorf("%d bytes", n)
	}
}

func TestEventAllocations(t *testing.T) {
	for name, codec := range map[string]*openai.Provider{"openai": openai.New(), "compatible": openai.NewCompatible()} {
		d, sink := decoder(t, codec, `{"model":"m"}`), &chat.Sink{Chunks: make([][]byte, 0, 1024)}
		event := sse.Event{Data: []byte(chunk(0, "null"))}
		n := testing.AllocsPerRun(500, func() {
			if err := d.Event(event, sink); err != nil {
				t.Fatal(err)
			}
		})
		if n >= 1 { // the sink allocates a block now and then
			t.Errorf("%s: %v allocations a chunk", name, n)
		}
	}
}

func BenchmarkEvent(b *testing.B) {
	const data = `{"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","service_tier":"default","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"k2Jd81"}`
	for name, codec := range map[string]*openai.Provider{"openai": openai.New(), "compatible": openai.NewCompatible()} {
		b.Run(name, func(b *testing.B) {
			d, sink := decoder(b, codec, `{"model":"m"}`), &chat.Sink{}
			event := sse.Event{Data: []byte(data)}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				sink.Chunks = sink.Chunks[:0]
				if err := d.Event(event, sink); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkResponse(b *testing.B) {
	body := []byte(`{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"` +
		strings.Repeat("The quick brown fox. ", 100) + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":400,"total_tokens":409,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"service_tier":"default"}`)
	d := decoder(b, openai.New(), `{"model":"m"}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Response(body); err != nil {
			b.Fatal(err)
		}
	}
}

// providerReason reports whether an error is one that an answer may end in.
func providerReason(err error) bool {
	return slices.Contains([]errs.Reason{
		errs.ProviderError, errs.ProviderUnavailable, errs.ProviderRateLimited, errs.ProviderTimeout,
		errs.InvalidRequest, errs.ContextLengthExceeded, errs.UnsupportedParameter,
	}, errs.Of(err).Reason)
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte(`{"choices":[{}],"usage":{"prompt_tokens":1e3,"completion_tokens":-1,"prompt_tokens_details":{"cached_tokens":5}},"service_tier":"a"}`))
	f.Add([]byte(`{"error":{"code":400,"message":"\ud800","type":1}}`))
	f.Add([]byte(`{"choices":[{}],"x_groq":{"usage":{"prompt_tokens":99999999999999999999}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, codec := range []*openai.Provider{openai.New(), openai.NewCompatible()} {
			answer, err := decoder(t, codec, `{"model":"m"}`).Response(body)
			if err != nil && !providerReason(err) {
				t.Fatal(err)
			}
			if err == nil && !bytes.Equal(answer.Body, body) {
				t.Fatal("the answer was changed")
			}
			if u := answer.Usage; u != nil && min(u.GetInput(), u.GetCachedInput(), u.GetCacheWrite(), u.GetOutput(), u.GetReasoning(), u.GetAudioInput(), u.GetAudioOutput()) < 0 {
				t.Fatalf("negative usage %v", u)
			}
		}
	})
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(stream(chunk(0, "null"), chunk(0, `"stop"`), `{"choices":[],"usage":{"prompt_tokens":1}}`, "[DONE]")))
	f.Add([]byte("event: error\ndata: {\"code\":[]}\n\ndata: x\n\n"))
	f.Add([]byte(stream(`{"choices":[1,{"index":99}],"x_groq":{"error":1,"usage":{}}}`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, codec := range []*openai.Provider{openai.New(), openai.NewCompatible()} {
			sink, err := openaitest.Drain(decoder(t, codec, `{"model":"m"}`), bytes.NewReader(data))
			if err != nil && !providerReason(err) && !errors.Is(err, sse.ErrEventTooLarge) && !errors.Is(err, io.ErrNoProgress) {
				t.Fatal(err)
			}
			for _, c := range sink.Chunks {
				if len(c) == 0 || !bytes.Contains(c, []byte("{")) {
					t.Fatalf("a chunk that is no object: %q", c)
				}
			}
		}
	})
}

func FuzzClassify(f *testing.F) {
	f.Add(429, "1e309", "Mon, 23 Nov 2026 10:00:30 GMT", []byte(`{"error":{"code":"rate_limit_exceeded"}}`))
	f.Add(500, "-5", "NaN", []byte(`[{"error":"x"}]`))
	f.Fuzz(func(t *testing.T, status int, ms, after string, body []byte) {
		header := map[string][]string{"Retry-After-Ms": {ms}, "Retry-After": {after}}
		got := openai.New().Classify(status, header, body)
		if got.Err == nil || !providerReason(got.Err) {
			t.Fatalf("%+v", got)
		}
		if got.RetryAfter < 0 || got.RetryAfter.Hours() > 1 {
			t.Fatalf("waits %v", got.RetryAfter)
		}
	})
}
