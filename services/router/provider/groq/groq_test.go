package groq_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate.dev/platform/errs"
	"tollgate.dev/services/router/provider/groq"
	"tollgate.dev/services/router/provider/openai/openaitest"
	"tollgate.dev/services/simulator"
)

func TestGolden(t *testing.T) { openaitest.Run(t, groq.New(), "testdata", "llama-3.3-70b-versatile") }

func TestBaseURL(t *testing.T) {
	if got := groq.New().BaseURL(); got != "https://api.groq.com/openai/v1" {
		t.Errorf("got %q", got)
	}
}

// What Groq lacks is refused by name.
func TestRefuses(t *testing.T) {
	for param, member := range map[string]string{
		"logprobs":               `"logprobs":true`,
		"top_logprobs":           `"top_logprobs":2`,
		"logit_bias":             `"logit_bias":{"1":2}`,
		"n":                      `"n":2`,
		"store":                  `"store":true`,
		"frequency_penalty":      `"frequency_penalty":0.1`,
		"presence_penalty":       `"presence_penalty":-2`,
		"service_tier":           `"service_tier":"priority"`,
		"audio":                  `"audio":{"voice":"alloy"}`,
		"modalities":             `"modalities":["text","audio"]`,
		"moderation":             `"moderation":{"model":"x"}`,
		"prediction":             `"prediction":{"type":"content"}`,
		"prompt_cache_key":       `"prompt_cache_key":"k"`,
		"prompt_cache_options":   `"prompt_cache_options":{"mode":"implicit"}`,
		"prompt_cache_retention": `"prompt_cache_retention":"24h"`,
		"safety_identifier":      `"safety_identifier":"u"`,
		"verbosity":              `"verbosity":"low"`,
		"web_search_options":     `"web_search_options":{"search_context_size":"low"}`,
		"top_k":                  `"top_k":40`,
		"thinking":               `"thinking":{"type":"enabled"}`,
		"reasoning_effort":       `"reasoning_effort":"minimal"`,
		"tool_choice":            `"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}}]}}`,
		"tools[].type":           `"tools":[{"type":"custom","custom":{"name":"c"}}]`,
		"messages[].content[].prompt_cache_breakpoint": `"messages":[{"role":"user","content":[{"type":"text","text":"x","prompt_cache_breakpoint":{"mode":"explicit"}}]}]`,
		"messages[].name":    `"messages":[{"role":"user","content":"x","name":"ann"}]`,
		"messages[].refusal": `"messages":[{"role":"assistant","refusal":"no"}]`,
		"messages[].audio":   `"messages":[{"role":"assistant","audio":{"id":"a"}}]`,
	} {
		call := openaitest.Decode(t, []byte(`{"model":"m",`+member+`}`), "m")
		if _, _, err := groq.New().Encode(call); !errs.Is(err, errs.UnsupportedParameter) || errs.Of(err).Param != param {
			t.Errorf("%s: got %v", member, err)
		}
	}
}

// Every request of the golden files is one that a strict server of Groq's format
// accepts, and its answer is one that the codec understands; so are OpenAI's own
// examples, as far as Groq has what they ask for.
func TestSimulatorAccepts(t *testing.T) {
	server := httptest.NewServer(simulator.New(simulator.Options{}).Handler())
	defer server.Close()
	var files []string
	for _, dir := range []string{"testdata", "../openai/testdata"} {
		more, err := filepath.Glob(dir + "/request/*.in.json")
		if err != nil || len(more) == 0 {
			t.Fatal(err, len(more))
		}
		files = append(files, more...)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".in.json")
		switch name {
		case "unknown_fields":
			continue // what they ask for Groq does not have
		}
		for _, streamed := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				body, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				call := openaitest.Decode(t, body, "llama-3.3-70b-versatile")
				call.Stream, call.DropParams, call.MaxOutput = streamed, true, 200
				openaitest.Exchange(t, groq.New(), server.URL+"/groq/openai/v1", call)
			})
		}
	}
}
