package extractive

import (
	"strings"

	"tollgate.dev/services/compressor/extract"
	"tollgate.dev/services/compressor/protect"
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
		rest, level, ok := protect.CutLogHead(line)
		switch {
		case ok:
			heads++
			r := logRecord{start: start, troubled: protect.IsTroubled(level)}
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

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// shapeOf is what lines of a log that say the same of other things have in common: all but the words
// with digits, which are the values.
func shapeOf(line string) (shape string, values []string) {
	var out strings.Builder
	for i := 0; i < len(line); {
		start := i
		for i < len(line) && strings.IndexByte(" \t\r\n=:,;()[]{}\"'<>/|", line[i]) < 0 {
			i++
		}
		if strings.ContainsAny(line[start:i], "0123456789") {
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
