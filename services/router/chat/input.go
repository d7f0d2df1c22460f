package chat

import (
	"encoding/json"
	"fmt"
	"math"
	"unicode/utf8"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
)

// FromInput renders the typed form of a call as JSON in the OpenAI dialect. What cannot be
// rendered without loss is an invalid_request.
func FromInput(model string, in *routerv1.ChatInput) ([]byte, error) {
	type content struct {
		Type     string  `json:"type"`
		Text     *string `json:"text,omitempty"`
		ImageURL *Image  `json:"image_url,omitempty"`
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
	for param, number := range map[string]*float64{"temperature": in.Temperature, "top_p": in.TopP} {
		if number != nil && (math.IsNaN(*number) || math.IsInf(*number, 0)) {
			return nil, errs.Newf(errs.InvalidRequest, "%s is no finite number", param).WithParam(param)
		}
	}
	for i, m := range in.GetMessages() {
		out := message{Role: m.GetRole(), ToolCallID: m.GetToolCallId()}
		for j, p := range m.GetParts() {
			switch p := p.GetPart().(type) {
			case *routerv1.ChatPart_Text:
				out.Content = append(out.Content, content{Type: "text", Text: &p.Text})
			case *routerv1.ChatPart_ImageUrl:
				out.Content = append(out.Content, content{Type: "image_url", ImageURL: &Image{URL: p.ImageUrl}})
			default: // one of a later version
				param := fmt.Sprintf("messages[%d].parts[%d]", i, j)
				return nil, errs.Newf(errs.InvalidRequest, "%s is neither text nor an image", param).WithParam(param)
			}
		}
		for j, c := range m.GetToolCalls() {
			if !utf8.Valid(c.GetArguments()) {
				param := fmt.Sprintf("messages[%d].tool_calls[%d].arguments", i, j)
				return nil, errs.Newf(errs.InvalidRequest, "%s is no UTF-8", param).WithParam(param)
			}
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
