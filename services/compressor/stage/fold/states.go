package fold

import (
	"fmt"
	"strings"

	"tollgate.dev/services/compressor/protect"
)

// states is in every mark for states of a line.
const states = " earlier states of this line" + protect.Omitted

// lastStates takes out what a line's progress was before its last state, where that is more
// than the mark that says so. What differs by more than a progress does is no state of it.
func lastStates(line string, omit func(string) string) string {
	if strings.IndexByte(line, '\r') < 0 {
		return line
	}
	var out []byte
	done := 0
	first, n := 0, 1 // where the states begin that go on from one another, and how many there are
	start := 0       // of the last one
	var state progress
	for next := 0; next <= len(line); {
		from := next
		i := strings.IndexByte(line[from:], '\r')
		if i < 0 {
			i = len(line) - from
		}
		next = from + i + 1
		now := parseProgress(line[from : from+i])
		goesOn := from > 0 && state.isOverwrittenBy(now)
		state = now
		if goesOn {
			start = from
			n++
		}
		if (!goesOn || next > len(line)) && start-first >= leastSaved {
			out = append(out, line[done:first]...)
			out = fmt.Appendf(out, "[%d%s%s]", n-1, states, omit(line[first:start]))
			done = start
		}
		if !goesOn {
			first, start, n = from, from, 1
		}
	}
	return string(append(out, line[done:]...))
}

// progress is what a state of a line says beside its numbers.
type progress struct {
	words   string // of four letters and more, a blank behind each
	percent bool
}

// isOverwrittenBy tells whether a terminal wrote the next state over this one: it says the same words,
// or more behind them as at the end, or both say how many percent it is.
func (p progress) isOverwrittenBy(next progress) bool {
	if p.words == "" {
		return p.percent && next.percent && next.words == ""
	}
	return strings.HasPrefix(next.words, p.words)
}

// leastWord is the size of words that are no units, as in 1.2 MiB, eta 3 min, in bytes.
const leastWord = 4

// parseProgress reads a state. Letters are those of ASCII and what other scripts have; bars and
// spinners are drawn by signs from U+2500 to U+28FF.
func parseProgress(state string) progress {
	p := progress{percent: strings.IndexByte(state, '%') >= 0}
	var words []byte
	word := 0 // where it begins in words
	end := func() {
		if len(words)-word < leastWord {
			words = words[:word]
			return
		}
		words = append(words, ' ')
		word = len(words)
	}
	for _, c := range state {
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 && (c < 0x2500 || c > 0x28ff) {
			words = append(words, string(c)...)
		} else if len(words) > word {
			end()
		}
	}
	if len(words) > word {
		end()
	}
	p.words = string(words)
	return p
}
