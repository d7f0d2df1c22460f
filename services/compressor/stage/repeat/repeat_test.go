package repeat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/stage/repeat"
)

// result is a tool result of a prompt: the call's id, and its content.
type result struct{ call, content string }

// parse makes a conversation of tool results.
func parse(t testing.TB, results ...result) []*prompt.Text {
	t.Helper()
	messages := []any{map[string]any{"role": "user", "content": "Q"}}
	for _, r := range results {
		messages = append(messages, map[string]any{"role": "tool", "tool_call_id": r.call, "content": r.content})
	}
	body, err := json.Marshal(map[string]any{"messages": messages})
	if err != nil {
		t.Fatal(err)
	}
	p, err := prompt.Parse(t.Context(), body)
	if err != nil || len(p.Texts) != len(results) {
		t.Fatalf("%v, %v", p, err)
	}
	return p.Texts
}

func apply(t testing.TB, rate float64, texts ...*prompt.Text) {
	t.Helper()
	if err := (repeat.Stage{}).Apply(t.Context(), &prompt.Draft{Texts: texts, Rate: rate}); err != nil {
		t.Fatal(err)
	}
}

const (
	harbour = "The harbour was built between 1907 and 1912, after the storm that had taken the old pier. Its engineer, who had worked on three canals before, wanted a wall of 1,240 metres; the town, which had to pay for it, did not want any."
	mill    = "The mill has two wheels. One of them is from 1820, the other was made when the first railway came through the valley, and both of them still turn: on Sundays from 10:30 on, and whenever the museum has guests who ask for it."
)

func TestResults(t *testing.T) {
	doc := `{"harbour":"` + harbour + `"}`
	for name, tc := range map[string]struct {
		results []result
		last    string
	}{
		"the same":         {[]result{{"call_1", harbour}, {"call_2", harbour}}, "[same as the result of call_1 above]"},
		"without ids":      {[]result{{"", mill}, {"", harbour}, {"", harbour}}, "[same as tool result 2 above]"},
		"one id for two":   {[]result{{"call_1", mill}, {"call_1", harbour}, {"call_2", harbour}}, "[same as tool result 2 above]"},
		"an id of marks":   {[]result{{"call 1]", harbour}, {"call_2", harbour}}, "[same as tool result 1 above]"},
		"JSON":             {[]result{{"call_1", doc}, {"call_2", doc}}, "[same as the result of call_1 above]"},
		"three":            {[]result{{"call_1", doc}, {"call_2", doc}, {"call_3", doc}}, "[same as the result of call_1 above]"},
		"JSON with a word": {[]result{{"call_1", doc}, {"call_2", strings.Replace(doc, "old", "new", 1)}}, ""},
		"short ones":       {[]result{{"call_1", "done"}, {"call_2", "done"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			texts := parse(t, tc.results...)
			apply(t, 1, texts...)
			last := texts[len(texts)-1]
			if want := tc.last; want != "" && last.Current() != want || want == "" && last.Changed() {
				t.Errorf("got %q", last.Current())
			}
			if texts[0].Changed() || len(last.Omitted()) > 0 {
				t.Errorf("the first is %q, omitted %v", texts[0].Current(), last.Omitted())
			}
		})
	}
}

// A reference names a message by its number among all tool messages, those without a text that may
// change too, and says nothing of a message's parts.
func TestReferencesNameMessages(t *testing.T) {
	message := func(call, content string) string {
		return fmt.Sprintf(`{"role":"tool","tool_call_id":%q,"content":%s}`, call, content)
	}
	part := func(texts ...string) string {
		parts := make([]string, len(texts))
		for i, text := range texts {
			parts[i] = fmt.Sprintf(`{"type":"text","text":%q}`, text)
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	quoted := func(text string) string { return fmt.Sprintf("%q", text) }
	const half, none = `"\ud800"`, `[{"type":"image_url","image_url":{"url":"a"}}]`
	for name, tc := range map[string]struct {
		messages []string
		want     string // of the last text; nothing if it stays
	}{
		"half a character before":   {[]string{message("c", half), message("", quoted(harbour)), message("", quoted(harbour))}, "[same as tool result 2 above]"},
		"an image before":           {[]string{message("c", none), message("", quoted(harbour)), message("", quoted(harbour))}, "[same as tool result 2 above]"},
		"an id of what is not read": {[]string{message("c", half), message("c", quoted(harbour)), message("d", quoted(harbour))}, "[same as tool result 2 above]"},
		"three parts before":        {[]string{message("c", part("One.", "Two.", "Three.")), message("c", quoted(harbour)), message("c", quoted(harbour))}, "[same as tool result 2 above]"},
		"an id of three parts":      {[]string{message("c", part("One.", "Two.", "Three.")), message("d", quoted(harbour)), message("e", quoted(harbour))}, "[same as the result of d above]"},
		"a message of one part":     {[]string{message("c", part(harbour)), message("d", part(harbour))}, "[same as the result of c above]"},
		"a part of a message":       {[]string{message("c", quoted(harbour)), message("d", part("One.", harbour))}, "[same as the result of c above]"},
		"of a part":                 {[]string{message("c", part("One.", harbour)), message("d", quoted(harbour))}, `[as above: "The harbour was built between 1907 and 1912,…"]`},
		"JSON of a part":            {[]string{message("c", part("One.", `["`+harbour+`"]`)), message("d", quoted(`["`+harbour+`"]`))}, ""},
	} {
		p, err := prompt.Parse(t.Context(), []byte(`{"messages":[`+strings.Join(tc.messages, ",")+`]}`))
		if err != nil {
			t.Fatal(err)
		}
		apply(t, 1, p.Texts...)
		last := p.Texts[len(p.Texts)-1]
		if tc.want != "" && last.Current() != tc.want || tc.want == "" && last.Changed() {
			t.Errorf("%s: the last becomes %q", name, last.Current())
		}
	}
}

func TestPassages(t *testing.T) {
	const mark = `[as above: "The harbour was built between 1907 and 1912,…"`
	other := strings.ReplaceAll(strings.ReplaceAll(harbour, ", ", ",  "), ". ", ".\r\n")
	indented := strings.ReplaceAll(harbour, ". ", ".\n  ")
	negated := strings.Replace(harbour, "The harbour", "No. Man needed it. The harbour", 1)
	for name, tc := range map[string]struct{ in, want string }{
		"the same":       {harbour + "\n\n" + mill + "\n\n" + harbour + "\n", harbour + "\n\n" + mill + "\n\n" + mark + "]\n"},
		"three times":    {harbour + "\n \n" + harbour + "\n\n\n" + harbour, harbour + "\n \n" + mark + "]\n\n\n" + mark + "]"},
		"spaced anew":    {harbour + "\n\n" + other, harbour + "\n\n" + mark + ", omitted " + prompt.NameOf(other) + "]"},
		"a number":       {harbour + "\n\n" + strings.Replace(harbour, "1,240", "1,24", 1), ""},
		"digits apart":   {harbour + "\n\n" + strings.Replace(harbour, "1,240", "1 240", 1), ""},
		"a negation":     {harbour + "\n\n" + strings.Replace(harbour, "did not want any", "did want any", 1), ""},
		"another order":  {harbour + "\n\n" + strings.Replace(harbour, "1907 and 1912", "1912 and 1907", 1), ""},
		"capitals":       {harbour + "\n\n" + strings.Replace(harbour, "the old pier", "THE old pier", 1), ""},
		"a question":     {harbour + "\n\n" + strings.TrimSuffix(harbour, ".") + "?", ""},
		"a sign":         {harbour + "\n\n" + strings.Replace(harbour, "three", "-three", 1), ""},
		"a C":            {harbour + " In C.\n\n" + harbour + " In C#.", ""},
		"in code":        {harbour + "\n\n```\n" + harbour + "\n```\n", ""},
		"code with both": {"```\n" + harbour + "\n\n" + harbour + "\n```\n", ""},
		"indented alike": {indented + "\n\n" + strings.ReplaceAll(indented, ", ", ",  "), indented + "\n\n" + mark + ", omitted " + prompt.NameOf(strings.ReplaceAll(indented, ", ", ",  ")) + "]"},
		"indented":       {harbour + "\n\n" + indented, ""},
		"two sentences":  {negated + "\n\n" + strings.Replace(negated, "No. Man", "No man", 1), ""},
		"a capital":      {harbour + "\n\n" + strings.Replace(harbour, "pier", "Pier", 1), ""},
		"a not of code":  {harbour + " It is a.\n\n" + harbour + " It is !a.", ""},
		"below zero":     {harbour + " (1,234)\n\n" + harbour + " 1,234", ""},
		"struck out":     {harbour + "\n\n" + strings.Replace(harbour, "three", "~~three~~", 1), ""},
		"in quotes":      {harbour + "\n\n" + strings.Replace(harbour, "not", "\"not\"", 1), ""},
		"a product":      {harbour + " a * b\n\n" + harbour + " a b", ""},
		"two numbers":    {harbour + " 1, 234\n\n" + harbour + " 1 234", ""},
		"hyphens":        {harbour + " re-sign\n\n" + harbour + " re sign", ""},
		"a comma":        {harbour + " Stop, not go.\n\n" + harbour + " Stop not, go.", ""},
		"short":          {"Yes.\n\nYes.\n\nYes.", ""},
		"other":          {harbour + "\n\n" + mill, ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := tc.want
			if want == "" {
				want = tc.in
			}
			texts := parse(t, result{"call_1", tc.in})
			apply(t, 0.5, texts...)
			if got := texts[0].Current(); got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			again := parse(t, result{"call_1", want})
			if apply(t, 0.5, again...); again[0].Changed() {
				t.Errorf("again it becomes %q", again[0].Current())
			}
		})
	}
}

// An earlier text that was shortened for another question is nothing to refer to.
func TestReferencesStand(t *testing.T) {
	doc := `{"harbour":"` + harbour + `"}`
	for name, tc := range map[string]struct {
		content          string
		rate, own        float64
		question         string
		locked, replaced bool
	}{
		"the same question":             {content: harbour, rate: 0.5, question: "A", replaced: true},
		"another question":              {content: harbour, rate: 0.5, question: "B"},
		"a passage, another question":   {content: harbour + "\n\n" + mill, rate: 0.5, question: "B"},
		"nothing is shortened":          {content: harbour, rate: 1, question: "B", replaced: true},
		"the earlier one's tag shorten": {content: harbour, rate: 1, own: 0.3, question: "B"},
		"JSON":                          {content: doc, rate: 0.5, question: "B", replaced: true},
		"locked":                        {content: harbour, rate: 1, question: "A", locked: true},
	} {
		t.Run(name, func(t *testing.T) {
			texts := parse(t, result{"call_1", tc.content}, result{"call_2", tc.content})
			texts[0].Question, texts[1].Question = "A", tc.question
			texts[0].Rate, texts[1].Locked = tc.own, tc.locked
			if apply(t, tc.rate, texts...); texts[1].Changed() != tc.replaced {
				t.Errorf("got %q", texts[1].Current())
			}
		})
	}
}

// What a user gives is compared as well, and with tool results.
func TestContext(t *testing.T) {
	texts := parse(t, result{"call_1", harbour + "\n\n" + mill}, result{"", "Look: it is\n\n" + mill})
	texts[1].Kind = prompt.Context
	apply(t, 1, texts...)
	if got, want := texts[1].Current(), "Look: it is\n\n[as above: \"The mill has two wheels. One of them is from…\"]"; got != want {
		t.Errorf("got %q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (repeat.Stage{}).Apply(ctx, &prompt.Draft{Texts: texts}); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func FuzzRepeat(f *testing.F) {
	f.Add(harbour, "\n\n"+harbour)
	f.Add(harbour+"\n\n"+mill+"\n\n"+harbour, mill)
	f.Add("```\n"+harbour+"\n\n"+harbour, harbour)
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		texts := parse(t, result{"call_1", a}, result{"call_2", b})
		apply(t, 1, texts...)
		other := parse(t, result{"call_1", a}, result{"call_2", b})
		apply(t, 1, other...)
		var again []result
		for i, text := range texts {
			got := text.Current()
			if !utf8.ValidString(got) || len(got) > len(text.Original) || got != other[i].Current() {
				t.Fatalf("%q becomes %q, or %q", text.Original, got, other[i].Current())
			}
			again = append(again, result{text.Call, got})
		}
		for _, text := range parse(t, again...) {
			apply(t, 1, text)
			if text.Changed() {
				t.Fatalf("%q becomes %q, and that %q", []string{a, b}, again, text.Current())
			}
		}
	})
}

// prose is text in which nothing comes again: 24 paragraphs of two lines.
func prose() string {
	words := strings.Fields("the harbour was built after a storm that had taken its old pier away by an engineer who worked on three canals before and wanted wall town none")
	var out strings.Builder
	n := 7
	for range 24 {
		for range 2 {
			for range 15 {
				n = (n*1103515245 + 12345) & 0x7fffffff
				out.WriteString(words[(n>>8)%len(words)])
				out.WriteByte(' ')
			}
			out.WriteString("it is.\n")
		}
		out.WriteByte('\n')
	}
	return out.String()
}

func BenchmarkRepeat(b *testing.B) {
	texts := parse(b, result{"call_1", prose()},
		result{"call_2", harbour + "\n\n" + mill})
	b.SetBytes(int64(len(texts[0].Original) + len(texts[1].Original)))
	b.ReportAllocs()
	for b.Loop() {
		apply(b, 0.5, texts...)
	}
}

// A text may end in lines of spaces.
func TestLastLinesOfSpaces(t *testing.T) {
	for _, end := range []string{" ", "\n ", "\n\n \t", "\n\n\n\r\n  \n "} {
		text := strings.Repeat("The mill is older than the town, and the river is older than both. ", 20)
		once := fmt.Sprintf(`{"messages":[{"role":"tool","content":%q},{"role":"tool","content":%q}]}`, text+end, "Of another one.\n\n"+text+end)
		p, err := prompt.Parse(t.Context(), []byte(once))
		if err != nil {
			t.Fatal(err)
		}
		if err := (repeat.Stage{}).Apply(t.Context(), &prompt.Draft{Texts: p.Texts, Rate: 1}); err != nil {
			t.Fatal(err)
		}
		if !p.Texts[1].Changed() {
			t.Errorf("%q: the passage stands twice", end)
		}
	}
}

// A text that is needed to the letter is referred to one that stands as it came, and is the
// same to the last space.
func TestVerbatimTexts(t *testing.T) {
	doc := `{"harbour":"` + harbour + `"}`
	for name, tc := range map[string]struct {
		first, second string
		changed       bool // an earlier stage left something out of the first
		verbatim      bool // the first is needed to the letter too
		want          bool
	}{
		"as it came":        {first: harbour, second: harbour, want: true},
		"left out of":       {first: harbour, second: harbour, changed: true},
		"left out of JSON":  {first: doc, second: doc, changed: true},
		"both":              {first: harbour, second: harbour, verbatim: true, want: true},
		"a passage":         {first: harbour, second: "Then:\n\n" + harbour, want: true},
		"a passage spaced":  {first: harbour, second: "Then:\n\n" + strings.ReplaceAll(harbour, ". ", ".  ")},
		"a passage changed": {first: harbour + "\n\nMore.", second: "Then:\n\n" + harbour, changed: true},
	} {
		texts := parse(t, result{"call_1", tc.first}, result{"call_2", tc.second})
		if tc.changed {
			texts[0].Replace(strings.Replace(tc.first, "More", "", 1) + " ")
		}
		texts[0].Verbatim, texts[1].Verbatim = tc.verbatim, true
		if apply(t, 1, texts...); texts[1].Changed() != tc.want {
			t.Errorf("%s: the second becomes %q", name, texts[1].Current())
		}
	}
}

// A passage of code stays, without a fence too; a whole result may be referred to.
func TestSourceStays(t *testing.T) {
	function := "def f(x, y):\n    if x > y:\n        return x - y\n    for i in range(10):\n        x = x + i * y\n        print(x, y, i)\n    z = [x, y, x + y]\n    z.append(len(z) + 1)\n    z.sort(key=lambda a: -a)\n    return z[0]\n"
	texts := parse(t, result{"call_1", "import os\n\n" + function}, result{"call_2", "import sys\n\n" + function + "\nprint(f(1, 2))\n"}, result{"call_3", "import os\n\n" + function})
	apply(t, 0.5, texts...)
	if texts[0].Changed() || texts[1].Changed() {
		t.Errorf("the code becomes %q, %q", texts[0].Current(), texts[1].Current())
	}
	if got := texts[2].Current(); got != "[same as the result of call_1 above]" {
		t.Errorf("the same result is %q", got)
	}
}

// asked counts how often it is asked whether there is time: once for each text, and for each part
// of a long one.
type asked struct {
	context.Context //nolint:containedctx // it is one
	times           int
}

func (a *asked) Err() error {
	a.times++
	return a.Context.Err()
}

// What stays behind all that may change is not read: it may be long, and nothing refers to it.
func TestTextsThatNothingRefersToAreNotRead(t *testing.T) {
	long := strings.Repeat(harbour+"\n\n", 3000)
	texts := parse(t, result{"call_1", long}, result{"call_2", harbour}, result{"call_3", long}, result{"call_4", harbour})
	for _, i := range []int{0, 2, 3} {
		texts[i].Locked = true
	}
	ctx := &asked{Context: t.Context()}
	if err := (repeat.Stage{}).Apply(ctx, &prompt.Draft{Texts: texts, Rate: 1}); err != nil {
		t.Fatal(err)
	}
	if most := 2 + len(long)/(64<<10); ctx.times > most || !strings.HasPrefix(texts[1].Current(), "[as above: ") {
		t.Errorf("asked %d times, %d at most; the second is %q", ctx.times, most, texts[1].Current())
	}
}
