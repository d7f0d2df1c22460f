package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tollgate.dev/e2e/harness"
)

// The bounds that the documentation names, in bytes.
const (
	largestBody   = 10 << 20
	largestAnswer = 32 << 20
)

// largeProvider answers with as much as the model's name says, and counts what it is asked.
func largeProvider(t *testing.T) *harness.Providers {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req struct {
			Model    string
			Stream   bool
			Messages []struct{ Content string }
		}
		body, err := io.ReadAll(r.Body)
		if err = errors.Join(err, json.Unmarshal(body, &req)); err != nil || len(req.Messages) != 1 {
			t.Errorf("a request of %d bytes with %d messages: %v", len(body), len(req.Messages), err)
			return
		}
		size := 0
		if _, err := fmt.Sscanf(req.Model, "answers-%d", &size); err != nil {
			t.Errorf("model %q: %v", req.Model, err)
		}
		usage := fmt.Sprintf(`"usage":{"prompt_tokens":%d,"completion_tokens":7,"total_tokens":%d}`, len(req.Messages[0].Content), len(req.Messages[0].Content)+7)
		if !req.Stream {
			w.Header().Set("Content-Type", "application/json")
			head := `{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"`
			tail := `"},"finish_reason":"stop"}],` + usage + `}`
			_, _ = io.WriteString(w, head+strings.Repeat("a", size-len(head)-len(tail))+tail) // the test counts what comes
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		const chunks = 8
		for range chunks {
			head, tail := `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"`, "\"}}]}\n\n"
			_, _ = io.WriteString(w, head+strings.Repeat("a", size/chunks-1024)+tail)
		}
		_, _ = io.WriteString(w, `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\n"+
			`data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[],`+usage+"}\n\ndata: [DONE]\n\n")
	}))
	t.Cleanup(server.Close)
	return &harness.Providers{Addr: strings.TrimPrefix(server.URL, "http://")}
}

// TestLargestSizes sends the largest body and asks for the largest answers, whole and streamed:
// they pass, and a byte more does not.
func TestLargestSizes(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{Config: largeProvider(t).Config("router_settings: {num_retries: 0}\n",
		harness.Model{Name: "small", Upstream: "openai/answers-1000"},
		harness.Model{Name: "largest", Upstream: fmt.Sprintf("openai/answers-%d", largestAnswer)},
		harness.Model{Name: "larger", Upstream: fmt.Sprintf("openai/answers-%d", largestAnswer+1)})})
	key := g.NewTenantKey(nil)
	body := func(size int) string {
		head, tail := `{"model":"small","messages":[{"role":"user","content":"`, `"}]}`
		return head + strings.Repeat("b", size-len(head)-len(tail)) + tail
	}
	ask := func(body any) harness.Answer {
		return g.Call(http.MethodPost, completions, harness.Call{Key: key.Secret, Body: body})
	}
	var completion harness.Completion
	ask(body(largestBody)).MustBe(t, http.StatusOK).JSON(t, &completion)
	if completion.Usage == nil || completion.Usage.Prompt < largestBody-1024 {
		t.Errorf("the provider was asked with %+v", completion.Usage)
	}
	ask(body(largestBody+1)).MustBe(t, http.StatusRequestEntityTooLarge, "request_too_large")

	answer := ask(harness.Chat("largest", "x")).MustBe(t, http.StatusOK)
	answer.JSON(t, &completion)
	if n := len(completion.Choices[0].Message.Content); n < largestAnswer-1024 {
		t.Errorf("%d bytes of text came", n)
	}
	if record := g.Usage(t, answer.Header.Get("X-Request-Id")); record.GetUsage().GetOutput() != 7 || record.GetError() != "" {
		t.Errorf("the ledger says %v", record)
	}
	answer = ask(harness.ChatStream("largest", "x")).MustBe(t, http.StatusOK)
	if n := len(answer.Body); n < largestAnswer-16*1024 || !strings.HasSuffix(string(answer.Body), "data: [DONE]\n\n") {
		t.Errorf("a stream of %d bytes came", n)
	}
	ask(harness.Chat("larger", "x")).MustBe(t, http.StatusBadGateway, "provider_error")
}
