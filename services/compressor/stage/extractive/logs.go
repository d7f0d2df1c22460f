package extractive

import (
	"strings"

	"tollgate.dev/services/compressor/extract"
)

// keepLog keeps of a log what its reader looks for: whatever the question, warnings and errors, with
// the lines that belong to them, stay. Of a log that repeats itself stays too what it says once or
// a few times, among it a value that is one of few in its place, such as a status, and one that is much
// longer or shorter than others; and the first and the last of its lines. It tells whether the log is
// one: then its other lines may go, each as a whole.
func keepLog(g *extract.Text) bool {
	records, heads, lines := recordsOf(g.Text)
	if lines < leastListed || 2*heads <= lines {
		return false
	}
	shapes, repeated := shapesOf(records)
	repeats := 2*repeated > len(records)
	for i := range records {
		r := &records[i]
		if !r.troubled && (!repeats || !r.told && i > 0 && i+1 < len(records) && !shapes[r.shape].isRare(r)) {
			continue
		}
		start := r.start
		for line := range strings.Lines(g.Text[r.start:r.end]) {
			if end := start + len(strings.TrimRight(line, "\r\n")); end > start {
				g.Keep = append(g.Keep, extract.Span{Start: start, End: end})
			}
			start += len(line)
		}
	}
	if repeats {
		g.Lines = append(g.Lines, extract.Span{Start: 0, End: len(g.Text)})
	}
	return repeats
}

// logRecord is a line of a log that has a time or a level, with the lines up to the next one.
type logRecord struct {
	start, end int
	troubled   bool // its level is a warning's or worse
	told       bool // it is the first of its shape, or has lines of its own
	shape      string
	values     []string // what the shape leaves out
}

// recordsOf are the records of a text; what stands before the first is one, too. heads is how many
// lines begin one, of those that say something.
func recordsOf(text string) (records []logRecord, heads, lines int) {
	start := 0
	for line := range strings.Lines(text) {
		end := start + len(line)
		said := strings.TrimSpace(line) != ""
		if said {
			lines++
		}
		rest, troubled, ok := cutLogHead(line)
		switch {
		case ok:
			heads++
			r := logRecord{start: start, troubled: troubled}
			r.shape, r.values = shapeOf(rest)
			records = append(records, r)
		case len(records) == 0:
			records = append(records, logRecord{told: true})
		case said:
			records[len(records)-1].told = true
		}
		records[len(records)-1].end = end
		start = end
	}
	return records, heads, lines
}

// headBytes is how far from its begin a line of a log has its time or its level.
const headBytes = 80

// cutLogHead returns what a line says behind its time, and whether its level is a warning's or worse;
// not ok for a line that has neither a time nor a level, in whatever form: behind a name, an address
// or a bracket.
func cutLogHead(line string) (rest string, troubled, ok bool) {
	head := line[:min(len(line), headBytes)]
	rest = line
	for i := 0; i+8 <= len(head); i++ {
		if head[i+2] == ':' && head[i+5] == ':' && allDigits(head[i:i+2]) && allDigits(head[i+3:i+5]) && allDigits(head[i+6:i+8]) && (i == 0 || !isDigit(head[i-1])) {
			ok = true
			rest = strings.TrimLeft(line[i+8:], "0123456789.,Z+-]")
			break
		}
	}
	// In klog's form the level is a letter in front of the date.
	if ok && len(head) > 5 && strings.IndexByte("WEF", head[0]) >= 0 && allDigits(head[1:5]) && head[5] == ' ' {
		return rest, true, true
	}
	level := levelOf(head)
	return rest, troubledLevels[level], ok || level != ""
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func allDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// troubledLevels are those of warnings and worse, of all by which logs say how much a line matters.
var (
	troubledLevels = setOf("warn", "warning", "err", "error", "severe", "crit", "critical", "alert", "fatal", "emerg", "panic")
	calmLevels     = setOf("trace", "debug", "dbg", "info", "inf", "notice")
)

// levelOf is the first level that a line has, in lower case: a word in capitals, or one in lower case in
// brackets or behind an equals sign; in other places the words are a sentence's.
func levelOf(s string) string {
	for i := 0; i < len(s); i++ {
		start := i
		for i < len(s) && s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z' {
			i++
		}
		if i-start < 3 || i-start > 8 {
			continue
		}
		word := s[start:i]
		lower := strings.ToLower(word)
		if !troubledLevels[lower] && !calmLevels[lower] {
			continue
		}
		before, after := byte(' '), byte(' ')
		if start > 0 {
			before = s[start-1]
		}
		if i < len(s) {
			after = s[i]
		}
		if word == strings.ToUpper(word) && strings.IndexByte(" \t[(|=\"<", before) >= 0 && strings.IndexByte(" \t])|:\">\r\n", after) >= 0 ||
			strings.IndexByte("[=\"", before) >= 0 && strings.IndexByte(" ]\",\r\n", after) >= 0 {
			return lower
		}
	}
	return ""
}

// shapeOf is what lines of a log that say the same of other things have in common: all but the words
// with digits, which are the values.
func shapeOf(line string) (shape string, values []string) {
	var out strings.Builder
	for i := 0; i < len(line); {
		start, digits := i, false
		for i < len(line) && strings.IndexByte(" \t\r\n=:,;()[]{}\"'<>/|", line[i]) < 0 {
			digits = digits || isDigit(line[i])
			i++
		}
		if digits {
			values = append(values, line[start:i])
			out.WriteByte('0')
		} else {
			out.WriteString(line[start:i])
		}
		if i < len(line) {
			out.WriteByte(line[i])
			i++
		}
	}
	return strings.TrimSpace(out.String()), values
}

// logShape is what the lines of one shape have: how often a value stands in its place, and how often
// one of its length.
type logShape struct {
	lines   int
	values  []map[string]int
	lengths []map[int]int
}

// maxPlaced is how many values of a place are told apart. A place with more has any value.
const maxPlaced = 64

// shapesOf are the shapes of a log's lines, and how many records are of those that repeat. The first
// record of each shape is told to be so.
func shapesOf(records []logRecord) (shapes map[string]*logShape, repeated int) {
	shapes = map[string]*logShape{}
	for i := range records {
		r := &records[i]
		s := shapes[r.shape]
		if s == nil {
			s = &logShape{values: make([]map[string]int, len(r.values)), lengths: make([]map[int]int, len(r.values))}
			for j := range r.values {
				s.values[j], s.lengths[j] = map[string]int{}, map[int]int{}
			}
			shapes[r.shape] = s
			r.told = true
		}
		s.lines++
		for j, v := range r.values {
			s.lengths[j][len(v)]++
			if _, ok := s.values[j][v]; ok || len(s.values[j]) <= maxPlaced {
				s.values[j][v]++
			}
		}
	}
	for _, s := range shapes {
		if s.lines > fewOf(len(records)) {
			repeated += s.lines
		}
	}
	return shapes, repeated
}

// fewOf is how many of some lines are few.
func fewOf(lines int) int { return min(2+lines/100, 8) }

// isRare tells whether few lines are as a record is: of its shape, or with one of its values. A value
// is rare among few in its place, where each has many lines but this one; where a place has as many
// values as lines, none is.
func (s *logShape) isRare(r *logRecord) bool {
	few := fewOf(s.lines)
	if s.lines <= few {
		return true
	}
	rare := func(count, kinds int) bool { return count <= few && 4*count*kinds <= s.lines }
	for j, v := range r.values {
		kinds := len(s.values[j])
		if rare(s.lengths[j][len(v)], len(s.lengths[j])) || kinds <= maxPlaced && 10*kinds <= s.lines && rare(s.values[j][v], kinds) {
			return true
		}
	}
	return false
}
