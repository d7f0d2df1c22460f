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
	sorts := sortsOf(lines)
	blocks := blocksOf(sorts)
	if strings.HasPrefix(text, "#!/") || isFile(blocks, sorts) {
		return []Region{{End: len(text), Look: Source, Lines: count(sorts)}}, true
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
		r := Region{Start: start, End: position(b.end), Look: Source, Lines: count(sorts[b.first:b.end])}
		if kind := b.kind(); kind == row {
			r.Look = Table
		} else if kind == log {
			r.Look = Log
		}
		regions = append(regions, r)
	}
	return regions, false
}

// LookOf tells what a line looks like by itself: [Source], [Log], or nothing.
func LookOf(line string) Look {
	switch s := sortOf(line); {
	case s == code:
		return Source
	case s == log:
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
		if r.Look == Source && !printed(text[r.Start:r.End]) {
			spans = append(spans, Span{Start: r.Start, End: r.End, Kind: Code})
		}
	}
	return merged(spans)
}

// printed tells whether half of a text's lines are of stack traces, logs or progress.
func printed(text string) bool {
	lines, all := 0, 0
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		all++
		if framed(line) || strings.HasPrefix(strings.TrimLeft(line, "0123456789."), "%") || logged(line) || strings.Contains(line, "...") && !strings.ContainsAny(line, "(){}[]=") ||
			strings.Contains(line, ": ") && (strings.Contains(line, "... ") || strings.Contains(line, "% ")) {
			lines++
		}
	}
	return lines*2 >= all
}

// framed tells whether a line is one of a stack trace.
func framed(line string) bool {
	for _, o := range []string{"goroutine ", "panic:", "Traceback ", "Caused by", "File \"", "... ", "created by "} {
		if strings.HasPrefix(line, o) {
			return true
		}
	}
	return strings.HasPrefix(line, "at ") && strings.ContainsAny(line, "(:") || strings.Contains(line, " +0x") ||
		strings.Contains(line, "(0x") && strings.HasSuffix(line, ")") || strings.HasSuffix(line, "(...)")
}

// merged are spans in order, those that overlap as one.
func merged(spans []Span) []Span {
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

// sort is what a line looks like.
type sort uint8

const (
	prose sort = iota
	blank
	near // goes with code where it stands next to it: an indented line, a comment
	code // source, a difference, configuration
	log
	row // of a table
)

// least is from how many lines on that look like it a block is code, a log or a table.
const least = 3

// block is a run of lines, from first up to before end.
type block struct {
	first, end int
	counts     [row + 1]int
}

// isFile tells whether half of the lines that say something are code: then the others are its
// comments, or speak of it.
func isFile(blocks []block, sorts []sort) bool {
	n := 0
	for _, b := range blocks {
		if b.kind() == code {
			n += count(sorts[b.first:b.end])
		}
	}
	return n > 0 && 2*n >= count(sorts)
}

// kind is what most of a block is.
func (b *block) kind() sort {
	switch {
	case b.counts[row] > b.counts[code]+b.counts[log]:
		return row
	case b.counts[log] > b.counts[code]:
		return log
	}
	return code
}

// blocksOf finds the blocks.
func blocksOf(sorts []sort) (blocks []block) {
	for i := 0; i < len(sorts); {
		if sorts[i] == blank {
			i++
			continue
		}
		b := block{first: i, end: i}
		last := i // up to which lines belong to it for sure
		for ; i < len(sorts) && sorts[i] != prose; i++ {
			b.counts[sorts[i]]++
			if sorts[i] > near || sorts[i] == near && i == last {
				last = i + 1
			}
		}
		b.end = last
		if strong := b.counts[code] + b.counts[log] + b.counts[row]; strong >= least && strong*2 >= b.counts[near] {
			blocks = append(blocks, b)
		}
		for i < len(sorts) && sorts[i] == prose {
			i++
		}
	}
	return blocks
}

// count counts the lines that are not blank.
func count(sorts []sort) (n int) {
	for _, s := range sorts {
		if s != blank {
			n++
		}
	}
	return n
}

func sortsOf(lines []string) []sort {
	sorts := make([]sort, len(lines))
	before := 0 // the columns of the line before
	for i, line := range lines {
		sorts[i] = sortOf(line)
		columns := columnsOf(line)
		if columns > 1 && columns == before && sorts[i] <= near {
			sorts[i] = row
			if sorts[i-1] <= near {
				sorts[i-1] = row
			}
		}
		before = columns
	}
	patches(lines, sorts)
	return sorts
}

// columnsOf counts what tabs, bars or commas without a space set apart in a line; 1 is none.
func columnsOf(line string) int {
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

// openers are what lines of source begin with, and with a few words more no sentence does.
var openers = []string{
	"import ", "from ", "package ", "func ", "def ", "class ", "return ", "return;", "if (", "if(", "for (", "for(", "while (", "else:", "try:", "elif ",
	"else {", "} else", "case ", "switch ", "public ", "private ", "protected ", "static ", "const ", "let ", "var ", "type ", "struct ", "enum ",
	"interface ", "fn ", "pub ", "use ", "mod ", "impl ", "namespace ", "using ", "async ", "await ", "raise ", "throw ", "yield ", "except ", "export ",
	"function ", "#include", "#define", "#if", "#endif", "#!", "@@ ", "diff --git", "index ", "+++ ", "--- ", "SELECT ", "INSERT ", "CREATE ", "UPDATE ",
	"with ", "assert ", "module ", "require ", "end", "</", "<?", "$ ", "FROM ", "RUN ", "COPY ", "int ", "void ", "unsigned ", "char ", "template",
	"at ", "File \"", "Traceback ", "Caused by", "goroutine ", "panic:",
}

// sortOf tells what a line looks like by itself.
func sortOf(raw string) sort {
	line := strings.TrimSpace(raw)
	if line == "" {
		return blank
	}
	if rest := unnumbered(line); rest != line {
		if line = strings.TrimSpace(rest); line == "" {
			return near
		}
	}
	last := line[len(line)-1]
	words := strings.Count(line, " ") + 1
	indented := raw[0] == ' ' || raw[0] == '\t'
	switch {
	case logged(line):
		return log
	case last == '{' || last == '}' || last == ';' && words < 20 || last == '\\', line == ")" || line == "]" || line == "),":
		return code
	case strings.HasSuffix(line, "});") || strings.HasSuffix(line, "},") || strings.HasSuffix(line, "],"):
		return code
	case last == ',' && (line[0] == '(' && strings.HasSuffix(line, "),") || indented && (line[0] == '"' || line[0] == '\'' || strings.Trim(line, "0123456789abcdefxABCDEFX-+., ") == "")):
		return code // values
	case words <= 16 && last != '.' && signs(line):
		return code
	case line[0] == '[' && last == ']' && words == 1, required(line), instructed(line), words == 2 && (strings.HasPrefix(line, "go 1.") || strings.HasPrefix(line, "toolchain go")):
		return code
	case last == ')' && strings.IndexByte(line, '(') > 0 && !strings.Contains(line[:strings.IndexByte(line, '(')], " "):
		return code // a call
	}
	if words <= 12 && last != '.' && last != '?' && last != '!' {
		body := strings.TrimLeft(line, "+-")
		body = strings.TrimLeft(body, " ")
		for _, o := range openers {
			if strings.HasPrefix(line, o) || strings.HasPrefix(body, o) {
				if structured(line, words) || indented {
					return code
				}
				return near
			}
		}
		if pair(line) {
			return code
		}
	}
	if indented || strings.HasPrefix(line, "//") || line[0] == '#' || line[0] == '*' || line[0] == '+' || line[0] == '@' || strings.HasPrefix(line, "/*") {
		return near
	}
	return prose
}

// structured tells that a line which begins like source goes on like it.
func structured(line string, words int) bool {
	return words <= 3 || strings.ContainsAny(line, "(){}[]=<>:\"'`_./*")
}

// signs tells whether a line has what joins in source and in no sentence.
func signs(line string) bool {
	for _, s := range []string{" = ", ":=", "==", "!=", "->", "=>", "&&", "||", "::", "()", "+=", "-=", " >= ", " <= ", "](", "/>", "</", "};", "${", "%s"} {
		if strings.Contains(line, s) {
			return s != "](" || strings.Contains(line, ":=")
		}
	}
	return false
}

// pair tells whether a line is a name, a colon or an equals sign, and a short value.
func pair(line string) bool {
	line = strings.TrimPrefix(strings.TrimLeft(line, "+ "), "- ")
	at := strings.IndexAny(line, ":=")
	if at <= 0 || strings.ContainsAny(line[:at], " ,;()") {
		return false
	}
	rest := line[at+1:]
	return (line[at] == '=' || rest == "" || rest[0] == ' ') && strings.Count(rest, " ") <= 6
}

// unnumbered is a line without the number that a tool puts before it.
func unnumbered(line string) string {
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

// logged tells whether a line begins as those of logs do: with a time or a level, as a test's
// result, or with a file and a line, as what a search found.
func logged(line string) bool {
	line = strings.TrimLeft(line, "[(")
	for _, level := range []string{"INFO", "WARN", "ERROR", "DEBUG", "FATAL", "TRACE", "level=", "time=", "--- PASS", "--- FAIL", "=== ", "ok  \t", "?   \t", "PASS", "FAIL"} {
		if strings.HasPrefix(line, level) {
			return true
		}
	}
	return hit(line) || shaped(line, "0000-00-00") || shaped(line, "00:00:00") || shaped(line, "0000/00/00") || shaped(line, "Aaa 00 00:") || shaped(line, "Aaa  0 00:")
}

// hit tells whether a line begins with a file's name and a line's number.
func hit(line string) bool {
	name, rest, ok := strings.Cut(line, ":")
	if !ok || !strings.ContainsAny(name, "./") || strings.ContainsAny(name, " \t\"'(") {
		return false
	}
	return len(rest) > 1 && rest[0] >= '0' && rest[0] <= '9' && strings.ContainsAny(rest[1:min(len(rest), 8)], ":")
}

// shaped tells whether a line begins with characters of a pattern: 0 is a digit, A and a are
// letters.
func shaped(line, pattern string) bool {
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
