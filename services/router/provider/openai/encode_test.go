package openai_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/chat"
	"tollgate.dev/services/router/provider/openai"
	"tollgate.dev/services/router/provider/openai/openaitest"
)

func TestEncodeRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		body  string
		want  errs.Reason
		param string
	}{
		"top_k":                 {`{"model":"m","top_k":4}`, errs.UnsupportedParameter, "top_k"},
		"thinking":              {`{"model":"m","thinking":{"type":"enabled"}}`, errs.UnsupportedParameter, "thinking"},
		"a made-up answer":      {`{"model":"m","mock_response":"x"}`, errs.UnsupportedParameter, "mock_response"},
		"a caller's credential": {`{"model":"m","api_key":"k"}`, errs.UnsupportedParameter, "api_key"},
		"a caller's address":    {`{"model":"m","api_base":"http://x"}`, errs.UnsupportedParameter, "api_base"},
		"stream_options":        {`{"model":"m","stream_options":[]}`, errs.InvalidRequest, "stream_options"},
		"a limit in words":      {`{"model":"m","max_tokens":"many"}`, errs.InvalidRequest, "max_tokens"},
		"half a token":          {`{"model":"m","max_completion_tokens":1.5}`, errs.InvalidRequest, "max_completion_tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			call := openaitest.Decode(t, []byte(tc.body), "up")
			call.Stream, call.MaxOutput = true, 10
			out, decoder, err := openai.New().Encode(call)
			if !errs.Is(err, tc.want) || errs.Of(err).Param != tc.param {
				t.Errorf("got %v, want %s of %s", err, tc.want, tc.param)
			}
			if out.Body != nil || decoder != nil {
				t.Error("a refused call has a request")
			}
		})
	}
}

// A null asks for nothing, and is not worth a refusal.
func TestEncodeLeavesOutNull(t *testing.T) {
	out, _, err := openai.New().Encode(openaitest.Decode(t, []byte(`{"model":"m","top_k":null,"thinking":null,"n":1}`), "up"))
	if err != nil || string(out.Body) != `{"model":"up","n":1}` {
		t.Errorf("%s, %v", out.Body, err)
	}
}

// Each foreign member is found where it is the only one.
func TestEncodeFindsEachForeignMember(t *testing.T) {
	const call = `"id":"a","type":"function","function":{"name":"f","arguments":"{}"`
	for found, clean := range map[string]string{
		`{"role":"user","cache_control":{}}`:                                                `{"role":"user"}`,
		`{"thinking_blocks":[],"role":"assistant"}`:                                         `{"role":"assistant"}`,
		`{"role":"assistant","reasoning_content":"x","content":"y"}`:                        `{"role":"assistant","content":"y"}`,
		`{"role":"assistant","provider_specific_fields":{}}`:                                `{"role":"assistant"}`,
		`{"role":"assistant","tool_calls":[{"index":0,` + call + `}}]}`:                     `{"role":"assistant","tool_calls":[{` + call + `}}]}`,
		`{"role":"assistant","tool_calls":[{` + call + `},"index":0}]}`:                     `{"role":"assistant","tool_calls":[{` + call + `}}]}`,
		`{"role":"assistant","tool_calls":[{"extra_content":1,` + call + `}}]}`:             `{"role":"assistant","tool_calls":[{` + call + `}}]}`,
		`{"role":"assistant","tool_calls":[{` + call + `,"provider_specific_fields":{}}}]}`: `{"role":"assistant","tool_calls":[{` + call + `}}]}`,
		`{"role":"user","content":[{"type":"text","text":"_","cache_control":{}}]}`:         `{"role":"user","content":[{"type":"text","text":"_"}]}`,
	} {
		body := `{"model":"up","messages":[{"role":"user","content":"_"},` + found + `]}`
		out, _, err := openai.New().Encode(openaitest.Decode(t, []byte(body), "up"))
		if want := `{"model":"up","messages":[{"role":"user","content":"_"},` + clean + `]}`; err != nil || string(out.Body) != want {
			t.Errorf("%s\nbecame %s, %v", body, out.Body, err)
		}
	}
}

// The names that are looked for in history mean nothing elsewhere.
func TestEncodeKeepsLookalikes(t *testing.T) {
	messages := `[{"role":"user","content":"\"cache_control\" _ thinking_blocks _"},` +
		`{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"thinking_blocks","arguments":"{\"index\":1}"}}]}]`
	out, _, err := openai.New().Encode(openaitest.Decode(t, []byte(`{"model":"m","messages":`+messages+`}`), "up"))
	if err != nil || !bytes.Contains(out.Body, []byte(messages)) {
		t.Errorf("%s, %v", out.Body, err)
	}
}

// One codec serves many calls at once, and no call sees another's scratch space.
func TestEncodeConcurrently(t *testing.T) {
	t.Parallel()
	codec := openai.New()
	for i := range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			model := strings.Repeat("m", i+1)
			body := []byte(`{"model":"x","messages":[{"role":"user","content":"` + model + `","cache_control":{}}]}`)
			want := `{"model":"` + model + `","messages":[{"role":"user","content":"` + model + `"}],"max_completion_tokens":7}`
			for range 200 {
				call := openaitest.Decode(t, body, model)
				call.MaxOutput = 7
				out, _, err := codec.Encode(call)
				if err != nil || string(out.Body) != want {
					t.Fatalf("%s, %v", out.Body, err)
				}
			}
		})
	}
}

func TestAuthorize(t *testing.T) {
	h := http.Header{}
	openai.New().Authorize(h, "sk-1")
	if got := h.Get("Authorization"); got != "Bearer sk-1" {
		t.Errorf("got %q", got)
	}
	h = http.Header{}
	openai.NewCompatible().Authorize(h, "")
	if len(h) != 0 {
		t.Errorf("a server without a key gets %v", h)
	}
}

func TestBaseURL(t *testing.T) {
	if got := openai.New().BaseURL(); got != "https://api.openai.com/v1" {
		t.Errorf("got %q", got)
	}
	if got := openai.NewCompatible().BaseURL(); got != "" {
		t.Errorf("got %q", got)
	}
}

// prompt is a body of about the given size, in prose.
func prompt(size int) []byte {
	turn := `{"role":"user","content":"` + strings.Repeat("The quick brown fox jumps over the lazy dog. ", 10) + `"},`
	var b strings.Builder
	b.WriteString(`{"model":"fast","temperature":0.70,"max_tokens":1000,"stream":true,"user":"u-1","tags":["a"],"messages":[`)
	for b.Len() < size {
		b.WriteString(turn)
	}
	b.WriteString(`{"role":"user","content":"Go on."}],"stream_options":{"include_obfuscation":false}}`)
	return []byte(b.String())
}

// code is a body of about the given size, full of names with underscores.
func code(size int) []byte {
	return bytes.ReplaceAll(prompt(size), []byte(" fox jumps"), []byte("_fox_jumps"))
}

func TestEncodeAllocations(t *testing.T) {
	for _, size := range []int{2 << 10, 20 << 10} {
		codec, call := openai.New(), openaitest.Decode(t, prompt(size), "gpt-5.4")
		call.Stream, call.MaxOutput = true, 500
		// The body and the decoder, and one more under the race detector. The best of many
		// runs, because a pool may have been emptied, and that detector drops things.
		best := float64(1 << 10)
		for range 100 {
			best = min(best, testing.AllocsPerRun(1, func() {
				if _, _, err := codec.Encode(call); err != nil {
					t.Fatal(err)
				}
			}))
		}
		if best > 3 {
			t.Errorf("%d bytes: %v allocations", size, best)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, body := range map[string][]byte{
		"2KB": prompt(2 << 10), "20KB": prompt(20 << 10), "20KB code": code(20 << 10),
		"20KB foreign": bytes.Replace(prompt(20<<10), []byte(`"content"`), []byte(`"cache_control":{},"content"`), 1),
	} {
		b.Run(name, func(b *testing.B) {
			codec, call := openai.New(), openaitest.Decode(b, body, "gpt-5.4")
			call.Stream, call.MaxOutput = true, 500
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := codec.Encode(call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzEncode: whatever the caller sends, the request is a JSON object with the
// provider's model, or the error has a reason that blames the caller.
func FuzzEncode(f *testing.F) {
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"x","cache_control":{}}],"cache_control":null}]}`), true, int64(5), true)
	f.Add([]byte(`{"model":"m","messages":[1,[],{"tool_calls":[{"index":0,"function":1},2]}],"tools":[{"cache_control":1,"function":[]}]}`), false, int64(0), false)
	f.Add([]byte(`{"stream":true,"stream_options":{"include_usage":1,"include_usage":true},"max_tokens":1e3,"n":3}`), true, int64(9), false)
	f.Add([]byte(`{"reasoning_content":"","messages":"reasoning_content","tools":null,"tool_calls":{}}`), true, int64(0), true)
	files, err := filepath.Glob("testdata/request/*.in.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body, true, int64(5), true)
	}
	codecs := map[string]*openai.Provider{"openai": openai.New(), "compatible": openai.NewCompatible()}
	f.Fuzz(func(t *testing.T, body []byte, stream bool, limit int64, drop bool) {
		fields := new(jsonscan.Fields)
		if fields.Scan(body) != nil {
			return
		}
		before := bytes.Clone(body)
		for name, codec := range codecs {
			call := &chat.Call{Body: body, Fields: fields, Model: `a"b`, Stream: stream, MaxOutput: limit, DropParams: drop}
			out, _, err := codec.Encode(call)
			if err != nil {
				if !errs.Is(err, errs.InvalidRequest) && (drop || !errs.Is(err, errs.UnsupportedParameter)) {
					t.Fatalf("%s: %v", name, err)
				}
				continue
			}
			var got jsonscan.Fields
			if err := got.Scan(out.Body); err != nil {
				t.Fatalf("%s: %v in %s", name, err, out.Body)
			}
			if !jsonscan.EqualString(got.Raw("model"), `a"b`) {
				t.Fatalf("%s: another model in %s", name, out.Body)
			}
			if is, _ := jsonscan.Bool(got.Raw("stream")); is != stream {
				t.Fatalf("%s: stream is %v in %s", name, is, out.Body)
			}
			for _, limited := range []string{"max_tokens", "max_completion_tokens"} {
				if n, ok := jsonscan.Int64(got.Raw(limited)); ok && limit > 0 && n > limit {
					t.Fatalf("%s: %s is %d in %s", name, limited, n, out.Body)
				}
			}
			if !bytes.Equal(body, before) {
				t.Fatalf("%s: the caller's body was changed", name)
			}
		}
	})
}
