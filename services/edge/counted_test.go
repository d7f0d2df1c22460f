package edge

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/tokens"
)

var counter tokens.Counter

func parsed(t *testing.T, body string) *chatRequest {
	t.Helper()
	var req chatRequest
	if err := req.parse([]byte(body)); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return &req
}

// The example conversation of OpenAI's cookbook, with the API's own counts.
const conversation = `{"model": "m", "temperature": 0.5, "max_tokens": 1, "messages": [
	{"role": "system", "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
	{"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
	{"role": "system", "name": "example_assistant", "content": "Things working well together will increase revenue."},
	{"role": "system", "name": "example_user", "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
	{"role": "system", "name": "example_assistant", "content": "Let's talk later when we're less busy about how to do better."},
	{"role": "user", "content": [{"type": "text", "text": "This late pivot means we don't have time to boil the ocean for the client deliverable."}]}]}`

func TestCountPrompt(t *testing.T) {
	for name, tc := range map[string]struct {
		provider, model, body string
		counted               bool
		atLeast, atMost       int64
	}{
		"gpt-4":                  {"openai", "gpt-4-0613", conversation, true, 129, 129 + 8},
		"gpt-4o":                 {"openai", "gpt-4o-2024-08-06", conversation, true, 124, 124 + 8},
		"format undocumented":    {"openai", "gpt-5-mini", conversation, true, 124 + 200, 124 + 256},
		"of another provider":    {"groq", "openai/gpt-oss-20b", conversation, true, 124 + 200, 124 + 256},
		"a later one of OpenAI":  {"openai", "gpt-6-sol", conversation, false, 0, 0},
		"Claude":                 {"anthropic", "claude-sonnet-4-5", conversation, false, 0, 0},
		"another server's":       {"openai_compatible", "gpt-4o", conversation, false, 0, 0},
		"one that searches":      {"openai", "gpt-4o-search-preview", conversation, false, 0, 0},
		"no text, but bytes":     {"openai", "gpt-4o", `{"model":"m","messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_object"}}`, true, 8 + 46, 8 + 46 + 12},
		"tool calls by bytes":    {"openai", "gpt-4o", `{"model":"m","messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}]}`, true, 11 + 66, 11 + 66 + 12},
		"tools":                  {"openai", "gpt-4o", `{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[]}`, true, 1024 + 18, 1024 + 30},
		"unknown members":        {"openai", "gpt-4o", `{"model":"m","messages":[{"role":"user","content":"x","mood":"` + strings.Repeat("m", 500) + `"}]}`, true, 510, 540},
		"messages that are none": {"openai", "gpt-4o", `{"model":"m","messages":["x"]}`, false, 0, 0},
	} {
		got, ok := countPrompt(&counter, parsed(t, tc.body), tc.provider, tc.model)
		if ok != tc.counted || got < tc.atLeast || got > tc.atMost {
			t.Errorf("%s: %d tokens, %t; want %d to %d, %t", name, got, ok, tc.atLeast, tc.atMost, tc.counted)
		}
	}
}

// The count may be too large and never too small, whatever the text and however it is
// written.
func TestCountPromptIsABound(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // the same draws for a seed
	pieces := []string{
		"word ", "the ", "\n", "  ", "\t", "Zürich ", "日本語", "🙂", "\u0000", `"`, `\`, "<|endoftext|>", "e\u0301", "\u007f", "0123456789",
		strings.Repeat("a", 300), strings.Repeat("=", 200), "func main() {}", "ﷺ", "\u200d",
	}
	say := func() string {
		var b strings.Builder
		for range rng.IntN(40) {
			b.WriteString(pieces[rng.IntN(len(pieces))])
		}
		return b.String()
	}
	for range 300 {
		type part struct {
			Type string `json:"type"`
			Text string `json:"text"`
		}
		type message struct {
			Role    string `json:"role"`
			Name    string `json:"name,omitempty"`
			Content any    `json:"content"`
		}
		var messages []message
		true4, true4o := tokens.ChatOverhead(0, 0), tokens.ChatOverhead(0, 0)
		add := func(text string) {
			for e, sum := range map[tokens.Encoding]*int64{tokens.CL100k: &true4, tokens.O200k: &true4o} {
				n, err := counter.Count(e, text)
				if err != nil {
					t.Fatal(err)
				}
				*sum += n.Tokens
			}
		}
		for range 1 + rng.IntN(4) {
			m := message{Role: []string{"user", "assistant", "system"}[rng.IntN(3)]}
			add(m.Role)
			true4, true4o = true4+tokens.PerMessage, true4o+tokens.PerMessage
			if rng.IntN(3) == 0 {
				m.Name = "n" + say()
				add(m.Name)
				true4, true4o = true4+tokens.PerName, true4o+tokens.PerName
			}
			text := say()
			if m.Content = text; rng.IntN(3) == 0 {
				cut := rng.IntN(len(text) + 1)
				for cut < len(text) && text[cut]&0xC0 == 0x80 {
					cut++
				}
				m.Content = []part{{"text", text[:cut]}, {"text", text[cut:]}}
			}
			add(text)
			messages = append(messages, m)
		}
		body, err := json.Marshal(map[string]any{"model": "m", "messages": messages})
		if err != nil {
			t.Fatal(err)
		}
		for model, want := range map[string]int64{"gpt-4": true4, "gpt-4o": true4o} {
			if got, ok := countPrompt(&counter, parsed(t, string(body)), "openai", model); !ok || got < want {
				t.Fatalf("%s: %d tokens (%t), the truth is %d: %s", model, got, ok, want, body)
			}
		}
	}
}

func TestCountable(t *testing.T) {
	for name, tc := range map[string]struct {
		body string
		want bool
	}{
		"text":         {conversation, true},
		"an image":     {`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}`, false},
		"a document":   {`{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"x"}}]}]}`, false},
		"sound":        {`{"model":"m","modalities":["audio"],"messages":[{"role":"user","content":"x"}]}`, false},
		"a search":     {`{"model":"m","web_search_options":{},"messages":[{"role":"user","content":"x"}]}`, false},
		"a prediction": {`{"model":"m","prediction":{"type":"content","content":"x"},"messages":[{"role":"user","content":"x"}]}`, false},
		"hidden names": {`{"model":"m","messages":[{"role":"user","\u0063ontent":"x"}]}`, false},
	} {
		if got := parsed(t, tc.body).countable(); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A model with one deployment whose tokenizer is not published keeps the bound by bytes.
func TestEveryDeploymentIsCounted(t *testing.T) {
	e := &Edge{Parts: Parts{Counter: &tokens.Counter{}}}
	for name, tc := range map[string]struct {
		deployments []*routerv1.Deployment
		closer      bool
	}{
		"published":   {[]*routerv1.Deployment{{Provider: "openai", UpstreamModel: "gpt-4o"}, {Provider: "openai", UpstreamModel: "gpt-4"}}, true},
		"one is not":  {[]*routerv1.Deployment{{Provider: "openai", UpstreamModel: "gpt-4o"}, {Provider: "gemini", UpstreamModel: "g"}}, false},
		"none at all": {nil, false},
	} {
		c := &completion{exchange: &exchange{e: e}, req: *parsed(t, conversation), model: &model{provider: "*", deployments: tc.deployments}}
		if got, bound := c.countDeployments(), c.model.promptBound(&c.req); (got < bound) != tc.closer {
			t.Errorf("%s: counted %d, bound by bytes %d", name, got, bound)
		}
	}
}
