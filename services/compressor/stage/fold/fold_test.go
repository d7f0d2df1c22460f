package fold_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/protect"
	"tollgate.dev/services/compressor/stage/fold"
)

// text is a tool result of a prompt, or what a user gives.
func text(t testing.TB, kind prompt.Kind, content string) *prompt.Text {
	t.Helper()
	body := fmt.Sprintf(`{"messages":[{"role":"user","content":"Q"},{"role":"tool","content":%s}]}`, jsonscan.AppendQuoted(nil, content))
	p, err := prompt.Parse(t.Context(), []byte(body))
	if err != nil || len(p.Texts) != 1 {
		t.Fatalf("%v, %v", p, err)
	}
	p.Texts[0].Kind = kind
	return p.Texts[0]
}

func apply(t testing.TB, text *prompt.Text) string {
	t.Helper()
	if err := (fold.Stage{}).Apply(t.Context(), &prompt.Draft{Texts: []*prompt.Text{text}, Rate: 1}); err != nil {
		t.Fatal(err)
	}
	return text.Current()
}

// What commands print, and what is left of it.
func TestRealisticOutput(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		in, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(strings.TrimSuffix(file, ".txt") + ".golden")
		if err != nil {
			t.Fatal(err)
		}
		if got := apply(t, text(t, prompt.ToolResult, string(in))); got != string(want) {
			t.Errorf("%s becomes\n%s", file, got)
		}
	}
}

const wait = "10:00:0%d waiting for the database to answer\n"

func times(n int, format string, from, step int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, format, from+i*step)
	}
	return out.String()
}

func TestLines(t *testing.T) {
	long := strings.Repeat("the same words ", 6)
	omitted := func(s string) string { return prompt.NameOf(s) }
	percents, objects := times(25, "%3d%%\r", 0, 4), times(8, "Receiving objects: %d%% (1/8)\r", 1, 12)
	for name, tc := range map[string]struct{ in, want string }{
		"nothing to do":           {"a\n\n  b\n\tc\nd \n\n\nd\n", ""},
		"three":                   {long + "x\n" + long + "x\n" + long + "x\nend", long + "x\n[the line above, 2 more times]\nend"},
		"without a line end":      {long + "x\n" + long + "x\n" + long + "x", long + "x\n[the line above, 2 more times]"},
		"the same but for spaces": {long + "x\n" + long + "x   \n" + long + "x\nend", long + "x\n[the line above, 2 more times]\nend"},
		"two are let be":          {long + "x\n" + long + "x\nend", ""},
		"times":                   {times(8, wait, 1, 1), "10:00:01 waiting for the database to answer\n[6 more lines like it, omitted " + omitted(times(6, wait, 2, 1)) + "], with 10:00:02, 10:00:03, 10:00:04, 10:00:05, 10:00:06, 10:00:07\n10:00:08 waiting for the database to answer\n"},
		"fractions":               {times(8, "[2026-11-28 10:00:00.%d] waiting for the database to answer\n", 401, 7), "[2026-11-28 10:00:00.401] waiting for the database to answer\n[6 more lines like it, omitted " + omitted(times(6, "[2026-11-28 10:00:00.%d] waiting for the database to answer\n", 408, 7)) + "], with 10:00:00.408, 10:00:00.415, 10:00:00.422, 10:00:00.429, 10:00:00.436, 10:00:00.443\n[2026-11-28 10:00:00.450] waiting for the database to answer\n"},
		"times and counters":      {times(8, wait+"10:00:09 INFO try 7 of all that were to be made\n", 1, 1), ""},
		"a level of few":          {times(6, "[crit] copied the rows of part %d of the table\n", 100, 50), "[crit] copied the rows of part 100 of the table\n[4 more lines like it, omitted " + omitted(times(4, "[crit] copied the rows of part %d of the table\n", 150, 50)) + "], with 150 to 300 in steps of 50\n[crit] copied the rows of part 350 of the table\n"},
		"a counter with times":    {triples(8, "10:00:0%d try %d of part_%d in the store of the harbour\n"), "10:00:01 try 3 of part_9 in the store of the harbour\n[6 more lines like it, omitted " + omitted(strings.Join(strings.SplitAfter(triples(8, "10:00:0%d try %d of part_%d in the store of the harbour\n"), "\n")[1:7], "")) + "], with 10:00:02 6 18, 10:00:03 9 27, 10:00:04 12 36, 10:00:05 15 45, 10:00:06 18 54, 10:00:07 21 63\n10:00:08 try 24 of part_72 in the store of the harbour\n"},
		"steps":                   {times(6, "INFO copied the rows of part %d of the table\n", 100, 50), "INFO copied the rows of part 100 of the table\n[4 more lines like it, omitted " + omitted(times(4, "INFO copied the rows of part %d of the table\n", 150, 50)) + "], with 150 to 300 in steps of 50\nINFO copied the rows of part 350 of the table\n"},
		"two counters":            {triples(9, "INFO part %d of %d rows went to the store number %d\n"), "INFO part 1 of 3 rows went to the store number 9\n[7 more lines like it, omitted " + omitted(strings.Join(strings.SplitAfter(triples(9, "INFO part %d of %d rows went to the store number %d\n"), "\n")[1:8], "")) + "], with 2 to 8 in steps of 1; 6 to 24 in steps of 3; 18 to 72 in steps of 9\nINFO part 9 of 27 rows went to the store number 81\n"},
		"uneven numbers":          {"took 12 ms for the query of all rows\ntook 19 ms for the query of all rows\ntook 11 ms for the query of all rows\ntook 17 ms for the query of all rows\n", ""},
		"times and numbers":       {"10:00:01 answered 200 to the request\n10:00:02 answered 200 to the request\n10:00:03 answered 500 to the request\n10:00:04 answered 200 to the request\n", ""},
		"colours in JSON's text":  {"{\"a\":\"\\u001b[31m\"}", ""},
		"half an escape":          {"a\x1b[31", "a[31"},
		"a title":                 {"\x1b]0;title\aok\x1b(B\x1b=", "ok"},
		"states of a line":        {"$ make\n" + percents + "100%\nnext\r\n", "$ make\n[25 earlier states of this line, omitted " + omitted(percents) + "]100%\nnext\r\n"},
		"and another line's":      {"x\n" + percents + "100%\rwritten\ry", "x\n[25 earlier states of this line, omitted " + omitted(percents) + "]100%\rwritten\ry"},
		"a word at the end":       {"$ git clone\n" + objects + "Receiving objects: 100% (8/8), done.\n", "$ git clone\n[8 earlier states of this line, omitted " + omitted(objects) + "]Receiving objects: 100% (8/8), done.\n"},
		"few states":              {" 10%\r 50%\r100%\nnext\r\n", ""},
		"an old Mac's lines":      {strings.ReplaceAll(percents+prose(), "\n", "\r"), ""},
		"one end of a line":       {strings.ReplaceAll(prose(), "\n", "\r") + "\n", ""},
		"rows of an old Mac":      {"file.csv:\n" + times(99, "%d;7;Ann Lee\rBob;", 1, 1), ""},
		"numbers of an old Mac":   {"file.csv:\n" + times(99, "%d;7;8\r", 1, 1), ""},
		"colours in code":         {"```\n\x1b[31mred\x1b[0m\n```\n", ""},
		"titles without an end":   {"\x1b]0;a\n\x1bPb\x1b[1mc\x1b\\", "]0;a\nPbc"},
		"no set of characters":    {"\x1b(é\x1b)\nb", "(é)\nb"},
		"a title of two ends":     {"\x1b]0;a\x1b\\b\a", "b\a"},
		"a mark is let be":        {strings.Repeat(long+"x\n", 4) + "[the line above, 2 more times]\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := tc.want
			if want == "" {
				want = tc.in
			}
			if got := apply(t, text(t, prompt.ToolResult, tc.in)); got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// triples is times for lines of three counters.
func triples(n int, format string) string {
	var out strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&out, format, i, 3*i, 9*i)
	}
	return out.String()
}

// What counts on is a list that somebody asked for, or sentences; lines that begin with a time or
// have a level are a log's.
func TestListsStay(t *testing.T) {
	for name, tc := range map[string]struct {
		line  string
		folds bool
	}{
		"names":                     {"file_%03d.txt\n", false},
		"paths":                     {"/var/lib/app/shards/%d/segment\n", false},
		"quoted names":              {"  - \"host-%d.example.com\"\n", false},
		"names with a time":         {"2026-11-28 10:00:00       1234 photos/img_%d.jpg\n", false},
		"names with rights":         {"-rw-r--r-- 1 app staff  4096 Nov 28 10:00 file_%d.txt\n", false},
		"names in a table":          {"| item-%d | new | blue |\n", false},
		"two words":                 {"Article number %d\n", false},
		"numbers":                   {"%d\n", false},
		"addresses":                 {"10.0.0.%d\n", false},
		"addresses in Chinese":      {"北京市朝阳区建国门外大街%d号\n", false},
		"an invoice":                {"Invoice %d issued, amount due 500 euros\n", false},
		"a flight":                  {"The flight %d to Paris leaves gate 22 in the evening\n", false},
		"a flight with a time":      {"The flight %d to Paris leaves at 10:00:00\n", false},
		"a level's word":            {"Please take notice of invoice %d, it has an error\n", false},
		"a capital":                 {"Notice that invoice %d is due\n", false},
		"an address in a log":       {"INFO connected to 10.0.0.%d by its name\n", false},
		"an amount in a log":        {"INFO sold for EUR 1,%d today\n", false},
		"words beside a name":       {"removed the file part_%d.tmp from disk\n", false},
		"words beside a number":     {"waiting for the store, try %d\n", false},
		"progress":                  {"%d%% of 140\n", false},
		"Chinese beside a number":   {"正在等待数据库应答，第 %d 次\n", false},
		"a log's level":             {"INFO GET /items/%d\n", true},
		"a level as a field":        {"level=warn item=/items/%d\n", true},
		"a level in brackets":       {"[warn] item %d is late\n", true},
		"a time and a word":         {"10:00:00 try %d\n", true},
		"a date and a time":         {"[28/Nov/2026] INFO try %d\n", true},
		"syslog":                    {"Nov 28 10:00:00 host app: try %d\n", true},
		"Russian beside its number": {"10:00:00 ждём ответа от базы, попытка %d\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			in := times(40, tc.line, 100, 1)
			if got := apply(t, text(t, prompt.ToolResult, in)); (got != in) != tc.folds {
				t.Errorf("%.40q… becomes %.300q", in, got)
			}
		})
	}
}

// The lines that a question is about stay, and of others no time and no number is lost.
func TestTheQuestionsLinesStay(t *testing.T) {
	var door strings.Builder
	var at []string
	for i := range 60 {
		clock := fmt.Sprintf("%02d:%02d:%02d", 10+i/10, i*i%7+i%10*6, i*37%60)
		at = append(at, clock)
		fmt.Fprintf(&door, "2026-11-28 %s INFO north door opened by badge reader\n", clock)
	}
	for q, folds := range map[string]bool{
		"Was the north door opened between 11:00 and 11:10?": false,
		"What went on at 11?":                                false,
		"What did the BADGE say?":                            false,
		"Where is the mill?":                                 true,
		"How old is tower 77 of it?":                         true,
	} {
		in := text(t, prompt.ToolResult, door.String())
		in.Question = q
		got := apply(t, in)
		if in.Changed() != folds || folds && len(got)*2 > len(door.String()) {
			t.Errorf("%s: it becomes %q", q, got)
		}
		for _, clock := range at {
			if !strings.Contains(got, clock) {
				t.Errorf("%s: %s is lost", q, clock)
			}
		}
	}
}

// What users give may mean its spaces and lines as they are.
func TestUsersTextsStay(t *testing.T) {
	for _, in := range []string{
		"\x1b[31mred\x1b[0m\ra", "a verse of two lines:  \nwith spaces\n\n\n\n\nand more\n", times(9, wait, 1, 1),
		strings.Repeat("a line that comes again and again, as in a song\n", 9),
	} {
		if got := apply(t, text(t, prompt.Context, in)); got != in {
			t.Errorf("%q becomes %q", in, got)
		}
	}
}

func TestWhatGoesCanBeFetched(t *testing.T) {
	in := text(t, prompt.ToolResult, times(9, wait, 1, 1))
	got := apply(t, in)
	if o := in.Omitted(); len(o) != 1 || o[0].Text != times(7, wait, 2, 1) || !strings.Contains(got, o[0].Name) {
		t.Errorf("%q, omitted %v", got, o)
	}
}

func TestLockedAndEnded(t *testing.T) {
	in := text(t, prompt.ToolResult, "\x1b[1m")
	in.Locked = true
	if apply(t, in); in.Changed() {
		t.Error("a locked text changed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (fold.Stage{}).Apply(ctx, &prompt.Draft{Texts: []*prompt.Text{in}}); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func FuzzFold(f *testing.F) {
	for _, seed := range []string{
		"\x1b[1mx\x1b[0m\r\ny\rz", strings.Repeat("an old line of a log that is long\n", 9), strings.Repeat("a line of the first kind, long\nand one of the second kind, long\n", 9),
		times(9, wait, 1, 1), times(20, "%d%% of all the packages are here by now\n", 1, 5), "a\n" + times(20, "%d%% of the packages\r", 1, 5), "```\n" + strings.Repeat("in code, a long line of it\n", 9) + "```\n", "a  \n\n\n\n\nb \t\n", "{\"a\":\n\n\n\n1}  \n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if !utf8.ValidString(in) {
			return
		}
		folded := text(t, prompt.ToolResult, in)
		got := apply(t, folded)
		if !utf8.ValidString(got) || len(got) > len(in) {
			t.Fatalf("%d bytes become %d: %q", len(in), len(got), got)
		}
		if again := apply(t, text(t, prompt.ToolResult, got)); again != got {
			t.Fatalf("%q becomes %q, and that %q", in, got, again)
		}
		if other := apply(t, text(t, prompt.ToolResult, in)); other != got {
			t.Fatalf("%q, and now %q", got, other)
		}
		if strings.ContainsAny(in, "\x1b\r") {
			return // without the escapes there may be other code
		}
		rest := got
		for _, s := range protect.Append(nil, in) {
			if s.Kind&protect.Block == 0 {
				continue
			}
			_, after, ok := strings.Cut(rest, in[s.Start:s.End])
			if !ok {
				t.Fatalf("%q is not in %q any more", in[s.Start:s.End], got)
			}
			rest = after
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

func BenchmarkFold(b *testing.B) {
	for name, in := range map[string]string{
		"prose": prose(),
		"log":   times(80, "2026-11-28T10:00:%02dZ level=warn msg=waiting\n", 10, 0) + times(40, "part %d\n", 10, 1),
	} {
		b.Run(name, func(b *testing.B) {
			t := text(b, prompt.ToolResult, in)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				t.Restore()
				apply(b, t)
			}
		})
	}
}

// Of what is needed to the letter nothing goes but lines that a mark tells in full.
func TestVerbatimLines(t *testing.T) {
	same := strings.Repeat("the same words again and again\n", 9)
	for name, tc := range map[string]struct{ in, want string }{
		"escapes":      {"\x1b[31mred\x1b[0m\nend\n", ""},
		"blank lines":  {"a\n\n\n\n\n\nb\n", ""},
		"trailing":     {"a    \nb\t\t\n", ""},
		"times":        {times(9, wait, 0, 1), ""},
		"states":       {times(25, "Receiving objects: %3d%%\r", 0, 4) + "\ndone\n", ""},
		"the same":     {same + "end\n", "the same words again and again\n[the line above, 8 more times]\nend\n"},
		"but for ends": {strings.ReplaceAll(same, "\n", "  \n") + same, "the same words again and again  \n[the line above, 8 more times]\nthe same words again and again\n[the line above, 8 more times]\n"},
	} {
		if tc.want == "" {
			tc.want = tc.in
		}
		in := text(t, prompt.ToolResult, tc.in)
		in.Verbatim = true
		if got := apply(t, in); got != tc.want || len(in.Omitted()) > 0 {
			t.Errorf("%s becomes\n%q", name, got)
		}
	}
}

// Code stays to the last space, without a fence too.
func TestSourceStays(t *testing.T) {
	for name, code := range map[string]string{
		"Python": "import os\n\n\n\n\nTABLE = [\n" + strings.Repeat("    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,\n", 24) + "]\n\ndef f(x):   \n    return TABLE[x]\n",
		"SQL":    "INSERT INTO t (a, b) VALUES\n" + strings.Repeat("  (0, 'the same value again and again'),\n", 12) + "  (1, 'x');\n\n\n\nSELECT a   \nFROM t\nWHERE a >= 0;\n",
		"Go":     "package a\n\nimport \"x\"\n\n\n\nvar t = []int{\n" + strings.Repeat("\t0, 0, 0, 0, 0, 0, 0, 0, 0, 0,\n", 9) + "}\n\nfunc f() int {   \n\treturn 1\n}\n",
		"YAML":   "server:\n  port: 8080  \n  host: localhost\n\n\n\nretries: 3\nlist:\n  - a\n  - b: 1\n",
		"beside": "The file has this:\n\nfunc f(x int) error {\n\tif x > 0 {   \n\t\treturn nil\n\t}\n\treturn x.Err()\n}\n\nThat is all of it, and it is short.\nIt was read from the disk.\nNobody changed it.\nIt is old.\nIt is good.\nIt works.\nIt was tried.\n",
	} {
		if got := apply(t, text(t, prompt.ToolResult, code)); got != code {
			t.Errorf("%s becomes\n%s", name, got)
		}
	}
}
