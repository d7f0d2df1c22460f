package simulator_test

import (
	"strings"
	"testing"
	"time"

	"tollgate.dev/services/simulator"
)

const (
	claude     = "/anthropic/v1/messages"
	claudeTool = `"tools":[{"name":"weather","input_schema":` + weather + `}]`
	budget     = `"max_tokens":2000,"thinking":{"type":"enabled","budget_tokens":1024},`
)

func TestAnthropicText(t *testing.T) {
	b := start(t, simulator.Options{})
	for _, tc := range []struct{ name, body, stop, sequence, text string }{
		{"plain", `{"model":"claude-sonnet-4-5","max_tokens":100,` + hello + `}`, "end_turn", "",
			"This is a simulated answer from claude-sonnet-4-5: no model was called. It counted 1 message and 0 images."},
		{"max tokens", `{"model":"claude-sonnet-4-5","max_tokens":1,` + hello + `}`, "max_tokens", "", "This"},
		{"stop sequence", `{"model":"claude-sonnet-4-5","max_tokens":100,"stop_sequences":["answer"],` + hello + `}`, "stop_sequence", "answer", "This is a simulated "},
		{"schema", `{"model":"claude-sonnet-4-5","max_tokens":100,"output_config":{"format":{"type":"json_schema","schema":` + weather + `}},` + hello + `}`,
			"end_turn", "", `{"city":"simulated ci","days":2,"unit":"C"}`},
		{"echo, images, system", `{"model":"claude-sonnet-4-5;echo","max_tokens":100,"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[
			{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}},{"type":"text","text":"hi"}]}]}`,
			"end_turn", "", "This is a simulated answer from claude-sonnet-4-5: no model was called. It counted 1 message and 1 image. You said: hi"},
	} {
		got := b.ask(200, claude, tc.body)
		if got.str("stop_reason") != tc.stop || got.str("stop_sequence") != tc.sequence || got.str("content", 0, "text") != tc.text {
			t.Errorf("%s: %s", tc.name, got.json())
		}
	}
	if n := b.ask(200, claude+"/count_tokens", `{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"12345678"}]}`).num("input_tokens"); n != 2 {
		t.Errorf("count_tokens = %d", n)
	}
}

func TestAnthropicRefuses(t *testing.T) {
	b := start(t, simulator.Options{})
	use := `{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{}}]}`
	result := `{"type":"tool_result","tool_use_id":"t1","content":"ok"}`
	user := `{"role":"user","content":"x"}`
	with := func(messages string) string {
		return `{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[` + messages + `]}`
	}
	for _, tc := range []struct{ name, body, message string }{
		{"max_tokens", `{"model":"claude-sonnet-4-5",` + hello + `}`, "max_tokens: Field required"},
		{"role", with(`{"role":"tool","content":"x"}`), "messages.0.role"},
		{"first", with(`{"role":"assistant","content":"x"}`), "first message must use"},
		{"empty text", with(`{"role":"user","content":[{"type":"text","text":""}]}`), "non-empty"},
		{"unanswered", with(user + `,` + use + `,` + user), "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1"},
		{"unanswered at the end", with(user + `,` + use), "t1"},
		{"text before the result", with(user + `,` + use + `,{"role":"user","content":[{"type":"text","text":"a"},` + result + `]}`), "without `tool_result`"},
		{"stray result", with(`{"role":"user","content":[` + result + `]}`), "unexpected `tool_use_id`"},
		{"input", with(user + `,{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":"{}"}]}`), "valid dictionary"},
		{"OpenAI's image", with(`{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}`), "'image_url'"},
		{"unknown field", `{"model":"claude-sonnet-4-5","max_tokens":9,"seed":1,` + hello + `}`, "seed: Extra inputs are not permitted"},
		{"temperature", `{"model":"claude-sonnet-4-5","max_tokens":9,"temperature":1.5,` + hello + `}`, "range: 0..1"},
		{"temperature and top_p", `{"model":"claude-sonnet-4-5","max_tokens":9,"temperature":1,"top_p":1,` + hello + `}`, "cannot both"},
		{"sampling of a new model", `{"model":"claude-opus-4-7","max_tokens":9,"temperature":1,` + hello + `}`, "deprecated"},
		{"budget of a new model", `{"model":"claude-opus-5",` + budget + hello + `}`, "thinking.type.enabled"},
		{"budget above max_tokens", `{"model":"claude-sonnet-4-5","max_tokens":1024,"thinking":{"type":"enabled","budget_tokens":1024},` + hello + `}`, "must be greater"},
		{"forced tool with thinking", `{"model":"claude-sonnet-4-5",` + budget + claudeTool + `,"tool_choice":{"type":"any"},` + hello + `}`, "forces tool use"},
		{"prefill", `{"model":"claude-opus-4-6","max_tokens":9,"messages":[` + user + `,{"role":"assistant","content":"{"}]}`, "prefill"},
		{"tool schema", `{"model":"claude-sonnet-4-5","max_tokens":9,"tools":[{"name":"f","input_schema":{}}],` + hello + `}`, "input_schema.type"},
		{"OpenAI's tool", `{"model":"claude-sonnet-4-5","max_tokens":9,"tools":[{"name":"f","parameters":{},"input_schema":{"type":"object"}}],` + hello + `}`, "parameters: Extra"},
		{"ttl order", `{"model":"claude-sonnet-4-5","max_tokens":9,"system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},` +
			`{"type":"text","text":"b","cache_control":{"type":"ephemeral","ttl":"1h"}}],` + hello + `}`, "must not come after"},
	} {
		got := b.ask(400, claude, tc.body)
		if got.str("type") != "error" || got.str("error", "type") != "invalid_request_error" || !strings.Contains(got.str("error", "message"), tc.message) {
			t.Errorf("%s: %s", tc.name, got.json())
		}
	}
	// Results may be spread over neighbouring user messages.
	b.ask(200, claude, with(user+`,`+use+`,{"role":"user","content":[`+result+`]},`+user))
}

func TestAnthropicThinking(t *testing.T) {
	b := start(t, simulator.Options{})
	first := `{"role":"user","content":"please call the tool, parallel"}`
	got := b.ask(200, claude, `{"model":"claude-sonnet-4-5",`+budget+claudeTool+`,"messages":[`+first+`]}`)
	if got.str("content", 0, "type") != "thinking" || got.str("content", 1, "type") != "tool_use" || got.len("content") != 3 || got.str("stop_reason") != "tool_use" {
		t.Fatalf("answer %s", got.json())
	}
	if got.num("usage", "output_tokens_details", "thinking_tokens") == 0 {
		t.Errorf("usage %s", got.json("usage"))
	}
	results := `{"role":"user","content":[{"type":"tool_result","tool_use_id":"` + got.str("content", 1, "id") + `","content":[{"type":"text","text":"rain"}]},` +
		`{"type":"tool_result","tool_use_id":"` + got.str("content", 2, "id") + `","content":"sun"}]}`
	turn := func(content string) string {
		return `{"model":"claude-sonnet-4-5",` + budget + claudeTool + `,"messages":[` + first + `,{"role":"assistant","content":` + content + `},` + results + `]}`
	}
	intact := got.json("content")
	if text := b.ask(200, claude, turn(intact)).str("content", 1, "text"); !strings.HasSuffix(text, "The tool weather returned: rain The tool weather returned: sun") {
		t.Errorf("text %q", text)
	}
	sig := got.str("content", 0, "signature")
	for name, damaged := range map[string]string{
		"signature":     strings.Replace(intact, sig[:8], "AAAAAAAA", 1),
		"cut signature": strings.Replace(intact, sig, sig[:len(sig)-4], 1),
		"no signature":  strings.Replace(intact, sig, "", 1),
		"thinking":      strings.Replace(intact, "The simulator", "the simulator", 1),
	} {
		if m := b.ask(400, claude, turn(damaged)).str("error", "message"); m != "messages.1.content.0: Invalid `signature` in `thinking` block" {
			t.Errorf("%s: %q", name, m)
		}
	}
	without := intact[:1] + intact[strings.Index(intact, `{"id"`):]
	if strings.Contains(without, "thinking") {
		t.Fatalf("test removes nothing: %s", without)
	}
	if m := b.ask(400, claude, turn(without)).str("error", "message"); !strings.Contains(m, "Expected `thinking`") {
		t.Errorf("no thinking: %q", m)
	}
}

func TestAnthropicRedactedThinking(t *testing.T) {
	b := start(t, simulator.Options{})
	ask := `{"role":"user","content":"ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB"}`
	got := b.ask(200, claude, `{"model":"claude-sonnet-4-5",`+budget+`"messages":[`+ask+`]}`)
	data := got.str("content", 0, "data")
	if got.str("content", 0, "type") != "redacted_thinking" || data == "" {
		t.Fatalf("answer %s", got.json())
	}
	again := func(data string) string {
		return `{"model":"claude-sonnet-4-5",` + budget + `"messages":[` + ask + `,{"role":"assistant","content":[{"type":"redacted_thinking","data":"` + data +
			`"},{"type":"text","text":"a"}]},{"role":"user","content":"go on"}]}`
	}
	b.ask(200, claude, again(data))
	b.ask(400, claude, again(data[:len(data)-2]))
}

func TestAnthropicCacheControl(t *testing.T) {
	now := epoch
	b := start(t, simulator.Options{Now: func() time.Time { return now }})
	body := func(last string) string {
		return `{"model":"claude-sonnet-4-5","max_tokens":9,"system":[{"type":"text","text":"` + strings.Repeat("s", 8000) + `","cache_control":{"type":"ephemeral","ttl":"1h"}}],` +
			`"messages":[{"role":"user","content":[{"type":"text","text":"` + strings.Repeat("m", 4000) + `","cache_control":{"type":"ephemeral"}},{"type":"text","text":"` + last + `"}]}]}`
	}
	for i, want := range []struct {
		wait                   time.Duration
		input, write5, write1h int
		read                   int
	}{
		{0, 1, 1000, 2000, 0},
		{time.Minute, 1, 0, 0, 3000},
		{6 * time.Minute, 1, 1000, 0, 2000},
		{2 * time.Hour, 1, 1000, 2000, 0},
	} {
		now = now.Add(want.wait)
		u := b.ask(200, claude, body("abc")).at("usage")
		if u.num("input_tokens") != want.input || u.num("cache_creation", "ephemeral_5m_input_tokens") != want.write5 ||
			u.num("cache_creation", "ephemeral_1h_input_tokens") != want.write1h || u.num("cache_read_input_tokens") != want.read ||
			u.num("cache_creation_input_tokens") != want.write5+want.write1h {
			t.Errorf("call %d: %s", i, u.json())
		}
	}
}

// TestAnthropicStream puts a stream together again, and wants what the whole
// answer has.
func TestAnthropicStream(t *testing.T) {
	body := func(stream string) string {
		return `{"model":"claude-sonnet-4-5",` + stream + budget + claudeTool + `,"messages":[{"role":"user","content":"parallel calls"}]}`
	}
	text := `{"model":"claude-opus-4-7","max_tokens":500,"thinking":{"type":"adaptive","display":"summarized"},STREAM` + hello + `}`
	for name, pair := range map[string][2]string{
		"tools": {body(``), body(`"stream":true,`)},
		"text":  {strings.Replace(text, "STREAM", "", 1), strings.Replace(text, "STREAM", `"stream":true,`, 1)},
	} {
		whole := start(t, simulator.Options{}).ask(200, claude, pair[0])
		ev := start(t, simulator.Options{}).events(claude, pair[1])
		var names []string
		var content []any
		var args string
		var last object
		for _, e := range ev {
			d := parse(t, e.data)
			if d.str("type") != e.name {
				t.Errorf("%s: event %q has type %q", name, e.name, d.str("type"))
			}
			if len(names) == 0 || names[len(names)-1] != e.name {
				names = append(names, e.name)
			}
			switch e.name {
			case "content_block_start":
				content = append(content, d.at("content_block").v)
				args = ""
			case "content_block_delta":
				block, _ := content[d.num("index")].(map[string]any)
				for _, member := range []string{"thinking", "signature", "text"} {
					if s := d.str("delta", member); s != "" {
						was, _ := block[member].(string)
						block[member] = was + s
					}
				}
				if args += d.str("delta", "partial_json"); args != "" {
					block["input"] = args
				}
			case "content_block_stop":
				if block, _ := content[d.num("index")].(map[string]any); args != "" {
					block["input"] = parse(t, args).v
				}
			case "message_delta":
				last = d
			}
		}
		if got := (object{content}).json(); got != whole.json("content") {
			t.Errorf("%s: streamed\n%s\nwhole\n%s", name, got, whole.json("content"))
		}
		if last.str("delta", "stop_reason") != whole.str("stop_reason") || last.num("usage", "output_tokens") != whole.num("usage", "output_tokens") ||
			last.num("usage", "input_tokens") != whole.num("usage", "input_tokens") {
			t.Errorf("%s: message_delta %s", name, last.json())
		}
		if order := strings.Join(names, " "); !strings.HasPrefix(order, "message_start ping content_block_start content_block_delta content_block_stop content_block_start") ||
			!strings.HasSuffix(order, "content_block_stop message_delta message_stop") {
			t.Errorf("%s: order %s", name, order)
		}
	}
}
