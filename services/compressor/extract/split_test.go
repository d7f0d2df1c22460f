package extract

import (
	"context"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// cutOf is the text's segments; headings have # in front.
func cutOf(text string, spans ...Span) []string {
	s := splitter{text: text, lang: languageOf(text, newLexicon()), spans: spans}
	if err := s.split(context.Background()); err != nil {
		panic(err)
	}
	var out []string
	for _, g := range s.out {
		part := text[g.start:g.end]
		if g.heading {
			part = "#" + part
		}
		out = append(out, part)
	}
	return out
}

func TestSplit(t *testing.T) {
	for name, want := range map[string][]string{
		"sentences":     {"It rained.", " We stayed in!", " Did you?", " Yes…", " Then we left."},
		"numbers":       {"Pi is 3.14 or so.", " It is used at example.com and v1.2.3 of it."},
		"abbreviations": {"Dr. Smith met J. R. R. Tolkien at St. Mary vs. the rest, i.e. Nobody.", " He was on Vol. 3 then."},
		"citations":     {"As Meyer et al. (2020) say.", " See (Roe et al. 2019) of it.", " He came et al. Nobody else did.", " The metal.", " It was hot."},
		"names":         {"The U.S. Army is of the U.S.", " Then Yahoo! Inc. came.", " Yahoo!", " They left.", " Warner Bros. Company paid 5 mio. Euro."},
		"a short title": {"#Document [1]", "#(Title: U.S.A. (v. 2.) Is. Go)", " It is.", " So.\n\n", "#Document [2]", "#(Title: St. (A. Is.) Go)", " More."},
		"parentheses":   {"It is red (so they say. It is old, too.) and paid.", " It is (in a way.", " They left.", " Then (so it is.)", " He went."},
		"quotes":        {"He said \"Go home.\"", " She went (at once.)", " It was late.[12]", " They slept."},
		"lower case":    {"The web site foo.example. is down etc. and so on.", " Next."},
		"German":        {"Das war am 3. Oktober und ist z. B. ein Feiertag.", " Die Schule ist nicht auf.", " Dr. Meier kam."},
		"references":    {"他来了。【1】", "她走了。〔23〕", "是的。［4］", "Yes."},
		"Chinese":       {"他来了。", "她走了！", "“真的吗？”", "是的。"},
		"Russian":       {"Он родился в 1799 г. в Москве.", " Потом он уехал.", " А. С. Пушкин был поэтом."},
		"Arabic":        {"هل ذهب؟", " نعم ذهب."},
		"Armenian":      {"Նա եկավ։", " Նա գնաց։"},
		"Greek":         {"Πού πήγε;", " Δεν ξέρω.", " Έφυγε."},
		"Thai":          {"โรงสีอาร์เดนเป็นโรงสีพลังน้ำริมแม่น้ำโอเซในหุบเขา", " โยนาส ปราต สร้างในปี 1742 กังหันทำจากไม้โอ๊กและหมุน", " ที่นี่เป็นพิพิธภัณฑ์"},
		"Tibetan":       {"ཁོ་ཡོང་བ་རེད།", " ཁོ་སོང་བ་རེད།"},
		"Hindi":         {"वह आया।", " वह गया।"},
		"wrapped lines": {"This is a line of text that goes on and on\nand ends here.", " Next one."},
		"paragraphs":    {"One ends here.\n\n", "Two ends here.\n", "Three."},
		"lists":         {"We need:\n", "- apples\n", "- pears\n", "1. Wash them.\n", "2. Eat."},
		"headings":      {"## The title\n\n", "#Setup\n", "It is easy."},
		"documents":     {"#Document [1]", "#(Title: A (b) c)", " Text is here.\n\n", "#Document [2]", "#(Title: D)", " More."},
		"title line":    {"#The Great Lake\n", "It is deep."},
		"tags":          {"#<doc id=\"3\">\n", "Text is here.\n", "</doc>"},
		"one word":      {"word"},
		"not UTF-8":     {"a\xff\xfe bcd.", " C\xf0."},
	} {
		if name == "headings" {
			want = []string{"### The title\n\n", "#Setup\n", "It is easy."}
		}
		var text strings.Builder
		for _, part := range want {
			if rest, heading := strings.CutPrefix(part, "#"); heading {
				part = rest
			}
			text.WriteString(part)
		}
		if got := cutOf(text.String()); !slices.Equal(got, want) {
			t.Errorf("%s: %q is cut into\n%q, want\n%q", name, text.String(), got, want)
		}
	}
}

// No sentence ends within a span that must be whole.
func TestSplitWhole(t *testing.T) {
	text := "He wrote `a. B. C.` there. Then\n\n```\nX. Y.\n\nZ.\n```\n\nEnd. It is."
	code := Span{strings.Index(text, "`a"), strings.Index(text, "` there") + 1}
	fence := Span{strings.Index(text, "```"), strings.LastIndex(text, "```") + 3}
	want := []string{"He wrote `a. B. C.` there.", " Then\n\n", "```\nX. Y.\n\nZ.\n```\n\n", "End.", " It is."}
	if got := cutOf(text, code, fence); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A run that is longer than any sentence is cut where a clause ends or the script changes, and never
// within a number, a word of Latin letters or what is one character.
func TestSplitRuns(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string // what pieces begin with, some of
		not  []string // what no piece begins with
	}{
		"Chinese":  {strings.Repeat("我们昨天去了港口那里有一座旧水泵房是伊莱亚斯建的然后下了一天的雨", 8), []string{"然后", "我们", "那里"}, []string{"后", "里", "们"}},
		"Japanese": {strings.Repeat("昨日港に行きましたそこには古いポンプ小屋がありましたエリアスが建てたものですそれから一日中雨が降りました", 6), []string{"昨日", "エリアス", "それから", "そこには"}, []string{"した", "き", "ま", "ー"}},
		"numbers":  {strings.Repeat("价格是1234567890元用ChatGPTPlus付款", 20), nil, []string{"2", "3", "4", "5", "6", "7", "8", "9", "0", "h", "a", "t", "G", "P", "T", "l", "u", "s"}},
		"Thai":     {strings.Repeat("เมื่อวานฝนตกทั้งวันเราอยู่บ้านอ่านหนังสือแล้วไปตลาด", 10), nil, []string{"่", "ั", "้", "ื", "ี", "ุ", "ู"}},
	} {
		parts := cutOf(c.text)
		if strings.Join(parts, "") != c.text {
			t.Fatalf("%s: the parts are not the text", name)
		}
		begin := func(list []string) (n int) {
			for _, p := range parts[1:] {
				if hasAny(p, list, strings.HasPrefix) {
					n++
				}
			}
			return n
		}
		for _, p := range parts {
			if n := utf8.RuneCountInString(p); n > mostPiece+leastPiece {
				t.Errorf("%s: a piece of %d characters: %q", name, n, p)
			}
		}
		if len(parts) < 4 || c.want != nil && begin(c.want) < len(parts)-1 || begin(c.not) > 0 {
			t.Errorf("%s: %q", name, parts)
		}
	}
	for _, clause := range []string{strings.Repeat("字", longestRun), strings.Repeat("词语，", 200)} {
		if parts := cutOf(clause); len([]rune(parts[0])) < longestRun {
			t.Errorf("%.30q… is cut after %d characters", clause, len([]rune(parts[0])))
		}
	}
}

// Text without sentences is cut all the same, where characters end.
func TestSplitEndless(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("x", 10_000), strings.Repeat("ä", 10_000), strings.Repeat("word ", 3000), strings.Repeat("字", 5000),
		strings.Repeat("a, b; ", 2000),
	} {
		parts := cutOf(text)
		if strings.Join(parts, "") != text {
			t.Errorf("%.20q…: the parts are not the text", text)
		}
		for _, p := range parts {
			if len(p) > maxSentence || !utf8.ValidString(p) {
				t.Fatalf("%.20q…: a part of %d bytes", text, len(p))
			}
		}
	}
}
