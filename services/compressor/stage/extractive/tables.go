package extractive

import (
	"slices"
	"strings"

	"tollgate.dev/services/compressor/extract"
	"tollgate.dev/services/compressor/protect"
)

// table is a run of lines whose fields stand below each other, from first up to before end;
// body is the first line behind the header.
type table struct{ first, body, end int }

// leastRows is how many lines columns have at least.
const leastRows = 3

// keepTables adds what a text has of tables whose columns are set apart by spaces or tabs, as a
// system's tools print them, and tells whether they are most of the text. Then lines are what is
// left out, each as a whole, but for a table's header. A table beside other text stays whole.
func keepTables(g *extract.Text) bool {
	lines := strings.SplitAfter(g.Text, "\n")
	tables := findTables(lines)
	if len(tables) == 0 {
		return false
	}
	starts, all := make([]int, len(lines)+1), 0
	for i, line := range lines {
		starts[i+1] = starts[i] + len(line)
		if strings.TrimSpace(line) != "" {
			all++
		}
	}
	rows := 0
	regions, _ := protect.Regions(g.Text)
	tables = slices.DeleteFunc(tables, func(t table) bool { // a difference, or code in columns
		return slices.ContainsFunc(regions, func(r protect.Region) bool {
			return r.Look == protect.Source && r.Start < starts[t.end] && starts[t.first] < r.End
		})
	})
	tables = slices.DeleteFunc(tables, func(t table) bool { // in a fence, or in JSON
		return slices.ContainsFunc(g.Keep, func(k extract.Span) bool {
			return k.Start < starts[t.end] && starts[t.first] < k.End && strings.Contains(g.Text[k.Start:k.End], "\n")
		})
	})
	for _, t := range tables {
		rows += t.end - t.first
	}
	most := 2*rows > all
	for _, t := range tables {
		if !most {
			g.Keep = append(g.Keep, extract.Span{Start: starts[t.first], End: starts[t.end]})
			continue
		}
		g.Keep = append(g.Keep, extract.Span{Start: starts[t.first], End: starts[t.body]})
		g.Lines = append(g.Lines, extract.Span{Start: starts[t.first], End: starts[t.end]})
	}
	return most
}

// findTables finds the tables: three lines and more, of which half at the least have a field set
// apart by more than one space, or all as many fields and a number in the same one. What begins
// with a tag is none.
func findTables(lines []string) (tables []table) {
	for i := 0; i < len(lines); {
		first, wide, coded := i, 0, 0
		var before, now []extract.Span
		same := true // as many fields in each line
		numbers := ^uint64(0)
		for ; i < len(lines); i++ {
			before, now = now, splitFields(lines[i])
			if len(now) == 0 || lines[i][now[0].Start] == '<' || i > first && !isRule(lines[i]) && !isRule(lines[i-1]) && !isAligned(lines[i-1], before, lines[i], now) {
				break
			}
			if hasGap(lines[i], now) {
				wide++
			}
			if i > first {
				same = same && len(now) == len(before)
				numbers &= fieldsWithDigits(lines[i], now)
			}
			if look := protect.LookOf(lines[i]); look == protect.Source || look == protect.Log {
				coded++
			}
		}
		if n := i - first; n >= leastRows && 2*coded < n && (2*wide >= n || same && len(before) > 2 && numbers != 0) {
			body := first + 1
			if isRule(lines[body]) {
				body++
			}
			tables = append(tables, table{first, body, i})
		}
		i = max(i, first+1)
	}
	return tables
}

// maxFields is how many fields of a line are looked at.
const maxFields = 64

// splitFields are a line's fields, between spaces and tabs.
func splitFields(line string) (fields []extract.Span) {
	for i := 0; i < len(line) && len(fields) < maxFields; {
		for i < len(line) && line[i] <= ' ' {
			i++
		}
		start := i
		for i < len(line) && line[i] > ' ' {
			i++
		}
		if i > start {
			fields = append(fields, extract.Span{Start: start, End: i})
		}
	}
	return fields
}

// hasGap tells whether a tab or two spaces set a field apart, other than behind the end of a
// sentence.
func hasGap(line string, fields []extract.Span) bool {
	for j := 1; j < len(fields); j++ {
		from, to := fields[j-1].End, fields[j].Start
		if strings.IndexByte(line[from:to], '\t') >= 0 || to-from > 1 && !endsClause(line[fields[j-1].Start:from]) {
			return true
		}
	}
	return false
}

// endsClause tells whether a word ends a sentence or a clause.
func endsClause(word string) bool {
	return len(word) > 1 && strings.IndexByte(".!?:,;)\"'", word[len(word)-1]) >= 0
}

// isAligned tells whether the fields of a line stand below those of the line before: the first three
// of each, or all, begin or end in the same columns, or there are as many, two at the least, that
// tabs or more than one space set apart. Paragraphs never do, whatever they begin with, such as the
// numbers and titles of documents.
func isAligned(last string, before []extract.Span, line string, now []extract.Span) bool {
	if isParagraph(last, before) || isParagraph(line, now) {
		return false
	}
	n := 0
	for n < len(before) && n < len(now) && (before[n].Start == now[n].Start || before[n].End == now[n].End) {
		n++
	}
	if n > 2 || n > 1 && n == min(len(before), len(now)) {
		return true
	}
	if len(before) == maxFields || len(now) == maxFields {
		return false // two spaces are by chance
	}
	a, b := countCells(last, before), countCells(line, now)
	return a > 2 && b > 2 || a > 1 && a == b
}

// leastWords is how many words a paragraph has at the least where it stands on a line by itself.
const leastWords = 25

// isParagraph tells whether a line is of sentences and no row: it has many words, and a sentence
// begins behind one of them.
func isParagraph(line string, fields []extract.Span) bool {
	if len(fields) < leastWords {
		return false
	}
	for j, next := range fields[1:] {
		word := line[fields[j].Start:fields[j].End]
		last := len(word) - 1
		if last > 1 && word[last] == '.' && word[last-1] >= 'a' && word[last-1] <= 'z' && line[next.Start] >= 'A' && line[next.Start] <= 'Z' {
			return true
		}
	}
	return false
}

// countCells counts what tabs and more than one space set apart.
func countCells(line string, fields []extract.Span) int {
	n := 1
	for j := 1; j < len(fields); j++ {
		if hasGap(line, fields[j-1:j+1]) {
			n++
		}
	}
	return n
}

// isRule tells whether a line is drawn, as below a header.
func isRule(line string) bool {
	line = strings.TrimSpace(line)
	return len(line) > 2 && strings.Trim(line, "-=+| \t") == "" && strings.ContainsAny(line, "-=")
}

// fieldsWithDigits are the fields that have a digit.
func fieldsWithDigits(line string, fields []extract.Span) (set uint64) {
	for j, f := range fields {
		if strings.ContainsAny(line[f.Start:f.End], "0123456789") {
			set |= 1 << j
		}
	}
	return set
}
