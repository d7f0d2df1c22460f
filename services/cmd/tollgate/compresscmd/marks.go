package compresscmd

import "strings"

// marks are what stands around words that went, and that came. No text that is shown has any of
// them, so that whoever leaves out what one pair is around reads what goes out, and by the other
// pair what came in.
type marks struct {
	gone, came mark
	// length is how many signs each has beside its bracket: 1, unless a text has such marks itself.
	length int
}

// mark begins and ends a change. Its colour is empty where there are to be none.
type mark struct{ begin, end, colour string }

// The colours of what went, which is struck through as well, and of what came.
const (
	red   = "\x1b[9;31m"
	green = "\x1b[32m"
	reset = "\x1b[0m"
)

// marksFor are the shortest marks that no text has.
func marksFor(texts []text, color bool) *marks {
	n := 0
	for _, t := range texts {
		for _, s := range []string{t.before, t.after} {
			n = max(n, bracketed(s, '[', '-', ']'), bracketed(s, '{', '+', '}'))
		}
	}
	m := &marks{length: n + 1}
	minus, plus := strings.Repeat("-", m.length), strings.Repeat("+", m.length)
	m.gone = mark{begin: "[" + minus, end: minus + "]"}
	m.came = mark{begin: "{" + plus, end: plus + "}"}
	if color {
		m.gone.colour, m.came.colour = red, green
	}
	return m
}

// bracketed is the longest run of a sign behind an opening bracket or before a closing one.
func bracketed(text string, opening, sign, closing byte) (longest int) {
	for i := 0; i < len(text); i++ {
		if text[i] != sign {
			continue
		}
		begin := i
		for i < len(text) && text[i] == sign {
			i++
		}
		if begin > 0 && text[begin-1] == opening || i < len(text) && text[i] == closing {
			longest = max(longest, i-begin)
		}
	}
	return longest
}

// write writes a change, and nothing where there is none. A colour is begun anew in each line, since
// pagers end it there.
func (m *marks) write(out *strings.Builder, of mark, text string) {
	if text == "" {
		return
	}
	text = of.begin + text + of.end
	if of.colour == "" {
		out.WriteString(text)
		return
	}
	for line := range strings.Lines(text) {
		line, ended := strings.CutSuffix(line, "\n")
		if line != "" {
			out.WriteString(of.colour + line + reset)
		}
		if ended {
			out.WriteByte('\n')
		}
	}
}

// ruleFor is what begins the line above each message: dashes, more than any line of a text has before
// a space.
func ruleFor(texts []text) string {
	n := 2
	for _, t := range texts {
		for _, s := range []string{t.before, t.after} {
			for line := range strings.Lines(s) {
				if rest := strings.TrimLeft(line, "-"); strings.HasPrefix(rest, " ") {
					n = max(n, len(line)-len(rest))
				}
			}
		}
	}
	return strings.Repeat("-", n+1)
}
