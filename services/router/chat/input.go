package chat

import (
	"encoding/json"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
)

// FromInput renders the typed form of a call as JSON in the OpenAI dialect.
func FromInput(model string, in *routerv1.ChatInput) ([]byte, error) {
	type content struct {
		Type     string `json:"type"`
		Text     string `json:"text,omitempty"`
		ImageURL *Image `json:"image_url,omitempty"`
	}
	type message struct {
		Role       string           `json:"role"`
		Content    []content        `json:"content,omitempty"`
		ToolCalls  []AnswerToolCall `json:"tool_calls,omitempty"`
		ToolCallID string           `json:"tool_call_id,omitempty"`
	}
	type function struct {
		Name        string          `json:"name"`
		Description string          `json:"description,omitempty"`
		Parameters  json.RawMessage `json:"parameters,omitempty"`
	}
	type tool struct {
		Type     string   `json:"type"`
		Function function `json:"function"`
	}
	type schema struct {
		Name   string          `json:"name"`
		Strict bool            `json:"strict"`
		Schema json.RawMessage `json:"schema"`
	}
	type format struct {
		Type       string `json:"type"`
		JSONSchema schema `json:"json_schema"`
	}
	req := struct {
		Model               string    `json:"model"`
		Messages            []message `json:"messages"`
		Tools               []tool    `json:"tools,omitempty"`
		MaxCompletionTokens *int64    `json:"max_completion_tokens,omitempty"`
		Temperature         *float64  `json:"temperature,omitempty"`
		TopP                *float64  `json:"top_p,omitempty"`
		Stop                []string  `json:"stop,omitempty"`
		Seed                *int64    `json:"seed,omitempty"`
		ResponseFormat      *format   `json:"response_format,omitempty"`
	}{
		Model: model, MaxCompletionTokens: in.MaxTokens, Temperature: in.Temperature,
		TopP: in.TopP, Stop: in.GetStop(), Seed: in.Seed,
	}
	for _, m := range in.GetMessages() {
		out := message{Role: m.GetRole(), ToolCallID: m.GetToolCallId()}
		for _, p := range m.GetParts() {
			switch p := p.GetPart().(type) {
			case *routerv1.ChatPart_Text:
				out.Content = append(out.Content, content{Type: "text", Text: p.Text})
			case *routerv1.ChatPart_ImageUrl:
				out.Content = append(out.Content, content{Type: "image_url", ImageURL: &Image{URL: p.ImageUrl}})
			}
		}
		for _, c := range m.GetToolCalls() {
			out.ToolCalls = append(out.ToolCalls, AnswerToolCall{
				ID: c.GetId(), Type: "function",
				Function: AnswerFunction{Name: c.GetName(), Arguments: string(c.GetArguments())},
			})
		}
		req.Messages = append(req.Messages, out)
	}
	for _, t := range in.GetTools() {
		req.Tools = append(req.Tools, tool{Type: "function", Function: function{
			Name: t.GetName(), Description: t.GetDescription(), Parameters: t.GetParameters(),
		}})
	}
	if s := in.GetResponseSchema(); len(s) > 0 {
		req.ResponseFormat = &format{Type: "json_schema", JSONSchema: schema{Name: "answer", Strict: true, Schema: s}}
	}
	body, err := json.Marshal(req)
	if err != nil {
		// Only the two JSON fields can be at fault.
		return nil, errs.New(errs.InvalidRequest, "tools.parameters or response_schema is no valid JSON").WithCause(err)
	}
	return body, nil
}
