package llmlingua2_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/llmlingua"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/protect"
	"tollgate.dev/services/compressor/stage/llmlingua2"
)

var counter tokens.Counter

// models are small ones with random weights.
var models = []string{"bert", "xlmr"}

func open(t testing.TB, model string) *llmlingua.Engine {
	t.Helper()
	e, err := llmlingua.Open(t.Context(), filepath.Join("..", "..", "llmlingua", "testdata", model), llmlingua.Settings{}, &counter)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// says is a model that answers by a function of a text.
type says struct {
	answer func(text string, rate float64) string
	calls  int
	err    error
}

func (m *says) CompressContexts(_ context.Context, contexts []string, o llmlingua.ContextOptions) (r llmlingua.Result, err error) {
	m.calls++
	for _, c := range contexts {
		r.Texts = append(r.Texts, m.answer(c, o.Options.Rate))
	}
	return r, m.err
}

// firsts keeps the first words of a text, in capitals.
func firsts(text string, rate float64) string {
	words := strings.Fields(text)
	return strings.ToUpper(strings.Join(words[:int(rate*float64(len(words)))], "  "))
}

func draft(t *testing.T, rate float64, texts ...*prompt.Text) *prompt.Draft {
	t.Helper()
	d := &prompt.Draft{Texts: texts, Rate: rate, Encoding: tokens.O200k, Floors: make([]int64, 4), Prefixes: make([]int64, 4)}
	for _, x := range texts {
		locked := x.Locked
		x.Locked = false
		x.Replace(x.Original)
		x.Locked = locked
		x.Size = count(t, x.Original)
		x.Tokens = x.Size
		for turn := x.Turn; turn < len(d.Prefixes); turn++ {
			d.Prefixes[turn] += x.Size
		}
	}
	return d
}

func count(t *testing.T, text string) int64 {
	t.Helper()
	n, err := counter.Count(tokens.O200k, text)
	if err != nil {
		t.Fatal(err)
	}
	return n.Tokens
}

func apply(t *testing.T, m llmlingua2.Model, d *prompt.Draft) {
	t.Helper()
	stage := llmlingua2.New(m, &counter)
	if stage.Name() != "llmlingua2" {
		t.Errorf("it is called %s", stage.Name())
	}
	if err := stage.Apply(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

// subsequence tells whether a text is another one with bytes left out.
func subsequence(of, text string) bool {
	for i := 0; i < len(of) && text != ""; i++ {
		if of[i] == text[0] {
			text = text[1:]
		}
	}
	return text == ""
}

// digits are a text's.
func digits(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsNumber(r) {
			return r
		}
		return -1
	}, text)
}

const plain = `The gateway stands between the services of a company and the models that answer them.
It counts every call, and it tells who may spend how much on which day of the month.

Who approved the change? Nobody knew! The minutes say only this, and we've asked, they're silent, it's odd.
The meeting began at nine. Item one was the harbour; item two, the bridge; item three, money.
`

const mixed = `A budget of 250 dollars was set on 14 March 2026; by the 31st, 99.5 % of it was gone.
Please send the report to the office in Rotterdam before 17:30, see https://example.com/x?y=1, or call "the other office" in time.
The services of a company and the models that answer them are many, said the gateway to the router in the morning.

` + "```go\nfor i := range n { total += price[i] } // sum\n```" + `

The router takes the next provider, unless the caller said not to; the path is /etc/hosts.d/router.conf and the flag is --dry_run.
{"id": 42, "name": "compressor", "tags": ["a", "b"]}

If a request fails twice, the router takes the next provider, unless the caller said not to (Smith et al., 2020).
`

var languages = map[string]string{
	"plain": strings.Repeat(plain, 2),
	"mixed": strings.Repeat(mixed, 2),
	"CJK": strings.Repeat("网关位于公司的服务与模型之间。它统计每一次调用，并限制每天的花费。2026年有250元。", 4) + "\n\n" +
		strings.Repeat("ゲートウェイは会社のサービスとモデルの間に立ちます。毎日の費用を数えます。", 4),
	"RTL":   strings.Repeat("البوابة تقف بين خدمات الشركة والنماذج التي تجيب عليها، 250 مرة في اليوم. השער עומד בין השירותים לבין המודלים.\n", 4),
	"Thai":  strings.Repeat("เกตเวย์อยู่ระหว่างบริการของบริษัทกับโมเดล ", 8),
	"signs": strings.Repeat("e\u0301 ﬁne 👨‍👩‍👧‍👦 🇳🇱 don't ½ ﷺ ｆｕｌｌ naïve café — “quoted text” … C# a\tb\r\nd\u00a0e\u200bf \x01 ", 8),
}

// What is left is the source's own bytes, in their order, with what must stay.
func TestWhatIsLeftIsTheSources(t *testing.T) {
	for _, name := range models {
		engine := open(t, name)
		for language, text := range languages {
			t.Run(name+" "+language, func(t *testing.T) {
				for _, rate := range []float64{0.3, 0.5, 0.8} {
					a := &prompt.Text{Original: text}
					apply(t, engine, draft(t, rate, a))
					got := a.Current()
					if !subsequence(text, got) {
						t.Fatalf("%v: it is not in its source: %q", rate, got)
					}
					if name == "bert" && language == "Thai" { // the small model knows no character of it
						if a.Changed() || len(a.Omitted()) > 0 {
							t.Errorf("%v: %q is left of what the model cannot read", rate, got)
						}
						continue
					}
					if n := count(t, got); n != a.Tokens || n >= a.Size {
						t.Errorf("%v: %d of %d tokens are left, and %d are said to be", rate, n, a.Size, a.Tokens)
					}
					if digits(got) != digits(text) {
						t.Errorf("%v: the numbers of %q are not all in %q", rate, text, got)
					}
					if o := a.Omitted(); len(o) != 1 || o[0].Text != text {
						t.Errorf("%v: %d parts can be fetched", rate, len(o))
					}
				}
			})
		}
	}
}

// Protected spans stay or go as a whole, and blocks stay.
func TestSpansStayWhole(t *testing.T) {
	for _, name := range models {
		a := &prompt.Text{Original: mixed}
		apply(t, open(t, name), draft(t, 0.6, a))
		got := a.Current()
		for _, s := range protect.Append(nil, mixed) {
			span := mixed[s.Start:s.End]
			if s.Kind&protect.Block != 0 && !strings.Contains(got, span) {
				t.Errorf("%s: the block %q is not in %q", name, span, got)
			}
		}
		if !strings.Contains(got, "\n```go\n") || !strings.Contains(got, "\n```\n") {
			t.Errorf("%s: the fence is no fence any more in %q", name, got)
		}
		for _, s := range []string{"https://example.com/x?y=1", `"the other office"`, "/etc/hosts.d/router.conf", "(Smith et al., 2020)", "--dry_run"} {
			for _, part := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) }) {
				if len(part) > 3 && strings.Count(got, part) > strings.Count(strings.ReplaceAll(mixed, s, ""), part) && !strings.Contains(got, s) {
					t.Errorf("%s: of %q there is %q in %q", name, s, part, got)
				}
			}
		}
	}
}

// What the next call has to repeat of a tool's result stays, with its name.
func TestHandlesStay(t *testing.T) {
	const cursor = "next page token: dXNlcjpQQUdFVE9LRU5U"
	const more = "[truncated: more characters, read on from the offset above]"
	text := strings.Repeat("The old mill stands by the river, and its wheel is of oak. ", 9) + "He says “the " + cursor + "”.\n" + more + "\n"
	for _, name := range models {
		a := &prompt.Text{Original: text, Kind: prompt.ToolResult}
		apply(t, open(t, name), draft(t, 0.4, a))
		if got := a.Current(); !a.Changed() || !strings.Contains(got, "token: dXNlcjpQQUdFVE9LRU5U") || !strings.Contains(got, more) {
			t.Errorf("%s: it becomes %q", name, got)
		}
	}
}

// The exact words that a model returns come back in the source's spelling, whatever it makes
// of them, with the white space between.
func TestTheSourceSpells(t *testing.T) {
	filler := " " + strings.Repeat("and so on ", 60)
	for name, c := range map[string]struct{ source, answer, want string }{
		"case and accents":     {"Café  Naïve, ÜBER Ground.", "cafe uber ground .", "Café  ÜBER Ground."},
		"a word of two parts":  {"They don't know", "they don", "They don't"},
		"an apostrophe alone":  {"They don't know", "they '", "They"},
		"a line between":       {"One two.\nThree four.", "one four", "One\nfour"},
		"a paragraph between":  {"One two.\n\nThree. Four.\nFive", "one five", "One\n\nFive"},
		"no space between":     {"one;two;three", "one three", "one;three"},
		"characters":           {"网关位于公司。", "网公司", "网公司"},
		"full width":           {"ＡＢＣ ｄｅｆ", "abc", "ＡＢＣ"},
		"what was not there":   {"One two three", "one blue three", "One three"},
		"a quotation":          {`He said "not in my house", again`, "said house again", `said "not in my house" again`},
		"a mark alone":         {"One; two: three", "one : three", "One: three"},
		"a number nobody kept": {"There were 17 apples", "there", "There 17"},
	} {
		t.Run(name, func(t *testing.T) {
			m := &says{answer: func(text string, _ float64) string {
				if !strings.HasPrefix(text, c.source) {
					t.Errorf("it was asked about %q", text)
				}
				return c.answer
			}}
			a := &prompt.Text{Original: c.source + filler}
			apply(t, m, draft(t, 0.5, a))
			if got := strings.TrimSuffix(a.Current(), " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What a text is to keep is kept to exactly, by tokens: with other rates, if need be.
func TestTheGoalIsKeptTo(t *testing.T) {
	text := strings.Repeat("all of these words are in quite plain English and have no numbers ", 20)
	for _, rate := range []float64{0.1, 0.33, 0.5, 0.9} {
		for name, answer := range map[string]func(string, float64) string{
			"exact": firsts,
			"more":  func(text string, rate float64) string { return firsts(text, min(1, rate*1.7)) },
			"less":  func(text string, rate float64) string { return firsts(text, rate*rate) },
		} {
			a := &prompt.Text{Original: text}
			apply(t, &says{answer: answer}, draft(t, rate, a))
			if share := float64(a.Tokens) / float64(a.Size); share > rate || share < rate*0.8 {
				t.Errorf("%s: at the rate %v %v of the tokens are left", name, rate, share)
			}
		}
	}
}

// A text's own rate goes before the draft's. Locked and small texts stay, and so does one
// that is to stay, or is as small as it should be; then nobody is asked.
func TestWhatIsNotShortened(t *testing.T) {
	m := &says{answer: firsts}
	texts := []*prompt.Text{
		{Original: languages["plain"], Rate: 1},
		{Original: languages["plain"], Locked: true},
		{Original: "A text of a few words."},
		{Original: ""},
		{Original: " \n\t\n"},
		{Original: "```\n" + languages["plain"] + "```"},
		{Original: `{"text": "` + strings.Repeat("many words and ", 50) + `"}`},
	}
	short := &prompt.Text{Original: languages["plain"]}
	d := draft(t, 0.5, append(slices.Clip(texts), short)...)
	short.Replace(plain[:300])
	short.Tokens = count(t, short.Current())
	apply(t, m, d)
	for i, x := range texts {
		if x.Changed() || len(x.Omitted()) > 0 {
			t.Errorf("text %d became %q", i, x.Current())
		}
	}
	if m.calls != 0 || short.Current() != plain[:300] {
		t.Errorf("the model was asked %d times", m.calls)
	}
	d = draft(t, 1, &prompt.Text{Original: languages["plain"]})
	if apply(t, m, d); m.calls != 0 || d.Texts[0].Changed() {
		t.Error("at a rate of 1 something changed")
	}
	d.Texts[0].Rate = 0.5
	if apply(t, m, d); !d.Texts[0].Changed() {
		t.Error("a text's own rate did not count")
	}
}

// A prompt is not made shorter than its floor.
func TestFloors(t *testing.T) {
	text := strings.Repeat("all of these words are in quite plain English and have no numbers ", 40)
	a, b := &prompt.Text{Original: text}, &prompt.Text{Original: text}
	d := draft(t, 0.2, a, b)
	d.Floors[0] = d.Prefixes[0] * 6 / 10
	apply(t, &says{answer: firsts}, d)
	left := a.Tokens + b.Tokens
	if least := d.Floors[0] + prompt.FloorStep; left < least || left > least*11/10 {
		t.Errorf("%d of %d tokens are left, want %d", left, d.Prefixes[0], least)
	}
	if !a.Changed() || !b.Changed() {
		t.Error("one text gave all")
	}
}

// The same text becomes the same each time, whatever stands beside it, and in whatever
// engine.
func TestDeterministic(t *testing.T) {
	for _, name := range models {
		var all []string
		for range 2 {
			engine := open(t, name)
			for range 2 {
				a, b := &prompt.Text{Original: languages["mixed"]}, &prompt.Text{Original: languages["plain"]}
				apply(t, engine, draft(t, 0.4, b, a))
				all = append(all, a.Current())
			}
		}
		if got := slices.Compact(all); len(got) != 1 {
			t.Errorf("%s: it became %q", name, got)
		}
	}
}

// A failure and the end of the time are errors, so that the original goes out.
func TestFailures(t *testing.T) {
	a := &prompt.Text{Original: languages["plain"]}
	failure := errors.New("no")
	m := &says{answer: firsts, err: failure}
	if err := llmlingua2.New(m, &counter).Apply(t.Context(), draft(t, 0.5, a)); !errors.Is(err, failure) || a.Changed() {
		t.Errorf("got %v, and %q", err, a.Current())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	engine := open(t, "bert")
	if err := llmlingua2.New(engine, &counter).Apply(ctx, draft(t, 0.5, a)); !errors.Is(err, context.Canceled) || a.Changed() {
		t.Errorf("got %v, and %q", err, a.Current())
	}
	engine.Close()
	if err := llmlingua2.New(engine, &counter).Apply(t.Context(), draft(t, 0.5, a)); !errors.Is(err, llmlingua.ErrClosed) || a.Changed() {
		t.Errorf("got %v, and %q", err, a.Current())
	}
}

// mixture is pieces of texts that were cut anywhere.
func mixture(r *rand.Rand, texts []string) string {
	var out strings.Builder
	for range 1 + r.IntN(6) {
		text := texts[r.IntN(len(texts))]
		from := r.IntN(len(text))
		out.WriteString(text[from : from+r.IntN(min(len(text)-from, 600))])
	}
	return strings.ToValidUTF8(out.String(), "?")
}

// Whatever the text is and the model answers, what is left is of the source.
func TestAnyText(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	texts := []string{"<!--" + strings.Repeat(" a", 300) + "--> b", strings.Repeat("x", 900), "\n    ```\n", " \n\n\t "}
	for _, name := range slices.Sorted(maps.Keys(languages)) {
		texts = append(texts, languages[name])
	}
	changed := 0
	for range 500 {
		text, answer := mixture(r, texts), mixture(r, texts)
		if mustBeOfItsSource(t, text, answer, 1-r.Float64()) {
			changed++
		}
	}
	if changed < 100 {
		t.Errorf("%d texts changed", changed)
	}
}

func mustBeOfItsSource(t *testing.T, text, answer string, rate float64) (changed bool) {
	t.Helper()
	a := &prompt.Text{Original: text}
	apply(t, &says{answer: func(string, float64) string { return answer }}, draft(t, rate, a))
	if got := a.Current(); !subsequence(text, got) {
		t.Fatalf("%q is not in its source %q", got, text)
	}
	mustHold(t, text, a)
	return a.Changed()
}

// mustHold demands that the blocks of a text are in what became of it, one after the other,
// that so are its numbers, and that what lost something can be fetched as it was.
func mustHold(t *testing.T, text string, a *prompt.Text) {
	t.Helper()
	rest := a.Current()
	for _, s := range protect.Blocks(text) {
		_, after, ok := strings.Cut(rest, text[s.Start:s.End])
		if !ok {
			t.Fatalf("the block %q is not where it was in %q", text[s.Start:s.End], a.Current())
		}
		rest = after
	}
	if digits(a.Current()) != digits(text) {
		t.Fatalf("the numbers of %q are not all in %q", text, a.Current())
	}
	if o := a.Omitted(); a.Changed() && (len(o) != 1 || o[0].Text != text) {
		t.Fatalf("%d parts can be fetched", len(o))
	}
}

// Whatever the text is, what a model of random weights leaves of it is of the source, with
// what must stay, and the same each time.
func FuzzApply(f *testing.F) {
	engine := open(f, "xlmr")
	for _, text := range languages {
		f.Add(text, 0.5)
	}
	f.Add(strings.Repeat("x", 900)+" \xff\xfe "+strings.Repeat("\u0301", 100), 0.1)
	f.Add("<!--"+strings.Repeat(" a", 500)+"--> b\n```\nx = 1\n```\n{\"a\": [1]} "+plain, 0.3)
	f.Fuzz(func(t *testing.T, text string, rate float64) {
		text = strings.ToValidUTF8(text[:min(len(text), 2500)], "?") // a model takes its time
		if !(rate > 0 && rate <= 1) {
			rate = 0.5
		}
		a, again := &prompt.Text{Original: text}, &prompt.Text{Original: text}
		apply(t, engine, draft(t, rate, a))
		apply(t, engine, draft(t, rate, again))
		if !subsequence(text, a.Current()) {
			t.Fatalf("%q is not in its source %q", a.Current(), text)
		}
		if a.Current() != again.Current() || a.Tokens != again.Tokens {
			t.Fatalf("%q became %q, and then %q", text, a.Current(), again.Current())
		}
		mustHold(t, text, a)
	})
}

// Whatever a model answers, what is left is of the source.
func FuzzAnswers(f *testing.F) {
	for _, text := range languages {
		f.Add(text, text[:len(text)/2], 0.5)
	}
	f.Add(strings.Repeat("x", 2000)+" \xff\xfe "+strings.Repeat("\u0301", 100), "x", 0.1)
	f.Add("<!--"+strings.Repeat(" a", 1500)+"--> b", "a b", 0.3)
	f.Fuzz(func(t *testing.T, text, answer string, rate float64) {
		text = strings.ToValidUTF8(text, "?")
		if rate > 0 && rate <= 1 && len(text) <= 4000 && len(answer) <= 4000 {
			mustBeOfItsSource(t, text, answer, rate)
		}
	})
}
