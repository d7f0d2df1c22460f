package protect

import (
	"slices"
	"strings"
)

// Look is what a run of lines looks like.
type Look uint8

// The looks.
const (
	// Source is code without a fence: source, a difference, configuration.
	Source Look = iota + 1
	// Log is of logs, of what tests and searches print, and of stack traces.
	Log
	// Table is rows of a table.
	Table
)

// Region is the run of lines text[Start:End] of a text that looks like something.
type Region struct {
	Start, End int
	Look       Look
	// Lines is how many of its lines say something.
	Lines int
}

// Regions finds what a text has of code, logs and tables without a fence, by the look of its
// lines: runs of three lines and more. A file is source as a whole: half of its lines that say
// something are, and the others are its comments, or speak of it.
func Regions(text string) (regions []Region, file bool) {
	lines := strings.SplitAfter(text, "\n")
	kinds := classifyLines(lines)
	blocks := joinRuns(blocksOf(kinds), sourceRuns(lines, kinds), kinds)
	if strings.HasPrefix(text, "#!/") || isFile(blocks, kinds) {
		return []Region{{End: len(text), Look: Source, Lines: countNonBlank(kinds)}}, true
	}
	at, done := 0, 0 // the byte and the line that are reached
	position := func(line int) int {
		for ; done < line; done++ {
			at += len(lines[done])
		}
		return at
	}
	for _, b := range blocks {
		start := position(b.first)
		r := Region{Start: start, End: position(b.end), Look: Source, Lines: countNonBlank(kinds[b.first:b.end])}
		if kind := b.kind(); kind == tableRow {
			r.Look = Table
		} else if kind == logLine {
			r.Look = Log
		}
		regions = append(regions, r)
	}
	return regions, false
}

// LookOf tells what a line looks like by itself: [Source], [Log], or nothing.
func LookOf(line string) Look {
	switch s := classifyLine(line); {
	case s == codeLine:
		return Source
	case s == logLine:
		return Log
	}
	return 0
}

// Sources are the spans of a text that are code, with a fence or without one. No kind of
// [Append] says so of the latter: it takes more time, and whole lines. What programs print of
// themselves, such as stack traces and progress, looks like source and is none.
func Sources(text string) []Span {
	spans := Of(text, Code)
	regions, _ := Regions(text)
	for _, r := range regions {
		if r.Look == Source && !isProgramOutput(text[r.Start:r.End]) {
			spans = append(spans, Span{Start: r.Start, End: r.End, Kind: Code})
		}
	}
	return mergeSpans(spans)
}

// isProgramOutput tells whether half of a text's lines are of stack traces, logs or progress.
func isProgramOutput(text string) bool {
	lines, all := 0, 0
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		all++
		if isStackFrame(line) || strings.HasPrefix(strings.TrimLeft(line, "0123456789."), "%") || isLogLine(line) || strings.Contains(line, "...") && !strings.ContainsAny(line, "(){}[]=") ||
			strings.Contains(line, ": ") && (strings.Contains(line, "... ") || strings.Contains(line, "% ")) {
			lines++
		}
	}
	return lines*2 >= all
}

// isStackFrame tells whether a line is one of a stack trace.
func isStackFrame(line string) bool {
	for _, o := range []string{"goroutine ", "panic:", "Traceback ", "Caused by", "File \"", "... ", "created by "} {
		if strings.HasPrefix(line, o) {
			return true
		}
	}
	return strings.HasPrefix(line, "at ") && strings.ContainsAny(line, "(:") || strings.Contains(line, " +0x") ||
		strings.Contains(line, "(0x") && strings.HasSuffix(line, ")") || strings.HasSuffix(line, "(...)")
}

// mergeSpans puts spans in order, and those that overlap together.
func mergeSpans(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return a.Start - b.Start })
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && s.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, s.End)
			continue
		}
		out = append(out, s)
	}
	return out
}

// lineKind is what a line looks like.
type lineKind uint8

const (
	proseLine lineKind = iota
	blankLine
	adjoiningLine // goes with code where it stands next to it: an indented line, a comment
	codeLine      // source, a difference, configuration
	logLine
	tableRow // of a table
)

// minBlockLines is from how many lines on that look like it a block is code, a log or a table.
const minBlockLines = 3

// block is a run of lines, from first up to before end.
type block struct {
	first, end int
	counts     [tableRow + 1]int
}

// isFile tells whether half of the lines that say something are code: then the others are its
// comments, or speak of it.
func isFile(blocks []block, kinds []lineKind) bool {
	n := 0
	for _, b := range blocks {
		if b.kind() == codeLine {
			n += countNonBlank(kinds[b.first:b.end])
		}
	}
	return n > 0 && 2*n >= countNonBlank(kinds)
}

// kind is what most of a block is.
func (b *block) kind() lineKind {
	switch {
	case b.counts[tableRow] > b.counts[codeLine]+b.counts[logLine]:
		return tableRow
	case b.counts[logLine] > b.counts[codeLine]:
		return logLine
	}
	return codeLine
}

// blocksOf finds the blocks.
func blocksOf(kinds []lineKind) (blocks []block) {
	for i := 0; i < len(kinds); {
		if kinds[i] == blankLine {
			i++
			continue
		}
		b := block{first: i, end: i}
		last := i // up to which lines belong to it for sure
		for ; i < len(kinds) && kinds[i] != proseLine; i++ {
			b.counts[kinds[i]]++
			if kinds[i] > adjoiningLine || kinds[i] == adjoiningLine && i == last {
				last = i + 1
			}
		}
		b.end = last
		if strong := b.counts[codeLine] + b.counts[logLine] + b.counts[tableRow]; strong >= minBlockLines && strong*2 >= b.counts[adjoiningLine] {
			blocks = append(blocks, b)
		}
		for i < len(kinds) && kinds[i] == proseLine {
			i++
		}
	}
	return blocks
}

// countNonBlank counts the lines that are not blank.
func countNonBlank(kinds []lineKind) (n int) {
	for _, s := range kinds {
		if s != blankLine {
			n++
		}
	}
	return n
}

func classifyLines(lines []string) []lineKind {
	kinds := make([]lineKind, len(lines))
	before := 0 // the columns of the line before
	for i, line := range lines {
		kinds[i] = classifyLine(line)
		columns := countColumns(line)
		if columns > 1 && columns == before && kinds[i] <= adjoiningLine {
			kinds[i] = tableRow
			if kinds[i-1] <= adjoiningLine {
				kinds[i-1] = tableRow
			}
		}
		before = columns
	}
	markHunks(lines, kinds)
	return kinds
}

// countColumns counts what tabs, bars or commas without a space set apart in a line; 1 is none.
func countColumns(line string) int {
	line = strings.TrimRight(line, " \r\n")
	tabs, bars, commas, semicolons := 0, 0, 0, 0
	for i := range len(line) {
		next := byte(' ')
		if i+1 < len(line) {
			next = line[i+1]
		}
		switch line[i] {
		case '\t':
			if i > 0 {
				tabs++
			}
		case '|':
			bars++
		case ',':
			if next != ' ' {
				commas++
			}
		case ';':
			if next != ' ' {
				semicolons++
			}
		}
	}
	switch {
	case tabs > 0:
		return tabs + 1
	case bars > 1:
		return bars + 1
	case commas > 1:
		return commas + 1
	case semicolons > 1:
		return semicolons + 1
	}
	return 1
}

// codeOpenings are what lines of source begin with, and with a few words more no sentence does.
var codeOpenings = []string{
	"import ", "from ", "package ", "func ", "def ", "class ", "return ", "return;", "if (", "if(", "for (", "for(", "while (", "else:", "try:", "elif ",
	"else {", "} else", "case ", "switch ", "public ", "private ", "protected ", "static ", "const ", "let ", "var ", "type ", "struct ", "enum ",
	"interface ", "fn ", "pub ", "use ", "mod ", "impl ", "namespace ", "using ", "async ", "await ", "raise ", "throw ", "yield ", "except ", "export ",
	"function ", "#include", "#define", "#if", "#endif", "#!", "@@ ", "diff --git", "index ", "+++ ", "--- ", "SELECT ", "INSERT ", "CREATE ", "UPDATE ",
	"with ", "assert ", "module ", "require ", "end", "</", "<?", "$ ", "FROM ", "RUN ", "COPY ", "int ", "void ", "unsigned ", "char ", "template",
	"at ", "File \"", "Traceback ", "Caused by", "goroutine ", "panic:",
}

// classifyLine tells what a line looks like by itself.
func classifyLine(raw string) lineKind {
	line := strings.TrimSpace(raw)
	if line == "" {
		return blankLine
	}
	if rest := cutLineNumber(line); rest != line {
		if line = strings.TrimSpace(rest); line == "" {
			return adjoiningLine
		}
	}
	indented := raw[0] == ' ' || raw[0] == '\t'
	switch {
	case isLogLine(line):
		return logLine
	case endsAsCode(line, indented), standsAsCode(line):
		return codeLine
	}
	if kind := opensAsCode(line, indented); kind != proseLine {
		return kind
	}
	if indented || strings.HasPrefix(line, "//") || line[0] == '#' || line[0] == '*' || line[0] == '+' || line[0] == '@' || strings.HasPrefix(line, "/*") {
		return adjoiningLine
	}
	return proseLine
}

// endsAsCode tells whether a line ends as statements, blocks and lists of values do.
func endsAsCode(line string, indented bool) bool {
	last := line[len(line)-1]
	switch {
	case last == '{' || last == '}' || last == '\\', last == ';' && wordsOf(line) < 20:
		return true
	case line == ")" || line == "]" || line == "),":
		return true
	case strings.HasSuffix(line, "});") || strings.HasSuffix(line, "},") || strings.HasSuffix(line, "],"):
		return true
	case last != ',':
		return false
	case line[0] == '(' && strings.HasSuffix(line, "),"):
		return true
	default:
		return indented && (line[0] == '"' || line[0] == '\'' || strings.Trim(line, "0123456789abcdefxABCDEFX-+., ") == "")
	}
}

// standsAsCode tells whether a line is as a whole what no sentence is: with an operator, a section of
// a configuration, a version of a module, a Dockerfile's, a call.
func standsAsCode(line string) bool {
	last, words := line[len(line)-1], wordsOf(line)
	switch {
	case words <= 16 && last != '.' && hasOperator(line):
		return true
	case line[0] == '[' && last == ']' && words == 1, isModuleVersion(line), isDockerfileLine(line):
		return true
	case words == 2 && (strings.HasPrefix(line, "go 1.") || strings.HasPrefix(line, "toolchain go")):
		return true
	default:
		bracket := strings.IndexByte(line, '(')
		return last == ')' && bracket > 0 && !strings.Contains(line[:bracket], " ")
	}
}

// opensAsCode tells whether a short line begins as source does, and whether it goes on like it.
func opensAsCode(line string, indented bool) lineKind {
	words := wordsOf(line)
	if words > 12 || strings.IndexByte(".?!", line[len(line)-1]) >= 0 {
		return proseLine
	}
	body := strings.TrimLeft(strings.TrimLeft(line, "+-"), " ")
	for _, o := range codeOpenings {
		if strings.HasPrefix(line, o) || strings.HasPrefix(body, o) {
			if hasCodeSigns(line, words) || indented {
				return codeLine
			}
			return adjoiningLine
		}
	}
	if isKeyValue(line) {
		return codeLine
	}
	return proseLine
}

func wordsOf(line string) int { return strings.Count(line, " ") + 1 }

// hasCodeSigns tells that a line which begins like source goes on like it.
func hasCodeSigns(line string, words int) bool {
	return words <= 3 || strings.ContainsAny(line, "(){}[]=<>:\"'`_./*")
}

// hasOperator tells whether a line has what joins in source and in no sentence.
func hasOperator(line string) bool {
	for _, s := range []string{" = ", ":=", "==", "!=", "->", "=>", "&&", "||", "::", "()", "+=", "-=", " >= ", " <= ", "](", "/>", "</", "};", "${", "%s"} {
		if strings.Contains(line, s) {
			return s != "](" || strings.Contains(line, ":=")
		}
	}
	return false
}

// isKeyValue tells whether a line is a name, a colon or an equals sign, and a short value.
func isKeyValue(line string) bool {
	line = strings.TrimPrefix(strings.TrimLeft(line, "+ "), "- ")
	at := strings.IndexAny(line, ":=")
	if at <= 0 || strings.ContainsAny(line[:at], " ,;()") {
		return false
	}
	rest := line[at+1:]
	return (line[at] == '=' || rest == "" || rest[0] == ' ') && strings.Count(rest, " ") <= 6
}

// cutLineNumber returns a line without the number that a tool puts before it.
func cutLineNumber(line string) string {
	i := 0
	for i < len(line) && line[i] >= '0' && line[i] <= '9' {
		i++
	}
	if i == 0 || i > 6 {
		return line
	}
	for _, mark := range []string{"\t", "→", "|", ": "} {
		if rest, ok := strings.CutPrefix(line[i:], mark); ok {
			return rest
		}
	}
	return line
}

// isLogLine tells whether a line begins as those of logs do: with a time or a level, as a test's
// result, or with a file and a line, as what a search found.
func isLogLine(line string) bool {
	line = strings.TrimLeft(line, "[(")
	for _, level := range []string{"INFO", "WARN", "ERROR", "DEBUG", "FATAL", "TRACE", "level=", "time=", "--- PASS", "--- FAIL", "=== ", "ok  \t", "?   \t", "PASS", "FAIL"} {
		if strings.HasPrefix(line, level) {
			return true
		}
	}
	return isSearchHit(line) || hasShape(line, "0000-00-00") || hasShape(line, "00:00:00") || hasShape(line, "0000/00/00") || hasShape(line, "Aaa 00 00:") || hasShape(line, "Aaa  0 00:")
}

// isSearchHit tells whether a line begins with a file's name and a line's number.
func isSearchHit(line string) bool {
	name, rest, ok := strings.Cut(line, ":")
	if !ok || !strings.ContainsAny(name, "./") || strings.ContainsAny(name, " \t\"'(") {
		return false
	}
	return len(rest) > 1 && rest[0] >= '0' && rest[0] <= '9' && strings.ContainsAny(rest[1:min(len(rest), 8)], ":")
}

// hasShape tells whether a line begins with characters of a pattern: 0 is a digit, A and a are
// letters.
func hasShape(line, pattern string) bool {
	if len(line) < len(pattern) {
		return false
	}
	for i := range len(pattern) {
		c := line[i]
		switch p := pattern[i]; {
		case p == '0' && (c < '0' || c > '9'), p == 'A' && (c < 'A' || c > 'Z'), p == 'a' && (c < 'a' || c > 'z'):
			return false
		case p != '0' && p != 'A' && p != 'a' && p != c:
			return false
		}
	}
	return true
}
