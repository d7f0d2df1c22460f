package prompt_test

import (
	"slices"
	"testing"

	"tollgate.dev/services/compressor/prompt"
)

// A prompt with other breakpoints is the same prompt: its messages and what is outside them are
// told by the same bytes, its turns end in the same places, and it counts as the same texts.
func TestBreakpointsAreNoPartOfThePrompt(t *testing.T) {
	const mark = `"cache_control":{"type":"ephemeral"}`
	parse := func(tools, user, calls, result string) *prompt.Prompt {
		t.Helper()
		p, err := prompt.Parse(t.Context(), []byte(`{"tools":[`+tools+`],"messages":[{"role":"user",`+user+`},{"role":"assistant","tool_calls":[`+calls+`]},{`+result+`}]}`))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const (
		tool   = `{"type":"function","function":{"name":"f","parameters":{"properties":{"cache_control":{"type":"string"}}}}}`
		user   = `"content":"Q?"`
		call   = `{"id":"1","function":{"name":"f","arguments":"{}"}}`
		result = `"role":"tool","content":"R"`
	)
	plain := parse(tool, user, call, result)
	raw, ends := plain.Messages()
	_, place := plain.First(1, prompt.ToolResult)
	for name, p := range map[string]*prompt.Prompt{
		"in a tool":              parse(`{"type":"function",`+mark+`,`+tool[len(`{"type":"function",`):], user, call, result),
		"in a function":          parse(`{"type":"function","function":{`+mark+`,`+tool[len(`{"type":"function","function":{`):], user, call, result),
		"in a part":              parse(tool, `"content":[{"type":"text","text":"Q?",`+mark+`}]`, call, result),
		"a part without one":     parse(tool, `"content":[ {"text": "Q?", "type": "text"} ]`, call, result),
		"first in a part":        parse(tool, `"content":[{`+mark+`,"text":"Q?","type":"text"}]`, call, result),
		"in a message":           parse(tool, user+` , `+mark, call, result),
		"first in a message":     parse(tool, user, call, mark+` , `+result),
		"in a call":              parse(tool, user, `{"id":"1",`+mark+`,"function":{"name":"f","arguments":"{}"}}`, result),
		"last in a function":     parse(tool, user, `{"id":"1","function":{"name":"f","arguments":"{}",`+mark+`}}`, result),
		"with escapes":           parse(tool, user, call, result+",\"cache\\u005fcontrol\":{}"),
		"everywhere in a prompt": parse(tool[:len(tool)-1]+`,`+mark+`}`, `"content":[{"type":"text","text":"Q?",`+mark+`}],`+mark, call[:len(call)-1]+`,`+mark+`}`, `"role":"tool","content":[{"type":"text","text":"R",`+mark+`}]`),
	} {
		if got, at := p.Messages(); string(got) != string(raw) || !slices.Equal(at, ends) {
			t.Errorf("%s: %s ends at %v, want %s at %v", name, got, at, raw, ends)
		}
		if got := p.Outside(); !slices.Equal(got, plain.Outside()) {
			t.Errorf("%s: outside are %q, want %q", name, got, plain.Outside())
		}
		for i := range p.Turns {
			if got := p.Turns[i].Fixed; !slices.Equal(got, plain.Turns[i].Fixed) {
				t.Errorf("%s: %q are counted in turn %d, want %q", name, got, i, plain.Turns[i].Fixed)
			}
		}
		p.IgnoreBreakpoints()
		if _, at := p.First(1, prompt.ToolResult); at != place {
			t.Errorf("%s: the result is at %+v, want %+v", name, at, place)
		}
	}
	for name, p := range map[string]*prompt.Prompt{
		"another text":             parse(tool, `"content":[{"type":"text","text":"Q!",`+mark+`}]`, call, result),
		"two texts":                parse(tool, `"content":[{"type":"text","text":"Q?"},{"type":"text","text":""}]`, call, result),
		"a part that says more":    parse(tool, `"content":[{"type":"text","text":"Q?","x":1,`+mark+`}]`, call, result),
		"a message that says more": parse(tool, user+`,"name":"kim",`+mark, call, result),
	} {
		if got, _ := p.Messages(); string(got) == string(raw) {
			t.Errorf("%s is told by the same bytes: %s", name, got)
		}
	}
}

// Without its breakpoints a prompt is locked as if it had none: tags ask again, and what is
// needed to the letter stays.
func TestIgnoreBreakpoints(t *testing.T) {
	const body = `{"messages":[{"role":"user","content":"<llmlingua>A</llmlingua> Q?"},{"role":"tool","content":"R"},{"role":"assistant","content":"A"},
		{"role":"user","content":"Translate the following.\n\nContext:\nT"},{"role":"tool","content":"R2"%s}]}`
	parse := func(mark string) *prompt.Prompt {
		t.Helper()
		p, err := prompt.Parse(t.Context(), []byte(body[:len(body)-len("%s}]}")]+mark+"}]}"))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	plain, marked := parse(""), parse(`,"cache_control":{}`)
	if got := texts(marked); len(got) != 0 || marked.Tagged || !marked.Breakpoints {
		t.Fatalf("%q may change before a breakpoint, tagged %t", got, marked.Tagged)
	}
	marked.IgnoreBreakpoints()
	if got, want := texts(marked), texts(plain); !slices.Equal(got, want) || len(want) < 2 || !marked.Tagged {
		t.Errorf("%q may change, want %q; tagged %t", got, want, marked.Tagged)
	}
	for i, text := range marked.Texts {
		if want := plain.Texts[i]; text.Locked != want.Locked || text.Verbatim != want.Verbatim {
			t.Errorf("%q: locked %t, verbatim %t", text.Original, text.Locked, text.Verbatim)
		}
	}
}
