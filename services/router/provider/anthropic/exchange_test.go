package anthropic

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tollgate.dev/platform/errs"
	"tollgate.dev/services/router/chat"
	"tollgate.dev/services/simulator"
)

// post sends a call to the server and returns its answer.
func post(t *testing.T, server *httptest.Server, in requestCase) (*http.Response, chat.Decoder) {
	t.Helper()
	out, decoder, err := New().Encode(in.call(t))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/anthropic"+out.Path, bytes.NewReader(out.Body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = out.Header.Clone()
	req.Header.Set("Content-Type", "application/json")
	New().Authorize(req.Header, "key")
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp, decoder
}

// answerOf is the assistant's message: the one of a whole answer, or the one that a
// client collects from a stream's chunks.
func answerOf(t *testing.T, server *httptest.Server, in requestCase) chat.Choice {
	t.Helper()
	resp, decoder := post(t, server, in)
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("%d: %s", resp.StatusCode, body)
	}
	if !in.Stream {
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := decoder.Response(body)
		if err != nil || answer.Usage.GetInput() == 0 || answer.Usage.GetOutput() == 0 {
			t.Fatal(err, answer.Usage)
		}
		var c chat.Completion
		if err := json.Unmarshal(answer.Body, &c); err != nil {
			t.Fatal(err)
		}
		return c.Choices[0]
	}
	sink, err := decode(resp.Body, decoder)
	if err != nil || sink.Usage.GetInput() == 0 || sink.Usage.GetOutput() == 0 {
		t.Fatal(err, sink.Usage)
	}
	return collect(t, sink.Chunks)
}

// collect puts a message together as a client does.
func collect(t *testing.T, chunks [][]byte) chat.Choice {
	t.Helper()
	var out chat.Choice
	text := ""
	for i, raw := range chunks {
		var c chat.Chunk
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		if len(c.Choices) == 0 {
			continue
		}
		d := c.Choices[0].Delta
		if (d.Role != "") != (i == 0) {
			t.Errorf("chunk %d has role %q", i, d.Role)
		}
		out.Message.Role += d.Role
		if d.Content != nil {
			text += *d.Content
		}
		out.Message.ReasoningContent += d.ReasoningContent
		out.Message.ThinkingBlocks = append(out.Message.ThinkingBlocks, d.ThinkingBlocks...)
		if d.ProviderFields != nil {
			out.Message.ProviderFields = d.ProviderFields
		}
		for _, tc := range d.ToolCalls {
			if *tc.Index == len(out.Message.ToolCalls) {
				out.Message.ToolCalls = append(out.Message.ToolCalls, chat.AnswerToolCall{ID: tc.ID, Type: tc.Type, Function: tc.Function})
				continue
			}
			out.Message.ToolCalls[*tc.Index].Function.Arguments += tc.Function.Arguments
		}
		if r := c.Choices[0].FinishReason; r != nil {
			out.FinishReason = *r
		}
	}
	out.Message.Content = &text
	return out
}

func simulate(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(simulator.New(simulator.Options{}).Handler())
	t.Cleanup(server.Close)
	return server
}

// Every request that the codec makes passes the simulator's checks, which are
// written from the same documents and share no code. Two are apart: thinking turns,
// whose signatures have to be the simulator's own (below), and the thinking type
// between_tools, which came with Sonnet 5.5 and the simulator does not know.
func TestSimulatorAcceptsRequests(t *testing.T) {
	server := simulate(t)
	for name, file := range cases(t, "request/*.in.json") {
		var in requestCase
		readJSON(t, file, &in)
		if name == "thinking_turn" || strings.HasPrefix(name, "interleaved") || name == "effort_none_sonnet_5_5" {
			continue
		}
		if _, _, err := New().Encode(in.call(t)); err != nil {
			continue
		}
		for _, stream := range []bool{false, true} {
			in.Stream = stream
			resp, _ := post(t, server, in)
			if resp.StatusCode != http.StatusOK {
				body, _ := io.ReadAll(resp.Body)
				t.Errorf("%s: %d: %s", name, resp.StatusCode, body)
			}
		}
	}
}

// An agent's two turns: thinking and parallel calls, then their results with the
// thinking sent back. The simulator checks the signatures byte by byte.
func TestSignaturesSurvive(t *testing.T) {
	server := simulate(t)
	for name, c := range map[string]struct{ model, directive string }{
		"budget":   {"claude-sonnet-4-5", ""},
		"adaptive": {"claude-opus-4-6", ""},
		"omitted":  {"claude-opus-5", ""},
		"redacted": {"claude-sonnet-4-5;redacted", ""},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(name+map[bool]string{true: "/stream", false: "/whole"}[stream], func(t *testing.T) {
				body := map[string]any{
					"max_tokens": 8000, "reasoning_effort": "high",
					"tools": []any{map[string]any{"type": "function", "function": map[string]any{
						"name": "get_weather", "parameters": json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`),
					}}},
				}
				turns := []any{map[string]any{"role": "user", "content": "call it, parallel"}}
				ask := func() chat.Choice {
					t.Helper()
					body["messages"] = turns
					raw, err := json.Marshal(body)
					if err != nil {
						t.Fatal(err)
					}
					return answerOf(t, server, requestCase{Model: c.model, Stream: stream, Body: raw})
				}
				first := ask()
				if first.FinishReason != "tool_calls" || len(first.Message.ToolCalls) != 2 || len(first.Message.ThinkingBlocks) == 0 {
					t.Fatalf("first answer: %+v", first)
				}
				turns = append(turns, first.Message)
				for _, call := range first.Message.ToolCalls {
					if call.ID == "" || call.Type != "function" || !json.Valid([]byte(call.Function.Arguments)) {
						t.Errorf("call %+v", call)
					}
					turns = append(turns, map[string]any{"role": "tool", "tool_call_id": call.ID, "content": "sunny"})
				}
				second := ask()
				if second.FinishReason != "stop" || !strings.Contains(*second.Message.Content, "sunny") {
					t.Errorf("second answer: %+v", second)
				}
			})
		}
	}
}

func TestSimulatedFailures(t *testing.T) {
	server := simulate(t)
	messages := json.RawMessage(`{"max_tokens":100,"messages":[{"role":"user","content":"hi"}]}`)
	for model, want := range map[string]errs.Reason{
		"claude-opus-5;status=429;retry-after=2": errs.ProviderRateLimited, "claude-opus-5;status=529": errs.ProviderUnavailable,
		"claude-opus-5;error=context-length": errs.ContextLengthExceeded, "claude-opus-5;status=401": errs.ProviderError,
		"claude-opus-5;error=quota": errs.ProviderError,
	} {
		resp, _ := post(t, server, requestCase{Model: model, Body: messages})
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if f := New().Classify(resp.StatusCode, resp.Header, body); f.Err.Reason != want {
			t.Errorf("%s: %v, want %s", model, f.Err, want)
		}
	}
	for model, want := range map[string]errs.Reason{
		"claude-opus-5;error-at=5": errs.ProviderUnavailable, "claude-opus-5;no-done": errs.ProviderError,
		"claude-opus-5;malformed-chunk=5": errs.ProviderError, "claude-opus-5;cut=5": errs.ProviderError,
	} {
		resp, decoder := post(t, server, requestCase{Model: model, Stream: true, Body: messages})
		sink, err := decode(resp.Body, decoder)
		if !errs.Is(err, want) || sink.Usage == nil {
			t.Errorf("%s: %v, usage %v, want %s", model, err, sink.Usage, want)
		}
	}
}
