package trace

import (
	"fmt"
	"strings"
)

// coding is an agent that mends a program: it lists and reads files, searches, changes a
// line, builds, tests, and reads a file again.
func coding() *Trace {
	w := begin("coding", 11, `You are a software engineer working in a repository through tools. Read before you write. Keep changes small, run the tests of the packages that you touch, and explain what you did in a few sentences at the end. Never commit, never touch files outside of the repository, and ask before you add a dependency. Paths are relative to the repository's root. The language is Go 1.26; formatting is gofmt's, errors are wrapped with %w, and comments say why.`,
		"list_dir: List a directory's files with sizes and times. | path=directory, relative to the root",
		"read_file: Read a text file. Long files are cut after 2000 lines. | path=file, relative to the root",
		"grep: Search files by a regular expression, and print matching lines with their numbers. | pattern=RE2 expression, path=directory or file",
		"run: Run a command in a shell, with a time limit of ten minutes, and return what it prints. | command=the command line",
		"edit: Replace one occurrence of a text in a file. | path=file, old=text to replace, new=text in its place")
	files := []string{"money/money.go", "sse/reader.go", "jsonscan/scan.go", "pricing/price.go", "mesh/frame.go"}
	w.user("Amounts above a million dollars are printed wrongly in reports: the fraction loses a digit. Please find out why and mend it, with a test. There may be the same mistake where rates are formatted.")
	w.call("list_dir", map[string]any{"path": "platform"}, w.listing("money", "sse", "jsonscan", "pricing", "mesh", "clock", "errs"))
	w.call("list_dir", map[string]any{"path": "platform/money"}, w.jsonListing("money.go", "money_test.go", "format.go", "format_test.go", "testdata"))
	w.call("read_file", map[string]any{"path": "platform/money/money.go"}, text("money.go.txt"))
	w.call("grep", map[string]any{"pattern": "(?i)func.*(format|string|dollar)", "path": "platform"}, grep(files, "func ", "ollar", "ormat", "String"))
	w.call("run", map[string]any{"command": "go test ./platform/..."}, w.testLog(false))
	w.call("read_file", map[string]any{"path": "platform/pricing/price.go"}, text("price.go.txt"))
	w.call("grep", map[string]any{"pattern": "money\\.", "path": "platform"}, w.jsonGrep(files, "money.", "Nano"))
	w.call("run", map[string]any{"command": "git log --stat -n 12 -- platform/money"}, w.gitLog())
	w.call("edit", map[string]any{"path": "platform/money/money.go", "old": "%02d", "new": "%09d"}, `{"ok": true, "replaced": 1}`)
	w.call("run", map[string]any{"command": "git diff"}, diff)
	w.call("run", map[string]any{"command": "go build ./... && go vet ./platform/..."}, w.buildLog())
	w.call("read_file", map[string]any{"path": "platform/money/money.go"}, strings.Replace(text("money.go.txt"), "no money at all", "no money", 1))
	w.call("run", map[string]any{"command": "go test -v ./platform/money/ ./platform/pricing/"}, w.verboseLog())
	w.say("The amount's fraction was padded to two digits instead of nine, so amounts with a small fraction lost their zeros. I mended the format and the tests pass. Rates have a function of their own, which is right.")
	w.user("Good. Now look whether the reader of event streams has the same kind of trouble with numbers, and run everything once more.")
	w.call("read_file", map[string]any{"path": "platform/sse/reader.go"}, text("reader.go.txt"))
	w.call("read_file", map[string]any{"path": "platform/jsonscan/scan.go"}, text("scan.go.txt"))
	w.call("run", map[string]any{"command": "go test ./platform/..."}, w.testLog(true))
	w.call("run", map[string]any{"command": "go test -json ./platform/sse/ | head -60"}, w.jsonLog())
	w.call("read_file", map[string]any{"path": "platform/mesh/frame.go"}, text("frame.go.txt"))
	w.call("read_file", map[string]any{"path": "platform/sse/reader.go"}, text("reader.go.txt"))
	w.call("run", map[string]any{"command": "git status --short && git diff"}, " M platform/money/money.go\n M platform/money/money_test.go\n"+diff)
	w.say("The reader of event streams formats no numbers, and its tests pass. Nothing else is to be changed.")
	return w.trace
}

const diff = `diff --git a/platform/money/money.go b/platform/money/money.go
index 3f1c2ab..9d02e41 100644
--- a/platform/money/money.go
+++ b/platform/money/money.go
@@ -88,9 +88,9 @@ func (n Nano) String() string {
 	if n < 0 {
 		sign, rest = "-", -rest
 	}
-	// Two digits are enough for cents.
-	return fmt.Sprintf("%s$%d.%02d", sign, rest/Dollar, rest%Dollar)
+	// All nine digits: 5 nano-dollars are not 5 tenths.
+	return fmt.Sprintf("%s$%d.%09d", sign, rest/Dollar, rest%Dollar)
 }
 
 // Parse reads an amount in dollars.
diff --git a/platform/money/money_test.go b/platform/money/money_test.go
index 77aa01c..1be93f0 100644
--- a/platform/money/money_test.go
+++ b/platform/money/money_test.go
@@ -31,6 +31,8 @@ func TestString(t *testing.T) {
 		{1_500_000_000, "$1.500000000"},
 		{-20, "-$0.000000020"},
+		{1_234_567_000_000_005, "$1234567.000000005"},
+		{5, "$0.000000005"},
 	} {
 		if got := tc.amount.String(); got != tc.want {
 			t.Errorf("%d is %q, want %q", tc.amount, got, tc.want)
`

func (w *writer) listing(names ...string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "total %d\n", len(names)*4)
	for _, n := range names {
		fmt.Fprintf(&out, "drwxr-xr-x  %2d build build  4096 Nov %2d %02d:%02d %s\n", w.between(2, 9), w.between(1, 28), w.IntN(24), w.IntN(60), n)
		for _, f := range []string{n + ".go", n + "_test.go", "bench_test.go", "doc.go"} {
			fmt.Fprintf(&out, "-rw-r--r--   1 build build %5d Nov %2d %02d:%02d %s/%s\n", w.between(300, 16000), w.between(1, 28), w.IntN(24), w.IntN(60), n, f)
		}
	}
	return out.String()
}

func (w *writer) jsonListing(names ...string) string {
	var entries []any
	for _, n := range names {
		entries = append(entries, struct {
			Name     string `json:"name"`
			Type     string `json:"type"`
			Size     int    `json:"size"`
			Mode     string `json:"mode"`
			Modified string `json:"modified"`
		}{n, w.one("file", "file", "directory"), w.between(200, 20000), "0644", fmt.Sprintf("2026-11-%02dT%02d:%02d:%02dZ", w.between(1, 28), w.IntN(24), w.IntN(60), w.IntN(60))})
	}
	return pretty(map[string]any{"path": "platform/money", "entries": entries})
}

// lines visits the sources' lines that have one of some words in them.
func lines(files, words []string, visit func(file string, number int, line string)) {
	for _, f := range files {
		_, base, _ := strings.Cut(f, "/")
		number := 0
		for line := range strings.Lines(text(base + ".txt")) {
			number++
			for _, word := range words {
				if strings.Contains(line, word) {
					visit("platform/"+f, number, strings.TrimRight(line, "\n"))
					break
				}
			}
		}
	}
}

func grep(files []string, words ...string) string {
	var out strings.Builder
	lines(files, words, func(file string, number int, line string) { fmt.Fprintf(&out, "%s:%d:%s\n", file, number, line) })
	return out.String()
}

func (w *writer) jsonGrep(files []string, words ...string) string {
	var matches []any
	lines(files, words, func(file string, number int, line string) {
		matches = append(matches, struct {
			File   string `json:"file"`
			Line   int    `json:"line"`
			Column int    `json:"column"`
			Text   string `json:"text"`
		}{file, number, w.between(1, 40), line})
	})
	return pretty(map[string]any{"matches": matches, "truncated": false})
}

var packages = strings.Fields("clock config errs httpx jsonscan kafkax mesh migrate money obs policy postgres pricing quota redisx rpc secret sqlite sse tenant tokens")

func (w *writer) testLog(passes bool) string {
	var out strings.Builder
	for _, p := range packages {
		if p == "money" && !passes {
			out.WriteString("--- FAIL: TestString (0.00s)\n    money_test.go:38: 1234567000000005 is \"$1234567.05\", want \"$1234567.000000005\"\n    money_test.go:38: 5 is \"$0.05\", want \"$0.000000005\"\nFAIL\nFAIL\ttollgate.dev/platform/money\t0.014s\n")
			continue
		}
		if w.IntN(3) == 0 {
			fmt.Fprintf(&out, "ok  \ttollgate.dev/platform/%s\t(cached)\n", p)
			continue
		}
		fmt.Fprintf(&out, "ok  \ttollgate.dev/platform/%s\t%d.%03ds\n", p, w.IntN(4), w.IntN(1000))
	}
	return out.String()
}

func (w *writer) buildLog() string {
	var out strings.Builder
	for range 45 {
		fmt.Fprintf(&out, "go: downloading %s/%s v%d.%d.%d\n", w.one("golang.org/x", "github.com/example", "go.example.org"), w.one("sync", "text", "net", "sys", "crypto", "exp", "mod", "time", "term")+"-"+w.hex(4), w.IntN(3), w.IntN(40), w.IntN(9))
	}
	for _, p := range packages {
		fmt.Fprintf(&out, "tollgate.dev/platform/%s\n", p)
	}
	out.WriteString("# tollgate.dev/platform/sse\nplatform/sse/reader.go:118:6: self-assignment of limit\n\n\n\n")
	return out.String()
}

func (w *writer) gitLog() string {
	var out strings.Builder
	for i := range 12 {
		fmt.Fprintf(&out, "commit %s\nAuthor: %s <%s@example.org>\nDate:   %s Nov %d %02d:%02d:%02d 2026 +0100\n\n    %s(%s): %s\n\n platform/money/money.go      | %3d %s\n platform/money/money_test.go | %3d %s\n 2 files changed, %d insertions(+), %d deletions(-)\n\n",
			w.hex(40), w.one("Ines Albrecht", "Tomas Lindqvist", "Mei Okafor", "Jo Varga"), w.one("ines", "tomas", "mei", "jo"), w.one("Mon", "Tue", "Wed", "Thu", "Fri"), 27-i*2, w.IntN(24), w.IntN(60), w.IntN(60),
			w.one("fix", "feat", "test", "refactor"), w.one("money", "pricing", "spend"), w.one("amounts beyond the largest are refused", "parse takes a sign", "a table of what is printed", "no floats on the way to a bill", "the largest amount has a name", "sums that overflow are found", "rates have six places"),
			w.between(2, 60), strings.Repeat("+", w.between(2, 20))+strings.Repeat("-", w.between(1, 10)), w.between(2, 60), strings.Repeat("+", w.between(2, 20)), w.between(3, 90), w.between(1, 40))
	}
	return out.String()
}

func (w *writer) verboseLog() string {
	var out strings.Builder
	for _, p := range []string{"money", "pricing"} {
		for _, test := range []string{"TestString", "TestParse", "TestAdd", "TestMul", "TestRates", "TestSteps", "TestTiers", "TestUpperBound", "TestChanges"} {
			fmt.Fprintf(&out, "=== RUN   %s\n", test)
			for i := range w.between(3, 9) {
				fmt.Fprintf(&out, "=== RUN   %s/%s_%d\n", test, w.one("small", "negative", "largest", "with_a_step", "no_rate", "free"), i)
			}
			fmt.Fprintf(&out, "--- PASS: %s (0.%02ds)\n", test, w.IntN(30))
			for i := range w.between(3, 9) {
				fmt.Fprintf(&out, "    --- PASS: %s/%s_%d (0.00s)\n", test, w.one("small", "negative", "largest", "with_a_step", "no_rate", "free"), i)
			}
		}
		fmt.Fprintf(&out, "PASS\nok  \ttollgate.dev/platform/%s\t0.%03ds\n", p, w.between(11, 200))
	}
	return out.String()
}

func (w *writer) jsonLog() string {
	var out strings.Builder
	for i := range 58 {
		fmt.Fprintf(&out, `{"Time":"2026-11-28T14:02:%02d.%06d+01:00","Action":"%s","Package":"tollgate.dev/platform/sse","Test":"%s","Elapsed":%.2f}`+"\n",
			i, w.IntN(1000000), w.one("run", "output", "pass", "pass"), w.one("TestReader", "TestReader/long_lines", "TestReader/comments", "TestWriter", "FuzzReader", "TestLimits"), float64(w.IntN(60))/100)
	}
	return out.String()
}
