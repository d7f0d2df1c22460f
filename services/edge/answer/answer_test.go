package answer_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"tollgate.dev/platform/openaiwire"
	"tollgate.dev/services/edge/answer"
)

const head = `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":`

// delta is a chunk of one choice.
func delta(text, finish string) string {
	return head + `[{"index":0,"delta":` + text + `,"logprobs":null,"finish_reason":` + finish + `}]}`
}

func chunks(all ...string) [][]byte {
	out := make([][]byte, len(all))
	for i, c := range all {
		out[i] = []byte(c)
	}
	return out
}

// whole is an answer of one choice.
func whole(message, finish, more string) string {
	return `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o","choices":[{"index":0,"message":` + message +
		`,"logprobs":null,"finish_reason":` + finish + `}]` + more + `}`
}

// The streams are as OpenAI's reference shows them, and as LiteLLM's clients read them.
func TestWhole(t *testing.T) {
	const usage = `{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}`
	used := &openaiwire.Usage{PromptTokens: 9, CompletionTokens: 12, TotalTokens: 21}
	for name, tc := range map[string]struct {
		chunks [][]byte
		usage  *openaiwire.Usage
		want   string
	}{
		"text": {chunks(
			`{"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini", "system_fingerprint": "fp_44709d6fcb", "choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}`,
			`{"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini", "system_fingerprint": "fp_44709d6fcb", "choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":null,"finish_reason":null}]}`,
			`{"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini", "system_fingerprint": "fp_44709d6fcb", "choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}`,
		), used, `{"id":"chatcmpl-123","object":"chat.completion","created":1694268190,"model":"gpt-4o-mini","system_fingerprint":"fp_44709d6fcb",` +
			`"choices":[{"index":0,"message":{"role":"assistant","content":"Hello","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":` + usage + `}`},
		"tool calls": {chunks(
			delta(`{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"look","arguments":""}}],"refusal":null}`, `null`),
			delta(`{"tool_calls":[{"index":0,"function":{"arguments":"{\"q\":"}}]}`, `null`),
			delta(`{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"find","arguments":"{}"}},{"index":0,"function":{"arguments":"\"mill\"}"}}]}`, `null`),
			delta(`{}`, `"tool_calls"`),
		), nil, whole(`{"role":"assistant","content":null,"refusal":null,"tool_calls":[`+
			`{"id":"call_a","type":"function","function":{"name":"look","arguments":"{\"q\":\"mill\"}"}},{"id":"call_b","type":"function","function":{"name":"find","arguments":"{}"}}]}`, `"tool_calls"`, "")},
		"the usage of the stream goes first": {chunks(
			delta(`{"role":"assistant","content":"Hi"}`, `"stop"`), head+`[],"usage":{"total_tokens":3}}`,
		), used, whole(`{"role":"assistant","content":"Hi","refusal":null}`, `"stop"`, `,"usage":{"total_tokens":3}`)},
		"a character in two halves": {chunks(
			delta(`{"content":"a \ud83d"}`, `null`), delta(`{"content":"\ude00"}`, `"stop"`),
		), nil, whole(`{"role":"assistant","content":"a \ud83d\ude00","refusal":null}`, `"stop"`, "")},
		"several choices": {chunks(
			head+`[{"index":1,"delta":{"role":"assistant","content":"b"},"finish_reason":null}]}`,
			head+`[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":"stop"}]}`,
			head+`[{"index":1,"delta":{"content":"c"},"finish_reason":"length"}]}`,
		), nil, `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o","choices":[` +
			`{"index":0,"message":{"role":"assistant","content":"a","refusal":null},"logprobs":null,"finish_reason":"stop"},` +
			`{"index":1,"message":{"role":"assistant","content":"bc","refusal":null},"logprobs":null,"finish_reason":"length"}]}`},
		"log probabilities": {chunks(
			head+`[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"token":"a","logprob":-0.1}],"refusal":null},"finish_reason":null}]}`,
			head+`[{"index":0,"delta":{"content":"b"},"logprobs":{"content":[{"token":"b","logprob":-1e-3}],"refusal":null},"finish_reason":null}]}`,
			delta(`{}`, `"stop"`),
		), nil, `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o","choices":[{"index":0,"message":{"content":"ab","role":"assistant","refusal":null},` +
			`"logprobs":{"content":[{"token":"a","logprob":-0.1},{"token":"b","logprob":-1e-3}],"refusal":null},"finish_reason":"stop"}]}`},
		"thought": {chunks(
			delta(`{"role":"assistant","reasoning_content":"Let ","thinking_blocks":[{"type":"thinking","thinking":"Let "}]}`, `null`),
			delta(`{"reasoning_content":"me see","thinking_blocks":[{"type":"thinking","thinking":"me see"}]}`, `null`),
			delta(`{"thinking_blocks":[{"type":"thinking","thinking":"","signature":"s1"}]}`, `null`),
			delta(`{"thinking_blocks":[{"type":"redacted_thinking","data":"xyz"}]}`, `null`),
			delta(`{"thinking_blocks":[{"type":"thinking","thinking":"more","signature":"s2"}]}`, `null`),
			delta(`{"content":"Done"}`, `"stop"`),
		), nil, whole(`{"role":"assistant","reasoning_content":"Let me see","content":"Done","refusal":null,"thinking_blocks":[`+
			`{"type":"thinking","thinking":"Let me see","signature":"s1"},{"type":"redacted_thinking","data":"xyz"},{"type":"thinking","thinking":"more","signature":"s2"}]}`, `"stop"`, "")},
		"annotations, a lane and what nobody knows": {chunks(
			delta(`{"role":"assistant","content":"a","annotations":[{"n":1}],"x_new":{"a":[1]}}`, `null`),
			delta(`{"role":"assistant","annotations":[{"n":2}],"x_new":{"a": [1]}}`, `null`),
			`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o","service_tier":"flex","x_groq":{"id":"r"},"obfuscation":"abc","choices":[{"index":0,"delta":{},"finish_reason":"stop","x_choice":7}]}`,
		), nil, `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o","service_tier":"flex","x_groq":{"id":"r"},"choices":[{"index":0,` +
			`"message":{"role":"assistant","content":"a","x_new":{"a":[1]},"refusal":null,"annotations":[{"n":1},{"n":2}]},"logprobs":null,"finish_reason":"stop","x_choice":7}]}`},
		"an older function call": {chunks(
			delta(`{"role":"assistant","content":null,"function_call":{"name":"look","arguments":""}}`, `null`),
			delta(`{"function_call":{"arguments":"{}"}}`, `"function_call"`),
		), nil, whole(`{"role":"assistant","content":null,"refusal":null,"function_call":{"name":"look","arguments":"{}"}}`, `"function_call"`, "")},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := answer.Whole(tc.chunks, tc.usage)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, got, tc.want)
		})
	}
}

// equal compares JSON by what it says, the order of members aside.
func equal(t *testing.T, got []byte, want string) {
	t.Helper()
	decode := func(text []byte) (v any) {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return v
	}
	if !reflect.DeepEqual(decode(got), decode([]byte(want))) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Nothing is made up where a stream is no finished answer, or says two things.
func TestNoWhole(t *testing.T) {
	for name, all := range map[string][][]byte{
		"nothing":                nil,
		"no JSON":                chunks(`{"id":`),
		"a list":                 chunks(`[]`),
		"no choice":              chunks(head + `[]}`),
		"no end":                 chunks(delta(`{"content":"a"}`, `null`)),
		"one choice without end": chunks(delta(`{"content":"a"}`, `"stop"`), head+`[{"index":1,"delta":{"content":"b"},"finish_reason":null}]}`),
		"two names of a tool":    chunks(delta(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f"}}]}`, `null`), delta(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"g"}}]}`, `"stop"`)),
		"two ids of a call":      chunks(delta(`{"tool_calls":[{"index":0,"id":"a"}]}`, `null`), delta(`{"tool_calls":[{"index":0,"id":"b"}]}`, `"stop"`)),
		"two unknown texts":      chunks(delta(`{"x_text":"a"}`, `null`), delta(`{"x_text":"b"}`, `"stop"`)),
		"content in parts":       chunks(delta(`{"content":[{"type":"text","text":"a"}]}`, `"stop"`)),
		"sound":                  chunks(delta(`{"audio":{"data":"aa"}}`, `"stop"`)),
		"no index":               chunks(head + `[{"delta":{"content":"a"},"finish_reason":"stop"}]}`),
		"a negative index":       chunks(head + `[{"index":-1,"delta":{"content":"a"},"finish_reason":"stop"}]}`),
		"too many choices":       chunks(head + `[{"index":5000,"delta":{"content":"a"},"finish_reason":"stop"}]}`),
		"a member twice":         chunks(delta(`{"content":"a","content":"b"}`, `"stop"`)),
	} {
		got, err := answer.Whole(all, nil)
		if !errors.Is(err, answer.ErrForm) || got != nil {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestStream(t *testing.T) {
	const body = `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o","choices":[` +
		`{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"},` +
		`{"index":1,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}],` +
		`"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":3},"service_tier":"default","x_groq":{"id":"r"}}`
	const begin = `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o","service_tier":"default","choices":`
	for _, usage := range []bool{false, true} {
		got, err := answer.Stream([]byte(body), usage)
		if err != nil {
			t.Fatal(err)
		}
		none := map[bool]string{true: `,"usage":null`}[usage]
		want := []string{
			begin + `[{"index":0,"delta":{"role":"assistant","content":"Hi","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":null}]` + none + `,"x_groq":{"id":"r"}}`,
			begin + `[{"index":1,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},"logprobs":null,"finish_reason":null}]` + none + `}`,
			begin + `[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]` + none + `}`,
			begin + `[{"index":1,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}]` + none + `}`,
		}
		if usage {
			want = append(want, begin+`[],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":3}}`)
		}
		if len(got) != len(want) {
			t.Fatalf("%d chunks, want %d", len(got), len(want))
		}
		for i := range want {
			equal(t, got[i], want[i])
		}
		back, err := answer.Whole(got, &openaiwire.Usage{TotalTokens: 3})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, back, strings.Replace(strings.Replace(body, `"tool_calls":[{"id":"a"`, `"refusal":null,"tool_calls":[{"id":"a"`, 1), `"finish_reason":"tool_calls"`, `"logprobs":null,"finish_reason":"tool_calls"`, 1))
	}
	for name, body := range map[string]string{
		"no JSON":   `{"id":`,
		"no choice": `{"id":"a","choices":[]}`,
		"no id":     `{"choices":[{"index":0,"message":{},"finish_reason":"stop"}]}`,
		"no end":    `{"id":"a","choices":[{"index":0,"message":{"content":"a"},"finish_reason":null}]}`,
		"sound":     `{"id":"a","choices":[{"index":0,"message":{"audio":{"id":"x"}},"finish_reason":"stop"}]}`,
		"a number":  `{"id":"a","choices":[{"index":0,"message":7,"finish_reason":"stop"}]}`,
	} {
		if got, err := answer.Stream([]byte(body), true); !errors.Is(err, answer.ErrForm) || got != nil {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

// What one form says, the other says, and back again; and whatever comes in, JSON comes out.
func FuzzForms(f *testing.F) {
	f.Add([]byte(delta(`{"role":"assistant","content":"a","tool_calls":[{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":"{"}}]}`, `null`)),
		[]byte(delta(`{"tool_calls":[{"index":0,"function":{"arguments":"}"}}],"thinking_blocks":[{"type":"thinking","thinking":"a"}]}`, `"stop"`)))
	f.Add([]byte(head+`[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"token":"a"}]},"finish_reason":"stop"}],"usage":{"total_tokens":1}}`), []byte(head+`[]}`))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		body, err := answer.Whole([][]byte{one, two}, nil)
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Fatalf("no JSON: %s", body)
		}
		again, err := answer.Stream(body, true)
		if err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		for _, c := range again {
			if !json.Valid(c) {
				t.Fatalf("no JSON: %s", c)
			}
		}
		back, err := answer.Whole(again, nil)
		if err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		if !bytes.Contains(body, []byte(`\u`)) && !bytes.Contains(body, []byte(`"usage"`)) {
			equal(t, back, string(body))
		}
	})
}
