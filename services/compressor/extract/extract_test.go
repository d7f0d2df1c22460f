package extract_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/extract"
)

var counter tokens.Counter

func count(tb testing.TB, text string) int64 {
	tb.Helper()
	n, err := counter.Count(tokens.O200k, text)
	if err != nil {
		tb.Fatal(err)
	}
	return n.Tokens
}

func total(tb testing.TB, texts []extract.Text) (n int64) {
	tb.Helper()
	for _, t := range texts {
		n += count(tb, t.Text)
	}
	return n
}

func selected(tb testing.TB, s *extract.Selector, req extract.Request) extract.Result {
	tb.Helper()
	req.Encoding = tokens.O200k
	res, err := s.Select(tb.Context(), req)
	if err != nil {
		tb.Fatal(err)
	}
	check(tb, req, res)
	return res
}

// mostOver is how many bytes are left where the budget has room for no sentence: one, with its labels.
const mostOver = 1600

// check holds what is true of every result: the count is exact and within the budget unless
// what must be kept is not, what was left out and what stayed make up the text, and what
// stayed is there in its order, byte for byte.
func check(tb testing.TB, req extract.Request, res extract.Result) {
	tb.Helper()
	var tokens int64
	for i, t := range res.Texts {
		n := count(tb, t)
		if n != res.Sizes[i] {
			tb.Errorf("text %d is said to have %d tokens and has %d", i, res.Sizes[i], n)
		}
		tokens += n
	}
	if tokens != res.Tokens {
		tb.Errorf("the result says %d tokens and has %d", res.Tokens, tokens)
	}
	kept := false
	for i, t := range req.Texts {
		kept = kept || len(t.Keep) > 0
		out, at := res.Texts[i], 0
		whole := out
		marks := strings.Count(out, extract.Mark) - strings.Count(t.Text, extract.Mark)
		for _, gap := range append(slices.Clone(res.Omitted[i]), extract.Span{Start: len(t.Text), End: len(t.Text)}) {
			if gap.Start < at || gap.End < gap.Start || gap.End > len(t.Text) {
				tb.Fatalf("omitted are %v of %d bytes", res.Omitted[i], len(t.Text))
			}
			part := strings.TrimRight(t.Text[at:gap.Start], " \t\r\n")
			_, rest, found := strings.Cut(out, part)
			if !found {
				tb.Fatalf("%q stays, and is not in %q", part, out)
			}
			out, at = rest, gap.End
		}
		if len(res.Omitted[i]) == 0 && res.Texts[i] != t.Text {
			tb.Errorf("nothing was left out, and %q became %q", t.Text, res.Texts[i])
		}
		if gone := strings.Count(t.Text, extract.Mark) == 0; gone && marks != len(res.Omitted[i]) {
			tb.Errorf("%d gaps have %d marks: %q", len(res.Omitted[i]), marks, res.Texts[i])
		}
		if joined := strings.Join(strings.Fields(whole), " "); !strings.Contains(t.Text, extract.Mark) && strings.Contains(joined, extract.Mark+" "+extract.Mark) {
			tb.Errorf("two marks stand side by side in %q", whole)
		}
		for _, k := range t.Keep {
			if !strings.Contains(res.Texts[i], strings.TrimSpace(t.Text[k.Start:k.End])) {
				tb.Errorf("%q was to be kept", t.Text[k.Start:k.End])
			}
		}
		if utf8.ValidString(t.Text) && !utf8.ValidString(res.Texts[i]) {
			tb.Errorf("%q is not UTF-8", res.Texts[i])
		}
	}
	if left := strings.TrimSpace(strings.ReplaceAll(strings.Join(res.Texts, ""), extract.Mark, "")); tokens > req.Budget && !kept && len(left) > mostOver {
		tb.Errorf("%d tokens are over the budget of %d", tokens, req.Budget)
	}
}

const lakes = `Document [1](Title: Lake Orrin) Lake Orrin is a lake in the north of Veland. It is 212 metres deep. Otters live there.

Document [2](Title: Lake Sill) Lake Sill is a lake in the south. Its water is salty. Nobody swims in it.

Document [3](Title: Mira Tolm) Mira Tolm (born 1931) is a painter. She painted the lakes of Veland. Her brother was a baker.

`

func TestSelect(t *testing.T) {
	s := extract.New(&counter)
	for question, want := range map[string]string{
		"how deep is lake orrin":              "It is 212 metres deep.",
		"who painted the lakes of veland":     "She painted the lakes of Veland.",
		"when was Mira Tolm born":             "born 1931",
		"what is the water of lake sill like": "Its water is salty.",
	} {
		res := selected(t, s, extract.Request{Question: question, Texts: []extract.Text{{Text: lakes}}, Budget: 32})
		if !strings.Contains(res.Texts[0], want) {
			t.Errorf("%s: %q is not in\n%s", question, want, res.Texts[0])
		}
	}
}

// Without a question, or with one that the texts know nothing of, what they are about stays.
func TestSelectCentral(t *testing.T) {
	text := "The heron is a bird of lakes. Herons fish in lakes at dawn. My aunt phoned. A heron stands still and waits for fish. It was Tuesday."
	for _, question := range []string{"", "what?", "quelle heure"} {
		res := selected(t, extract.New(&counter), extract.Request{Question: question, Texts: []extract.Text{{Text: text}}, Budget: 30})
		if !strings.Contains(res.Texts[0], "The heron is a bird") || strings.Contains(res.Texts[0], "aunt") || strings.Contains(res.Texts[0], "Tuesday") {
			t.Errorf("%q: %q", question, res.Texts[0])
		}
	}
}

// What fits stays as it is, to the byte.
func TestSelectFits(t *testing.T) {
	texts := []extract.Text{{Text: lakes}, {Text: ""}, {Text: " \n"}}
	res := selected(t, extract.New(&counter), extract.Request{Question: "lake", Texts: texts, Budget: total(t, texts)})
	if res.Texts[0] != lakes || res.Tokens != res.Original {
		t.Errorf("got %+v", res)
	}
}

// What must be kept is kept whatever is asked, and comes first; it may be more than the budget.
func TestSelectKeeps(t *testing.T) {
	code := "```go\nfunc f() {\n\n\treturn 1. + 2.\n}\n```"
	text := "It rained all day. The sun came out.\n\n" + code + "\n\nLake Orrin is deep. Nobody knows how deep it is. They asked twice.\n"
	at := strings.Index(text, code)
	for _, budget := range []int64{0, 10, 30, 40} {
		res := selected(t, extract.New(&counter), extract.Request{Question: "how deep is lake orrin", Budget: budget,
			Texts: []extract.Text{{Text: text, Keep: []extract.Span{{Start: at, End: at + len(code)}}}}})
		if !strings.Contains(res.Texts[0], "\n"+code+"\n") {
			t.Errorf("budget %d: the code does not stand by itself in %q", budget, res.Texts[0])
		}
		if budget == 40 && !strings.Contains(res.Texts[0], "how deep") {
			t.Errorf("there is room for more than the code: %q", res.Texts[0])
		}
	}
}

// awkward are texts that have broken splitters.
func awkward() []string {
	return []string{
		"", " ", "\n\n\n", "word", "…", extract.Mark, strings.Repeat("a", 3000), strings.Repeat("字", 2000),
		"\xff\xfe\xfd. \xf0\x9f. A.", strings.Repeat("שלום עולם. ", 50), strings.Repeat("مرحبا بالعالم. ", 50),
		strings.Repeat("Yes. No! ", 100), strings.Repeat("\n\n# A\n\nB.", 60), strings.Repeat("[1] a (b\n", 60),
		strings.Repeat("Document [1](Title: ((", 30), strings.Repeat("....", 500), strings.Repeat("한국어 문장입니다. ", 60),
		"a\u0301\u0301. \u200d\u200c. ภาษาไทยไม่มีช่องว่าง " + strings.Repeat("ประโยค", 80), lakes + lakes,
		strings.Repeat("<doc id=\"1\"><a>\nx. Y.</a> Z <b x=1>\n</doc></doc>\n[3] <c k=2> (A. B.\n</c>", 30),
		strings.Repeat("<a>\n\n", 70) + "It is. So." + strings.Repeat("</a>", 70), strings.Repeat("--- 1 ---\n[Doc 2]\n(A. B. ", 40),
	}
}

// Whatever comes in, with and without a question and in another language than the
// question's: the rules of check hold, and the same comes out again.
func TestSelectAnything(t *testing.T) {
	s := extract.New(&counter)
	for _, text := range awkward() {
		for _, question := range []string{"", "how deep is lake orrin", "湖有多深？", "Yes", "\xff", strings.Repeat("what is a lake and why? ", 60)} {
			for _, rate := range []int64{0, 33, 90} {
				texts := []extract.Text{{Text: text}, {Text: lakes}}
				req := extract.Request{Question: question, Texts: texts, Budget: total(t, texts) * rate / 100}
				a, b := selected(t, s, req), selected(t, extract.New(&counter), req)
				if !slices.Equal(a.Texts, b.Texts) {
					t.Fatalf("%q and %q make two results:\n%q\n%q", question, text, a.Texts, b.Texts)
				}
			}
		}
	}
}

// What nobody wrote stops in is cut into pieces all the same, and what has the answer stays, at
// whatever rate.
func TestSelectWithoutStops(t *testing.T) {
	s := extract.New(&counter)
	for name, c := range map[string]struct{ other, answer, question string }{
		"Chinese":          {"昨天下了一天的雨我们在家里看书然后去了市场买了很多菜", "那里有一座旧水泵房是伊莱亚斯建的", "谁建了水泵房？"},
		"Japanese":         {"昨日は一日中雨が降りました私たちは家で本を読みましたそれから市場に行きました", "そこには古いポンプ小屋がありましたエリアスが建てたものです", "ポンプ小屋は誰が建てましたか"},
		"Thai":             {"เมื่อวานฝนตกทั้งวันเราอยู่บ้านอ่านหนังสือแล้วไปตลาดซื้อผักมากมาย", "ที่นั่นมีโรงสูบน้ำเก่าเอลิอัสเป็นคนสร้าง", "ใครสร้างโรงสูบน้ำ"},
		"Chinese and more": {"昨天iPhone的价格是1299元我们在家里用ChatGPT看书然后去了市场", "那里有一座旧水泵房是EliasVoss在1742年建的", "谁建了水泵房？"},
	} {
		text := strings.Repeat(c.other, 30) + c.answer + strings.Repeat(c.other, 30)
		for _, rate := range []int64{10, 33, 50, 80} {
			req := extract.Request{Question: c.question, Texts: []extract.Text{{Text: text}}, Budget: count(t, text) * rate / 100}
			res := selected(t, s, req)
			if res.Tokens*100 < req.Budget*85 {
				t.Errorf("%s, %d%%: %d tokens of a budget of %d", name, rate, res.Tokens, req.Budget)
			}
			if core := string([]rune(c.answer)[5:12]); !strings.Contains(res.Texts[0], core) {
				t.Errorf("%s, %d%%: %q is not in\n%s", name, rate, core, res.Texts[0])
			}
		}
	}
}

// What restricts a sentence stays with it, though it has no word of the question, and others have.
func TestSelectExceptions(t *testing.T) {
	for question, said := range map[string][3]string{
		"Can I give Zorvan to my child?":     {"The drug Zorvan is approved. It is widely used.", " However, it must not be taken before the age of twelve.", " My child may give a child to play at the mill of Arden."},
		"Is the ferry to Harrow Point free?": {"The ferry to Harrow Point is free.", " Except on Sundays, when it costs nine crowns.", " The ferry of Arden is free on most days, and so is a point."},
		"Darf ich Zorvan meinem Kind geben?": {"Das Mittel Zorvan ist zugelassen.", " Es darf aber nicht vor dem zwölften Jahr genommen werden.", " Ein Kind spielt heute mit einem Kind, dem sie ein Spiel geben."},
		"Можно ли давать Зорван ребёнку?":    {"Препарат Зорван разрешён.", " Однако его нельзя принимать до двенадцати лет.", " Один ребёнок играет сегодня у мельницы Ардена."},
		"佐尔凡可以给孩子吃吗？":                        {"佐尔凡这种药已经获得批准。", "但是十二岁以前不能服用。", "今天有一个孩子在旧磨坊旁边玩。"},
	} {
		lead := said[2][:1] // a space, where there are spaces between sentences
		if lead != " " {
			lead = ""
		}
		text := strings.Repeat(said[2], 15) + lead + said[0] + said[1] + strings.Repeat(said[2], 15)
		res := selected(t, extract.New(&counter), extract.Request{Question: question, Texts: []extract.Text{{Text: text}}, Budget: count(t, text) / 3})
		if !strings.Contains(res.Texts[0], said[0][:20]) || !strings.Contains(res.Texts[0], said[1]) {
			t.Errorf("%s: %q is not in\n%s", question, said[1], res.Texts[0])
		}
	}
}

// No text becomes a mark alone while it is all that could answer: its best sentence stays, over the
// budget, and what has but one stays as it is.
func TestSelectLeavesSomething(t *testing.T) {
	for text, want := range map[string]string{
		"5 < 6": "5 < 6", "The pump house is old": "The pump house is old",
		"It rained all day long. The pump house was built by Elias. Nobody came.": extract.Mark + " The pump house was built by Elias. " + extract.Mark,
	} {
		for budget := range int64(4) {
			req := extract.Request{Question: "who built the pump house", Texts: []extract.Text{{Text: text}}, Budget: budget}
			if got := selected(t, extract.New(&counter), req).Texts[0]; strings.TrimSpace(got) != want {
				t.Errorf("%q with a budget of %d: %q, want %q", text, budget, got, want)
			}
		}
	}
}

// Many at a time have the results of one at a time.
func TestSelectConcurrently(t *testing.T) {
	s := extract.New(&counter)
	var wg sync.WaitGroup
	for i := range 8 {
		req := extract.Request{Question: fmt.Sprintf("how deep is lake %c", 'a'+i), Budget: 40,
			Texts: []extract.Text{{Text: strings.Replace(lakes, "Orrin", strings.Repeat("x", i+1), 1)}}, Encoding: tokens.O200k}
		want := selected(t, s, req)
		wg.Go(func() {
			for range 20 {
				if got, err := s.Select(context.Background(), req); err != nil || got.Texts[0] != want.Texts[0] {
					t.Errorf("got %q, %v, want %q", got.Texts, err, want.Texts[0])
				}
			}
		})
	}
	wg.Wait()
}

func TestSelectCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := extract.New(&counter).Select(ctx, extract.Request{Texts: []extract.Text{{Text: lakes}}, Encoding: tokens.O200k})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A prompt of some size ends within three percent of its budget.
func TestSelectFillsTheBudget(t *testing.T) {
	text := strings.Repeat(lakes, 12)
	for _, rate := range []int64{20, 33, 50} {
		req := extract.Request{Question: "how deep is lake orrin", Texts: []extract.Text{{Text: text}}, Budget: count(t, text) * rate / 100}
		if res := selected(t, extract.New(&counter), req); res.Tokens*100 < req.Budget*97 {
			t.Errorf("%d of %d tokens", res.Tokens, req.Budget)
		}
	}
}

// By an encoding whose marks are dearer, and by an estimate, the budget holds as well.
func TestSelectEncodings(t *testing.T) {
	text := strings.Repeat(lakes, 6)
	for _, e := range []tokens.Encoding{tokens.CL100k, tokens.Claude, tokens.ClaudeNew, tokens.Gemini, tokens.Generic} {
		size, err := counter.Count(e, text)
		if err != nil {
			t.Fatal(err)
		}
		for _, rate := range []int64{10, 33, 70} {
			budget := size.Tokens * rate / 100
			res, err := extract.New(&counter).Select(t.Context(), extract.Request{
				Question: "how deep is lake orrin", Texts: []extract.Text{{Text: text}}, Budget: budget, Encoding: e})
			if err != nil {
				t.Fatal(err)
			}
			n, err := counter.Count(e, res.Texts[0])
			if err != nil || n.Tokens != res.Tokens || n.Tokens > budget || n.Tokens*10 < budget*8 {
				t.Errorf("%s: %d tokens (said %d) of %d, %v", e, n.Tokens, res.Tokens, budget, err)
			}
		}
	}
}

// With a sentence comes the heading that says what it is about.
func TestSelectHeadings(t *testing.T) {
	res := selected(t, extract.New(&counter), extract.Request{Question: "which lakes did Mira Tolm paint", Texts: []extract.Text{{Text: lakes}}, Budget: 48})
	if !strings.Contains(res.Texts[0], "Document [3](Title: Mira Tolm)") || !strings.Contains(res.Texts[0], "She painted") {
		t.Errorf("got %q", res.Texts[0])
	}
}

// What stands without its heading does not read as if it were of the passage before.
func TestSelectBorders(t *testing.T) {
	text := strings.NewReplacer("Document [1](Title: Lake Orrin) ", "## Lake Orrin\n\n", "Document [2](Title: Lake Sill) ", "## Lake Sill\n\n").Replace(lakes)
	at := strings.Index(text, "It is 212")
	other := strings.Index(text, "Its water")
	res := selected(t, extract.New(&counter), extract.Request{Question: "otters", Budget: 16, Texts: []extract.Text{{Text: text, Keep: []extract.Span{
		{Start: at, End: at + 5}, {Start: other, End: other + 5}}}}})
	if !strings.Contains(res.Texts[0], "\n\n[…] Its water is salty.") {
		t.Errorf("got %q", res.Texts[0])
	}
}

// Who asks for a path or a hash is given what looks like one, though it has none of the question's
// words.
func TestSelectValues(t *testing.T) {
	path := "/srv/" + strings.Repeat("models7/exports/", 9)
	hash := strings.Repeat("9f86d081884c7d65", 8)
	for question, want := range map[string]string{
		"What's the path?": path, "hash?": hash, "路径是什么？": path, "What is the SHA512 of the lake's file?": hash,
	} {
		text := strings.Repeat(lakes, 2) + "It is " + want + "\n\n" + strings.Repeat(lakes, 3)
		res := selected(t, extract.New(&counter), extract.Request{Question: question, Texts: []extract.Text{{Text: text}}, Budget: count(t, text) / 2})
		if !strings.Contains(res.Texts[0], want) {
			t.Errorf("%s: %q is not in\n%s", question, want, res.Texts[0])
		}
	}
}

// What stays of a document has its number, and the tags around it, however documents are told
// apart.
func TestSelectLabels(t *testing.T) {
	const documents = 12
	for name, form := range map[string]func(n int, title, text string) (label, whole, end string){
		"Document [n](Title)": func(n int, title, text string) (string, string, string) {
			return fmt.Sprintf("Document [%d]", n), fmt.Sprintf("Document [%d](Title: %s) %s\n\n", n, title, text), ""
		},
		"[n] title": func(n int, title, text string) (string, string, string) {
			return fmt.Sprintf("[%d]", n), fmt.Sprintf("[%d] %s: %s\n", n, title, text), ""
		},
		"[Doc n]": func(n int, _, text string) (string, string, string) {
			return fmt.Sprintf("[Doc %d]", n), fmt.Sprintf("[Doc %d]\n%s\n---\n", n, text), ""
		},
		"--- n ---": func(n int, _, text string) (string, string, string) {
			return fmt.Sprintf("--- %d ---", n), fmt.Sprintf("--- %d ---\n%s\n", n, text), ""
		},
		"<doc id>": func(n int, _, text string) (string, string, string) {
			return fmt.Sprintf("<doc id=\"%d\">", n), fmt.Sprintf("<doc id=\"%d\">%s</doc>\n", n, text), "</doc>"
		},
		"<document index>": func(n int, title, text string) (string, string, string) {
			return fmt.Sprintf("<document index=\"%d\">", n), fmt.Sprintf("<document index=\"%d\">\n<source>%s</source>\n<document_content>\n%s\n</document_content>\n</document>\n", n, title, text), "</document>"
		},
	} {
		var text strings.Builder
		text.WriteString("<documents>\n")
		for n := 1; n <= documents; n++ {
			_, whole, _ := form(n, fmt.Sprintf("The lake of V%da", n), fmt.Sprintf("Lake V%da is deep. It has K%da fish. Boats K%db go there. Its shore is K%dc.", n, n, n, n))
			text.WriteString(whole)
		}
		text.WriteString("</documents>\n")
		in := text.String()
		for rate := int64(15); rate < 100; rate += 7 {
			req := extract.Request{Question: "which boats go to the lake of V7a", Texts: []extract.Text{{Text: in}}, Budget: count(t, in) * rate / 100}
			got := selected(t, extract.New(&counter), req).Texts[0]
			for n := 1; n <= documents; n++ {
				label, _, end := form(n, "", "")
				from := 0
				for _, part := range []string{"Lake V%da is", "It has K%da", "Boats K%db", "shore is K%dc"} {
					at := strings.Index(got, fmt.Sprintf(part, n))
					if at < 0 {
						continue
					}
					opened := strings.LastIndex(got[:at], label)
					if next, _, _ := form(n-1, "", ""); opened < 0 || strings.LastIndex(got[:at], next) > opened {
						t.Fatalf("%s, %d%%: %q stands without its label in\n%s", name, rate, fmt.Sprintf(part, n), got)
					}
					from = at
				}
				if from > 0 && end != "" && !strings.Contains(got[from:], end) {
					t.Fatalf("%s, %d%%: %q is not closed in\n%s", name, rate, label, got)
				}
			}
			for _, element := range []string{"documents", "document", "document_content", "doc", "source"} {
				opened := strings.Count(got, "<"+element+">") + strings.Count(got, "<"+element+" ")
				if closed := strings.Count(got, "</"+element+">"); opened != closed {
					t.Fatalf("%s, %d%%: %d of %s are opened and %d closed in\n%s", name, rate, opened, element, closed, got)
				}
			}
		}
	}
}

// Memory is that of the result, and a handful more.
func TestSelectAllocates(t *testing.T) {
	s := extract.New(&counter)
	req := extract.Request{Question: "how deep is lake orrin", Texts: []extract.Text{{Text: strings.Repeat(lakes, 20)}}, Budget: 700, Encoding: tokens.O200k}
	least := math.Inf(1) // with the race detector pools forget at random
	for range 20 {
		least = min(least, testing.AllocsPerRun(1, func() {
			if _, err := s.Select(t.Context(), req); err != nil {
				t.Fatal(err)
			}
		}))
	}
	if least > 60 {
		t.Errorf("%v allocations", least)
	}
}

func FuzzSelect(f *testing.F) {
	for _, text := range awkward() {
		f.Add("how deep is lake orrin", text, int64(20), 3, 9)
	}
	s := extract.New(&counter)
	f.Fuzz(func(t *testing.T, question, text string, budget int64, from, to int) {
		if len(text) > 20_000 || strings.Contains(text, extract.Mark) {
			return
		}
		part := extract.Text{Text: text}
		if 0 <= from && from < to && to <= len(text) {
			part.Keep = []extract.Span{{Start: from, End: to}}
		}
		selected(t, s, extract.Request{Question: question, Texts: []extract.Text{part, {Text: lakes}}, Budget: budget})
	})
}

func BenchmarkSelect(b *testing.B) {
	s := extract.New(&counter)
	for _, n := range []int{10, 1000} {
		text := strings.Repeat(lakes, n)
		size := count(b, text)
		req := extract.Request{Question: "how deep is lake orrin", Texts: []extract.Text{{Text: text}}, Budget: size / 3, Encoding: tokens.O200k}
		b.Run(fmt.Sprintf("%dk", size/1000), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Select(b.Context(), req); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size), "µs/1k-tokens")
		})
	}
}
