package e2e_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"

	"tollgate.dev/e2e/harness"
)

// chatModels is one model of each provider, and what only some providers have.
var chatModels = []struct {
	name, provider string
	logprobs       bool
}{
	{name: "gpt-4o", provider: "openai", logprobs: true},
	{name: "claude-sonnet-4-5", provider: "anthropic"},
	{name: "gemini-2-5-pro", provider: "gemini", logprobs: true},
	{name: "groq-llama-3-3-70b", provider: "groq"},
}

// goSDK is OpenAI's Go SDK, pointed at the gateway. It does not retry by itself, so
// that a test sees each answer.
func goSDK(g *harness.Gateway, key string) openai.Client {
	return openai.NewClient(option.WithBaseURL(g.URL+"/v1"), option.WithAPIKey(key), option.WithMaxRetries(0))
}

// eachProvider runs a test for a model of each provider, with a key of its own.
func eachProvider(t *testing.T, test func(t *testing.T, g *harness.Gateway, sdk openai.Client, model string)) {
	t.Helper()
	g := harness.Start(t, harness.Options{})
	for _, m := range chatModels {
		t.Run(m.provider, func(t *testing.T) {
			t.Parallel()
			g := g.For(t)
			test(t, g, goSDK(g, g.NewTenantKey(nil).Secret), m.name)
		})
	}
}

func TestGoSDKChat(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, g *harness.Gateway, sdk openai.Client, model string) {
		t.Helper()
		answer, err := sdk.Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{
			Model: model,
			Messages: []openai.ChatCompletionMessageParamUnion{
				openai.SystemMessage("Be short."), openai.UserMessage(g.Prompt(t)),
			},
			MaxCompletionTokens: openai.Int(200), Temperature: openai.Float(0.5), Stop: openai.ChatCompletionNewParamsStopUnion{
				OfStringArray: []string{"never-said"},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Choices) != 1 {
			t.Fatalf("%d choices: %s", len(answer.Choices), answer.RawJSON())
		}
		choice := answer.Choices[0]
		if !strings.Contains(choice.Message.Content, "simulated answer") || choice.FinishReason != "stop" || choice.Message.Role != "assistant" {
			t.Errorf("the answer is %s", answer.RawJSON())
		}
		if answer.Object != "chat.completion" || answer.ID == "" || answer.Created == 0 {
			t.Errorf("the answer lacks its object, id or time: %s", answer.RawJSON())
		}
		assertUsage(t, answer.Usage)
	})
}

func assertUsage(t *testing.T, u openai.CompletionUsage) {
	t.Helper()
	if u.PromptTokens == 0 || u.CompletionTokens == 0 || u.TotalTokens != u.PromptTokens+u.CompletionTokens {
		t.Errorf("usage is %d prompt and %d completion tokens of %d", u.PromptTokens, u.CompletionTokens, u.TotalTokens)
	}
}

// TestGoSDKStream reads a stream with the SDK's accumulator: with include_usage the
// usage comes in a last chunk, as it does from OpenAI, and without it there is none.
func TestGoSDKStream(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, g *harness.Gateway, sdk openai.Client, model string) {
		t.Helper()
		for _, usage := range []bool{true, false} {
			params := openai.ChatCompletionNewParams{
				Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(g.Prompt(t))},
			}
			if usage {
				params.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
			}
			stream := sdk.Chat.Completions.NewStreaming(t.Context(), params)
			accumulator, chunks := openai.ChatCompletionAccumulator{}, 0
			for stream.Next() {
				chunks++
				if !accumulator.AddChunk(stream.Current()) {
					t.Fatalf("the SDK's accumulator refuses chunk %d: %s", chunks, stream.Current().RawJSON())
				}
			}
			if err := stream.Err(); err != nil {
				t.Fatal(err)
			}
			if chunks < 3 || len(accumulator.Choices) != 1 {
				t.Fatalf("%d chunks, %d choices", chunks, len(accumulator.Choices))
			}
			choice := accumulator.Choices[0]
			if !strings.Contains(choice.Message.Content, "simulated answer") || choice.FinishReason != "stop" {
				t.Errorf("the stream adds up to %q, ended by %q", choice.Message.Content, choice.FinishReason)
			}
			if usage {
				assertUsage(t, accumulator.Usage)
			} else if accumulator.Usage.TotalTokens != 0 {
				t.Errorf("usage that nobody asked for: %+v", accumulator.Usage)
			}
		}
	})
}

// weatherTools are two tools, so that parallel calls can differ.
func weatherTools() []openai.ChatCompletionToolUnionParam {
	parameters := shared.FunctionParameters{
		"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}},
		"required": []string{"city"}, "additionalProperties": false,
	}
	var tools []openai.ChatCompletionToolUnionParam
	for _, name := range []string{"get_weather", "get_time"} {
		tools = append(tools, openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: name, Description: openai.String("Looks a city up."), Parameters: parameters,
		}))
	}
	return tools
}

// TestGoSDKTools lets the model call two tools at once, and answers with what they
// returned: whole, and streamed in pieces that the SDK puts together.
func TestGoSDKTools(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, g *harness.Gateway, sdk openai.Client, model string) {
		t.Helper()
		for _, streamed := range []bool{false, true} {
			conversation := []openai.ChatCompletionMessageParamUnion{
				openai.UserMessage("Please call the tools in parallel. " + g.Prompt(t)),
			}
			params := openai.ChatCompletionNewParams{Model: model, Messages: conversation, Tools: weatherTools()}
			completion := ask(t, sdk, params, streamed)
			message := completion.Choices[0].Message
			if completion.Choices[0].FinishReason != "tool_calls" || len(message.ToolCalls) != 2 {
				t.Fatalf("streamed %t: %d tool calls, ended by %q", streamed, len(message.ToolCalls), completion.Choices[0].FinishReason)
			}
			params.Messages = append(params.Messages, message.ToParam())
			names := map[string]bool{}
			for i, call := range message.ToolCalls {
				var arguments struct {
					City *string `json:"city"`
				}
				if err := json.Unmarshal([]byte(call.Function.Arguments), &arguments); err != nil || arguments.City == nil {
					t.Errorf("call %d has the arguments %q: %v", i, call.Function.Arguments, err)
				}
				if call.ID == "" || call.Type != "function" {
					t.Errorf("call %d has id %q and type %q", i, call.ID, call.Type)
				}
				names[call.Function.Name] = true
				params.Messages = append(params.Messages, openai.ToolMessage("result-of-"+call.Function.Name, call.ID))
			}
			if !names["get_weather"] || !names["get_time"] {
				t.Errorf("the calls are of %v", names)
			}
			final := ask(t, sdk, params, streamed).Choices[0].Message.Content
			for _, result := range []string{"result-of-get_weather", "result-of-get_time"} {
				if !strings.Contains(final, result) {
					t.Errorf("streamed %t: the tool's result %q did not reach the model, which answers %q", streamed, result, final)
				}
			}
		}
	})
}

// ask gets a completion, whole or put together from a stream.
func ask(t *testing.T, sdk openai.Client, params openai.ChatCompletionNewParams, streamed bool) openai.ChatCompletion {
	t.Helper()
	if !streamed {
		completion, err := sdk.Chat.Completions.New(t.Context(), params)
		if err != nil {
			t.Fatal(err)
		}
		return *completion
	}
	stream := sdk.Chat.Completions.NewStreaming(t.Context(), params)
	accumulator := openai.ChatCompletionAccumulator{}
	for stream.Next() {
		if !accumulator.AddChunk(stream.Current()) {
			t.Fatalf("the SDK's accumulator refuses %s", stream.Current().RawJSON())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if len(accumulator.Choices) == 0 {
		t.Fatal("the stream brought no choice")
	}
	return accumulator.ChatCompletion
}

// onePixel is a PNG of one pixel, as a data URL.
const onePixel = "data:image/png;base64," +
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="

// TestGoSDKImages sends an image by value and one by reference. The simulator counts
// what reached it.
func TestGoSDKImages(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, g *harness.Gateway, sdk openai.Client, model string) {
		t.Helper()
		for name, url := range map[string]string{"data": onePixel, "https": "https://images.example.com/cat.png"} {
			answer, err := sdk.Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{
				Model: model,
				Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
					openai.TextContentPart(g.Prompt(t)),
					openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: url}),
				})},
			})
			if err != nil {
				t.Errorf("%s URL: %v", name, describe(err))
				continue
			}
			if text := answer.Choices[0].Message.Content; !strings.Contains(text, "1 message and 1 image") {
				t.Errorf("%s URL: the image did not reach the model, which answers %q", name, text)
			}
		}
	})
}

// TestGoSDKStructuredOutput asks for an answer that satisfies a JSON schema.
func TestGoSDKStructuredOutput(t *testing.T) {
	schema := map[string]any{
		"type": "object", "additionalProperties": false, "required": []string{"title", "score", "kind"},
		"properties": map[string]any{
			"title": map[string]any{"type": "string"},
			"score": map[string]any{"type": "integer"},
			"kind":  map[string]any{"type": "string", "enum": []string{"red", "green"}},
		},
	}
	t.Parallel()
	eachProvider(t, func(t *testing.T, g *harness.Gateway, sdk openai.Client, model string) {
		t.Helper()
		for _, streamed := range []bool{false, true} {
			completion := ask(t, sdk, openai.ChatCompletionNewParams{
				Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(g.Prompt(t))},
				ResponseFormat: openai.ChatCompletionNewParamsResponseFormatUnion{
					OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
						Name: "verdict", Schema: schema, Strict: openai.Bool(true),
					}},
				},
			}, streamed)
			var verdict struct {
				Title *string `json:"title"`
				Score *int    `json:"score"`
				Kind  string  `json:"kind"`
			}
			content := completion.Choices[0].Message.Content
			if err := json.Unmarshal([]byte(content), &verdict); err != nil {
				t.Fatalf("streamed %t: the content %q is no JSON: %v", streamed, content, err)
			}
			if verdict.Title == nil || verdict.Score == nil || !slices.Contains([]string{"red", "green"}, verdict.Kind) {
				t.Errorf("streamed %t: the content does not satisfy the schema: %s", streamed, content)
			}
		}
	})
}

// TestGoSDKLogprobs asks for logprobs: a provider that has them gives them, another's
// models refuse the parameter by name and never drop it silently.
func TestGoSDKLogprobs(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	for _, m := range chatModels {
		t.Run(m.provider, func(t *testing.T) {
			t.Parallel()
			g := g.For(t)
			sdk := goSDK(g, g.Master)
			completion, err := sdk.Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{
				Model: m.name, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(g.Prompt(t))},
				Logprobs: openai.Bool(true), TopLogprobs: openai.Int(2),
			})
			if !m.logprobs {
				if e := apiError(t, err); e.StatusCode != http.StatusBadRequest || e.Code != "unsupported_parameter" {
					t.Errorf("the error is %d %s: %s", e.StatusCode, e.Code, e.Message)
				}
				return
			}
			if err != nil {
				t.Fatal(describe(err))
			}
			tokens := completion.Choices[0].Logprobs.Content
			if len(tokens) == 0 || len(tokens[0].TopLogprobs) == 0 || tokens[0].Token == "" {
				t.Errorf("no logprobs came: %s", completion.RawJSON())
			}
		})
	}
}

func TestGoSDKModels(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	key := g.NewTenantKey(map[string]any{"models": []string{"gpt-4o", "claude-sonnet-4-5"}})

	listed := func(secret string) (names []string) {
		sdk := goSDK(g, secret)
		pager := sdk.Models.ListAutoPaging(t.Context())
		for pager.Next() {
			names = append(names, pager.Current().ID)
		}
		if err := pager.Err(); err != nil {
			t.Fatal(err)
		}
		return names
	}
	all := listed(g.Master)
	for _, m := range chatModels {
		if !slices.Contains(all, m.name) {
			t.Errorf("the list lacks %s", m.name)
		}
	}
	own := listed(key.Secret)
	slices.Sort(own)
	if !slices.Equal(own, []string{"claude-sonnet-4-5", "gpt-4o"}) {
		t.Errorf("a key that may use two models sees %v", own)
	}
	sdk := goSDK(g, key.Secret)
	model, err := sdk.Models.Get(t.Context(), "gpt-4o")
	if err != nil || model.ID != "gpt-4o" || string(model.Object) != "model" {
		t.Errorf("the model is %+v: %v", model, err)
	}
	_, err = sdk.Models.Get(t.Context(), "no-such-model")
	if e := apiError(t, err); e.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown model is answered by %d", e.StatusCode)
	}
}

// TestGoSDKErrors shows that the SDK raises its own error type, with status and code.
func TestGoSDKErrors(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	poor := g.NewKey(map[string]any{"max_budget": 0})
	narrow := g.NewKey(map[string]any{"models": []string{"gpt-4o"}})
	plain := []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hello")}
	tests := map[string]struct {
		key    string
		params openai.ChatCompletionNewParams
		status int
		code   string
		kind   string
		param  string
	}{
		"unknown key": {
			key: "sk-nobody-has-this-key", params: openai.ChatCompletionNewParams{Model: "gpt-4o", Messages: plain},
			status: http.StatusUnauthorized, code: "invalid_api_key", kind: "authentication_error",
		},
		"unknown model": {
			key: g.Master, params: openai.ChatCompletionNewParams{Model: "gpt-99", Messages: plain},
			status: http.StatusNotFound, code: "model_not_found", kind: "invalid_request_error", param: "model",
		},
		"model not allowed": {
			key: narrow.Secret, params: openai.ChatCompletionNewParams{Model: "gpt-4o-mini", Messages: plain},
			status: http.StatusForbidden, code: "model_not_allowed", kind: "permission_error", param: "model",
		},
		"budget spent": {
			key: poor.Secret, params: openai.ChatCompletionNewParams{Model: "gpt-4o", Messages: plain},
			status: http.StatusTooManyRequests, code: "budget_exceeded", kind: "budget_exceeded",
		},
		"no messages": {
			key: g.Master, params: openai.ChatCompletionNewParams{Model: "gpt-4o", Messages: []openai.ChatCompletionMessageParamUnion{}},
			status: http.StatusBadRequest, code: "invalid_request", kind: "invalid_request_error", param: "messages",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := g.For(t)
			sdk := goSDK(g, test.key)
			_, err := sdk.Chat.Completions.New(t.Context(), test.params)
			assertError := func(err error) {
				e := apiError(t, err)
				if e.StatusCode != test.status || e.Code != test.code || e.Type != test.kind || e.Param != test.param || e.Message == "" {
					t.Errorf("the error is %d, code %q, type %q, param %q: %s", e.StatusCode, e.Code, e.Type, e.Param, e.Message)
				}
				if e.Response.Header.Get("X-Request-Id") == "" {
					t.Error("the error has no X-Request-Id")
				}
				if test.status == http.StatusTooManyRequests && e.Response.Header.Get("Retry-After") == "" {
					t.Error("a 429 has no Retry-After")
				}
			}
			assertError(err)
			stream := sdk.Chat.Completions.NewStreaming(t.Context(), test.params)
			if stream.Next() {
				t.Errorf("a stream began: %s", stream.Current().RawJSON())
			}
			assertError(stream.Err())
		})
	}
}

// apiError is the SDK's own error in err.
func apiError(t *testing.T, err error) *openai.Error {
	t.Helper()
	var e *openai.Error
	if !errors.As(err, &e) {
		t.Fatalf("not the SDK's error: %v", err)
	}
	return e
}

// describe adds what the SDK leaves out of its error's text.
func describe(err error) string {
	var e *openai.Error
	if errors.As(err, &e) {
		return err.Error() + ": " + e.RawJSON()
	}
	return err.Error()
}
