package simulator_test

import (
	"net/http"
	"strings"
	"testing"

	"tollgate.dev/services/simulator"
)

const (
	gemini3    = "/gemini/v1beta/models/gemini-3-pro:generateContent"
	gemini25   = "/gemini/v1beta/models/gemini-2.5-flash:generateContent"
	gStream    = "/gemini/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse"
	gHello     = `"contents":[{"role":"user","parts":[{"text":"hello"}]}]`
	gWeather   = `{"type":"OBJECT","properties":{"city":{"type":"STRING","maxLength":12},"days":{"type":"INTEGER","minimum":2}},"required":["city"]}`
	gTools     = `"tools":[{"functionDeclarations":[{"name":"weather","parameters":` + gWeather + `}]}]`
	gCallUser  = `{"role":"user","parts":[{"text":"parallel calls"}]}`
	gResponses = `{"role":"user","parts":[{"functionResponse":{"name":"weather","response":{"sky":"blue"}}},{"functionResponse":{"name":"weather","response":{"n": 1}}}]}`
)

func TestGeminiText(t *testing.T) {
	b := start(t, simulator.Options{})
	for _, tc := range []struct{ name, path, body, finish, text string }{
		{"plain", gemini25, `{` + gHello + `}`, "STOP", "This is a simulated answer from gemini-2.5-flash: no model was called. It counted 1 message and 0 images."},
		{"snake case", gemini25, `{"system_instruction":{"parts":[{"text":"s"}]},"generation_config":{"stop_sequences":["answer"],"thinking_config":{"thinking_budget":0}},` + gHello + `}`, "STOP", "This is a simulated "},
		{"max tokens", gemini25, `{"generationConfig":{"maxOutputTokens":2,"thinkingConfig":{"thinkingBudget":0}},` + gHello + `}`, "MAX_TOKENS", "This is "},
		{"schema", gemini25, `{"generationConfig":{"responseMimeType":"application/json","responseSchema":` + gWeather + `},` + gHello + `}`, "STOP", `{"city":"simulated ci","days":2}`},
		{"JSON schema", gemini25, `{"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":` + weather + `},` + gHello + `}`, "STOP", `{"city":"simulated ci","days":2,"unit":"C"}`},
		{"directives in the path", "/gemini/v1beta/models/gemini-2.5-flash;bytes=4:generateContent", `{` + gHello + `}`, "STOP", "This"},
	} {
		got := b.ask(200, tc.path, tc.body)
		if got.str("candidates", 0, "finishReason") != tc.finish || got.str("candidates", 0, "content", "parts", 0, "text") != tc.text {
			t.Errorf("%s: %s", tc.name, got.json())
		}
		u := got.at("usageMetadata")
		if u.num("totalTokenCount") != u.num("promptTokenCount")+u.num("candidatesTokenCount")+u.num("thoughtsTokenCount") {
			t.Errorf("%s: %s", tc.name, u.json())
		}
	}
}

func TestGeminiRefuses(t *testing.T) {
	b := start(t, simulator.Options{})
	call := `{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]}`
	for _, tc := range []struct{ name, body, message string }{
		{"unknown field", `{"messages":[],` + gHello + `}`, `Unknown name "messages": Cannot find field.`},
		{"unknown part", `{"contents":[{"parts":[{"type":"text","text":"x"}]}]}`, `Unknown name "type" at 'contents[0].parts[0]'`},
		{"no contents", `{}`, "contents is not specified"},
		{"role", `{"contents":[{"role":"assistant","parts":[{"text":"x"}]}]}`, "valid role"},
		{"empty part", `{"contents":[{"parts":[{}]}]}`, "required oneof field 'data'"},
		{"unanswered call", `{"contents":[{"role":"user","parts":[{"text":"x"}]},` + call + `,{"role":"user","parts":[{"text":"x"}]}]}`, "number of function response parts"},
		{"call first", `{"contents":[` + call + `]}`, "comes immediately after a user turn"},
		{"JSON schema in parameters", `{"tools":[{"functionDeclarations":[{"name":"f","parameters":` + weather + `}]}],` + gHello + `}`, `Unknown name "additionalProperties"`},
		{"function name", `{"tools":[{"functionDeclarations":[{"name":"1f"}]}],` + gHello + `}`, "Invalid function name"},
		{"schema without its type", `{"generationConfig":{"responseSchema":` + gWeather + `},` + gHello + `}`, "response_mime_type"},
		{"thinking level of 2.5", `{"generationConfig":{"thinkingConfig":{"thinkingLevel":"LOW"}},` + gHello + `}`, "not supported for this model"},
		{"mode", `{"toolConfig":{"functionCallingConfig":{"mode":"required"}},` + gHello + `}`, "Invalid value at"},
	} {
		got := b.ask(400, gemini25, tc.body)
		if got.str("error", "status") != "INVALID_ARGUMENT" || got.num("error", "code") != 400 || !strings.Contains(got.str("error", "message"), tc.message) {
			t.Errorf("%s: %s", tc.name, got.json())
		}
	}
}

func TestGeminiSignatures(t *testing.T) {
	b := start(t, simulator.Options{})
	got := b.ask(200, gemini3, `{`+gTools+`,"contents":[`+gCallUser+`]}`)
	parts := got.at("candidates", 0, "content", "parts")
	sig := parts.str(0, "thoughtSignature")
	if parts.len() != 2 || sig == "" || parts.str(1, "thoughtSignature") != "" || parts.str(0, "functionCall", "id") == "" {
		t.Fatalf("answer %s", got.json())
	}
	turn := func(parts string) string {
		return `{` + gTools + `,"contents":[` + gCallUser + `,{"role":"model","parts":` + parts + `},` + gResponses + `]}`
	}
	text := b.ask(200, gemini3, turn(parts.json())).str("candidates", 0, "content", "parts", 0, "text")
	if !strings.HasSuffix(text, `The tool weather returned: {"sky":"blue"} The tool weather returned: {"n":1}`) {
		t.Errorf("text %q", text)
	}
	for _, tc := range []struct{ name, path, with, message string }{
		{"missing", gemini3, "", "missing a thought_signature"},
		{"damaged", gemini3, "AAAA" + sig[4:], "Corrupted thought signature."},
		{"damaged for 2.5 too", gemini25, sig[:len(sig)-4], "Corrupted thought signature."},
	} {
		damaged := strings.Replace(parts.json(), sig, tc.with, 1)
		if tc.with == "" {
			damaged = strings.Replace(parts.json(), `,"thoughtSignature":"`+sig+`"`, "", 1)
		}
		if m := b.ask(400, tc.path, turn(damaged)).str("error", "message"); !strings.Contains(m, tc.message) {
			t.Errorf("%s: %q", tc.name, m)
		}
	}
	// Earlier turns are not validated for a missing signature, and Google's
	// documented bypass is accepted.
	unsigned := strings.Replace(parts.json(), `,"thoughtSignature":"`+sig+`"`, "", 1)
	b.ask(200, gemini3, `{`+gTools+`,"contents":[`+gCallUser+`,{"role":"model","parts":`+unsigned+`},`+gResponses+
		`,{"role":"model","parts":[{"text":"a"}]},{"role":"user","parts":[{"text":"b"}]}]}`)
	b.ask(200, gemini3, turn(strings.Replace(parts.json(), sig, "skip_thought_signature_validator", 1)))
}

func TestGeminiStream(t *testing.T) {
	b := start(t, simulator.Options{})
	body := `{"generationConfig":{"seed":5,"thinkingConfig":{"includeThoughts":true}},` + gHello + `}`
	whole := b.ask(200, gemini3, body)
	res, raw, err := b.post(gStream, body)
	if err != nil || res.StatusCode != http.StatusOK || !strings.HasSuffix(raw, "}\r\n\r\n") {
		t.Fatalf("%v %v %q", err, res, raw)
	}
	var thought, text, signature, finish string
	var usage object
	for _, e := range split(raw) {
		d := parse(t, e.data)
		p := d.at("candidates", 0, "content", "parts", 0)
		if p.json("thought") == "true" {
			thought += p.str("text")
		} else {
			text += p.str("text")
		}
		signature += p.str("thoughtSignature")
		finish += d.str("candidates", 0, "finishReason")
		usage = d.at("usageMetadata")
	}
	want := whole.at("candidates", 0, "content", "parts")
	if thought != want.str(0, "text") || text != want.str(1, "text") || signature != want.str(1, "thoughtSignature") || finish != "STOP" ||
		usage.json() != whole.json("usageMetadata") {
		t.Errorf("thought %q text %q signature %q finish %q usage %s", thought, text, signature, finish, usage.json())
	}
	array := b.ask(200, strings.TrimSuffix(gStream, "?alt=sse"), body)
	if array.len() != len(split(raw)) {
		t.Errorf("array of %d", array.len())
	}
}
