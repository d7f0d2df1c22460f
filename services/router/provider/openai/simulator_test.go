package openai_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/provider/openai"
	"tollgate.dev/services/router/provider/openai/openaitest"
	"tollgate.dev/services/simulator"
)

func simulated(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(simulator.New(simulator.Options{}).Handler())
	t.Cleanup(server.Close)
	return server.URL + "/openai/v1"
}

// Every request of the golden files, streamed and not, is one that a strict server of
// OpenAI's format accepts, and its answer is one that the codec understands.
func TestSimulatorAccepts(t *testing.T) {
	base := simulated(t)
	files, err := filepath.Glob("testdata/request/*.in.json")
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".in.json")
		switch name {
		case "unknown_fields", "tools_allowed", "every_parameter":
			continue // what they ask for the simulator does not have
		}
		for _, streamed := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				body, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				call := openaitest.Decode(t, body, "gpt-4o")
				call.Stream, call.DropParams, call.MaxOutput = streamed, true, 200
				chunks := openaitest.Exchange(t, openai.New(), base, call)
				last := chunks[len(chunks)-1]
				if asked := name == "stream_options_asked"; streamed && bytes.Contains(last, []byte(`"choices":[]`)) != asked {
					t.Errorf("the usage chunk was asked for: %v, and the last chunk is %s", asked, last)
				}
			})
		}
	}
}

// A cap holds whatever the caller asks for.
func TestSimulatorHonoursTheCap(t *testing.T) {
	call := openaitest.Decode(t, []byte(`{"model":"m","max_tokens":500,"messages":[{"role":"user","content":"Hi"}]}`), "gpt-4o;tokens=100")
	call.MaxOutput = 3
	answer := openaitest.Exchange(t, openai.New(), simulated(t), call)[0]
	finish, ok := jsonscan.Lookup(answer, "choices", "0", "finish_reason")
	if !ok || string(finish.Raw(answer)) != `"length"` {
		t.Errorf("got %s", answer)
	}
}

func TestSimulatorFailures(t *testing.T) {
	base := simulated(t)
	for directive, want := range map[string]struct {
		reason errs.Reason
		retry  bool
		after  time.Duration
	}{
		"error=context-length":     {errs.ContextLengthExceeded, false, 0},
		"error=quota":              {errs.ProviderError, true, 0},
		"status=400":               {errs.InvalidRequest, false, 0},
		"status=401":               {errs.ProviderError, true, 0},
		"status=404":               {errs.ProviderError, true, 0},
		"status=429;retry-after=2": {errs.ProviderRateLimited, true, 2 * time.Second},
		"status=500":               {errs.ProviderError, true, 0},
		"status=503":               {errs.ProviderUnavailable, true, 0},
		"stream;cut=2":             {errs.ProviderError, false, 0},
		"stream;no-done":           {errs.ProviderError, false, 0},
		"stream;error-at=2":        {errs.ProviderError, false, 0},
		"stream;malformed-chunk=2": {errs.ProviderError, false, 0},
	} {
		t.Run(directive, func(t *testing.T) {
			rest, streamed := strings.CutPrefix(directive, "stream;")
			call := openaitest.Decode(t, []byte(`{"model":"m","messages":[{"role":"user","content":"Hi"}]}`), "gpt-4o;"+rest)
			call.Stream = streamed
			out, decoder, err := openai.New().Encode(call)
			if err != nil {
				t.Fatal(err)
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+out.Path, bytes.NewReader(out.Body))
			if err != nil {
				t.Fatal(err)
			}
			openai.New().Authorize(req.Header, "sk-test")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := resp.Body.Close(); err != nil {
					t.Error(err)
				}
			})
			if streamed {
				sink, err := openaitest.Drain(decoder, resp.Body)
				if !errs.Is(err, want.reason) || sink.Done {
					t.Errorf("got %v, want %s", err, want.reason)
				}
				return
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			got := openai.New().Classify(resp.StatusCode, resp.Header, body)
			if got.Err.Reason != want.reason || got.Retry != want.retry || got.RetryAfter != want.after {
				t.Errorf("got %v, retry %v after %v; want %+v", got.Err, got.Retry, got.RetryAfter, want)
			}
		})
	}
}
