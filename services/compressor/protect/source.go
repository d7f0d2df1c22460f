package protect

import (
	"strings"
	"unicode"
)

// tally is what lines are, in numbers.
type tally struct {
	lines    int // that say something
	comments int // that begin as comments do, or stand between the signs of one
	sentence int // of the others, those that read as sentences do
	shaped   int // those that are indented, or source by their form
	strong   int // those that are source by their form
}

func (t *tally) add(u tally) {
	t.lines += u.lines
	t.comments += u.comments
	t.sentence += u.sentence
	t.shaped += u.shaped
	t.strong += u.strong
}

// isSource tells whether lines are mostly source, whatever its comments say: next to none of the
// others is a sentence, half have the form of source or are indented, and a fifth has the form, or
// where nearly all are indented a twentieth. What is comments alone is of a file, too.
func (t *tally) isSource() bool {
	body := t.lines - t.comments
	if 10*t.comments >= 9*t.lines && t.comments >= leastComments {
		return true
	}
	return t.strong >= minBlockLines && 20*t.sentence <= 3*body &&
		(5*t.strong >= body && 2*t.shaped >= body || 20*t.strong >= body && 4*t.shaped >= 3*body)
}

// leastComments is from how many lines on comments are a file's that say nothing else.
const leastComments = 8

// isPart tells whether lines go with source that is next to them.
func (t *tally) isPart() bool {
	body := t.lines - t.comments
	return 3*t.sentence <= body && (body == 0 || t.strong > 0 && 2*t.shaped >= body)
}

// sourceRuns finds runs of paragraphs that are source, from where their first one begins to where
// the last one ends; the whole of the lines counts as one run if they are source together.
func sourceRuns(lines []string, kinds []lineKind) (runs []block) {
	all := tallyLines(lines, kinds)
	var whole tally
	for _, t := range all {
		whole.add(t)
	}
	if whole.isSource() {
		return []block{{first: 0, end: len(lines)}}
	}
	for i := 0; i < len(lines); {
		if kinds[i] == blankLine {
			i++
			continue
		}
		run, end := tally{}, i
		for at := i; at < len(lines); {
			var paragraph tally
			next := at
			for next < len(lines) && kinds[next] != blankLine {
				paragraph.add(all[next])
				next++
			}
			if !paragraph.isPart() {
				break
			}
			run.add(paragraph)
			end = next
			for next < len(lines) && kinds[next] == blankLine {
				next++
			}
			at = next
		}
		if end == i { // a paragraph of something else
			for i < len(lines) && kinds[i] != blankLine {
				i++
			}
			continue
		}
		if run.isSource() {
			runs = append(runs, block{first: i, end: end})
		}
		i = end
	}
	return runs
}

// tallyLines tells of each line what it counts as.
func tallyLines(lines []string, kinds []lineKind) []tally {
	all := make([]tally, len(lines))
	closing := ""   // the sign that ends the comment that is open
	recipe := false // a Makefile's begins in the next line
	for i, raw := range lines {
		line := strings.TrimSpace(raw)
		if line == "" {
			continue
		}
		t := &all[i]
		t.lines = 1
		if closing != "" {
			t.comments = 1
			if strings.Contains(line, closing) {
				closing = ""
			}
			continue
		}
		if open, end := opensComment(line); open != "" {
			t.comments = 1
			if !strings.Contains(line[len(open):], end) {
				closing = end
			}
			continue
		}
		if isComment(raw, line) {
			t.comments = 1
			continue
		}
		indented := raw[0] == ' ' || raw[0] == '\t'
		if recipe = recipe && raw[0] == '\t'; recipe {
			t.shaped = 1
			continue
		}
		recipe = i+1 < len(lines) && strings.HasPrefix(lines[i+1], "\t") && !indented && strings.Contains(line, ":")
		if kinds[i] == codeLine || recipe || isFormOfSource(line, indented) {
			t.strong, t.shaped = 1, 1
			continue
		}
		if kinds[i] == logLine {
			continue
		}
		if indented {
			t.shaped = 1
		}
		if readsAsSentence(line) {
			t.sentence = 1
		}
	}
	for i := range all { // a comment that never ends is none
		if closing == "" {
			break
		}
		if j := len(all) - 1 - i; all[j].lines > 0 {
			if open, end := opensComment(strings.TrimSpace(lines[j])); open != "" && end == closing {
				break
			}
			all[j] = tally{lines: 1, sentence: 1}
		}
	}
	return all
}

// opensComment tells by which sign a line opens a comment of several lines, and by which it ends.
func opensComment(line string) (open, end string) {
	for _, c := range [...][2]string{{"/*", "*/"}, {"<!--", "-->"}, {"{-", "-}"}, {"(*", "*)"}, {`"""`, `"""`}, {"'''", "'''"}, {"--[[", "]]"}, {"=begin", "=end"}, {"=head", "=cut"}, {"=pod", "=cut"}, {"#|", "|#"}} {
		if strings.HasPrefix(line, c[0]) {
			return c[0], c[1]
		}
	}
	return "", ""
}

// isComment tells whether a line begins as comments do, in some language; `#` begins headings, too.
func isComment(raw, line string) bool {
	switch {
	case strings.HasPrefix(line, "#"):
		return !strings.HasPrefix(line, "#define") && !strings.HasPrefix(line, "#include") && !strings.HasPrefix(line, "#if") && !strings.HasPrefix(line, "#endif") && !strings.HasPrefix(line, "#else")
	case strings.HasPrefix(line, "//"), strings.HasPrefix(line, ";"), strings.HasPrefix(line, "-- "), strings.HasPrefix(line, "%"), strings.HasPrefix(line, "dnl "), strings.HasPrefix(line, "REM "):
		return true
	}
	return len(raw) > 6 && raw[6] == '*' && strings.Trim(raw[:6], " 0123456789") == "" // COBOL's
}

// isFormOfSource tells of some languages whose lines are no code by themselves, but in numbers:
// Lisp, Prolog, assembler, COBOL, Makefiles, shells and configuration.
func isFormOfSource(line string, indented bool) bool {
	last, words := line[len(line)-1], strings.Fields(line)
	switch {
	case line[0] == '(' && len(line) > 1 && line[1] != ' ' && (last == ')' || strings.Count(line, "(") > strings.Count(line, ")")):
		return true
	case indented && strings.HasSuffix(line, "))"), strings.Contains(line, " :-"), strings.HasPrefix(line, ":- "):
		return true
	case last == ':' && len(words) == 1, line[0] == '[' && last == ']' && len(words) <= 4:
		return true
	case line[0] == '.' && len(line) > 1 && line[1] >= 'a' && line[1] <= 'z':
		return true
	case strings.HasSuffix(line, "; then"), strings.HasSuffix(line, "; do"), line == "fi", line == "done", line == "esac", strings.HasSuffix(line, ";;"), strings.HasPrefix(line, "$("), strings.Contains(line, "$("):
		return true
	case indented && strings.IndexFunc(line, unicode.IsLower) < 0 && strings.IndexFunc(line, unicode.IsUpper) >= 0:
		return true
	case indented && isInstruction(line, words):
		return true
	}
	if call := strings.IndexByte(line, '('); call > 0 && strings.IndexByte(line[:call], ' ') < 0 && strings.IndexByte(").,;", last) >= 0 && strings.Contains(line, ")") && len(words) < 12 {
		return line[call-1] == '_' || line[call-1] >= '0' && line[call-1] <= '9' || line[call-1] >= 'a' && line[call-1] <= 'z'
	}
	return false
}

// isInstruction tells whether a line is one of assembler's: a short name, and operands.
func isInstruction(line string, words []string) bool {
	if len(words) < 2 || len(words) > 6 || len(words[0]) > 8 || strings.IndexFunc(words[0], func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.') }) >= 0 {
		return false
	}
	operands := line[len(words[0]):]
	return strings.ContainsAny(operands, "%$[]#@") || strings.HasPrefix(operands, "\t") || strings.Contains(operands, ", ") && len(words) <= 4
}

// readsAsSentence tells whether a line has words as a sentence has, or a part of one: six at the
// least, of which five of six are of letters alone, some of them small; or many letters of a
// script without spaces.
func readsAsSentence(line string) bool {
	dense := 0
	for _, r := range line {
		if r >= 0x2E80 {
			dense++
		}
	}
	if dense >= 12 {
		return true
	}
	words := strings.Fields(line)
	plain := 0
	for _, w := range words {
		w = strings.Trim(w, ".,;:!?\"'()“”’")
		if w != "" && strings.IndexFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' && r != '’' && r != '-' }) < 0 {
			plain++
		}
	}
	return len(words) >= 6 && 6*plain >= 5*len(words) && strings.IndexFunc(line, unicode.IsLower) >= 0
}

// joinRuns puts runs of source among blocks, in order; those that overlap become one.
func joinRuns(blocks, runs []block, kinds []lineKind) []block {
	if len(runs) == 0 {
		return blocks
	}
	var out []block
	put := func(b block) {
		if n := len(out); n > 0 && b.first < out[n-1].end {
			last := &out[n-1]
			last.end = max(last.end, b.end)
			last.counts = [tableRow + 1]int{codeLine: last.end - last.first}
			return
		}
		out = append(out, b)
	}
	for len(blocks)+len(runs) > 0 {
		if len(runs) == 0 || len(blocks) > 0 && blocks[0].first < runs[0].first {
			put(blocks[0])
			blocks = blocks[1:]
			continue
		}
		r := runs[0]
		r.counts = [tableRow + 1]int{codeLine: countNonBlank(kinds[r.first:r.end])}
		put(r)
		runs = runs[1:]
	}
	return out
}
