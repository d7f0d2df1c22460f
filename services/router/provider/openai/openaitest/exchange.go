package openaitest

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"tollgate.dev/services/router/chat"
)

// Sender is a Codec that can sign its requests.
type Sender interface {
	Codec
	Authorize(header http.Header, apiKey string)
}

// Exchange sends a call to a server at base, and fails the test unless the answer is a
// whole one with usage. It returns the chunks of a stream, or the one answer.
func Exchange(t *testing.T, codec Sender, base string, call *chat.Call) [][]byte {
	t.Helper()
	out, d, err := codec.Encode(call)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+out.Path, bytes.NewReader(out.Body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	codec.Authorize(req.Header, "sk-test")
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}()
	if resp.StatusCode != http.StatusOK {
		body, err := io.ReadAll(resp.Body)
		t.Fatalf("status %d: %s %v\nfor %s", resp.StatusCode, body, err, out.Body)
	}
	if call.Stream {
		sink, err := Drain(d, resp.Body)
		if err != nil || !sink.Done || sink.Usage.GetInput() == 0 || len(sink.Chunks) == 0 {
			t.Fatalf("%v, done %v, usage %v, %d chunks", err, sink.Done, sink.Usage, len(sink.Chunks))
		}
		return sink.Chunks
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := d.Response(body)
	if err != nil || answer.Usage.GetInput() == 0 {
		t.Fatalf("%v, usage %v", err, answer.Usage)
	}
	return [][]byte{answer.Body}
}
