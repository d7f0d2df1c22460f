package extractive

import "strings"

// maxColumns is how many columns of a table are looked at for what leads from row to row.
const maxColumns = 16

// relation finds from the rows of a table those that they lead to: a cell of one row, such as a manager's
// id, is what names another one, in a column whose values are all different.
type relation struct {
	lines []string
	sign  byte             // that sets cells apart; 0 where spaces do
	wide  bool             // of these only more than one
	rows  []map[string]int // by column: the row that has a value; nil where two have it
	cells []string         // of the row at hand
}

// newRelation reads a table, whose header is its first line.
func newRelation(lines []string) *relation {
	r := &relation{lines: lines, wide: hasGap(lines[0], splitFields(lines[0]))}
	most := 0
	for i := range delimiters {
		if n := strings.Count(lines[0], delimiters[i:i+1]); n > most {
			most, r.sign = n, delimiters[i]
		}
	}
	columns := min(len(r.split(0)), maxColumns)
	r.rows = make([]map[string]int, columns)
	for k := range r.rows {
		r.rows[k] = map[string]int{}
	}
	for row := 1; row < len(lines); row++ {
		for k, cell := range r.split(row) {
			if k == columns {
				break
			}
			if r.rows[k] == nil || cell == "" {
				continue
			}
			if _, ok := r.rows[k][cell]; ok {
				r.rows[k] = nil
				continue
			}
			r.rows[k][cell] = row
		}
	}
	for k, rows := range r.rows {
		if 2*len(rows) < len(lines) {
			r.rows[k] = nil // a word or two that stand behind some rows
		}
	}
	return r
}

// split returns the cells of a row until the next call.
func (r *relation) split(row int) []string {
	line := strings.TrimRight(r.lines[row], "\r\n")
	r.cells = r.cells[:0]
	if r.sign == 0 {
		for _, f := range splitFields(line) {
			if n := len(r.cells); n > 0 && r.wide && f.Start > 1 && line[f.Start-2] > ' ' {
				r.cells[n-1] = line[f.Start-len(r.cells[n-1])-1 : f.End]
				continue
			}
			r.cells = append(r.cells, line[f.Start:f.End])
		}
		return r.cells
	}
	for start, quoted := 0, false; start <= len(line) && len(r.cells) < maxFields; {
		end := start
		for end < len(line) && (quoted || line[end] != r.sign) {
			if line[end] == '"' {
				quoted = !quoted
			}
			end++
		}
		r.cells = append(r.cells, strings.Trim(line[start:end], " \t\""))
		start = end + 1
	}
	return r.cells
}

// close adds to the rows that are named, of which there are some, all that they lead to. It tells
// whether they are as many as most, at the most.
func (r *relation) close(named []bool, most int) bool {
	var left []int
	for row, is := range named {
		if is {
			left = append(left, row)
		}
	}
	for all := len(left); len(left) > 0; {
		row := left[len(left)-1]
		left = left[:len(left)-1]
		for i, cell := range r.split(row) {
			for k, rows := range r.rows {
				if other, ok := rows[cell]; ok && k != i && !named[other] {
					if all++; all > most {
						return false
					}
					named[other] = true
					left = append(left, other)
				}
			}
		}
	}
	return true
}
