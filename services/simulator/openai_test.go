package simulator_test

import (
	"net/http"
	"strings"
	"testing"

	"tollgate.dev/services/simulator"
)

const (
	openAI = "/openai/v1/chat/completions"
	groq   = "/groq/openai/v1/chat/completions"
	hello  = `"messages":[{"role":"user","content":"hello"}]`
	tools  = `"tools":[{"type":"function","function":{"name":"weather","strict":true,"parameters":` + weather + `}}]`
)

func TestOpenAIText(t *testing.T) {
	b := start(t, simulator.Options{})
	got := b.ask(200, openAI, `{"model":"gpt-4o","seed":42,"logprobs":true,"top_logprobs":2,"n":2,"messages":[
		{"role":"system","content":"be brief"},
		{"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}`)
	for i := range 2 {
		text := got.str("choices", i, "message", "content")
		if !strings.HasPrefix(text, "This is a simulated answer from gpt-4o: no model was called. It counted 2 messages and 1 image. Seed 42. Choice ") {
			t.Errorf("content = %q", text)
		}
		joined := ""
		for k := range got.len("choices", i, "logprobs", "content") {
			joined += got.str("choices", i, "logprobs", "content", k, "token")
		}
		if joined != text {
			t.Errorf("logprob tokens join to %q", joined)
		}
	}
	if got.len("choices", 0, "logprobs", "content", 0, "top_logprobs") != 2 {
		t.Error("top_logprobs: want 2")
	}
	// "be brief" and "look" are 12 bytes.
	if in := got.num("usage", "prompt_tokens"); in != 3+simulator.ImageTokens {
		t.Errorf("prompt_tokens = %d", in)
	}
	if got.num("usage", "total_tokens") != got.num("usage", "prompt_tokens")+got.num("usage", "completion_tokens") {
		t.Error("total_tokens is not the sum")
	}
	if got.num("created") != int(epoch.Unix()) || got.str("id") != "chatcmpl-sim000000000001" || !strings.HasPrefix(got.str("system_fingerprint"), "fp_") {
		t.Errorf("identity: %s", got.json())
	}
}

func TestOpenAIOptions(t *testing.T) {
	b := start(t, simulator.Options{})
	for _, tc := range []struct{ name, body, finish, content string }{
		{"max tokens", `{"model":"gpt-4o","max_tokens":3,` + hello + `}`, "length", "This is a si"},
		{"stop", `{"model":"gpt-4o","stop":["answer","simulated"],` + hello + `}`, "stop", "This is a "},
		{"reasoning takes its part first", `{"model":"o3","max_completion_tokens":65,"reasoning_effort":"medium",` + hello + `}`, "length", "This"},
		{"json object", `{"model":"gpt-4o","response_format":{"type":"json_object"},"messages":[{"role":"user","content":"JSON please"}]}`, "stop", `{"simulated":true,"messages":1}`},
		{"json schema", `{"model":"gpt-4o","response_format":{"type":"json_schema","json_schema":{"name":"w","strict":true,"schema":` + weather + `}},` + hello + `}`,
			"stop", `{"city":"simulated ci","days":2,"unit":"C"}`},
		{"bytes", `{"model":"gpt-4o;bytes=20",` + hello + `}`, "stop", "This is a simulated "},
		{"refusal", `{"model":"gpt-4o;refusal",` + hello + `}`, "content_filter", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := &bench{TB: t, sim: b.sim, base: b.base, client: b.client}
			got := b.ask(200, openAI, tc.body)
			if f, c := got.str("choices", 0, "finish_reason"), got.str("choices", 0, "message", "content"); f != tc.finish || c != tc.content {
				t.Errorf("finish %q, content %q", f, c)
			}
		})
	}
}

func TestOpenAITools(t *testing.T) {
	b := start(t, simulator.Options{})
	for _, tc := range []struct {
		name, body string
		calls      int
	}{
		{"asked for", `{"model":"gpt-4o","messages":[{"role":"user","content":"call it"}],` + tools + `}`, 1},
		{"not asked for", `{"model":"gpt-4o",` + hello + `,` + tools + `}`, 0},
		{"required", `{"model":"gpt-4o","tool_choice":"required",` + hello + `,` + tools + `}`, 1},
		{"named", `{"model":"gpt-4o","tool_choice":{"type":"function","function":{"name":"weather"}},` + hello + `,` + tools + `}`, 1},
		{"none", `{"model":"gpt-4o","tool_choice":"none","messages":[{"role":"user","content":"call it"}],` + tools + `}`, 0},
		{"parallel", `{"model":"gpt-4o","messages":[{"role":"user","content":"parallel calls"}],` + tools + `}`, 2},
		{"parallel forbidden", `{"model":"gpt-4o","parallel_tool_calls":false,"messages":[{"role":"user","content":"parallel calls"}],` + tools + `}`, 1},
	} {
		got := b.ask(200, openAI, tc.body)
		if n := got.len("choices", 0, "message", "tool_calls"); n != tc.calls {
			t.Errorf("%s: %d calls, want %d", tc.name, n, tc.calls)
		}
		if tc.calls > 0 && (got.str("choices", 0, "finish_reason") != "tool_calls" ||
			got.str("choices", 0, "message", "tool_calls", -1, "function", "arguments") != `{"city":"simulated ci","days":2,"unit":"C"}`) {
			t.Errorf("%s: %s", tc.name, got.json("choices"))
		}
	}
	got := b.ask(200, openAI, `{"model":"gpt-4o",`+tools+`,"messages":[{"role":"user","content":"call it"},
		{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":"{}"}}]},
		{"role":"tool","tool_call_id":"c1","content":"sunny \"21\""}]}`)
	if c := got.str("choices", 0, "message", "content"); !strings.HasSuffix(c, `The tool weather returned: sunny "21"`) {
		t.Errorf("content = %q", c)
	}
}

func TestOpenAIRefuses(t *testing.T) {
	b := start(t, simulator.Options{})
	call := `{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]}`
	for _, tc := range []struct{ name, path, body, code, message string }{
		{"malformed", openAI, `{"model":`, "", "could not parse the JSON body"},
		{"no model", openAI, `{` + hello + `}`, "", "model parameter"},
		{"no messages", openAI, `{"model":"gpt-4o"}`, "missing_required_parameter", "'messages'"},
		{"role", openAI, `{"model":"gpt-4o","messages":[{"role":"bot","content":"x"}]}`, "invalid_value", "'bot'"},
		{"null content", openAI, `{"model":"gpt-4o","messages":[{"role":"user","content":null}]}`, "", "got null"},
		{"stray tool result", openAI, `{"model":"gpt-4o","messages":[{"role":"tool","tool_call_id":"x","content":"y"}]}`, "", "must be a response"},
		{"unanswered call", openAI, `{"model":"gpt-4o","messages":[` + call + `,{"role":"user","content":"x"}]}`, "", "must be followed by tool messages"},
		{"arguments object", openAI, `{"model":"gpt-4o","messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":{}}}]}]}`, "invalid_type", "arguments"},
		{"unknown field", openAI, `{"model":"gpt-4o","top_k":3,` + hello + `}`, "unknown_parameter", "'top_k'"},
		{"type", openAI, `{"model":"gpt-4o","temperature":"hot",` + hello + `}`, "invalid_type", "'temperature'"},
		{"range", openAI, `{"model":"gpt-4o","temperature":3,` + hello + `}`, "decimal_above_max_value", "'temperature'"},
		{"max_tokens of a reasoning model", openAI, `{"model":"o3","max_tokens":3,` + hello + `}`, "unsupported_parameter", "max_completion_tokens"},
		{"tool_choice without tools", openAI, `{"model":"gpt-4o","tool_choice":"auto",` + hello + `}`, "", "only allowed when 'tools'"},
		{"stream_options without stream", openAI, `{"model":"gpt-4o","stream_options":{},` + hello + `}`, "", "'stream' is enabled"},
		{"strict schema", openAI, `{"model":"gpt-4o","response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object","properties":{"a":{}}}}},` + hello + `}`, "", "additionalProperties"},
		{"bad directive", openAI, `{"model":"gpt-4o;sttus=500",` + hello + `}`, "", `directive "sttus=500": unknown directive`},
		{"long model", openAI, `{"model":"` + strings.Repeat("m", 1025) + `",` + hello + `}`, "", "longer than 1024 bytes"},
		{"Groq: logprobs", groq, `{"model":"llama-3.3-70b-versatile","logprobs":true,` + hello + `}`, "", "`logprobs` is not supported"},
		{"Groq: n", groq, `{"model":"llama-3.3-70b-versatile","n":2,` + hello + `}`, "", "'n'"},
		{"Groq: unknown member of a message", groq, `{"model":"x","messages":[{"role":"assistant","content":"a","reasoning_content":"b"}]}`, "", "property 'reasoning_content' is unsupported"},
		{"Groq: OpenAI's own field", groq, `{"model":"x","verbosity":"low",` + hello + `}`, "", "property 'verbosity' is unsupported"},
	} {
		got := b.ask(http.StatusBadRequest, tc.path, tc.body)
		if got.str("error", "type") != "invalid_request_error" || got.str("error", "code") != tc.code || !strings.Contains(got.str("error", "message"), tc.message) {
			t.Errorf("%s: %s", tc.name, got.json())
		}
	}
	b.ask(200, openAI, `{"model":"gpt-4o;lenient","top_k":3,`+hello+`}`)
}

func TestOpenAIStream(t *testing.T) {
	b := start(t, simulator.Options{})
	ev := b.events(openAI, `{"model":"gpt-4o;chunks=7","stream":true,"stream_options":{"include_usage":true},`+hello+`}`)
	if n := len(ev); n != 1+7+1+1+1 || ev[n-1].data != "[DONE]" {
		t.Fatalf("%d events, last %q", n, ev[n-1].data)
	}
	whole := b.ask(200, openAI, `{"model":"gpt-4o",`+hello+`}`)
	text := ""
	for i, e := range ev[:len(ev)-2] {
		c := parse(t, e.data)
		text += c.str("choices", 0, "delta", "content")
		if strings.Contains(e.data, `"usage":null`) != true || c.str("object") != "chat.completion.chunk" {
			t.Errorf("event %d: %s", i, e.data)
		}
	}
	if text != whole.str("choices", 0, "message", "content") {
		t.Errorf("streamed %q", text)
	}
	if r := parse(t, ev[0].data).str("choices", 0, "delta", "role"); r != "assistant" {
		t.Errorf("first role %q", r)
	}
	if f := parse(t, ev[8].data); f.str("choices", 0, "finish_reason") != "stop" || f.json("choices", 0, "delta") != "{}" {
		t.Errorf("finish: %s", ev[8].data)
	}
	last := parse(t, ev[9].data)
	if last.len("choices") != 0 || last.json("usage") != whole.json("usage") {
		t.Errorf("usage chunk: %s", ev[9].data)
	}
}

func TestOpenAIStreamTools(t *testing.T) {
	b := start(t, simulator.Options{})
	for _, path := range []string{openAI, groq} {
		args, names := map[int]string{}, 0
		for _, e := range b.events(path, `{"model":"m","stream":true,"messages":[{"role":"user","content":"parallel calls"}],`+tools+`}`) {
			if e.data == "[DONE]" {
				continue
			}
			d := parse(t, e.data).at("choices", 0, "delta", "tool_calls", 0)
			if d.str("id") != "" && d.str("function", "name") == "weather" {
				names++
			}
			args[d.num("index")] += d.str("function", "arguments")
		}
		if want := `{"city":"simulated ci","days":2,"unit":"C"}`; names != 2 || args[0] != want || args[1] != want {
			t.Errorf("%s: %d names, args %v", path, names, args)
		}
	}
}

func TestReasoning(t *testing.T) {
	b := start(t, simulator.Options{})
	got := b.ask(200, openAI, `{"model":"o3","reasoning_effort":"high",`+hello+`}`)
	if got.num("usage", "completion_tokens_details", "reasoning_tokens") != 128 {
		t.Errorf("usage: %s", got.json("usage"))
	}
	for _, tc := range []struct {
		name, extra    string
		field, inText  bool
		reasoningCount bool
	}{
		{"qwen/qwen3-32b", ``, false, true, true},
		{"qwen/qwen3-32b", `"reasoning_format":"parsed",`, true, false, true},
		{"qwen/qwen3-32b", `"reasoning_format":"hidden",`, false, false, true},
		{"qwen/qwen3-32b", `"reasoning_effort":"none",`, false, false, false},
		{"openai/gpt-oss-20b", ``, true, false, true},
		{"llama-3.3-70b-versatile", ``, false, false, false},
	} {
		got := b.ask(200, groq, `{"model":"`+tc.name+`",`+tc.extra+hello+`}`)
		m := got.at("choices", 0, "message")
		if (m.str("reasoning") != "") != tc.field || strings.HasPrefix(m.str("content"), "<think>") != tc.inText ||
			(got.num("usage", "completion_tokens_details", "reasoning_tokens") > 0) != tc.reasoningCount {
			t.Errorf("%s %s: %s", tc.name, tc.extra, got.json())
		}
	}
}

func TestGroqStreamUsage(t *testing.T) {
	b := start(t, simulator.Options{})
	ev := b.events(groq, `{"model":"llama-3.3-70b-versatile","seed":7,"stream":true,`+hello+`}`)
	first, last := parse(t, ev[0].data), parse(t, ev[len(ev)-2].data)
	if first.str("x_groq", "id") == "" || last.num("x_groq", "seed") != 7 || last.num("x_groq", "usage", "total_tokens") == 0 {
		t.Errorf("first %s\nlast %s", ev[0].data, ev[len(ev)-2].data)
	}
}

func TestImplicitCache(t *testing.T) {
	b := start(t, simulator.Options{})
	long := `{"role":"system","content":"` + strings.Repeat("x", 4*1500) + `"}`
	first := b.ask(200, openAI, `{"model":"gpt-4o","messages":[`+long+`,{"role":"user","content":"a"}]}`)
	second := b.ask(200, openAI, `{"model":"gpt-4o","messages":[`+long+`,{"role":"user","content":"b"}]}`)
	other := b.ask(200, openAI, `{"model":"gpt-5","messages":[`+long+`,{"role":"user","content":"b"}]}`)
	cached := func(o object) int { return o.num("usage", "prompt_tokens_details", "cached_tokens") }
	if cached(first) != 0 || cached(second) != 1408 || cached(other) != 0 {
		t.Errorf("cached %d, %d, %d", cached(first), cached(second), cached(other))
	}
}

func TestEmbeddings(t *testing.T) {
	b := start(t, simulator.Options{})
	got := b.ask(200, "/openai/v1/embeddings", `{"model":"text-embedding-3-small","dimensions":64,"input":["the price of tea","what is the price of tea","quantum chromodynamics"]}`)
	dot := func(i, j int) (sum float64) {
		for k := range got.len("data", i, "embedding") {
			x, _ := got.at("data", i, "embedding", k).v.(float64)
			y, _ := got.at("data", j, "embedding", k).v.(float64)
			sum += x * y
		}
		return sum
	}
	if n := dot(0, 0); n < 0.999 || n > 1.001 {
		t.Errorf("length² %v", n)
	}
	if near, far := dot(0, 1), dot(0, 2); near < 0.6 || far > 0.4 {
		t.Errorf("near %v, far %v", near, far)
	}
	if got.len("data", 0, "embedding") != 64 || got.num("usage", "prompt_tokens") != 4+6+6 {
		t.Errorf("usage %s", got.json("usage"))
	}
	b.ask(400, "/openai/v1/embeddings", `{"model":"text-embedding-3-small","input":[]}`)
	if enc := b.ask(200, "/openai/v1/embeddings", `{"model":"m","dimensions":3,"encoding_format":"base64","input":[1,2]}`); len(enc.str("data", 0, "embedding")) != 16 {
		t.Errorf("base64 %s", enc.json())
	}
	if models := b.ask(200, "/openai/v1/models", ""); models.str("object") != "list" || models.len("data") == 0 {
		t.Errorf("models %s", models.json())
	}
}

// From what size on a prompt is cached is the model's.
func TestWhatIsLongEnoughToBeCached(t *testing.T) {
	b := start(t, simulator.Options{})
	text := func(size int) string { return strings.Repeat("x", 4*size) }
	chat := func(size int, last string) string {
		return `"messages":[{"role":"system","content":"` + text(size) + `"},{"role":"user","content":"` + last + `"}]`
	}
	message := func(size int, last string) string {
		return `"max_tokens":9,"system":[{"type":"text","text":"` + text(size) + `","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"` + last + `"}]`
	}
	content := func(size int, last string) string {
		return `"systemInstruction":{"parts":[{"text":"` + text(size) + `"}]},"contents":[{"role":"user","parts":[{"text":"` + last + `"}]}]`
	}
	for _, tc := range []struct {
		model, path string
		body        func(size int, last string) string
		least       int
		cached      []any
	}{
		{"gpt-4o", openAI, chat, 1024, []any{"usage", "prompt_tokens_details", "cached_tokens"}},
		{"claude-sonnet-4-5", claude, message, 1024, []any{"usage", "cache_read_input_tokens"}},
		{"claude-haiku-4-5", claude, message, 4096, []any{"usage", "cache_read_input_tokens"}},
		{"claude-3-5-haiku-latest", claude, message, 2048, []any{"usage", "cache_read_input_tokens"}},
		{"claude-opus-4-5-20251101", claude, message, 4096, []any{"usage", "cache_read_input_tokens"}},
		{"gemini-2.5-flash", gemini25, content, 2048, []any{"usageMetadata", "cachedContentTokenCount"}},
		{"gemini-3-pro", gemini3, content, 4096, []any{"usageMetadata", "cachedContentTokenCount"}},
	} {
		named := `"model":"` + tc.model + `",`
		if strings.Contains(tc.path, tc.model) {
			named = ""
		}
		for size, want := range map[int]bool{tc.least - 128: false, tc.least + 128: true} {
			var last object
			for _, word := range []string{"a", "b"} {
				last = b.ask(200, tc.path, `{`+named+tc.body(size, word)+`}`)
			}
			if n := last.num(tc.cached...); (n > 0) != want {
				t.Errorf("%s: of %d tokens %d are cached", tc.model, size, n)
			}
		}
	}
}
