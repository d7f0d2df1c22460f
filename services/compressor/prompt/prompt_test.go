package prompt_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/prompt"
)

// texts are a prompt's texts that may be changed.
func texts(p *prompt.Prompt) (out []string) {
	for _, t := range p.Texts {
		if !t.Locked {
			out = append(out, t.Original)
		}
	}
	return out
}

// fixed are all that count and stay.
func fixed(p *prompt.Prompt) (out []string, messages, names int) {
	for _, turn := range p.Turns {
		out = append(out, turn.Fixed...)
		messages += turn.Messages
		names += turn.Names
	}
	slices.Sort(out)
	return out, messages, names
}

func TestWhatMayBeChanged(t *testing.T) {
	const tool = `{"role":"tool","tool_call_id":"c","content":"R"}`
	for name, tc := range map[string]struct {
		body string
		want []string
	}{
		"a tool result":               {`{"messages":[{"role":"user","content":"Q"},` + tool + `]}`, []string{"R"}},
		"a function result":           {`{"messages":[{"role":"function","name":"f","content":"R"}]}`, []string{"R"}},
		"text parts of a tool result": {`{"messages":[{"role":"tool","content":[{"type":"text","text":"A"},{"type":"text","text":"B"}]}]}`, []string{"A", "B"}},
		"no question, the last or an earlier one": {
			`{"messages":[{"role":"user","content":"U1"},{"role":"assistant","content":"A"},{"role":"user","content":[{"type":"text","text":"U2"}]},` + tool + `]}`,
			[]string{"R"},
		},
		"no system or developer message": {`{"messages":[{"role":"system","content":"S"},{"role":"developer","content":"D"}]}`, nil},
		"no assistant's turn or tool call": {
			`{"messages":[{"role":"assistant","content":"A","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{ }"}}]}]}`, nil,
		},
		"no tools, response format or metadata": {`{"tools":[{"a": 1}],"response_format":{"b": 2},"metadata":{"c":"d"},"messages":[]}`, nil},
		"no image": {
			`{"messages":[{"role":"tool","content":[{"type":"text","text":"U1"},{"type":"image_url","image_url":{"url":"data:x"},"text":"no"}]},{"role":"user","content":"U2"}]}`,
			[]string{"U1"},
		},
		"nothing up to a breakpoint in a part": {
			`{"messages":[` + tool + `,{"role":"user","content":[{"type":"text","text":"U","cache_control":{"type":"ephemeral"}}]},{"role":"tool","content":"R2"}]}`,
			[]string{"R2"},
		},
		"nothing up to a breakpoint in a message": {
			`{"messages":[` + tool + `,{"role":"tool","content":"R2","cache_control":{"type":"ephemeral"}},{"role":"tool","content":"R3"}]}`,
			[]string{"R3"},
		},
		"nothing up to a breakpoint in a tool call": {
			`{"messages":[` + tool + `,{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"},"cache_control":{"type":"ephemeral"}}]},{"role":"tool","content":"R2"}]}`,
			[]string{"R2"},
		},
		"nothing up to a breakpoint with escapes, far behind another": {
			"{\"messages\":[{\"role\":\"tool\",\"content\":\"\\u0026" + strings.Repeat("far ", 30) + "\",\"c\\u0061che_\\u0063ontrol\":{\"type\":\"ephemeral\"},\"x\":\"" +
				strings.Repeat("behind ", 30) + "\\u0026\"},{\"role\":\"tool\",\"content\":\"R3\"}]}",
			[]string{"R3"},
		},
		"nothing up to a breakpoint with an escape": {
			"{\"messages\":[" + tool + ",{\"role\":\"tool\",\"content\":\"R2\",\"cache\\u005fcontrol\":{\"type\":\"ephemeral\"}},{\"role\":\"tool\",\"content\":\"R3 \\u0041\"}]}",
			[]string{"R3 A"},
		},
		"text about breakpoints is none":               {`{"messages":[` + tool + `,{"role":"tool","content":"{\"cache_control\":1}"}]}`, []string{"R", `{"cache_control":1}`}},
		"nothing when the provider sets breakpoints":   {`{"cache_control":{"type":"ephemeral"},"messages":[` + tool + `]}`, nil},
		"nothing when the router sets breakpoints":     {`{"cache_control_injection_points":[],"messages":[` + tool + `]}`, nil},
		"breakpoints that are off":                     {`{"cache_control":null,"messages":[` + tool + `]}`, []string{"R"}},
		"no text with half a character":                {`{"messages":[{"role":"tool","content":"[ \"\ud800\" ]"}]}`, nil},
		"nor where a replacement character is as well": {"{\"messages\":[{\"role\":\"tool\",\"content\":\"\uFFFD \\ud800\"}]}", nil},
		"text with a replacement character":            {"{\"messages\":[{\"role\":\"tool\",\"content\":\"\uFFFD\"}]}", []string{"\uFFFD"}},
		"no content":                                   {`{"messages":[{"role":"tool","content":null},{"role":"tool"}]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := prompt.Parse(t.Context(), []byte(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			if got := texts(p); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if p.Body() != nil {
				t.Error("nothing changed, yet there is a body")
			}
		})
	}
}

func TestWhatIsNoRequestOfOneMeaning(t *testing.T) {
	for name, body := range map[string]string{
		"nothing": ``, "no JSON": `{"messages":[}`, "no object": `[]`, "no messages": `{"prompt":"x"}`, "messages that are no list": `{"messages":{}}`,
		"a message that is no object": `{"messages":["x"]}`, "a message without a role": `{"messages":[{"content":"x"}]}`,
		"a role that nobody knows": `{"messages":[{"role":"oracle","content":"x"}]}`, "a role that is no text": `{"messages":[{"role":1}]}`,
		"two lists of messages": `{"messages":[],"messages":[]}`, "two roles": `{"messages":[{"role":"tool","role":"system","content":"secret-text"}]}`,
		"two contents": `{"messages":[{"role":"tool","content":"a","content":"b"}]}`, "a content that is a number": `{"messages":[{"role":"tool","content":1}]}`,
		"a part that is no object": `{"messages":[{"role":"tool","content":["x"]}]}`, "two texts in a part": `{"messages":[{"role":"tool","content":[{"type":"text","text":"a","text":"b"}]}]}`,
		"bytes that are no UTF-8": "{\"messages\":[{\"role\":\"tool\",\"content\":\"\xff\"}]}",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := prompt.Parse(t.Context(), []byte(body))
			if !errors.Is(err, prompt.ErrShape) {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(err.Error(), "secret-text") {
				t.Errorf("the error quotes the prompt: %v", err)
			}
		})
	}
}

func TestBodyChangesNothingElse(t *testing.T) {
	const body = ` {"model" : "m", "messages" : [ {"content" : "one\n\"1\"", "role" : "tool"} ,{ "role":"\u0074ool","content":[ {"text":"two","type":"text" } ],"x":1.50 } ], "seed": 1e2 } `
	const want = ` {"model" : "m", "messages" : [ {"content" : "1 \"é\"\n", "role" : "tool"} ,{ "role":"\u0074ool","content":[ {"text":"","type":"text" } ],"x":1.50 } ], "seed": 1e2 } `
	p, err := prompt.Parse(t.Context(), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if got := texts(p); !slices.Equal(got, []string{"one\n\"1\"", "two"}) {
		t.Fatalf("got %q", got)
	}
	p.Texts[0].Replace("1 \"é\"\n")
	p.Texts[1].Replace("")
	if got := string(p.Body()); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	for _, text := range p.Texts {
		if text.Rewrite("three", 3); text.Current() != "three" || text.Tokens != 3 || !text.Counted() {
			t.Errorf("rewritten to %q of %d tokens", text.Current(), text.Tokens)
		}
		if text.Replace(text.Original); text.Counted() {
			t.Error("nobody counted it")
		}
		text.Locked = true
		if text.Rewrite("four", 4); text.Changed() || text.Tokens == 4 {
			t.Error("a locked text was rewritten")
		}
	}
	if p.Body() != nil {
		t.Error("all is as it was, yet there is a body")
	}
}

func TestWhatCounts(t *testing.T) {
	p, err := prompt.Parse(t.Context(), []byte(`{"model":"not","tools":[{"t":1}],"messages":[
		{"role":"system","content":"S","name":"N"},{"role":"user","content":[{"type":"text","text":"U"},{"type":"image_url","image_url":{"url":"not"}}]},
		{"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"x"}]},{"role":"tool","tool_call_id":"not","content":"T"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	got, messages, names := fixed(p)
	want := []string{"N", "S", "U", `[{"id":"x"}]`, `[{"t":1}]`, "assistant", "system", "tool", "user"}
	if !slices.Equal(got, want) || messages != 4 || names != 1 || !slices.Equal(texts(p), []string{"T"}) {
		t.Errorf("got %q, %d messages, %d names, %q; want %q", got, messages, names, texts(p), want)
	}
}

// Reading ends with its context, within a long message too.
func TestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := prompt.Parse(ctx, []byte(`{"messages":[{"role":"user","content":"Q"}]}`)); !errors.Is(err, context.Canceled) || errors.Is(err, prompt.ErrShape) {
		t.Errorf("got %v", err)
	}
}

// What a system or developer message asks for holds from its turn on: what stands before has gone
// out. Where nobody has kept that, it holds for all.
func TestOrdersHoldFromTheirTurnOn(t *testing.T) {
	tool := `{"role":"tool","content":"The mill stands by the river."}`
	order := `{"role":"developer","content":"Translate everything into German."}`
	for name, tc := range map[string]struct {
		messages string
		want     []bool // by text, whether it is needed to the letter
	}{
		"none":         {tool + `,{"role":"assistant","content":"A"},` + tool, []bool{false, false}},
		"at the start": {order + `,` + tool + `,{"role":"assistant","content":"A"},` + tool, []bool{true, true}},
		"in its turn":  {tool + `,` + order + `,{"role":"assistant","content":"A"},` + tool, []bool{true, true}},
		"in the next":  {tool + `,{"role":"assistant","content":"A"},` + order + `,` + tool + `,{"role":"assistant","content":"A"},` + tool, []bool{false, true, true}},
	} {
		p, err := prompt.Parse(t.Context(), []byte(`{"messages":[`+tc.messages+`]}`))
		if err != nil {
			t.Fatal(err)
		}
		verbatim := func() (got []bool) {
			for _, text := range p.Texts {
				got = append(got, text.Verbatim)
			}
			return got
		}
		if got := verbatim(); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v", name, got)
		}
		p.Refocus()
		if got := verbatim(); slices.Contains(got, name == "none") {
			t.Errorf("%s, for the last question: %v", name, got)
		}
	}
}
