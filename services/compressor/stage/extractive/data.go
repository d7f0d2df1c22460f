package extractive

import (
	"bytes"
	"strings"

	"tollgate.dev/services/compressor/extract"
)

const (
	// leastData is how many letters and digits in a row, in bytes, are data and no word.
	leastData = 200
	// leastSeries is how many numbers a line has that is a series of them.
	leastSeries = 21
)

// holdData has nothing cut within data: a run of letters and digits that no word is as long as, such
// as those of a sequence or a key. A text that is mostly data says nothing that could be chosen from,
// and stays.
func holdData(g *extract.Text) {
	text, size := g.Text, 0
	for i := 0; i+leastData <= len(text); {
		at := i + leastData // seen from its end, most of a text need not be looked at
		for at > i && isWordByte(text[at-1]) {
			at--
		}
		if at > i {
			i = at
			continue
		}
		end := i + leastData
		for end < len(text) && isWordByte(text[end]) {
			end++
		}
		g.Whole = append(g.Whole, extract.Span{Start: i, End: end})
		size += end - i
		i = end
	}
	if 2*size > len(text) {
		g.Keep = append(g.Keep, extract.Span{Start: 0, End: len(text)})
	}
}

// isWordByte tells whether a byte is of a letter or a digit, in a script with spaces between words:
// what takes three bytes a character is of another one, or a sign.
func isWordByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || isDigit(c) || c >= 0x80 && c <= 0xBF || c > 0xC2 && c < 0xE0
}

// keepSeries keeps the lines that are mostly numbers, and many: there is no sentence to choose, and
// of half a series nobody can tell how it goes.
func keepSeries(g *extract.Text) {
	start := 0
	for line := range strings.Lines(g.Text) {
		end := start + len(line)
		if len(line) > 2*leastSeries && isSeries(line) {
			g.Keep = append(g.Keep, extract.Span{Start: start, End: start + len(strings.TrimRight(line, "\r\n"))})
		}
		start = end
	}
}

// isSeries tells whether four fifths of a line are numbers and what stands between them.
func isSeries(line string) bool {
	numbers, other := 0, 0
	was := byte(' ')
	for i := range len(line) {
		c := line[i]
		switch {
		case !isDigit(c):
			if c > ' ' && bytes.IndexByte(separators, c) < 0 {
				other++
			}
		case !isDigit(was) && was != '.':
			numbers++
		}
		was = c
	}
	return numbers >= leastSeries && 5*other <= len(line)
}

// separators stand between numbers, and in them.
var separators = []byte(".,;:|/+-()[]%'")
