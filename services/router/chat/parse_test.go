package chat_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"tollgate.dev/platform/errs"
	"tollgate.dev/services/router/chat"
)

func ptr[T any](v T) *T { return &v }

func raw(s string) json.RawMessage { return json.RawMessage(s) }

func text(s string) []chat.Part {
	return []chat.Part{{Type: "text", Text: s, Raw: raw(`"` + s + `"`)}}
}

func TestParse(t *testing.T) {
	const textPart = `{"type":"text","text":"a","cache_control":{"type":"ephemeral"},"x":1}`
	const tool = `{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true,"y":2},"cache_control":{"type":"ephemeral"},"x":1}`
	for name, tc := range map[string]struct {
		body string
		want chat.Request
	}{
		"nothing":             {`{}`, chat.Request{}},
		"model and stream":    {`{"model":"m","stream":true}`, chat.Request{}},
		"null members":        {`{"messages":null,"tools":null,"tool_choice":null,"stop":null,"temperature":null,"n":null,"seed":null,"response_format":null,"thinking":null,"user":null,"max_tokens":null,"stream_options":null,"x":null}`, chat.Request{}},
		"a plain turn":        {`{"messages":[{"role":"user","content":"hi","name":"ann"}]}`, chat.Request{Messages: []chat.Message{{Role: "user", Name: "ann", Content: text("hi")}}}},
		"a turn of no text":   {`{"messages":[{"role":"assistant","content":null,"refusal":"no"}]}`, chat.Request{Messages: []chat.Message{{Role: "assistant", Refusal: "no"}}}},
		"escapes in the text": {`{"messages":[{"role":"user","content":"\u00e9"}]}`, chat.Request{Messages: []chat.Message{{Role: "user", Content: []chat.Part{{Type: "text", Text: "é", Raw: raw(`"\u00e9"`)}}}}}},
		"parts": {
			`{"messages":[{"role":"user","content":[` + textPart + `,{"type":"image_url","image_url":{"url":"https://x/y.png","detail":"low","format":"image/png"}},{"type":"image_url","image_url":"data:image/png;base64,AA=="},{"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}},{"type":"file","file":{"file_id":"f1","filename":"a.pdf"}},{"type":"refusal","refusal":"no"},{"type":"video_url","video_url":{}}]}]}`,
			chat.Request{Messages: []chat.Message{{Role: "user", Content: []chat.Part{
				{Type: "text", Text: "a", CacheControl: raw(`{"type":"ephemeral"}`), Raw: raw(textPart), Extra: map[string]json.RawMessage{"x": raw("1")}},
				{Type: "image_url", Image: &chat.Image{URL: "https://x/y.png", Detail: "low", Format: "image/png"}, Raw: raw(`{"type":"image_url","image_url":{"url":"https://x/y.png","detail":"low","format":"image/png"}}`)},
				{Type: "image_url", Image: &chat.Image{URL: "data:image/png;base64,AA=="}, Raw: raw(`{"type":"image_url","image_url":"data:image/png;base64,AA=="}`)},
				{Type: "input_audio", Audio: &chat.Audio{Data: "AA==", Format: "wav"}, Raw: raw(`{"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}}`)},
				{Type: "file", File: &chat.File{ID: "f1", Name: "a.pdf"}, Raw: raw(`{"type":"file","file":{"file_id":"f1","filename":"a.pdf"}}`)},
				{Type: "refusal", Text: "no", Raw: raw(`{"type":"refusal","refusal":"no"}`)},
				{Type: "video_url", Raw: raw(`{"type":"video_url","video_url":{}}`), Extra: map[string]json.RawMessage{"video_url": raw("{}")}},
			}}}},
		},
		"calls and results": {
			`{"messages":[{"role":"assistant","tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\": 1.0}","z":1,"provider_specific_fields":{"thought_signature":"s0"}},"cache_control":{},"w":2},{"id":"b","type":"function","function":{"name":"g","arguments":""},"provider_specific_fields":{"thought_signature":"s1"}},{"id":"c","type":"function","function":{"name":"h","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s2"}}}]},{"role":"tool","tool_call_id":"a","content":"1","cache_control":{"type":"ephemeral"}}]}`,
			chat.Request{Messages: []chat.Message{
				{Role: "assistant", ToolCalls: []chat.ToolCall{
					{ID: "a", Name: "f", Arguments: `{"x": 1.0}`, ThoughtSignature: "s0", CacheControl: raw("{}"), Extra: map[string]json.RawMessage{"function.z": raw("1"), "w": raw("2")}},
					{ID: "b", Name: "g", ThoughtSignature: "s1"},
					{ID: "c", Name: "h", Arguments: "{}", ThoughtSignature: "s2"},
				}},
				{Role: "tool", ToolCallID: "a", Content: text("1"), CacheControl: raw(`{"type":"ephemeral"}`)},
			}},
		},
		"thinking that comes back": {
			`{"messages":[{"role":"assistant","content":"4","reasoning_content":"hm","thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"c2ln"},{"type":"redacted_thinking","data":"eA=="}],"provider_specific_fields":{"a":1},"audio":{"id":"x"}}]}`,
			chat.Request{Messages: []chat.Message{{
				Role: "assistant", Content: text("4"), ReasoningContent: "hm",
				ThinkingBlocks: []chat.ThinkingBlock{{Type: "thinking", Thinking: "hm", Signature: "c2ln"}, {Type: "redacted_thinking", Data: "eA=="}},
				ProviderFields: raw(`{"a":1}`), Extra: map[string]json.RawMessage{"audio": raw(`{"id":"x"}`)},
			}}},
		},
		"thinking under Groq's name": {
			`{"messages":[{"role":"assistant","content":"4","reasoning":"hm"},{"role":"assistant","reasoning":"less","reasoning_content":"more","content":"5"},{"role":"assistant","reasoning":null,"content":"6"}]}`,
			chat.Request{Messages: []chat.Message{
				{Role: "assistant", Content: text("4"), ReasoningContent: "hm"},
				{Role: "assistant", Content: text("5"), ReasoningContent: "more"},
				{Role: "assistant", Content: text("6")},
			}},
		},
		"tools": {
			`{"tools":[` + tool + `,{"type":"custom","custom":{"name":"c"}}],"parallel_tool_calls":false}`,
			chat.Request{ParallelToolCalls: ptr(false), Tools: []chat.Tool{
				{Type: "function", Name: "f", Description: "d", Parameters: raw(`{"type":"object"}`), Strict: ptr(true), CacheControl: raw(`{"type":"ephemeral"}`), Raw: raw(tool), Extra: map[string]json.RawMessage{"function.y": raw("2"), "x": raw("1")}},
				{Type: "custom", Raw: raw(`{"type":"custom","custom":{"name":"c"}}`), Extra: map[string]json.RawMessage{"custom": raw(`{"name":"c"}`)}},
			}},
		},
		"tool_choice in a word": {`{"tool_choice":"required"}`, chat.Request{ToolChoice: chat.ToolChoice{Mode: "required"}}},
		"tool_choice by name":   {`{"tool_choice":{"type":"function","function":{"name":"f"}}}`, chat.Request{ToolChoice: chat.ToolChoice{Mode: "function", Name: "f"}}},
		"tool_choice of some":   {`{"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]}}}`, chat.Request{ToolChoice: chat.ToolChoice{Mode: "auto", Allowed: []string{"f", "g"}}}},
		"json_object":           {`{"response_format":{"type":"json_object"}}`, chat.Request{ResponseFormat: &chat.ResponseFormat{Type: "json_object"}}},
		"json_schema":           {`{"response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d","strict":false,"schema":{"a":1.0}}}}`, chat.Request{ResponseFormat: &chat.ResponseFormat{Type: "json_schema", Name: "n", Description: "d", Strict: ptr(false), Schema: raw(`{"a":1.0}`)}}},
		"numbers keep their digits": {
			`{"temperature":0.70,"top_p":1e-1,"top_k":40,"frequency_penalty":-0.50,"presence_penalty":2.0,"seed":9007199254740993,"n":2.0,"top_logprobs":5,"logprobs":true}`,
			chat.Request{Temperature: "0.70", TopP: "1e-1", TopK: "40", FrequencyPenalty: "-0.50", PresencePenalty: "2.0", Seed: ptr(int64(9007199254740993)), N: 2, TopLogprobs: ptr(int64(5)), Logprobs: true},
		},
		"max_tokens":            {`{"max_tokens":16.0}`, chat.Request{MaxTokens: 16}},
		"max_completion_tokens": {`{"max_completion_tokens":8,"max_tokens":16}`, chat.Request{MaxTokens: 8}},
		"one stop":              {`{"stop":"END"}`, chat.Request{Stop: []string{"END"}}},
		"stops":                 {`{"stop":["a","\n"]}`, chat.Request{Stop: []string{"a", "\n"}}},
		"reasoning":             {`{"reasoning_effort":"high","thinking":{"type":"enabled","budget_tokens":1024,"display":"omitted"}}`, chat.Request{ReasoningEffort: "high", Thinking: &chat.Thinking{Type: "enabled", BudgetTokens: 1024, Display: "omitted"}}},
		"further members of thinking and stream_options": {
			`{"thinking":{"type":"adaptive","block_binding":{"a":1},"x":true,"y":null},"stream_options":{"include_usage":true,"include_obfuscation":false}}`,
			chat.Request{
				Thinking: &chat.Thinking{Type: "adaptive", BlockBinding: raw(`{"a":1}`)}, IncludeUsage: true,
				Extra: map[string]json.RawMessage{"thinking.x": raw("true"), "stream_options.include_obfuscation": raw("false")},
			},
		},
		"tool_choice of a custom tool": {`{"tool_choice":{"type":"custom","custom":{"name":"c"}}}`, chat.Request{ToolChoice: chat.ToolChoice{Mode: "custom"}}},
		"user, tier, usage":            {`{"user":"u","service_tier":"flex","stream_options":{"include_usage":true}}`, chat.Request{User: "u", ServiceTier: "flex", IncludeUsage: true}},
		"unknown members":              {`{"metadata":{"a":"b"},"logit_bias":{"1":-100},"verbosity":"low"}`, chat.Request{Extra: map[string]json.RawMessage{"metadata": raw(`{"a":"b"}`), "logit_bias": raw(`{"1":-100}`), "verbosity": raw(`"low"`)}}},
		"a name with an escape":        {`{"us\u0065r":"u"}`, chat.Request{User: "u"}},
		"white space round members":    {" {\n\"user\" : \"u\" ,\t\"n\" : 1 }\r\n", chat.Request{User: "u", N: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := chat.Parse([]byte(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, tc.want) {
				t.Errorf("got\n%+v\nwant\n%+v", *got, tc.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for body, param := range map[string]string{
		``:                                  "",
		`[]`:                                "",
		`null`:                              "",
		`"x"`:                               "",
		`{"messages":{}}`:                   "messages",
		`{"messages":[1]}`:                  "messages[0]",
		`{"messages":[null]}`:               "messages[0].role",
		`{"messages":[{"content":"x"}]}`:    "messages[0].role",
		`{"messages":[{"role":1}]}`:         "messages[0].role",
		`{"messages":[{"role":"user"},[]]}`: "messages[1]",
		`{"messages":[{"role":"user","content":{}}]}`:                                                                                    "messages[0].content",
		`{"messages":[{"role":"user","content":["x"]}]}`:                                                                                 "messages[0].content[0]",
		`{"messages":[{"role":"user","content":[{}]}]}`:                                                                                  "messages[0].content[0].type",
		`{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`:                                                                "messages[0].content[0].image_url",
		`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}`:                                                 "messages[0].content[0].image_url",
		`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":[]}]}]}`:                                                 "messages[0].content[0].image_url",
		`{"messages":[{"role":"user","content":[{"type":"input_audio"}]}]}`:                                                              "messages[0].content[0].input_audio",
		`{"messages":[{"role":"user","content":[{"type":"file"}]}]}`:                                                                     "messages[0].content[0].file",
		`{"messages":[{"role":"assistant","tool_calls":[{}]}]}`:                                                                          "messages[0].tool_calls[0].function.name",
		`{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{}}}]}]}`:                                    "messages[0].tool_calls[0].function.arguments",
		`{"messages":[{"role":"assistant","thinking_blocks":{}}]}`:                                                                       "messages[0].thinking_blocks",
		`{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f"},"extra_content":{"google":{"thought_signature":"\ud800`: "",
		`{"messages":[{"role":"assistant","reasoning":{}}]}`:                                                                             "messages[0].reasoning",
		`{"tools":[{}]}`:                  "tools[0].type",
		`{"tools":[{"type":"function"}]}`: "tools[0].function.name",
		`{"tools":[{"type":"function","function":{"name":"f","strict":1}}]}`: "tools[0].function.strict",
		`{"tool_choice":1}`:                          "tool_choice",
		`{"tool_choice":{"type":"x"}}`:               "tool_choice.type",
		`{"tool_choice":{"type":"function"}}`:        "tool_choice.function.name",
		`{"response_format":"json"}`:                 "response_format",
		`{"response_format":{"type":"xml"}}`:         "response_format.type",
		`{"response_format":{"type":"json_schema"}}`: "response_format.json_schema.schema",
		`{"temperature":"hot"}`:                      "temperature",
		`{"top_k":[]}`:                               "top_k",
		`{"n":1.5}`:                                  "n",
		`{"n":"1"}`:                                  "n",
		`{"seed":1e40}`:                              "seed",
		`{"max_tokens":true}`:                        "max_tokens",
		`{"logprobs":1}`:                             "logprobs",
		`{"stop":[1]}`:                               "stop",
		`{"stop":{}}`:                                "stop",
		`{"user":1}`:                                 "user",
		`{"thinking":"on"}`:                          "thinking",
		`{"thinking":{"type":1}}`:                    "thinking.type",
		`{"thinking":{"budget_tokens":"1"}}`:         "thinking.budget_tokens",
		`{"stream_options":[]}`:                      "stream_options",
		`{"stream_options":{"include_usage":"yes"}}`: "stream_options.include_usage",
	} {
		_, err := chat.Parse([]byte(body))
		if err == nil {
			t.Errorf("%s: accepted", body)
			continue
		}
		if !errs.Is(err, errs.InvalidRequest) || errs.Of(err).Param != param {
			t.Errorf("%s: got %v (param %q), want one about %q", body, err, errs.Of(err).Param, param)
		}
	}
}

// What is not known of a part's object is told by name.
func TestUnknownMembersOfAPart(t *testing.T) {
	r, err := chat.Parse([]byte(
		`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"u","crop":1,"zoom":null,"a":2}},{"type":"image_url","image_url":"u"},{"type":"text","text":"x"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{{"crop", "a"}, nil, nil} {
		if got := r.Messages[0].Content[i].Unknown("url", "detail"); !reflect.DeepEqual(got, want) {
			t.Errorf("part %d has %q, want %q", i, got, want)
		}
	}
}

// An error names the place and the type, and never the value: it may be a prompt.
func TestParseErrorsQuoteNothing(t *testing.T) {
	const secret = "s3cret"
	for _, body := range []string{
		`{"messages":"` + secret + `"}`, `{"messages":[{"role":"user","content":{"x":"` + secret + `"}}]}`,
		`{"temperature":"` + secret + `"}`, `{"stop":{"a":"` + secret + `"}}`, `{"tool_choice":{"type":"` + secret + `"}}`,
		`{"response_format":{"type":"` + secret + `"}}`, `{"user":["` + secret + `"]}`,
	} {
		if _, err := chat.Parse([]byte(body)); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// FuzzParse: whatever comes in, the error is one that the caller can act on, and what
// is accepted has its parts' bytes within the body.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":"x"}]}]}`,
		`{"messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{}}}]}],"tool_choice":{"type":"allowed_tools"}}`,
		`{"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"response_format":{"type":"json_schema","json_schema":{"schema":1}}}`,
		`{"stop":"x","thinking":{},"seed":1e2,"stream_options":{"include_usage":null}}`,
		`null`, `{"messages":[{}`, "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := chat.Parse(body)
		if err != nil {
			if !errs.Is(err, errs.InvalidRequest) {
				t.Fatalf("%v for %q", err, body)
			}
			return
		}
		for _, m := range r.Messages {
			if m.Role == "" {
				t.Fatal("a turn without a role")
			}
			for _, p := range m.Content {
				if p.Type == "" || len(p.Raw) == 0 {
					t.Fatalf("a part without a type or its bytes: %+v", p)
				}
			}
			for _, c := range m.ToolCalls {
				if c.Name == "" {
					t.Fatal("a call without a name")
				}
			}
		}
		for _, v := range r.Extra {
			if !json.Valid(v) {
				t.Fatalf("%s is kept, and no JSON", v)
			}
		}
	})
}
