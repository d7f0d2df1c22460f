package chat_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/router/chat"
)

func TestUnsupported(t *testing.T) {
	strict := &chat.Call{}
	err := strict.Unsupported("top_k", "no model has it")
	if !errs.Is(err, errs.UnsupportedParameter) || errs.Of(err).Param != "top_k" || len(strict.Dropped()) != 0 {
		t.Errorf("got %v, dropped %v", err, strict.Dropped())
	}
	lax := &chat.Call{DropParams: true}
	for _, param := range []string{"top_k", "n", "top_k"} {
		if err := lax.Unsupported(param, "no model has it"); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(lax.Dropped(), []string{"top_k", "n"}) {
		t.Errorf("dropped %v", lax.Dropped())
	}
}

func TestRequestIsParsedOnce(t *testing.T) {
	call := &chat.Call{Body: []byte(`{"user":"u"}`)}
	first, err := call.Request()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := call.Request(); err != nil || again != first || again.User != "u" {
		t.Errorf("%v, %v", again, err)
	}
	if _, err := (&chat.Call{Body: []byte(`[]`)}).Request(); !errs.Is(err, errs.InvalidRequest) {
		t.Errorf("got %v", err)
	}
}

// A chunk stays what it was, whatever is added after it, and after the bytes that it was
// copied from have changed.
func TestSinkCopies(t *testing.T) {
	sink, scratch := &chat.Sink{}, []byte{}
	var want []string
	for i := range 300 {
		text := fmt.Sprintf("%d:%s", i, strings.Repeat("x", i*7%900))
		want = append(want, text)
		scratch = append(scratch[:0], text...)
		sink.Add(scratch)
	}
	sink.Add(bytes.Repeat([]byte("y"), 10<<10))
	chunks := sink.Take()
	if sink.Chunks != nil || len(chunks) != 301 {
		t.Fatalf("%d chunks, %d left", len(chunks), len(sink.Chunks))
	}
	sink.Add([]byte("more"))
	for i := range want {
		_ = append(chunks[i], "overflow"...) // must not reach the next chunk
	}
	for i, text := range want {
		if string(chunks[i]) != text {
			t.Fatalf("chunk %d is %q", i, chunks[i])
		}
	}
}

func TestFromInput(t *testing.T) {
	limit, temperature, topP, seed := int64(9), 0.5, 1.0, int64(7)
	part := func(s string) *routerv1.ChatPart { return &routerv1.ChatPart{Part: &routerv1.ChatPart_Text{Text: s}} }
	body, err := chat.FromInput("m", &routerv1.ChatInput{
		Messages: []*routerv1.ChatMessage{
			{Role: "user", Parts: []*routerv1.ChatPart{part("hi"), {Part: &routerv1.ChatPart_ImageUrl{ImageUrl: "https://x/y.png"}}}},
			{Role: "assistant", ToolCalls: []*routerv1.ChatToolCall{{Id: "a", Name: "f", Arguments: []byte(`{"x":1.0}`)}}},
			{Role: "tool", ToolCallId: "a", Parts: []*routerv1.ChatPart{part("1")}},
		},
		Tools:     []*routerv1.ChatTool{{Name: "f", Description: "d", Parameters: []byte(`{"type":"object"}`)}},
		MaxTokens: &limit, Temperature: &temperature, TopP: &topP, Seed: &seed, Stop: []string{"END"},
		ResponseSchema: []byte(`{"type":"object"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := chat.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Messages) != 3 || r.Messages[0].Content[1].Image.URL != "https://x/y.png" ||
		r.Messages[1].ToolCalls[0].Arguments != `{"x":1.0}` || r.Messages[2].ToolCallID != "a" {
		t.Errorf("messages are %+v", r.Messages)
	}
	if r.MaxTokens != 9 || r.Temperature != "0.5" || r.TopP != "1" || *r.Seed != 7 || !slices.Equal(r.Stop, []string{"END"}) {
		t.Errorf("parameters are %+v", r)
	}
	if len(r.Tools) != 1 || string(r.Tools[0].Parameters) != `{"type":"object"}` || !*r.ResponseFormat.Strict {
		t.Errorf("tools are %+v, format %+v", r.Tools, r.ResponseFormat)
	}
	if _, err := chat.FromInput("m", &routerv1.ChatInput{ResponseSchema: []byte("{")}); !errs.Is(err, errs.InvalidRequest) {
		t.Errorf("got %v", err)
	}
}
