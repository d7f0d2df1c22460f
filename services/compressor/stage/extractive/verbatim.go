package extractive

import (
	"strings"

	"tollgate.dev/services/compressor/extract"
)

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

// verbatim adds what a text has of code, logs and tables without a fence: a part of one is worse
// than none, so they are kept whole. Where logs or a table are nearly all there is, lines may go,
// each as a whole, but for a table's header.
func verbatim(g *extract.Text) {
	lines := strings.SplitAfter(g.Text, "\n")
	sorts := sortsOf(lines)
	at, done := 0, 0 // the byte and the line that are reached
	position := func(line int) int {
		for ; done < line; done++ {
			at += len(lines[done])
		}
		return at
	}
	blocks := blocksOf(sorts)
	if strings.HasPrefix(g.Text, "#!/") || isFile(blocks, sorts) {
		g.Keep = append(g.Keep, extract.Span{End: len(g.Text)})
		return
	}
	lined := 0 // lines of logs and tables
	for _, b := range blocks {
		if b.kind() == code {
			lined = 0
			break
		}
		lined += count(sorts[b.first:b.end])
	}
	if alone := lined*5 >= count(sorts)*4; alone && lined > 0 {
		header := len(blocks) == 1 && blocks[0].kind() == row
		for i := range lines {
			start := position(i)
			line := extract.Span{Start: start, End: start + len(strings.TrimRight(lines[i], "\r\n"))}
			if header && i == blocks[0].first {
				g.Keep = append(g.Keep, line)
			} else if line.End > line.Start {
				g.Whole = append(g.Whole, line)
			}
		}
		return
	}
	for _, b := range blocks {
		start := position(b.first)
		g.Keep = append(g.Keep, extract.Span{Start: start, End: position(b.end)})
	}
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
	case words <= 16 && last != '.' && signs(line):
		return code
	case line[0] == '[' && last == ']' && words == 1:
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
