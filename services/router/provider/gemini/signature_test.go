package gemini

import (
	"encoding/json"
	"strings"
	"testing"

	"tollgate.dev/platform/sse"
	"tollgate.dev/services/router/chat"
)

// A turn is an answer of the API, and what the API must get back in the next request.
const (
	signedAnswer = `{"candidates":[{"content":{"role":"model","parts":[
		{"text":"I must call.","thought":true},
		{"text":"Let me see.","thoughtSignature":"dGV4dA=="},
		{"functionCall":{"id":"fc1","name":"get_weather","args":{"city":"Paris","n":1.50}},"thoughtSignature":"Y2FsbA=="},
		{"functionCall":{"id":"fc2","name":"get_weather","args":{"city":"London"}}}
	]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":1},"modelVersion":"gemini-3-pro","responseId":"r1"}`
	returnedTurn = `{"role":"model","parts":[
		{"text":"I must call.","thought":true},
		{"text":"Let me see.","thoughtSignature":"dGV4dA=="},
		{"functionCall":{"id":"fc1","name":"get_weather","args":{"city":"Paris","n":1.50}},"thoughtSignature":"Y2FsbA=="},
		{"functionCall":{"id":"fc2","name":"get_weather","args":{"city":"London"}}}]}`
)

// next encodes the conversation that goes on after an assistant's message.
func next(t *testing.T, assistant json.RawMessage) any {
	t.Helper()
	body := `{"messages":[{"role":"user","content":"x"},` + string(assistant) +
		`,{"role":"tool","tool_call_id":"fc1","content":"1"},{"role":"tool","tool_call_id":"fc2","content":"2"}]}`
	out, _, err := codec().Encode(newCall(t, []byte(body), settings{Model: "gemini-3-pro"}))
	if err != nil {
		t.Fatal(err)
	}
	var request struct {
		Contents []json.RawMessage `json:"contents"`
	}
	unmarshal(t, out.Body, &request)
	return tree(t, request.Contents[1])
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if g, w := string(marshal(t, got)), string(marshal(t, want)); g != w {
		t.Errorf("got %s want %s", g, w)
	}
}

// What an answer was signed with goes back where it came from.
func TestSignaturesSurviveTheRoundTrip(t *testing.T) {
	answer, err := decoderFor(t, plain, false).Response([]byte(signedAnswer))
	if err != nil {
		t.Fatal(err)
	}
	var whole struct {
		Choices []struct {
			Message json.RawMessage `json:"message"`
		} `json:"choices"`
	}
	unmarshal(t, answer.Body, &whole)
	equal(t, next(t, whole.Choices[0].Message), tree(t, []byte(returnedTurn)))
}

// The same from a stream, put together as clients do.
func TestSignaturesSurviveTheRoundTripOfAStream(t *testing.T) {
	type delta struct {
		Content   string            `json:"content"`
		Reasoning string            `json:"reasoning_content"`
		ToolCalls []json.RawMessage `json:"tool_calls"`
		Fields    struct {
			Signatures []string `json:"thought_signatures"`
		} `json:"provider_specific_fields"`
	}
	d := decoderFor(t, plain, true)
	var sink chat.Sink
	for _, data := range []string{
		`{"candidates":[{"content":{"parts":[{"text":"I must ","thought":true},{"text":"call.","thought":true},{"text":"Let me "},{"text":"see."}]}}],"responseId":"r1"}`,
		`{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"dGV4dA=="}]}}]}`,
		`{"candidates":[{"content":{"parts":[{"functionCall":{"id":"fc1","name":"get_weather","args":{"city":"Paris","n":1.50}},"thoughtSignature":"Y2FsbA=="}]}}]}`,
		`{"candidates":[{"content":{"parts":[{"functionCall":{"id":"fc2","name":"get_weather","args":{"city":"London"}}}]},"finishReason":"STOP"}]}`,
	} {
		if err := d.Event(sse.Event{Data: []byte(data)}, &sink); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.End(&sink); err != nil {
		t.Fatal(err)
	}
	var sum delta
	for _, c := range sink.Take() {
		var chunk struct {
			Choices []struct {
				Delta delta `json:"delta"`
			} `json:"choices"`
		}
		unmarshal(t, c, &chunk)
		d := chunk.Choices[0].Delta
		sum.Content += d.Content
		sum.Reasoning += d.Reasoning
		sum.ToolCalls = append(sum.ToolCalls, d.ToolCalls...)
		sum.Fields.Signatures = append(sum.Fields.Signatures, d.Fields.Signatures...)
	}
	message := struct {
		Role string `json:"role"`
		delta
	}{"assistant", sum}
	equal(t, next(t, marshal(t, message)), tree(t, []byte(returnedTurn)))
}

// Parts without a place in the dialect go back as they came.
func TestForeignPartsSurviveTheRoundTrip(t *testing.T) {
	const parts = `[{"executableCode":{"language":"PYTHON","code":"print(1)"},"thoughtSignature":"c2ln"},{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"1"}}]`
	answer, err := decoderFor(t, plain, false).Response([]byte(
		`{"candidates":[{"content":{"parts":` + parts + `},"finishReason":"STOP"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var whole struct {
		Choices []struct {
			Message json.RawMessage `json:"message"`
		} `json:"choices"`
	}
	unmarshal(t, answer.Body, &whole)
	body := `{"messages":[{"role":"user","content":"x"},` + string(whole.Choices[0].Message) + `,{"role":"user","content":"y"}]}`
	out, _, err := codec().Encode(newCall(t, []byte(body), settings{}))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out.Body), `"parts":`+parts) {
		t.Errorf("request %s", out.Body)
	}
}

// Usage may be told after the last candidate has ended.
func TestUsageAfterTheEnd(t *testing.T) {
	got := drain(t, decoderFor(t, `{"messages":[{"role":"user","content":"hi"}],"stream_options":{"include_usage":true}}`, true), strings.NewReader(
		"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"}]}\n\n"+
			"data: {\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":1}}\n\n"))
	if got.Error != nil || len(got.Chunks) != 3 || !strings.Contains(string(got.Chunks[2]), `"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,`) {
		t.Errorf("%+v", got)
	}
}

// A call's made-up id is the same, however the answer came.
func TestCallIDsDoNotDependOnTheStream(t *testing.T) {
	const body = `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1}}}]},"finishReason":"STOP"}],"responseId":"r"}`
	answer, err := decoderFor(t, plain, false).Response([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	var sink chat.Sink
	if err := decoderFor(t, plain, true).Event(sse.Event{Data: []byte(body)}, &sink); err != nil {
		t.Fatal(err)
	}
	id := func(s string) string {
		_, s, _ = strings.Cut(s, `"id":"call_`)
		s, _, _ = strings.Cut(s, `"`)
		return s
	}
	if a, b := id(string(answer.Body)), id(string(sink.Chunks[0])); a == "" || a != b {
		t.Errorf("%q and %q", a, b)
	}
}
