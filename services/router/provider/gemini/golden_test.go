package gemini

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
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/sse"
	"tollgate.dev/services/router/chat"
)

var update = flag.Bool("update", false, "write what the codec makes into the golden files, for review")

// epoch is the instant of all tests.
var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func codec() Codec { return Codec{now: func() time.Time { return epoch }} }

// settings are what a call has beside its body.
type settings struct {
	Model     string `json:"model"`
	Stream    bool   `json:"stream"`
	MaxOutput int64  `json:"max_output"`
	Drop      bool   `json:"drop_params"`
}

func newCall(tb testing.TB, body []byte, s settings) *chat.Call {
	tb.Helper()
	var fields jsonscan.Fields
	if err := fields.Scan(body); err != nil {
		tb.Fatal(err)
	}
	if s.Model == "" {
		s.Model = "gemini-2.5-flash"
	}
	return &chat.Call{Body: body, Fields: &fields, Model: s.Model, Stream: s.Stream, MaxOutput: s.MaxOutput, DropParams: s.Drop}
}

// plain asks for one answer without anything special.
const plain = `{"model":"m","messages":[{"role":"user","content":"hi"}]}`

func decoderFor(tb testing.TB, body string, stream bool) chat.Decoder {
	tb.Helper()
	_, d, err := codec().Encode(newCall(tb, []byte(body), settings{Stream: stream}))
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// wantErr is an error in a golden file.
type wantErr struct {
	Reason  errs.Reason       `json:"reason"`
	Param   string            `json:"param,omitempty"`
	Message string            `json:"message,omitempty"`
	Details map[string]string `json:"details,omitempty"`
}

func errOf(err error) *wantErr {
	if err == nil {
		return nil
	}
	e := errs.Of(err)
	return &wantErr{e.Reason, e.Param, e.Message, e.Details}
}

func usageOf(tb testing.TB, u *usagev1.Usage) json.RawMessage {
	tb.Helper()
	if u == nil {
		return nil
	}
	raw, err := protojson.Marshal(u)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func TestRequests(t *testing.T) {
	cases(t, "request", ".in.json", func(t *testing.T, _ string, in []byte) any {
		t.Helper()
		var c struct {
			Call settings        `json:"call"`
			Body json.RawMessage `json:"body"`
		}
		unmarshal(t, in, &c)
		before := bytes.Clone(c.Body)
		call := newCall(t, c.Body, c.Call)
		out, decoder, err := codec().Encode(call)
		if !bytes.Equal(before, c.Body) {
			t.Error("the caller's body was written to")
		}
		if (err == nil) != (decoder != nil) {
			t.Errorf("decoder %v, error %v", decoder, err)
		}
		return struct {
			Path    string          `json:"path,omitempty"`
			Body    json.RawMessage `json:"body,omitempty"`
			Dropped []string        `json:"dropped,omitempty"`
			Error   *wantErr        `json:"error,omitempty"`
		}{out.Path, out.Body, call.Dropped(), errOf(err)}
	})
}

// optional reads a file that may be missing.
func optional(tb testing.TB, path, otherwise string) string {
	tb.Helper()
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return otherwise
	}
	if err != nil {
		tb.Fatal(err)
	}
	return string(raw)
}

func TestResponses(t *testing.T) {
	cases(t, "response", ".in.json", func(t *testing.T, name string, in []byte) any {
		t.Helper()
		d := decoderFor(t, optional(t, filepath.Join("testdata", "response", name+".call.json"), plain), false)
		answer, err := d.Response(in)
		return struct {
			Body  json.RawMessage `json:"body,omitempty"`
			Usage json.RawMessage `json:"usage,omitempty"`
			Error *wantErr        `json:"error,omitempty"`
		}{answer.Body, usageOf(t, answer.Usage), errOf(err)}
	})
}

// streamed is what a stream came to.
type streamed struct {
	Chunks []json.RawMessage `json:"chunks"`
	Usage  json.RawMessage   `json:"usage,omitempty"`
	Error  *wantErr          `json:"error,omitempty"`
}

// drain reads a stream as the router does.
func drain(tb testing.TB, d chat.Decoder, r io.Reader) streamed {
	tb.Helper()
	var sink chat.Sink
	reader := sse.NewReader(r, sse.Options{})
	var err error
	for err == nil {
		var event sse.Event
		if event, err = reader.Next(); err != nil {
			err = d.End(&sink)
			break
		}
		err = d.Event(event, &sink)
	}
	out := streamed{Usage: usageOf(tb, sink.Usage), Error: errOf(err)}
	for _, c := range sink.Take() {
		out.Chunks = append(out.Chunks, c)
	}
	return out
}

func TestStreams(t *testing.T) {
	cases(t, "stream", ".sse", func(t *testing.T, name string, in []byte) any {
		t.Helper()
		request := optional(t, filepath.Join("testdata", "stream", name+".call.json"), plain)
		whole := drain(t, decoderFor(t, request, true), bytes.NewReader(in))

		// However the bytes arrive, and whatever ends their lines, the chunks are the same.
		for size := 1; size < len(in); size = size*3/2 + 1 {
			if got := drain(t, decoderFor(t, request, true), &pieces{in, size}); !reflect.DeepEqual(got, whole) {
				t.Fatalf("in pieces of %d: %+v", size, got)
			}
		}
		for at := range in {
			two := io.MultiReader(bytes.NewReader(in[:at]), bytes.NewReader(in[at:]))
			if got := drain(t, decoderFor(t, request, true), two); !reflect.DeepEqual(got, whole) {
				t.Fatalf("split at %d: %+v", at, got)
			}
		}
		crlf := bytes.ReplaceAll(bytes.ReplaceAll(in, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
		if got := drain(t, decoderFor(t, request, true), bytes.NewReader(crlf)); !reflect.DeepEqual(got, whole) {
			t.Fatalf("with CR LF: %+v", got)
		}
		if whole.Error == nil {
			cutEverywhere(t, request, in, whole)
		}
		return whole
	})
}

// cutEverywhere: a stream that breaks off is never a clean stop, and what came before
// stays.
func cutEverywhere(t *testing.T, request string, in []byte, whole streamed) {
	t.Helper()
	// The last event counts only with its blank line.
	end := len(bytes.TrimRight(in, "\r\n"))
	for at := range end {
		got := drain(t, decoderFor(t, request, true), bytes.NewReader(in[:at]))
		if got.Error == nil || got.Error.Reason != errs.ProviderError {
			t.Fatalf("cut at %d: %+v", at, got)
		}
		for i, c := range got.Chunks {
			if !bytes.Equal(c, whole.Chunks[i]) {
				t.Fatalf("cut at %d: chunk %s", at, c)
			}
		}
		if bytes.Count(in[:at], []byte("\n\n")) > 0 && bytes.Contains(in[:bytes.Index(in, []byte("\n\n"))], []byte("usageMetadata")) && got.Usage == nil {
			t.Fatalf("cut at %d: the usage is lost", at)
		}
	}
}

// pieces reads at most size bytes at a time.
type pieces struct {
	rest []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

func TestErrors(t *testing.T) {
	cases(t, "error", ".in.json", func(t *testing.T, _ string, in []byte) any {
		t.Helper()
		var c struct {
			Status int             `json:"status"`
			Header http.Header     `json:"header"`
			Body   json.RawMessage `json:"body"`
			Text   string          `json:"text"`
		}
		unmarshal(t, in, &c)
		body := []byte(c.Body)
		if c.Text != "" {
			body = []byte(c.Text)
		}
		f := codec().Classify(c.Status, c.Header, body)
		return struct {
			Error      *wantErr `json:"error"`
			Retry      bool     `json:"retry"`
			Elsewhere  bool     `json:"elsewhere,omitempty"`
			Cooldown   bool     `json:"cooldown"`
			RetryAfter string   `json:"retry_after"`
			Told       string   `json:"told"`
		}{errOf(f.Err), f.Retry, f.Elsewhere, f.Cooldown, f.RetryAfter.String(), f.Err.RetryAfter.String()}
	})
}

// cases runs each case of a directory against its golden file.
func cases(t *testing.T, dir, suffix string, run func(t *testing.T, name string, in []byte) any) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*"+suffix))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), suffix)
		t.Run(name, func(t *testing.T) {
			in, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := marshal(t, run(t, name, in))
			golden := filepath.Join("testdata", dir, name+".want.json")
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(tree(t, got), tree(t, want)) {
				t.Errorf("got %s", got)
			}
		})
	}
}

func marshal(tb testing.TB, v any) []byte {
	tb.Helper()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// tree is a document for comparison: the order of members does not count, digits do.
func tree(tb testing.TB, raw []byte) any {
	tb.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		tb.Fatalf("%v in %s", err, raw)
	}
	return v
}

func unmarshal(tb testing.TB, raw []byte, to any) {
	tb.Helper()
	if err := json.Unmarshal(raw, to); err != nil {
		tb.Fatal(err)
	}
}
