package prompt_test

import (
	"encoding/json"
	"testing"

	"tollgate.dev/services/compressor/prompt"
)

// What a tool has read is needed to the letter where it may be written back, that is but where
// somebody only asks about it.
func TestReadToBeWrittenBack(t *testing.T) {
	const order = "Bring the install section of the guide up to date."
	for name, tc := range map[string]struct {
		said, tool, arguments string
		verbatim              bool
	}{
		"a file":                {order, "read_file", `{"path":"GUIDE.md"}`, true},
		"a name of two cases":   {order, "fsReadTextFile", `{"name":"GUIDE.md"}`, true},
		"a place":               {order, "fetch", `{"documentUri":"file:///GUIDE.md"}`, true},
		"an id":                 {"Pass Ann's note on to Ben.", "get", `{"id":7}`, true},
		"a mail":                {"Pass Ann's note on to Ben.", "current_mail", `{}`, true},
		"a command":             {order, "shell", `{"command":"cat GUIDE.md"}`, true},
		"a command in a shell":  {order, "shell", `{"cmd":["bash","-lc","sed -n 1,99p GUIDE.md"]}`, true},
		"asked politely":        {"Could you bring the guide up to date?", "read_file", `{"path":"GUIDE.md"}`, true},
		"asked and ordered":     {"Find out why the guide is wrong and mend it.", "read_file", `{"path":"GUIDE.md"}`, true},
		"agreed":                {"Go ahead.", "read_file", `{"path":"GUIDE.md"}`, true},
		"in German":             {"Kannst du die Anleitung um Docker ergänzen?", "read_file", `{"path":"GUIDE.md"}`, true},
		"a language not known":  {"Þýddu skjalið.", "read_file", `{"path":"GUIDE.md"}`, true},
		"a question":            {"How is it installed?", "read_file", `{"path":"GUIDE.md"}`, false},
		"to be told":            {"Tell me how it is installed.", "read_file", `{"path":"GUIDE.md"}`, false},
		"a list":                {order, "list_dir", `{"path":"docs"}`, false},
		"a search":              {order, "search_files", `{"path":"docs","pattern":"install"}`, false},
		"another command":       {order, "shell", `{"command":"make test"}`, false},
		"no place":              {order, "weather", `{"city":"Arden"}`, false},
		"nobody says a word":    {"", "read_file", `{"path":"GUIDE.md"}`, false},
		"arguments that are no": {order, "weather", `[1`, false},
	} {
		t.Run(name, func(t *testing.T) {
			function := map[string]any{"name": tc.tool, "arguments": tc.arguments}
			messages := []any{
				map[string]any{"role": "user", "content": tc.said},
				map[string]any{"role": "assistant", "tool_calls": []any{map[string]any{"id": "c", "type": "function", "function": function}}},
				map[string]any{"role": "tool", "tool_call_id": "c", "content": "The guide is old."},
			}
			if tc.said == "" {
				messages = messages[1:]
			}
			raw, err := json.Marshal(map[string]any{"messages": messages})
			if err != nil {
				t.Fatal(err)
			}
			p, err := prompt.Parse(t.Context(), raw)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Texts[0]; got.Verbatim != tc.verbatim || tc.verbatim && got.Rate != 1 || got.Locked {
				t.Errorf("verbatim: %t, at rate %g, locked: %t", got.Verbatim, got.Rate, got.Locked)
			}
		})
	}
}

// A question that takes all there is leaves nothing out of what tools answer, and lets it be
// written in another form.
func TestQuestionsForAllOfAResult(t *testing.T) {
	for question, rate := range map[string]float64{"Which orders are missing?": 1, "What is the total of the orders?": 1, "When was order 7 placed?": 0} {
		p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"user","content":`+quote(t, question)+`},{"role":"tool","content":"R"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Texts[0]; got.Rate != rate || got.Verbatim {
			t.Errorf("%s: rate %g, verbatim: %t", question, got.Rate, got.Verbatim)
		}
	}
}

// Several messages of a turn are one: what the first orders, the second does not take back.
func TestOrdersOfATurn(t *testing.T) {
	p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"user","content":"Bring the guide up to date."},{"role":"user","content":"How long does it take?"},
		{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"read","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"R"}]}`))
	if err != nil || !p.Texts[0].Verbatim {
		t.Errorf("the order is forgotten: %v", err)
	}
}

// A function's result, which has no id, is that of the call before it.
func TestFunctionsThatRead(t *testing.T) {
	for said, verbatim := range map[string]bool{"Bring the guide up to date.": true, "How is it installed?": false} {
		p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"user","content":`+quote(t, said)+`},
			{"role":"assistant","content":null,"function_call":{"name":"read","arguments":"{}"}},{"role":"function","name":"read","content":"R"}]}`))
		if err != nil || p.Texts[0].Verbatim != verbatim {
			t.Errorf("%s: verbatim is not %t: %v", said, verbatim, err)
		}
	}
}
