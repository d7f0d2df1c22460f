package jsonspace_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/stage/jsonspace"
)

// apply runs the stage over one message.
func apply(t *testing.T, role, content string) string {
	t.Helper()
	body := fmt.Sprintf(`{"messages":[{"role":%q,"content":%s},{"role":"user","content":"Q"}]}`, role, jsonscan.AppendQuoted(nil, content))
	p, err := prompt.Parse(t.Context(), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := (jsonspace.Stage{}).Apply(t.Context(), &prompt.Draft{Texts: p.Texts}); err != nil {
		t.Fatal(err)
	}
	return p.Texts[0].Current()
}

func TestToolResults(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"indented":             {"{\n  \"a\": [\n    1,\n    true\n  ],\r\n\t\"b\" : { }\n}\n", `{"a":[1,true],"b":{}}`},
		"numbers keep digits":  {`[ 1.50, 1e+02, -0, 12345678901234567890.000 ]`, `[1.50,1e+02,-0,12345678901234567890.000]`},
		"strings keep bytes":   {"{ \"a  b\" : \" \\u00e9 \\/ \\\" , : \", \"\u2028\":\"\u00a0\" }", "{\"a  b\":\" \\u00e9 \\/ \\\" , : \",\"\u2028\":\"\u00a0\"}"},
		"members keep order":   {`{ "b":1, "a":2, "b":3 }`, `{"b":1,"a":2,"b":3}`},
		"already compact":      {`{"a":1}`, `{"a":1}`},
		"a number":             {` 42 `, ` 42 `},
		"a string":             {` "x" `, ` "x" `},
		"prose":                {"All  is well.\n", "All  is well.\n"},
		"JSON and more":        {"{ \"a\": 1 }\nDone.", "{ \"a\": 1 }\nDone."},
		"text before it":       {"Found:\n\n [ 1,\n2 ]\n", "Found:\n\n [1,2]"},
		"a log before it":      {"[INFO] it\n{ \"a\": 1 }", "[INFO] it\n{\"a\":1}"},
		"not on its own line":  {"Found: { \"a\": 1 }", "Found: { \"a\": 1 }"},
		"JSON lines":           {"{ \"a\": 1 }\n{ \"a\": 2 }", "{ \"a\": 1 }\n{ \"a\": 2 }"},
		"a code fence":         {"```json\n{ \"a\": 1 }\n```", "```json\n{ \"a\": 1 }\n```"},
		"JSON5":                {"{ a: 1, }", "{ a: 1, }"},
		"other white space":    {"{\u00a0\"a\": 1 }", "{\u00a0\"a\": 1 }"},
		"a byte order mark":    {"\uFEFF{ \"a\": 1 }", "\uFEFF{ \"a\": 1 }"},
		"nothing":              {"", ""},
		"half surrogate inner": {`[ "\ud800" ]`, `["\ud800"]`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := apply(t, "tool", tc.in); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestOtherMessagesStay(t *testing.T) {
	const text = `{ "a" : 1 }`
	if got := apply(t, "user", "<llmlingua>"+text+"</llmlingua>"); got != text {
		t.Errorf("got %q", got)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"tool","content":"[ 1 ]"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (jsonspace.Stage{}).Apply(ctx, &prompt.Draft{Texts: p.Texts}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// What is locked is not even read.
func TestLockedStays(t *testing.T) {
	p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"tool","content":"{ \"a\" : [ 1, 2, 3 ] }"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	p.Texts[0].Locked = true
	draft := &prompt.Draft{Texts: p.Texts}
	if n := testing.AllocsPerRun(10, func() {
		if err := (jsonspace.Stage{}).Apply(t.Context(), draft); err != nil {
			t.Fatal(err)
		}
	}); n > 0 || p.Texts[0].Changed() {
		t.Errorf("%v allocations for %q", n, p.Texts[0].Current())
	}
}

// What is wanted as it is keeps its white space.
func TestVerbatimStays(t *testing.T) {
	const text = "[\n  1,\n  2\n]\n"
	for question, stays := range map[string]bool{"Return the raw JSON of the tool unchanged, byte for byte.": true, "Which is larger?": false} {
		p, err := prompt.Parse(t.Context(), fmt.Appendf(nil, `{"messages":[{"role":"user","content":%q},{"role":"tool","content":%q}]}`, question, text))
		if err != nil {
			t.Fatal(err)
		}
		if err := (jsonspace.Stage{}).Apply(t.Context(), &prompt.Draft{Texts: p.Texts}); err != nil || p.Texts[0].Changed() == stays {
			t.Errorf("%s: %q, %v", question, p.Texts[0].Current(), err)
		}
	}
}
