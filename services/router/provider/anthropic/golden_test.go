package anthropic

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/sse"
	"tollgate.dev/services/router/chat"
)

var update = flag.Bool("update", false, "write what the codec gives beside the fixtures, as *.got.json, for review")

const created = 1700000000 // 2023-11-14T22:13:20Z

func testCodec() Codec { return Codec{now: func() time.Time { return time.Unix(created, 0) }} }

// requestCase is a call as a fixture describes it.
type requestCase struct {
	Model          string          `json:"model"`
	Stream         bool            `json:"stream"`
	MaxOutput      int64           `json:"max_output"`
	ModelMaxOutput int64           `json:"model_max_output"`
	DropParams     bool            `json:"drop_params"`
	Body           json.RawMessage `json:"body"`
}

func (c requestCase) call(tb testing.TB) *chat.Call {
	tb.Helper()
	fields := new(jsonscan.Fields)
	if err := fields.Scan(c.Body); err != nil {
		tb.Fatal(err)
	}
	return &chat.Call{
		Body: c.Body, Fields: fields, Model: c.Model, Stream: c.Stream,
		MaxOutput: c.MaxOutput, ModelMaxOutput: c.ModelMaxOutput, DropParams: c.DropParams,
	}
}

func cases(tb testing.TB, pattern string) map[string]string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no fixtures %s: %v", pattern, err)
	}
	out := make(map[string]string, len(files))
	for _, f := range files {
		name, _, _ := strings.Cut(filepath.Base(f), ".")
		out[name] = f
	}
	return out
}

func read(tb testing.TB, file string) []byte {
	tb.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func readJSON(tb testing.TB, file string, to any) {
	tb.Helper()
	if err := json.Unmarshal(read(tb, file), to); err != nil {
		tb.Fatalf("%s: %v", file, err)
	}
}

// tree is JSON with the order of members forgotten and the digits of numbers kept.
func tree(tb testing.TB, raw []byte) any {
	tb.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		tb.Fatalf("%v in %s", err, raw)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		tb.Fatalf("more than one value in %s", raw)
	}
	return v
}

func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !reflect.DeepEqual(tree(t, got), tree(t, want)) {
		t.Errorf("%s is\n%s\nwant\n%s", what, got, jsonscan.AppendCanonical(nil, want))
	}
}

func sameUsage(t *testing.T, got *usagev1.Usage, want json.RawMessage) {
	t.Helper()
	if !given(want) {
		if got != nil {
			t.Errorf("usage is %v, want none", got)
		}
		return
	}
	w := new(usagev1.Usage)
	if err := protojson.Unmarshal(want, w); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got, w) {
		t.Errorf("usage is %v, want %v", got, w)
	}
}

func review(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(strings.TrimSuffix(file, filepath.Ext(file))+".got.json", got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRequests(t *testing.T) {
	for name, file := range cases(t, "request/*.in.json") {
		t.Run(name, func(t *testing.T) {
			var in requestCase
			readJSON(t, file, &in)
			var want struct {
				Body    json.RawMessage `json:"body"`
				Dropped []string        `json:"dropped"`
				Beta    []string        `json:"beta"`
				Error   *struct {
					Reason errs.Reason `json:"reason"`
					Param  string      `json:"param"`
				} `json:"error"`
			}
			readJSON(t, strings.Replace(file, ".in.", ".want.", 1), &want)
			call := in.call(t)
			before := bytes.Clone(call.Body)
			out, decoder, err := testCodec().Encode(call)
			if !bytes.Equal(before, call.Body) {
				t.Error("Encode changed the caller's body")
			}
			if want.Error != nil {
				e, ok := errors.AsType[*errs.Error](err)
				if !ok || e.Reason != want.Error.Reason || e.Param != want.Error.Param {
					t.Fatalf("error is %v (param %q), want %+v", err, errs.Of(err).Param, *want.Error)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			review(t, file, out.Body)
			if decoder == nil || out.Path != "/v1/messages" || out.Header.Get("anthropic-version") != "2023-06-01" ||
				!slices.Equal(out.Header.Values("anthropic-beta"), want.Beta) {
				t.Errorf("decoder %v, path %q, header %v", decoder, out.Path, out.Header)
			}
			same(t, "body", out.Body, want.Body)
			if !reflect.DeepEqual(call.Dropped(), want.Dropped) {
				t.Errorf("dropped %q, want %q", call.Dropped(), want.Dropped)
			}
		})
	}
}

// What the deployment has in the header of betas stays.
func TestBetasAddUp(t *testing.T) {
	in := requestCase{Model: "claude-opus-5-5", Body: json.RawMessage(`{"thinking":{"type":"adaptive","block_binding":{}},"messages":[{"role":"user","content":"x"}]}`)}
	call := in.call(t)
	call.Headers = http.Header{"Anthropic-Beta": {"a-2026-01-01"}}
	out, _, err := New().Encode(call)
	if got := out.Header.Values("Anthropic-Beta"); err != nil || !slices.Equal(got, []string{"a-2026-01-01", betaBinding}) {
		t.Errorf("%q, %v", got, err)
	}
	if got := call.Headers.Values("Anthropic-Beta"); len(got) != 1 {
		t.Errorf("the deployment's header became %q", got)
	}
}

// The members of a schema tell the model in which order to write.
func TestSchemaKeepsOrder(t *testing.T) {
	got, err := appendClosed(nil, []byte(`{"properties":{"z":{"type":"string"},"a":{"type":"object"}},"type":"object","required":["z"]}`), "")
	const want = `{"properties":{"z":{"type":"string"},"a":{"type":"object","additionalProperties":false}},"type":"object","required":["z"],"additionalProperties":false}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}

func TestResponses(t *testing.T) {
	for name, file := range cases(t, "response/*.in.json") {
		t.Run(name, func(t *testing.T) {
			var want struct {
				Body  json.RawMessage `json:"body"`
				Usage json.RawMessage `json:"usage"`
			}
			readJSON(t, strings.Replace(file, ".in.", ".want.", 1), &want)
			answer, err := (&decoder{created: created}).Response(read(t, file))
			if err != nil {
				t.Fatal(err)
			}
			review(t, file, answer.Body)
			same(t, "body", answer.Body, want.Body)
			sameUsage(t, answer.Usage, want.Usage)
		})
	}
}

func TestResponseThatIsNone(t *testing.T) {
	for _, body := range []string{
		"", "null", "{}", "[]", "{", `{"type":"error","error":{"type":"api_error","message":"x"}}`,
		`{"type":"message","content":[]}`, `{"type":"message","content":{},"stop_reason":"end_turn"}`,
		`{"type":"message","stop_reason":"end_turn","usage":7}`,
	} {
		if _, err := new(decoder).Response([]byte(body)); !errs.Is(err, errs.ProviderError) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

type streamWant struct {
	Chunks []json.RawMessage `json:"chunks"`
	Usage  json.RawMessage   `json:"usage"`
	Error  errs.Reason       `json:"error"`
}

// decode plays a stream and ends it. The sink's chunks are those of the whole stream.
func decode(src io.Reader, d chat.Decoder) (*chat.Sink, error) {
	sink := new(chat.Sink)
	reader := sse.NewReader(src, sse.Options{})
	for {
		event, err := reader.Next()
		if err != nil {
			return sink, d.End(sink)
		}
		if err := d.Event(event, sink); err != nil {
			return sink, err
		}
	}
}

func TestStreams(t *testing.T) {
	for name, file := range cases(t, "stream/*.sse") {
		t.Run(name, func(t *testing.T) {
			var want streamWant
			readJSON(t, strings.TrimSuffix(file, ".sse")+".want.json", &want)
			stream := read(t, file)
			var whole [][]byte // the chunks, once they are known to be the wanted ones
			check := func(src io.Reader) {
				t.Helper()
				sink, err := decode(src, &decoder{created: created, includeUsage: true})
				if want.Error == "" && (err != nil || !sink.Done) || want.Error != "" && (!errs.Is(err, want.Error) || sink.Done) {
					t.Fatalf("ended with %v, done %v, want %q", err, sink.Done, want.Error)
				}
				sameUsage(t, sink.Usage, want.Usage)
				if len(sink.Chunks) != len(want.Chunks) {
					t.Fatalf("%d chunks, want %d: %s", len(sink.Chunks), len(want.Chunks), bytes.Join(sink.Chunks, []byte("\n")))
				}
				if whole == nil {
					for i := range want.Chunks {
						same(t, "chunk", sink.Chunks[i], want.Chunks[i])
					}
					whole = sink.Chunks
				}
				samePrefix(t, sink.Chunks, whole)
			}
			check(bytes.NewReader(stream))
			check(iotest.OneByteReader(bytes.NewReader(stream)))
			for cut := range stream {
				check(io.MultiReader(bytes.NewReader(stream[:cut]), bytes.NewReader(stream[cut:])))
			}
			if want.Error == "" {
				everyCut(t, stream, whole)
			}
		})
	}
}

func samePrefix(t *testing.T, got, whole [][]byte) {
	t.Helper()
	for i, chunk := range got {
		if !bytes.Equal(chunk, whole[i]) {
			t.Fatalf("chunk %d is %s, want %s", i, chunk, whole[i])
		}
	}
}

// everyCut ends the stream after each byte. Only the whole stream is complete; what
// came before the cut stays, and usage with it.
func everyCut(t *testing.T, stream []byte, whole [][]byte) {
	t.Helper()
	usageAt := bytes.Index(stream, []byte("\n\n")) + 2
	for cut := range len(stream) - 1 {
		sink, err := decode(bytes.NewReader(stream[:cut]), &decoder{created: created, includeUsage: true})
		if !errs.Is(err, errs.ProviderError) || sink.Done {
			t.Fatalf("cut at %d of %d: %v, done %v", cut, len(stream), err, sink.Done)
		}
		samePrefix(t, sink.Chunks, whole)
		if (sink.Usage != nil) != (cut >= usageAt) {
			t.Fatalf("cut at %d: usage %v", cut, sink.Usage)
		}
	}
}

func TestUsageChunkOnlyWhenAskedFor(t *testing.T) {
	sink, err := decode(bytes.NewReader(read(t, "testdata/stream/text.sse")), &decoder{})
	if err != nil || sink.Usage.GetOutput() != 6 {
		t.Fatal(err, sink.Usage)
	}
	for _, c := range sink.Chunks {
		if bytes.Contains(c, []byte(`"usage"`)) {
			t.Errorf("unasked usage: %s", c)
		}
	}
}

func TestErrors(t *testing.T) {
	for name, file := range cases(t, "error/*.in.json") {
		t.Run(name, func(t *testing.T) {
			var in struct {
				Status int               `json:"status"`
				Header map[string]string `json:"header"`
				Body   string            `json:"body"`
			}
			readJSON(t, file, &in)
			var want struct {
				Reason     errs.Reason       `json:"reason"`
				Retry      bool              `json:"retry"`
				Elsewhere  bool              `json:"elsewhere"`
				Cooldown   bool              `json:"cooldown"`
				RetryAfter string            `json:"retry_after"`
				Message    string            `json:"message"`
				Details    map[string]string `json:"details"`
			}
			readJSON(t, strings.Replace(file, ".in.", ".want.", 1), &want)
			header := http.Header{}
			for k, v := range in.Header {
				header.Set(k, v)
			}
			f := testCodec().Classify(in.Status, header, []byte(in.Body))
			after := ""
			if f.RetryAfter != 0 {
				after = f.RetryAfter.String()
			}
			if f.Err.Reason != want.Reason || f.Retry != want.Retry || f.Elsewhere != want.Elsewhere || f.Cooldown != want.Cooldown || after != want.RetryAfter {
				t.Errorf("got %v, retry %v, cooldown %v, after %q; want %+v", f.Err, f.Retry, f.Cooldown, after, want)
			}
			if want.Message != "" && f.Err.Message != want.Message {
				t.Errorf("message %q, want %q", f.Err.Message, want.Message)
			}
			if len(want.Details)+len(f.Err.Details) > 0 && !reflect.DeepEqual(f.Err.Details, want.Details) {
				t.Errorf("details %v, want %v", f.Err.Details, want.Details)
			}
		})
	}
}

func TestAuthorize(t *testing.T) {
	h := http.Header{}
	New().Authorize(h, "k")
	if h.Get("x-api-key") != "k" || len(h) != 1 || New().BaseURL() != "https://api.anthropic.com" {
		t.Error(h)
	}
}

func TestModels(t *testing.T) {
	for name, want := range map[string]model{
		"claude-opus-5-5": {"opus", 505}, "claude-opus-5": {"opus", 500}, "claude-sonnet-4-20250514": {"sonnet", 400},
		"claude-sonnet-4-5-20250929": {"sonnet", 405}, "claude-3-7-sonnet-20250219": {"sonnet", 307},
		"claude-3-opus-latest": {"opus", 300}, "claude-mythos-preview": {"mythos", 500}, "claude-fable-5-1": {"fable", 501},
		"claude-haiku-4-5@20251001": {"haiku", 405}, "gpt-4o": {}, "": {}, "claude-sonnet-latest": {"sonnet", 0},
		"claude-sonnet-4-5;status=500": {"sonnet", 405},
	} {
		if got := parseModel(name); got != want {
			t.Errorf("%s is %+v, want %+v", name, got, want)
		}
	}
}
