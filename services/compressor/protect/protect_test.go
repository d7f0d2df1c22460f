package protect_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"tollgate.dev/services/compressor/protect"
)

var names = map[protect.Kind]string{
	protect.Code: "code", protect.Inline: "inline", protect.JSON: "json", protect.Quote: "quote", protect.Address: "address",
	protect.Path: "path", protect.Number: "number", protect.ID: "id", protect.Citation: "cite", protect.Tag: "tag", protect.Link: "link",
	protect.Reference: "ref",
}

// show puts each span between ⟦ and ⟧, behind its kind.
func show(text string) string {
	var out strings.Builder
	done := 0
	for _, s := range protect.Append(nil, text) {
		fmt.Fprintf(&out, "%s⟦%s:%s⟧", text[done:s.Start], names[s.Kind], text[s.Start:s.End])
		done = s.End
	}
	return out.String() + text[done:]
}

func TestSpans(t *testing.T) {
	for _, want := range []string{
		"",
		"Nothing here is worth a fence; it's prose, and/or more of it.",
		// Code.
		"Run:\n⟦code:```go\nfunc main() {}\n\n\"x\" 12\n```⟧\nDone.",
		"⟦code:~~~\n```\n~~~~⟧\n",
		"- First\n⟦code:   ```sh\n   ls\n   ```  ⟧\n- Then",
		"⟦code:```\nnever closed\n``` not this\n⟧",
		"⟦inline:```inline```⟧ and ⟦inline:`a`⟧, ⟦inline:``b`c``⟧, ` not\n\nthis`",
		// JSON.
		"It answered\n⟦json:{\n  \"a\": [1, {\"b\": null}]\n}⟧ at once.",
		"⟦json:[{\"a\": 1}]⟧ and ⟦json:[\"x\"]⟧, {not: json}, [nor, this], {nor: this",
		// Quotations.
		`He said ⟦quote:"It is 5 o'clock"⟧ and left; ⟦number:5⟧" of rain. "Never` + "\n\n" + `closed"`,
		`⟦quote:“Two ‘in’ one”⟧, ⟦quote:„Guten Tag“⟧, ⟦quote:„Swiss”⟧, ⟦quote:«bonjour»⟧, ⟦quote:»umgekehrt«⟧, 彼は⟦quote:「はい」⟧と。`,
		"The dog's bone, the dogs' bones, rock 'n roll; ⟦quote:'a b'⟧ and ⟦quote:‘it’s so’⟧.",
		`The key is ⟦quote:"a\"b"⟧.`,
		// Addresses and paths.
		"See ⟦address:https://example.com/a_(b)?q=1&r=ü#c⟧. Or (⟦address:http://x.y/z⟧), ⟦address:www.example.com⟧, ⟦address:a.b+c@mail.example.org⟧.",
		"見て⟦address:https://example.com/a⟧。次",
		"⟦path:/etc/hosts⟧, ⟦path:./run.sh⟧, ⟦path:../a/b.c⟧, ⟦path:~/x⟧, ⟦path:src/main.go:12⟧, ⟦path:main.go⟧, ⟦path:example.com⟧, ⟦path:C:\\Users\\a⟧, ⟦path:.env⟧",
		"he/she or km/h, e.g. this, i.e. that, U.S. law. And.Or",
		// Numbers.
		"⟦number:1,234.56⟧ ⟦number:1'000⟧ ⟦number:12 345 678,9⟧ ⟦number:-3.5 °C⟧ ⟦number:+4⟧ ⟦number:50%⟧ ⟦number:$12.50⟧, ⟦number:€ 3⟧ ⟦number:10 km/h⟧ ⟦number:10kg⟧ ⟦number:3.5 million⟧ ⟦number:5 €⟧",
		"⟦number:10–20⟧ pages, ⟦number:9:30⟧, ⟦id:v1.2.3⟧, the ⟦number:5th⟧, ⟦number:.5⟧, ⟦number:1.25⟧.",
		"⟦number:2026-11-28T10:00:00.5Z⟧ ⟦number:2026-11-28⟧ ⟦number:28.11.2026⟧ ⟦number:12 March 2020⟧, ⟦number:March 12, 2020⟧ ⟦number:3. März 2021⟧ ⟦number:5 de mayo de 2010⟧ ⟦number:1 мая 2020⟧ May I",
		"于⟦number:2020年1月2日⟧有⟦number:300人⟧，约⟦number:５０％⟧。",
		// Identifiers.
		"⟦id:550e8400-e29b-41d4-a716-446655440000⟧ ⟦id:deadbeef01⟧ ⟦id:snake_case⟧ ⟦id:camelCase⟧ ⟦id:std::vector⟧ ⟦id:GPT-4o⟧ ⟦id:#123⟧ ⟦id:@user⟧ ⟦id:$HOME⟧ ⟦id:main()⟧ ⟦id:covid-19⟧",
		"ISBN ⟦number:978-3-16-148410-0⟧, _emphasis_ and well-known words",
		// Citations.
		"As shown ⟦cite:[12]⟧, ⟦cite:[1, 2]⟧, ⟦cite:[3–5]⟧⟦cite:[^note]⟧ ⟦cite:(Smith et al., 2020; Jones 2019b)⟧ (about ⟦number:2020⟧) (so it is)",
		"in ⟦cite:Document [3]⟧(Title: x), list [a]",
		"It is so ⟦cite:(Smith et al., 2019, p. 3.)⟧ and so ⟦cite:[see Sec. 3.1.]⟧, ⟦cite:(see Smith (2019), p. 3. Emphasis added.)⟧",
		"So ⟦cite:(cf. Fig. 2. and 3.)⟧ ⟦cite:[Smith 2019b: 12–14.]⟧ ⟦cite:[vgl. Kap. 3.]⟧ ⟦cite:(Öztürk & Müller, 2019; Meier, 2020, S. 4.)⟧",
		"He moved (In ⟦number:2019⟧, he had to. Then he left.) and stayed (until ⟦number:2020⟧) [so he says] (See?)",
		"结果如此⟦cite:【1】⟧，⟦cite:〔2、3〕⟧，⟦cite:［4］⟧⟦cite:（5）⟧。",
		"结果如此⟦cite:（张三等，2019。第3页。）⟧，⟦cite:(张三, 2019)⟧，⟦cite:（参见第3章。）⟧。（成立于⟦number:2019年⟧。后来关闭。）",
		// Marks.
		"⟦ref:[same as the result of call_1 above]⟧",
		"x\n⟦cite:[the line above, 41 more times]⟧\n⟦cite:[as above: \"The mill has…\"]⟧ ⟦cite:[base64, 1,234 bytes, omitted 0123456789abcdef]⟧",
		// Tags and links.
		"⟦tag:<p class=\"x\">⟧Text⟦tag:</p>⟧ ⟦tag:<!-- note <b> -->⟧ a < b and c > d",
		"⟦link:[text](https://a.b/c_(d))⟧ ⟦link:![alt](x.png)⟧ [text] (no)",
	} {
		in := want
		for _, name := range names {
			in = strings.ReplaceAll(in, "⟦"+name+":", "")
		}
		in = strings.ReplaceAll(in, "⟧", "")
		if got := show(in); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestAppends(t *testing.T) {
	first := protect.Append(nil, "on page 12")
	both := protect.Append(first, "Document [3]")
	if len(both) != 2 || both[0] != first[0] || both[1] != (protect.Span{Start: 0, End: 12, Kind: protect.Citation}) {
		t.Errorf("got %v", both)
	}
}

func TestTouches(t *testing.T) {
	blocks := protect.Blocks("a 12 {\"b\":1} c\n```\nd\n```\n\"e\"")
	if len(blocks) != 2 || blocks[0].Start != 5 || blocks[0].End != 12 || blocks[1].Start != 15 || blocks[1].End != 24 {
		t.Fatalf("got %v", blocks)
	}
	for _, tc := range []struct {
		start, end int
		want       bool
	}{{0, 5, false}, {0, 6, true}, {8, 9, true}, {11, 20, true}, {12, 15, false}, {23, 30, true}, {24, 30, false}} {
		if got := protect.Touches(blocks, tc.start, tc.end); got != tc.want {
			t.Errorf("from %d to %d: %v", tc.start, tc.end, got)
		}
	}
}

// spans finds a text's spans, and checks that they are in order and of whole characters.
func spans(t *testing.T, text string) {
	t.Helper()
	last := 0
	for _, s := range protect.Append(nil, text) {
		if s.Start < last || s.End <= s.Start || s.End > len(text) || names[s.Kind] == "" {
			t.Fatalf("%v after %d of %d bytes", s, last, len(text))
		}
		if utf8.ValidString(text) && !utf8.ValidString(text[s.Start:s.End]) {
			t.Fatalf("%v cuts a character: %q", s, text[s.Start:s.End])
		}
		last = s.End
	}
}

// marks are what may open and close, with what may stand between.
var marks = []struct{ open, inner, close string }{
	{"(Aa ", "(b ", ")"}, {"(see Smith ", "(2019", ") p. 3)"}, {"(Aa ", "(((", "))"}, {"(Öa, ", "", " 2019)"}, {"[see ", "[", " 2019]"}, {"[a](", "(", "))"}, {"[", "", "](b)"},
	{"【", "（", "】"}, {"（张三，", "(", "2019）"}, {"“", "‘", "”"}, {"‘a", "’b", "’"}, {"„", "“", "”"}, {"\"a", "\\\"", "\""}, {"'a", "'b", "'"}, {"`", "``", "`"}, {"``", "`", "``"},
	{"<a ", "<", ">"}, {"<!--", "--", "-->"},
}

// Closing marks are looked for within bounds; there, one byte more or less makes no
// difference but that they are found or not.
func TestAroundTheBounds(t *testing.T) {
	for _, bound := range []int{160, 300, 400, 1000, 2000} {
		for _, m := range marks {
			for n := bound - 8; n <= bound+4; n++ {
				filler := strings.Repeat("x", max(0, n-len(m.open)-len(m.inner)))
				spans(t, m.open+m.inner+filler+m.close)
				spans(t, "a "+m.open+m.inner+filler+m.close+" tail (b) and more, 2019) end")
			}
		}
	}
}

// FuzzBounds makes texts whose closing marks are so far from the opening ones.
func FuzzBounds(f *testing.F) {
	for _, bound := range []uint16{160, 300, 400, 1000, 2000} {
		for i := range marks {
			f.Add(uint8(i), uint8(i), bound, uint8(0), " tail)")
		}
	}
	f.Add(uint8(0), uint8(0), uint16(160), uint8(6), " tail and more text here, 2019) end of it all")
	f.Fuzz(func(t *testing.T, opens, closes uint8, size uint16, less uint8, tail string) {
		open, end := marks[int(opens)%len(marks)], marks[int(closes)%len(marks)]
		filler := strings.Repeat("x", max(0, int(size%4096)-int(less)))
		spans(t, open.open+open.inner+filler+end.close+tail)
	})
}

func FuzzAppend(f *testing.F) {
	for _, seed := range []string{"```\nx\n```", "{\"a\":[1,\"b\"]} “q” 'q' `c`", "12 March 2020, 5 € 50\xff% (S, 2020) [1] <a> [a](b)", "\xe2\x80", "２０年", "12 345 678,9 a://b)"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { spans(t, text) })
}

const prose = `The harbour was built between 1907 and 1912, after the storm that had taken the old pier. Its engineer, who had
worked on three canals before, wanted a wall of 1,240 metres; the town, which had to pay for it, wanted none. "We have always landed
our fish on the beach," the mayor wrote to the ministry. They met at a length of 800 metres, and the first ship came in on 3 May 1912.
Today most of the quay belongs to a museum. Visitors can see how nets were mended and how the ice was brought down from the hills.

`

func BenchmarkAppend(b *testing.B) {
	for name, text := range map[string]string{
		"prose": prose,
		"cjk":   "港口建于1907年至1912年之间，此前的风暴摧毁了旧码头。工程师想要一道1240米长的墙；必须为此付钱的镇子却什么都不要。",
		"code":  "```go\nfunc main() { fmt.Println(\"hello\") }\n```\nThe function `main` in main.go prints [1] what https://example.com/a?b=c has.\n",
	} {
		text = strings.Repeat(text, 400<<10/len(text))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			var spans []protect.Span
			for b.Loop() {
				spans = protect.Append(spans[:0], text)
			}
		})
	}
}
