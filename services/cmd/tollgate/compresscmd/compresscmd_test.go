package compresscmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"tollgate.dev/services/cmd/tollgate/compresscmd"
)

// result is what the command wrote.
type result struct{ out, help string }

func run(t *testing.T, env map[string]string, stdin string, args ...string) (result, error) {
	t.Helper()
	var out, help bytes.Buffer
	err := compresscmd.Run(t.Context(), compresscmd.Env{
		Lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Stdin:  strings.NewReader(stdin), Stdout: &out, Stderr: &help,
	}, args)
	return result{out.String(), help.String()}, err
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// rows is a pretty-printed tool result.
func rows(n int) string {
	type row struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}
	var list []row
	for i := range n {
		list = append(list, row{i, fmt.Sprintf("Article %d", i)})
	}
	raw, err := json.MarshalIndent(list, "", "    ")
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// Flags may stand before and after the file; what went and what is saved is shown.
func TestShowsWhatWent(t *testing.T) {
	path := file(t, "rows.json", rows(100))
	for _, args := range [][]string{
		{path, "--profile", "chat", "--question", "Which is the first?"},
		{"--profile=chat", path, "--model", "anthropic/claude-sonnet-4-5"},
	} {
		got, err := run(t, nil, "", args...)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"[-", "tokens  ", "are left", "engine  lossless (", "saved   $0.0", "time    "} {
			if !strings.Contains(got.out, want) {
				t.Errorf("%q: no %q in\n%s", args, want, got.out)
			}
		}
	}
}

func TestFormats(t *testing.T) {
	text := rows(100)
	plain, err := run(t, nil, text, "-", "--format", "text")
	if err != nil {
		t.Fatal(err)
	}
	if len(plain.out) >= len(text) || strings.Contains(plain.out, "[-") || !strings.Contains(plain.out, "JSON, short form") {
		t.Errorf("text: %.200s", plain.out)
	}
	said, err := run(t, nil, text, "-", "--format", "json")
	if err != nil {
		t.Fatal(err)
	}
	var view struct {
		Model, Profile, Engine                   string
		OriginalTokens, CompressedTokens, Micros int64
		Saved                                    json.Number
		Texts                                    []struct{ Role, Original, Compressed string }
	}
	if err := json.Unmarshal([]byte(said.out), &view); err != nil {
		t.Fatal(err)
	}
	if view.Model != "openai/gpt-4o" || view.Profile != "default" || view.Engine != "lossless" || view.CompressedTokens >= view.OriginalTokens ||
		len(view.Texts) != 1 || view.Texts[0].Original != text || view.Texts[0].Compressed != plain.out || view.Saved == "0" {
		t.Errorf("json: %.400s", said.out)
	}
	coloured, err := run(t, nil, text, "-", "--color", "always")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(coloured.out, "\x1b[9;31m[-") || !strings.Contains(coloured.out, "\x1b[32m{+") {
		t.Errorf("colours: %.200q", coloured.out)
	}
	for line := range strings.Lines(coloured.out) { // a pager ends colours with the line
		if strings.Count(line, "\x1b[9;31m")+strings.Count(line, "\x1b[32m") != strings.Count(line, "\x1b[0m") {
			t.Errorf("a colour goes on behind %q", line)
		}
	}
	short, err := run(t, nil, text, "-", "--json")
	if micros := regexp.MustCompile(`"micros": \d+`); err != nil || micros.ReplaceAllString(short.out, "") != micros.ReplaceAllString(said.out, "") {
		t.Errorf("--json: %v, %.400s", err, short.out)
	}
}

// What a document has of escape sequences is seen, and steers no terminal; the compressed text alone
// has what goes out.
func TestControlsAreSeen(t *testing.T) {
	var log strings.Builder
	for i := range 80 {
		fmt.Fprintf(&log, "\x1b[32mok\x1b[0m step %d of the long build is done\x07\u009b2J\u202e\r\n\tnext\n", i)
	}
	for _, color := range []string{"never", "always"} {
		got, err := run(t, nil, log.String(), "-", "--profile", "chat", "--color", color)
		if err != nil {
			t.Fatal(err)
		}
		shown := got.out
		for _, own := range []string{"\x1b[9;31m", "\x1b[0m", "\x1b[32m"} {
			if color == "always" {
				shown = strings.ReplaceAll(shown, own, "")
			}
		}
		if i := strings.IndexFunc(shown, func(r rune) bool { return r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Bidi_Control) }); i >= 0 {
			t.Errorf("%s: a control in %.60q", color, shown[i:])
		}
		for _, want := range []string{"\u241b[32m", "\u2407", "<U+009B>", "<U+202E>", "\u240d\n\tnext"} {
			if !strings.Contains(shown, want) {
				t.Errorf("%s: no %q in %.300q", color, want, shown)
			}
		}
	}
}

// A terminal gets no control in any format, and what goes out is the same JSON.
func TestTerminals(t *testing.T) {
	text := strings.Repeat("a\x1b[2J\u009b2J\u202eb\n", 400)
	for _, format := range []string{"diff", "text", "json"} {
		var out bytes.Buffer
		err := compresscmd.Run(t.Context(), compresscmd.Env{
			Lookup: func(name string) (string, bool) { return "1", name == "NO_COLOR" },
			Stdin:  strings.NewReader(text), Stdout: &out, Terminal: true,
		}, []string{"-", "--format", format, "--profile", "off"})
		if err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && unicode.In(r, unicode.Cc, unicode.Bidi_Control) }); i >= 0 {
			t.Errorf("%s: a control in %.60q", format, out.String()[i:])
		}
		var view struct{ Texts []struct{ Compressed string } }
		if format == "json" && (json.Unmarshal(out.Bytes(), &view) != nil || len(view.Texts) != 1 || view.Texts[0].Compressed != text) {
			t.Errorf("json: %.200s", out.String())
		}
	}
}

// Colours are for a terminal that has some, and whose user wants them.
func TestColors(t *testing.T) {
	text := rows(100)
	for _, tc := range []struct {
		name     string
		env      map[string]string
		terminal bool
		args     []string
		want     bool
	}{
		{"a terminal", map[string]string{"TERM": "xterm"}, true, nil, true},
		{"a pipe", map[string]string{"TERM": "xterm"}, false, nil, false},
		{"a pipe, always", nil, false, []string{"--color", "always"}, true},
		{"a terminal, never", nil, true, []string{"--color", "never"}, false},
		{"NO_COLOR", map[string]string{"NO_COLOR": "1"}, true, nil, false},
		{"an empty NO_COLOR", map[string]string{"NO_COLOR": ""}, true, nil, true},
		{"NO_COLOR, always", map[string]string{"NO_COLOR": "1"}, true, []string{"--color", "always"}, true},
		{"a terminal without", map[string]string{"TERM": "dumb"}, true, nil, false},
	} {
		var out bytes.Buffer
		err := compresscmd.Run(t.Context(), compresscmd.Env{
			Lookup: func(name string) (string, bool) { v, ok := tc.env[name]; return v, ok },
			Stdin:  strings.NewReader(text), Stdout: &out, Terminal: tc.terminal,
		}, append([]string{"-"}, tc.args...))
		if err != nil || strings.Contains(out.String(), "\x1b") != tc.want || !strings.Contains(out.String(), "[-") {
			t.Errorf("%s: %v, %.200q", tc.name, err, out.String())
		}
	}
}

// Whoever takes out what the marks are around has the text that goes out, or the one that came in:
// a text's own brackets are none of the tool's.
func TestMarksAreTheToolsAlone(t *testing.T) {
	mill := func(own string) string {
		var out strings.Builder
		out.WriteString("The mill at Oldbridge was built in 1834 by Thomas Hale. It stands by the river. ")
		for i := range 60 {
			fmt.Fprintf(&out, "The wheel%s number %d is of [oak] {and} iron. Visitors come by train %d times a day.\n", own, i, i%7)
		}
		return out.String()
	}
	for _, tc := range []struct{ name, text, begin, end, placed string }{
		{"no marks", mill(""), "[-", "-]", "{+"},
		{"a mark of omission", mill(" […]"), "[-", "-]", "{+"},
		{"what looks like the tool's", mill(" [-so-] {+so+}"), "[--", "--]", "{++"},
		{"the first half", mill(" [-so"), "[--", "--]", "{++"},
		{"the other half", mill(" so++}"), "[---", "---]", "{+++"},
		{"at the seams", mill(" - [ { + ] }"), "[-", "-]", "{+"},
		{"JSON", rows(100), "[-", "-]", "{+"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := []string{"-", "--question", "Who built the mill?", "--model", "anthropic/claude-sonnet-4-5"}
			got, err := run(t, nil, tc.text, args...)
			if err != nil {
				t.Fatal(err)
			}
			sent, err := run(t, nil, tc.text, append(args, "--format", "text")...)
			if err != nil {
				t.Fatal(err)
			}
			shown, _, _ := strings.Cut(got.out, "\n\ntokens  ")
			if legend, rest, ok := strings.Cut(shown, "\n\n"); strings.HasPrefix(shown, "marks   ") && ok {
				if want := "marks   " + tc.begin + "left out" + tc.end + " " + tc.placed + "in its place"; !strings.HasPrefix(legend, want) {
					t.Errorf("told %q, want %q", legend, want)
				}
				shown = rest
			} else if len(tc.begin) > 2 {
				t.Errorf("the marks are not told: %.100s", shown)
			}
			// replaced has one of the two kinds of changes taken out, or its marks alone.
			replaced := func(text, begin, end, by string) string {
				return regexp.MustCompile(`(?s)`+regexp.QuoteMeta(begin)+`(.*?)`+regexp.QuoteMeta(end)).ReplaceAllString(text, by)
			}
			gone, came := [2]string{tc.begin, tc.end}, [2]string{tc.placed, strings.Repeat("+", len(tc.placed)-1) + "}"}
			before := replaced(replaced(shown, came[0], came[1], ""), gone[0], gone[1], "$1")
			if strings.TrimRight(before, "\n") != strings.TrimRight(tc.text, "\n") {
				t.Errorf("what came in reads\n%.600s", before)
			}
			after := replaced(replaced(shown, gone[0], gone[1], ""), came[0], came[1], "$1")
			if strings.TrimRight(after, "\n") != strings.TrimRight(sent.out, "\n") || len(sent.out) >= len(tc.text) {
				t.Errorf("what goes out reads\n%.600s\nand not\n%.600s", after, sent.out)
			}
			if strings.Contains(shown, tc.end+" "+tc.begin) {
				t.Errorf("a space alone stays between two changes: %.600s", shown)
			}
		})
	}
}

// What became another text is shown as two, and not as what the two share by chance.
func TestRewritten(t *testing.T) {
	text := rows(100)
	sent, err := run(t, nil, text, "-", "--format", "text")
	if err != nil {
		t.Fatal(err)
	}
	got, err := run(t, nil, text, "-")
	if want := "[-" + text + "-]{+" + sent.out + "+}\n\ntokens  "; err != nil || !strings.HasPrefix(got.out, want) {
		t.Errorf("%v\n%.400s", err, got.out)
	}
}

// A request is taken as it is, with every message.
func TestRequests(t *testing.T) {
	body, err := json.Marshal(map[string]any{"model": "gpt-4o", "messages": []any{
		map[string]any{"role": "system", "content": "Be  kind."},
		map[string]any{"role": "user", "content": []any{map[string]any{"type": "text", "text": "Which is first?"}}},
		map[string]any{"role": "tool", "tool_call_id": "c", "content": rows(100)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := run(t, nil, "", file(t, "request.json", string(body)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.out, "--- system\nBe  kind.\n--- user\nWhich is first?\n--- tool\n") || !strings.Contains(got.out, "[-") {
		t.Errorf("got %.300s", got.out)
	}
	sent, err := run(t, nil, "", file(t, "request.json", string(body)), "--format", "text")
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid([]byte(sent.out)) || !strings.HasPrefix(sent.out, `{"messages":[{"content":"Be  kind.","role":"system"}`) || len(sent.out) >= len(body) {
		t.Errorf("got %.300s", sent.out)
	}
}

// A line of a text that looks like a message's heading is told from one.
func TestHeadings(t *testing.T) {
	body := `{"messages":[{"role":"user","content":"--- a/main.go\n+++ b/main.go\n--- user\n---- \n----- x"},{"role":"assistant","content":null},{"role":"user","content":"Why?"}]}`
	got, err := run(t, nil, body, "-")
	if err != nil || !strings.HasPrefix(got.out, "------ user\n--- a/main.go\n") || !strings.Contains(got.out, "\n------ user\nWhy?\n") {
		t.Errorf("%v, %s", err, got.out)
	}
}

// Where nothing is saved it is told why, of which model.
func TestNothingWasSaved(t *testing.T) {
	for profile, want := range map[string]string{
		"rag":  "nothing was saved, and the original goes out to openai/gpt-4o (the profile rag begins at 1000 tokens)",
		"chat": "nothing was saved, and the original goes out to openai/gpt-4o (docs/11-Compression.md tells when)",
	} {
		got, err := run(t, nil, "```\n"+strings.Repeat("let mill = old;\n", 80)+"```\n", "-", "--profile", profile)
		if err != nil || !strings.Contains(got.out, want) {
			t.Errorf("%s: %v, %s", profile, err, got.out)
		}
	}
}

func TestWhatGoesOutAsItIs(t *testing.T) {
	for name, args := range map[string][]string{"a small text": {"-"}, "off": {"-", "--profile", "off"}} {
		got, err := run(t, nil, "A few words.", args...)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(got.out, "A few words.\n\n") || strings.Contains(got.out, "are left") {
			t.Errorf("%s: %s", name, got.out)
		}
	}
}

// prose is sentences of the small model's own words, no two alike.
func prose(sentences int) string {
	words := strings.Fields("gateway services company models answer counts every call tells who may spend how much on which day of the month between that them")
	r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // the same each time
	var out strings.Builder
	for range sentences {
		out.WriteString("The")
		for range 15 {
			out.WriteString(" " + words[r.IntN(len(words))])
		}
		out.WriteString(".\n")
	}
	return out.String()
}

// A configuration's model is asked, and one that cannot be read is named.
func TestAsksAModel(t *testing.T) {
	config := func(folder string) string {
		return file(t, "config.yaml", "model_list: [{model_name: m, litellm_params: {model: openai/gpt-4o, api_key: k}}]\n"+
			"compression: {profiles: {chat: {engine: llmlingua2}}, llmlingua2: {model: "+folder+"}}\n")
	}
	text := prose(100)
	bert := filepath.Join("..", "..", "..", "compressor", "llmlingua", "testdata", "bert")
	got, err := run(t, nil, text, "-", "--profile", "chat", "--config", config(bert))
	if err != nil || !strings.Contains(got.out, "engine  llmlingua2 (") {
		t.Errorf("%v\n%s", err, got.out)
	}
	if _, err := run(t, nil, text, "-", "--config", config(t.TempDir())); err == nil || !strings.Contains(err.Error(), "compression.llmlingua2.model: ") {
		t.Errorf("a model that is not there: %v", err)
	}
}

// The configuration's profiles count.
func TestConfiguration(t *testing.T) {
	config := file(t, "config.yaml", "model_list: [{model_name: m, litellm_params: {model: openai/gpt-4o, api_key: k}}]\ncompression: {profiles: {chat: {min_tokens: 100000}}}\n")
	got, err := run(t, nil, rows(100), "-", "--profile", "chat", "--config", config)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.out, "nothing was saved") {
		t.Errorf("got %.300s", got.out)
	}
}

// The configuration's deployments count, with prices, base models and all that share a name: the
// strictest of them goes. A request names its model itself.
func TestDeployments(t *testing.T) {
	config := file(t, "config.yaml", `model_list:
- {model_name: own, litellm_params: {model: openai/my-gpt, api_key: k, input_cost_per_token: 0.01, output_cost_per_token: 0.02}, model_info: {base_model: gpt-4o}}
- {model_name: bare, litellm_params: {model: openai/my-bare, api_key: k}}
- {model_name: two, litellm_params: {model: anthropic/claude-sonnet-4-5, api_key: k}}
- {model_name: two, litellm_params: {model: openai/gpt-4o, api_key: k}}
`)
	text := prose(35) // fewer tokens than OpenAI keeps
	request := func(model string) string {
		body, err := json.Marshal(map[string]any{"model": model, "tools": []any{}, "messages": []any{map[string]any{"role": "tool", "tool_call_id": "c", "content": text}}})
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	for _, tc := range []struct {
		name, in     string
		args         []string
		want, unlike string // of what is written
	}{
		{"by provider and model", text, []string{"--model", "openai/my-gpt"}, " a call of openai/my-gpt\n", "no price"},
		{"by name", text, []string{"--model", "own"}, " a call of openai/my-gpt\n", "no price"},
		{"without a price", text, []string{"--model", "bare"}, "no price is known of openai/my-bare", "saved   "},
		{"as the request says", request("own"), nil, "nothing was saved", "no price"},
		{"the first of two alone", request("x"), []string{"--model", "anthropic/claude-sonnet-4-5"}, " a call of anthropic/claude-sonnet-4-5\n", "nothing was saved"},
		{"two of a name", request("two"), nil, "nothing was saved", "a call of"},
		{"not in the configuration", text, []string{"--model", "openai/gpt-5"}, " a call of openai/gpt-5\n", "no price"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := run(t, nil, tc.in, append([]string{"-", "--config", config}, tc.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			if said := got.help + got.out; !strings.Contains(said, tc.want) || strings.Contains(said, tc.unlike) {
				t.Errorf("no %q, or %q, in %s…%s", tc.want, tc.unlike, got.help, got.out[max(0, len(got.out)-300):])
			}
		})
	}
	got, err := run(t, nil, text, "-", "--config", config, "--model", "own", "--format", "json")
	var view struct {
		OriginalTokens, CompressedTokens int64
		Saved                            float64
	}
	if err := errors.Join(err, json.Unmarshal([]byte(got.out), &view)); err != nil {
		t.Fatal(err)
	}
	bare, err := run(t, nil, text, "-", "--format", "json")
	var counted struct{ OriginalTokens int64 }
	if err := errors.Join(err, json.Unmarshal([]byte(bare.out), &counted)); err != nil {
		t.Fatal(err)
	}
	if want := 0.01 * float64(view.OriginalTokens-view.CompressedTokens); math.Abs(view.Saved-want) > 0.001 || view.OriginalTokens != counted.OriginalTokens {
		t.Errorf("saved %v of %d tokens, want %v of %d", view.Saved, view.OriginalTokens, want, counted.OriginalTokens)
	}
}

// What is saved of a model that has no price is not known, and not nothing.
func TestSavedWithoutAPrice(t *testing.T) {
	for model, want := range map[string]bool{"openai/gpt-4o": true, "hosted_vllm/my-very": false} {
		got, err := run(t, nil, rows(100), "-", "--json", "--model", model)
		var view struct{ Saved *float64 }
		if err := errors.Join(err, json.Unmarshal([]byte(got.out), &view)); err != nil || (view.Saved != nil) != want {
			t.Errorf("%s: %v, %v", model, err, view.Saved)
		}
	}
}

// A model that has no price is told, and which one may be meant.
func TestUnknownModels(t *testing.T) {
	small := file(t, "a.txt", "A.")
	for model, want := range map[string]string{
		"openai/gpt-5": "", "groq/openai/gpt-oss-120b": "",
		"openai/gpt4o":        "no price is known of openai/gpt4o (did you mean openai/gpt-4o?)",
		"opanai/gpt-4o":       "did you mean openai/gpt-4o?",
		"hosted_vllm/my-very": "no price is known of hosted_vllm/my-very: what is saved is told in tokens alone, by generic~",
	} {
		got, err := run(t, nil, "", small, "--model", model)
		if err != nil || (want == "") != (got.help == "") || !strings.Contains(got.help, want) {
			t.Errorf("%s: %v, %s", model, err, got.help)
		}
	}
}

// Of a document it is told where it would be left in a conversation with tools, as such a request
// is.
func TestDocumentsOfTools(t *testing.T) {
	var short, long strings.Builder
	for i := range 120 {
		line := fmt.Sprintf("The mill number %d stands by the river and grinds %d sacks of flour. ", i, 7*i)
		if long.WriteString(line); i < 40 {
			short.WriteString(line)
		}
	}
	for _, tc := range []struct{ text, model, want string }{
		{short.String(), "openai/gpt-4o", "as the result of a tool it stays"},
		{long.String(), "openai/gpt-4o", " as the result of a tool: "},
		{strings.Repeat(long.String(), 3), "openai/gpt-4o", ""},
		{short.String(), "anthropic/claude-sonnet-4-5", ""},
	} {
		got, err := run(t, nil, "", file(t, "mill.txt", tc.text), "--model", tc.model, "--question", "Which mill grinds 70 sacks?")
		if err != nil || !strings.Contains(got.out, tc.want) || (tc.want == "") == strings.Contains(got.out, "result of a tool") {
			t.Errorf("%d bytes, %s: %v, %s", len(tc.text), tc.model, err, got.out[strings.LastIndex(got.out, "\ntokens"):])
		}
	}
}

func TestMistakes(t *testing.T) {
	small := file(t, "a.txt", "A.")
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no file":            {nil, "which file"},
		"two files":          {[]string{small, small}, "unexpected argument"},
		"an unknown flag":    {[]string{small, "--speed"}, "--help"},
		"no such file":       {[]string{filepath.Join(t.TempDir(), "none")}, "no such file"},
		"an unknown profile": {[]string{small, "--profile", "turbo"}, `--profile "turbo": chat, default, rag or off`},
		"a rate of 0":        {[]string{small, "--rate", "0"}, "--rate"},
		"a rate above 1":     {[]string{small, "--rate", "2"}, "--rate"},
		"an unknown format":  {[]string{small, "--format", "xml"}, "--format"},
		"an unknown colour":  {[]string{small, "--color", "red"}, "--color"},
		"no provider":        {[]string{small, "--model", "gpt-4o"}, "--model"},
		"no UTF-8":           {[]string{file(t, "b", "\xff")}, "UTF-8"},
		"a large file":       {[]string{file(t, "c", strings.Repeat("x", 10<<20+1))}, "MiB"},
		"a request's other":  {[]string{file(t, "e.json", `{"messages":[{"role":"user","content":"x"}]}`), "--question", "What?"}, "--question is for a document"},
		"an empty file":      {[]string{file(t, "g.txt", " \n")}, "g.txt is empty"},
		"another's request":  {[]string{file(t, "h.json", `{"system":"s","messages":[{"role":"user","content":"x"}]}`)}, "Anthropic's Messages API"},
		"another's tools":    {[]string{file(t, "i.json", `{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"x"}]}]}`)}, "Anthropic's Messages API"},
		"half a request":     {[]string{file(t, "d.json", `{"messages":[{"role":"oracle","content":"x"}]}`)}, "cannot be read"},
	} {
		_, err := run(t, nil, "", tc.args...)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	got, err := run(t, nil, "", "--help")
	if !errors.Is(err, flag.ErrHelp) || !strings.Contains(got.help, "tollgate compress FILE") {
		t.Errorf("help: %v, %s", err, got.help)
	}
}
