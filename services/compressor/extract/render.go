package extract

// Mark stands where something was left out, after a space unless it begins the text or a
// line: one token in o200k_base, with the space or without.
const Mark = "[…]"

// markTokens is what a mark costs.
const markTokens = 1

// run is text[start:end] of a text, which stands at a place of what is left of it.
type run struct{ at, start, end int }

// appendKept appends the segments of a text that stay, each byte as it was. Where some are
// left out stands a mark, and then the line breaks that were between what stays: of those
// that were left out, the most at one place, so that what was apart stays apart. Where a heading
// was left out the mark comes behind them: what follows it is of another passage than what is
// before. It notes what stands where.
func appendKept(out []byte, runs []run, text string, segments []segment) ([]byte, []run) {
	gap, apart, headed := false, false, false
	breaks := "" // that are still to be written
	start := len(out)
	mark := func() {
		switch {
		case len(out) == start:
		case apart && breaks != "": // nothing may stand on a closing fence's line, nor on a table's
			out = append(out, breaks...)
		default:
			out = append(out, ' ')
		}
		out = append(out, Mark...)
	}
	var dropped string
	written, lost := 0, 0 // the line breaks in breaks, and in dropped
	for i := range segments {
		g := &segments[i]
		body := text[g.start:g.end]
		n := len(bodyOf(body))
		if !g.kept {
			gap, headed = true, headed || g.heading
			if more := countLineBreaks(body[n:]); more > lost {
				dropped, lost = body[n:], more
			}
			continue
		}
		switch {
		case gap && headed && !g.heading && max(lost, written) > 0:
			if lost > written {
				breaks = dropped
			}
			if len(out) > start {
				out = append(out, breaks...)
			}
			out = append(out, Mark...)
			if breaks = ""; body[0] != ' ' {
				breaks = " "
			}
		case gap:
			mark()
			if lost > written || apart {
				breaks = dropped
			}
		}
		out = append(out, breaks...)
		if gap || len(out) == start {
			runs = append(runs, run{len(out), g.start, 0})
		}
		runs[len(runs)-1].end = g.start + n
		out = append(out, body[:n]...)
		gap, headed, apart, breaks, dropped = false, false, g.keep || g.line, body[n:], ""
		written, lost = countLineBreaks(breaks), 0
	}
	if gap {
		if mark(); len(out) == start+len(Mark) {
			return out, runs // nothing stays, nor what would set it apart
		}
		if apart {
			breaks, written = "", 0
		}
		if lost > written {
			breaks = dropped
		}
	}
	return append(out, breaks...), runs
}

// bodyOf is a segment without the line breaks at its end.
func bodyOf(s string) string {
	n := len(s)
	for n > 0 && (s[n-1] == '\n' || s[n-1] == '\r' || s[n-1] == ' ' || s[n-1] == '\t') {
		n--
	}
	if countLineBreaks(s[n:]) == 0 {
		return s
	}
	return s[:n]
}

func countLineBreaks(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] == '\n' {
			n++
		}
	}
	return n
}

// omitted are the parts of a text that its segments leave out.
func omitted(segments []segment) []Span {
	var out []Span
	for i := range segments {
		g := &segments[i]
		switch {
		case g.kept:
		case len(out) > 0 && out[len(out)-1].End == g.start:
			out[len(out)-1].End = g.end
		default:
			out = append(out, Span{g.start, g.end})
		}
	}
	return out
}
