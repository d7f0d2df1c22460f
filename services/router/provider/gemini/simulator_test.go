package gemini

import (
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

// provider sends what the codec makes to the simulator, which checks requests as
// strictly as the API does.
type provider struct {
	testing.TB
	server *httptest.Server
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	server := httptest.NewServer(simulator.New(simulator.Options{}).Handler())
	t.Cleanup(server.Close)
	return &provider{t, server}
}

func (p *provider) send(model, body string, stream bool) (*http.Response, chat.Decoder) {
	p.Helper()
	c := codec()
	out, decoder, err := c.Encode(newCall(p, []byte(body), settings{Model: model, Stream: stream}))
	if err != nil {
		p.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.Context(), http.MethodPost,
		p.server.URL+"/gemini/v1beta"+out.Path, strings.NewReader(string(out.Body)))
	if err != nil {
		p.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	c.Authorize(req.Header, "key")
	resp, err := p.server.Client().Do(req)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = resp.Body.Close() })
	return resp, decoder
}

// message is an assistant's message.
type message struct {
	Role      string            `json:"role"`
	Content   string            `json:"content"`
	Reasoning string            `json:"reasoning_content,omitempty"`
	ToolCalls []json.RawMessage `json:"tool_calls,omitempty"`
	Fields    *messageFields    `json:"provider_specific_fields,omitempty"`
}

type messageFields struct {
	Signatures []string `json:"thought_signatures"`
}

// whole asks and returns the answer's first choice.
func (p *provider) whole(model, body string) (message, string) {
	p.Helper()
	resp, d := p.send(model, body, false)
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.Fatalf("status %d: %s %v", resp.StatusCode, raw, err)
	}
	answer, err := d.Response(raw)
	if err != nil {
		p.Fatalf("%v in %s", err, raw)
	}
	var out struct {
		Choices []struct {
			Message message `json:"message"`
			Finish  string  `json:"finish_reason"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(answer.Body, &out); err != nil {
		p.Fatal(err)
	}
	if answer.Usage.GetInput() == 0 {
		p.Errorf("usage %v", answer.Usage)
	}
	return out.Choices[0].Message, out.Choices[0].Finish
}

// streamed asks for a stream and puts the first choice together as clients do.
func (p *provider) streamed(model, body string) (message, string) {
	p.Helper()
	resp, d := p.send(model, body, true)
	if resp.StatusCode != http.StatusOK {
		raw, _ := io.ReadAll(resp.Body)
		p.Fatalf("status %d: %s", resp.StatusCode, raw)
	}
	got := drain(p, d, resp.Body)
	if got.Error != nil || got.Usage == nil {
		p.Fatalf("%+v", got)
	}
	out, finish := message{Role: "assistant"}, ""
	for _, raw := range got.Chunks {
		var c struct {
			Choices []struct {
				Index  int     `json:"index"`
				Delta  message `json:"delta"`
				Finish string  `json:"finish_reason"`
			} `json:"choices"`
		}
		if err := json.Unmarshal(raw, &c); err != nil {
			p.Fatal(err)
		}
		if len(c.Choices) == 0 || c.Choices[0].Index != 0 {
			continue
		}
		delta := c.Choices[0].Delta
		out.Content += delta.Content
		out.Reasoning += delta.Reasoning
		out.ToolCalls = append(out.ToolCalls, delta.ToolCalls...)
		if delta.Fields != nil {
			if out.Fields == nil {
				out.Fields = &messageFields{}
			}
			out.Fields.Signatures = append(out.Fields.Signatures, delta.Fields.Signatures...)
		}
		finish += c.Choices[0].Finish
	}
	return out, finish
}

const (
	simTool = `{"type":"function","function":{"name":"weather","parameters":{"$defs":{"c":{"type":"string"}},"type":"object","properties":{"city":{"$ref":"#/$defs/c"}},"required":["city"],"additionalProperties":false}}}`
	simUser = `{"role":"user","content":[{"type":"text","text":"parallel calls"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0K"}},{"type":"image_url","image_url":{"url":"https://x.test/a.png"}}]}`
)

// TestSimulatedTurns goes through a turn with parallel calls, their results, and a
// further turn, with both forms of answer.
func TestSimulatedTurns(t *testing.T) {
	p := newProvider(t)
	for _, model := range []string{"gemini-3-pro", "gemini-3.1-flash-lite", "gemini-2.5-flash", "gemini-2.5-pro", "sim"} {
		for name, ask := range map[string]func(model, body string) (message, string){"whole": p.whole, "streamed": p.streamed} {
			t.Run(model+"/"+name, func(t *testing.T) {
				call, finish := ask(model, `{"messages":[{"role":"system","content":"s"},`+simUser+`],"tools":[`+simTool+`],"reasoning_effort":"low"}`)
				if finish != "tool_calls" || len(call.ToolCalls) != 2 {
					t.Fatalf("%s %+v", finish, call)
				}
				if call.Reasoning == "" {
					t.Errorf("no thoughts: %+v", call)
				}
				var results []string
				for i, raw := range call.ToolCalls {
					var c struct {
						ID string `json:"id"`
					}
					unmarshal(t, raw, &c)
					results = append([]string{`{"role":"tool","tool_call_id":"` + c.ID + `","content":"{\"sky\":` + string(rune('0'+i)) + `}"}`}, results...)
				}
				turn := `{"messages":[` + simUser + `,` + string(marshal(t, call)) + `,` + strings.Join(results, ",")
				answer, finish := ask(model, turn+`],"tools":[`+simTool+`],"n":2}`)
				if finish != "stop" || !strings.HasSuffix(answer.Content, `returned: {"sky":0} The tool weather returned: {"sky":1}`) {
					t.Fatalf("%s %+v", finish, answer)
				}
				answer, finish = ask(model, turn+`,`+string(marshal(t, answer))+`,{"role":"user","content":"thanks"}],"tools":[`+simTool+`]}`)
				if finish != "stop" || answer.Content == "" {
					t.Fatalf("%s %+v", finish, answer)
				}
			})
		}
	}
}

// TestSimulatedHistory sends a history of another provider to Gemini 3.
func TestSimulatedHistory(t *testing.T) {
	p := newProvider(t)
	body := `{"messages":[` + simUser + `,{"role":"assistant","tool_calls":[{"id":"call_1","type":"function","function":{"name":"weather","arguments":"{}"}},` +
		`{"id":"call_2","type":"function","function":{"name":"weather","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"1"},{"role":"tool","tool_call_id":"call_2","content":"2"}],"tools":[` + simTool + `]}`
	if got, finish := p.whole("gemini-3-pro", body); finish != "stop" {
		t.Errorf("%s %+v", finish, got)
	}
}

// TestSimulatedOptions: requests with options pass the checks, and do what they say.
func TestSimulatedOptions(t *testing.T) {
	p := newProvider(t)
	const ask = `{"messages":[{"role":"user","content":"hello"}],`
	for name, tc := range map[string]struct{ model, body, finish, content string }{
		"stop":          {"gemini-2.5-flash", ask + `"stop":["answer"],"temperature":0.5,"top_p":0.9,"top_k":3,"seed":1,"presence_penalty":0.1,"frequency_penalty":0.1}`, "stop", "This is a simulated "},
		"max tokens":    {"gemini-2.5-flash", ask + `"max_tokens":2,"reasoning_effort":"none"}`, "length", "This is "},
		"schema":        {"gemini-2.5-flash", ask + `"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{"a":{"type":"integer","minimum":2}},"required":["a"],"additionalProperties":false}}}}`, "stop", `{"a":2}`},
		"forced":        {"gemini-3-pro", ask + `"tools":[` + simTool + `],"tool_choice":{"type":"function","function":{"name":"weather"}}}`, "tool_calls", ""},
		"required":      {"gemini-3-pro", ask + `"tools":[` + simTool + `],"tool_choice":"required"}`, "tool_calls", ""},
		"none":          {"gemini-3-pro;bytes=4", ask + `"tools":[` + simTool + `],"tool_choice":"none"}`, "stop", "This"},
		"allowed":       {"gemini-3-pro;bytes=4", ask + `"tools":[` + simTool + `],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"weather"}}]}}}`, "stop", "This"},
		"filtered":      {"gemini-2.5-flash;refusal,bytes=4", ask + `"n":1}`, "content_filter", ""},
		"logprobs":      {"gemini-2.5-flash;bytes=4", ask + `"logprobs":true,"top_logprobs":2,"service_tier":"flex","safety_settings":[]}`, "stop", "This"},
		"split, CR LF":  {"gemini-2.5-flash;bytes=4,split=3,keepalive", ask + `"n":2}`, "stop", "This"},
		"thinking":      {"gemini-2.5-pro;bytes=4", ask + `"thinking":{"type":"enabled","budget_tokens":1024}}`, "stop", "This"},
		"not thinking":  {"gemini-2.5-flash;bytes=4", ask + `"thinking":{"type":"disabled"}}`, "stop", "This"},
		"image details": {"gemini-2.5-flash;bytes=4", `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0K","detail":"low"}},{"type":"input_audio","input_audio":{"data":"UklGRg==","format":"wav"}}]}]}`, "stop", "This"},
	} {
		for form, ask := range map[string]func(model, body string) (message, string){"whole": p.whole, "streamed": p.streamed} {
			t.Run(name+"/"+form, func(t *testing.T) {
				got, finish := ask(tc.model, tc.body)
				if finish != tc.finish || (tc.content != "" && got.Content != tc.content) {
					t.Errorf("%s %+v", finish, got)
				}
			})
		}
	}
}

// TestSimulatedFaults: what a provider does wrong becomes an error of the right kind.
func TestSimulatedFaults(t *testing.T) {
	p := newProvider(t)
	const body = `{"messages":[{"role":"user","content":"hello"}]}`
	for directives, want := range map[string]errs.Reason{
		"status=429;retry-after=2": errs.ProviderRateLimited, "status=503": errs.ProviderUnavailable, "status=500": errs.ProviderError,
		"status=504": errs.ProviderTimeout, "status=401": errs.ProviderError, "status=403": errs.ProviderError, "status=404": errs.ProviderError,
		"error=context-length": errs.ContextLengthExceeded, "error=quota": errs.ProviderError, "status=400": errs.InvalidRequest,
	} {
		resp, _ := p.send("gemini-2.5-flash;"+directives, body, false)
		raw, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		f := codec().Classify(resp.StatusCode, resp.Header, raw)
		if f.Err.Reason != want {
			t.Errorf("%s: %+v from %d %s", directives, f, resp.StatusCode, raw)
		}
		if strings.Contains(directives, "retry-after") && f.RetryAfter.Seconds() != 2 {
			t.Errorf("%s: %+v", directives, f)
		}
	}
	for directives, want := range map[string]errs.Reason{
		"cut=2": errs.ProviderError, "cut-bytes=700": errs.ProviderError, "malformed-chunk=2": errs.ProviderError, "error-at=2": errs.ProviderUnavailable,
	} {
		resp, d := p.send("gemini-2.5-flash;chunks=5;"+directives, body, true)
		raw, _ := io.ReadAll(resp.Body) // a cut connection is an error of the transport
		got := drain(t, d, strings.NewReader(string(raw)))
		if got.Error == nil || got.Error.Reason != want || len(got.Chunks) == 0 || got.Usage == nil {
			t.Errorf("%s: %+v", directives, got)
		}
	}
}
