// Package openaitest runs the golden files of codecs for OpenAI-format providers.
//
// In a directory of cases, request/<case>.in.json is the caller's body, .call.json how
// it is called (optional, see [Call]) and .want.json the body for the provider, compared
// byte by byte. response/<case>.in.json and stream/<case>.sse are what the provider
// sends; error/<case>.in.json is an answer with another status. Each has its .want.json.
package openaitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
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

// Codec is what is tested.
type Codec interface {
	Encode(call *chat.Call) (chat.Outbound, chat.Decoder, error)
	Classify(status int, header http.Header, body []byte) chat.Failure
}

// Call is how a case is called.
type Call struct {
	Stream    bool  `json:"stream"`
	MaxOutput int64 `json:"max_output"`
	// DropParams drops what the provider lacks; Dropped is what it then drops.
	DropParams bool     `json:"drop_params"`
	Dropped    []string `json:"dropped"`
	// IncludeUsage and N make up the request of a stream.
	IncludeUsage bool  `json:"include_usage"`
	N            int64 `json:"n"`
}

// Decode prepares a call with that body, for the given model at the provider.
func Decode(t testing.TB, body []byte, model string) *chat.Call {
	t.Helper()
	fields := new(jsonscan.Fields)
	if err := fields.Scan(body); err != nil {
		t.Fatal(err)
	}
	return &chat.Call{Body: body, Fields: fields, Model: model}
}

// Run runs every case in dir, with model as the model's name at the provider.
func Run(t *testing.T, codec Codec, dir, model string) {
	t.Helper()
	t.Run("request", func(t *testing.T) { requests(t, codec, filepath.Join(dir, "request"), model) })
	t.Run("response", func(t *testing.T) { responses(t, codec, filepath.Join(dir, "response")) })
	t.Run("stream", func(t *testing.T) { streams(t, codec, filepath.Join(dir, "stream")) })
	t.Run("error", func(t *testing.T) { failures(t, codec, filepath.Join(dir, "error")) })
}

func requests(t *testing.T, codec Codec, dir, model string) {
	t.Helper()
	each(t, dir, ".in.json", func(t *testing.T, base string) {
		t.Helper()
		body := read(t, base+".in.json")
		before := bytes.Clone(body)
		var as Call
		if data, err := os.ReadFile(base + ".call.json"); err == nil {
			unmarshal(t, data, &as)
		}
		call := Decode(t, body, model)
		call.Stream, call.MaxOutput, call.DropParams = as.Stream, as.MaxOutput, as.DropParams
		out, _, err := codec.Encode(call)
		if err != nil {
			t.Fatal(err)
		}
		if want := read(t, base+".want.json"); !bytes.Equal(out.Body, want) {
			t.Errorf("got\n%s\nwant\n%s", out.Body, want)
		}
		if out.Path != "/chat/completions" {
			t.Errorf("path is %q", out.Path)
		}
		if !bytes.Equal(body, before) {
			t.Error("the caller's body was changed")
		}
		if !slices.Equal(call.Dropped(), as.Dropped) {
			t.Errorf("dropped %q, want %q", call.Dropped(), as.Dropped)
		}
	})
}

// result is the .want.json of a response or a stream.
type result struct {
	Call  Call            `json:"call"`
	Usage json.RawMessage `json:"usage"`
	// Error is the reason; empty is none.
	Error errs.Reason `json:"error"`
	// Withheld are the events that make no chunk, by position.
	Withheld []int `json:"withheld"`
}

func (r *result) checkUsage(t *testing.T, got *usagev1.Usage) {
	t.Helper()
	if (r.Usage == nil) != (got == nil) {
		t.Errorf("usage is %v, want %s", got, r.Usage)
		return
	}
	if got == nil {
		return
	}
	want := new(usagev1.Usage)
	if err := protojson.Unmarshal(r.Usage, want); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got, want) {
		t.Errorf("usage is %v, want %v", got, want)
	}
}

func responses(t *testing.T, codec Codec, dir string) {
	t.Helper()
	each(t, dir, ".in.json", func(t *testing.T, base string) {
		t.Helper()
		body := read(t, base+".in.json")
		var want result
		unmarshal(t, read(t, base+".want.json"), &want)
		got, err := decoder(t, codec, Call{}).Response(bytes.Clone(body))
		checkReason(t, err, want.Error)
		want.checkUsage(t, got.Usage)
		if err == nil && !bytes.Equal(got.Body, body) {
			t.Errorf("the answer was changed:\n%s", got.Body)
		}
	})
}

func streams(t *testing.T, codec Codec, dir string) {
	t.Helper()
	each(t, dir, ".sse", func(t *testing.T, base string) {
		t.Helper()
		stream := read(t, base+".sse")
		var want result
		unmarshal(t, read(t, base+".want.json"), &want)
		var chunks []string
		for i, data := range events(t, stream) {
			if data != "[DONE]" && !slices.Contains(want.Withheld, i) {
				chunks = append(chunks, data)
			}
		}
		whole, err := Drain(decoder(t, codec, want.Call), bytes.NewReader(stream))
		checkReason(t, err, want.Error)
		want.checkUsage(t, whole.Usage)
		if got := texts(whole.Chunks); !slices.Equal(got, chunks) {
			t.Errorf("chunks\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(chunks, "\n"))
		}
		split, err := Drain(decoder(t, codec, want.Call), iotest.OneByteReader(bytes.NewReader(stream)))
		checkReason(t, err, want.Error)
		if !slices.Equal(texts(split.Chunks), chunks) || !proto.Equal(split.Usage, whole.Usage) {
			t.Error("split at every byte the stream says something else")
		}
		if want.Error == "" && bytes.Contains(stream, []byte("[DONE]")) {
			cuts(t, codec, want.Call, stream, whole)
		}
	})
}

// cuts breaks a stream off at every byte: what came before stays, and the end is never
// taken for the stream's own.
func cuts(t *testing.T, codec Codec, call Call, stream []byte, whole *chat.Sink) {
	t.Helper()
	all := texts(whole.Chunks)
	end := bytes.Index(stream, []byte("[DONE]"))
	finished := bytes.LastIndex(stream[:end], []byte(`"finish_reason":"`))
	for i := range stream {
		sink, err := Drain(decoder(t, codec, call), bytes.NewReader(stream[:i]))
		got := texts(sink.Chunks)
		if len(got) > len(all) || !slices.Equal(got, all[:len(got)]) {
			t.Fatalf("cut at %d: other chunks", i)
		}
		// Before a choice has finished nobody may take the end for one; how a lenient
		// codec ends after that is for its own tests.
		if i < finished && (err == nil || sink.Done) {
			t.Fatalf("cut at %d of %d: taken for complete", i, len(stream))
		}
		if sink.Done && !bytes.HasPrefix(stream[end:i], []byte("[DONE]")) {
			t.Fatalf("cut at %d: done before [DONE]", i)
		}
		if err != nil && !errs.Is(err, errs.ProviderError) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

// Drain decodes a stream as the router does.
func Drain(d chat.Decoder, r io.Reader) (*chat.Sink, error) {
	sink := &chat.Sink{}
	events := sse.NewReader(r, sse.Options{})
	for {
		event, err := events.Next()
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = d.End(sink)
			}
			return sink, err
		}
		if err := d.Event(event, sink); err != nil || sink.Done {
			return sink, err
		}
	}
}

// fault is the .want.json of an error.
type fault struct {
	Reason     errs.Reason       `json:"reason"`
	Message    string            `json:"message"`
	Param      string            `json:"param"`
	Retry      bool              `json:"retry"`
	Elsewhere  bool              `json:"elsewhere"`
	Cooldown   bool              `json:"cooldown"`
	RetryAfter string            `json:"retry_after"`
	Details    map[string]string `json:"details"`
	// Refused and Instead are the member that may be dropped, and what it may be named instead.
	Refused string `json:"refused"`
	Instead string `json:"instead"`
}

func failures(t *testing.T, codec Codec, dir string) {
	t.Helper()
	each(t, dir, ".in.json", func(t *testing.T, base string) {
		t.Helper()
		var in struct {
			Status int               `json:"status"`
			Header map[string]string `json:"header"`
			Body   json.RawMessage   `json:"body"`
		}
		unmarshal(t, read(t, base+".in.json"), &in)
		var want fault
		unmarshal(t, read(t, base+".want.json"), &want)
		body := []byte(in.Body)
		var text string // a body that is no JSON
		if json.Unmarshal(in.Body, &text) == nil {
			body = []byte(text)
		}
		header := http.Header{}
		for name, value := range in.Header {
			header.Set(name, value)
		}
		f := codec.Classify(in.Status, header, body)
		after := time.Duration(0)
		if want.RetryAfter != "" {
			var err error
			if after, err = time.ParseDuration(want.RetryAfter); err != nil {
				t.Fatal(err)
			}
		}
		if f.Err.Reason != want.Reason || f.Err.Message != want.Message || f.Err.Param != want.Param {
			t.Errorf("got %v (param %q), want %+v", f.Err, f.Err.Param, want)
		}
		if f.Retry != want.Retry || f.Elsewhere != want.Elsewhere || f.Cooldown != want.Cooldown || f.RetryAfter != after || f.Err.RetryAfter != after {
			t.Errorf("got %+v after %v, want %+v", f, f.RetryAfter, want)
		}
		if refused := (chat.Refused{Member: want.Refused, Instead: want.Instead}); f.Refused != refused {
			t.Errorf("refused is %+v, want %+v", f.Refused, refused)
		}
		if !maps.Equal(f.Err.Details, want.Details) {
			t.Errorf("details are %v, want %v", f.Err.Details, want.Details)
		}
	})
}

func decoder(t testing.TB, codec Codec, as Call) chat.Decoder {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"model": "m", "messages": []any{}, "n": max(as.N, 1), "stream": true,
		"stream_options": map[string]bool{"include_usage": as.IncludeUsage},
	})
	if err != nil {
		t.Fatal(err)
	}
	call := Decode(t, body, "m")
	call.Stream, call.DropParams = true, true
	_, d, err := codec.Encode(call)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func events(t *testing.T, stream []byte) []string {
	t.Helper()
	var out []string
	r := sse.NewReader(bytes.NewReader(stream), sse.Options{})
	for {
		event, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(event.Data))
	}
}

func checkReason(t *testing.T, err error, want errs.Reason) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("unexpected error: %v", err)
	case want != "" && !errs.Is(err, want):
		t.Errorf("got %v, want %s", err, want)
	}
}

func texts(chunks [][]byte) []string {
	var out []string
	for _, c := range chunks {
		out = append(out, string(c))
	}
	return out
}

func each(t *testing.T, dir, suffix string, run func(t *testing.T, base string)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no cases in %s", dir)
	}
	for _, file := range files {
		base := strings.TrimSuffix(file, suffix)
		t.Run(filepath.Base(base), func(t *testing.T) { run(t, base) })
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func unmarshal(t *testing.T, data []byte, to any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		t.Fatal(err)
	}
}
