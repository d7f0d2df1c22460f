package chat_test

import (
	"math"
	"strings"
	"testing"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/router/chat"
)

func words(s string) *routerv1.ChatPart {
	return &routerv1.ChatPart{Part: &routerv1.ChatPart_Text{Text: s}}
}

func TestTypedFormIsRendered(t *testing.T) {
	image := &routerv1.ChatPart{Part: &routerv1.ChatPart_ImageUrl{ImageUrl: "https://h/i.png"}}
	in := &routerv1.ChatInput{
		Messages: []*routerv1.ChatMessage{
			{Role: "system", Parts: []*routerv1.ChatPart{words("")}},
			{Role: "user", Parts: []*routerv1.ChatPart{words("a"), image}},
			{Role: "assistant", ToolCalls: []*routerv1.ChatToolCall{{Id: "1", Name: "f", Arguments: []byte(`{"n":1.0}`)}}},
			{Role: "tool", ToolCallId: "1", Parts: []*routerv1.ChatPart{words("r")}},
		},
		Tools:     []*routerv1.ChatTool{{Name: "f", Description: "d", Parameters: []byte(`{"type":"object"}`)}},
		MaxTokens: ptr(int64(0)), Temperature: ptr(0.0), TopP: ptr(0.5), Stop: []string{"x"}, Seed: ptr(int64(1 << 62)),
		ResponseSchema: []byte(`{"maximum":12345678901234567890.10}`),
	}
	const want = `{"model":"m","messages":[` +
		`{"role":"system","content":[{"type":"text","text":""}]},` +
		`{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"https://h/i.png"}}]},` +
		`{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"n\":1.0}"}}]},` +
		`{"role":"tool","content":[{"type":"text","text":"r"}],"tool_call_id":"1"}],` +
		`"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}],` +
		`"max_completion_tokens":0,"temperature":0,"top_p":0.5,"stop":["x"],"seed":4611686018427387904,` +
		`"response_format":{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":{"maximum":12345678901234567890.10}}}}`
	got, err := chat.FromInput("m", in)
	if err != nil || string(got) != want {
		t.Errorf("got  %s\nwant %s\n%v", got, want, err)
	}
	if _, err := chat.Parse(got); err != nil {
		t.Errorf("no codec reads it: %v", err)
	}
	if got, err := chat.FromInput("m", &routerv1.ChatInput{Messages: []*routerv1.ChatMessage{{Role: "user", Parts: []*routerv1.ChatPart{words("x")}}}}); err != nil ||
		string(got) != `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"x"}]}]}` {
		t.Errorf("what is not given is not there: %s, %v", got, err)
	}
}

func TestTypedFormRefuses(t *testing.T) {
	for param, in := range map[string]*routerv1.ChatInput{
		"temperature":                          {Temperature: ptr(math.NaN())},
		"top_p":                                {TopP: ptr(math.Inf(1))},
		"messages[0].parts[1]":                 {Messages: []*routerv1.ChatMessage{{Parts: []*routerv1.ChatPart{words("a"), {}}}}},
		"messages[0].tool_calls[0].arguments":  {Messages: []*routerv1.ChatMessage{{ToolCalls: []*routerv1.ChatToolCall{{Arguments: []byte("\xff")}}}}},
		"tools.parameters or response_schema":  {ResponseSchema: []byte("{")},
		"tools.parameters or response_schema ": {Tools: []*routerv1.ChatTool{{Parameters: []byte("{]")}}},
	} {
		_, err := chat.FromInput("m", in)
		if !errs.Is(err, errs.InvalidRequest) || !strings.Contains(err.Error(), param) {
			t.Errorf("%s: %v", param, err)
		}
	}
}
