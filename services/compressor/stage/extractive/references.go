package extractive

import (
	"strconv"
	"strings"

	"tollgate.dev/services/compressor/extract"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/protect"
)

// joinFolded has the mark of folded lines stay or go with the lines above that it speaks of.
func joinFolded(g *extract.Text) {
	if !strings.Contains(g.Text, protect.MoreTimes) && !strings.Contains(g.Text, moreLines) {
		return
	}
	var starts []int
	start := 0
	for line := range strings.Lines(g.Text) {
		if n := foldedLines(line); n > 0 && len(starts) > 0 {
			first := starts[max(0, len(starts)-n)]
			g.Whole = append(g.Whole, extract.Span{Start: first, End: start + len(strings.TrimRight(line, "\r\n"))})
		}
		if strings.TrimSpace(line) != "" {
			starts = append(starts, start)
		}
		start += len(line)
	}
}

// moreLines is in the mark of lines that are like the one above.
const moreLines = " more lines like it"

// foldedLines is how many lines above a mark speaks of; 0 for another line.
func foldedLines(line string) int {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "[") {
		return 0
	}
	if rest, ok := strings.CutPrefix(line, "[the "); ok && strings.Contains(line, protect.MoreTimes) {
		count, _, _ := strings.Cut(rest, " ")
		if n, err := strconv.Atoi(count); err == nil && n > 0 {
			return n
		}
		return 1
	}
	if strings.Contains(line, moreLines) {
		return 1
	}
	return 0
}

// dropDangling takes the references to passages further up out of texts that lost these: what stands
// there no more, nobody can look up.
func dropDangling(texts []*prompt.Text) {
	for i, t := range texts {
		if t.Locked || !strings.Contains(t.Current(), aboveOpening) {
			continue
		}
		text, done := t.Current(), 0
		var out strings.Builder
		for at := 0; ; {
			n := strings.Index(text[at:], aboveOpening)
			if n < 0 {
				break
			}
			start := at + n
			at = start + len(aboveOpening)
			opening, rest, ok := strings.Cut(text[at:], aboveClosing)
			end := strings.IndexByte(rest, ']')
			if !ok || end < 0 || strings.Contains(opening, "\n") {
				continue
			}
			at += len(opening) + len(aboveClosing) + end + 1
			if strings.Contains(t.Original, text[start:at]) || stands(opening, text[:start]) {
				continue // the caller's own, or well
			}
			found := false
			for _, earlier := range texts[:i] {
				if found = stands(opening, earlier.Current()); found {
					break
				}
			}
			if !found {
				out.WriteString(text[done:start])
				out.WriteString(extract.Mark)
				done = at
			}
		}
		if done > 0 {
			t.Replace(out.String() + text[done:])
		}
	}
}

// What a reference to a passage begins with, and what ends the words that it quotes.
const (
	aboveOpening = protect.AsAbove + `"`
	aboveClosing = `…"`
)

// stands tells whether a text has the words that a passage begins with, other than in a reference.
func stands(opening, text string) bool {
	for at := 0; ; {
		n := strings.Index(text[at:], opening)
		if n < 0 {
			return false
		}
		if at += n; !strings.HasSuffix(text[:at], aboveOpening) {
			return true
		}
		at += max(len(opening), 1)
	}
}
