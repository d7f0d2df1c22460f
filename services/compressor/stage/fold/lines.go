package fold

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/protect"
)

const (
	// leastBlank is how many blank lines in a row become one: two are a style of some code.
	leastBlank = 3
	// maxGroup is how many lines a group has at most that is said to come again.
	maxGroup = 8
	// leastSaved is how much has to go for a mark, in bytes.
	leastSaved = 80
	// leastAlike is how many lines that differ by counters are folded at least.
	leastAlike = 4
	// mostAlike is the size of lines that are compared by their counters, in bytes: none of a
	// log is longer.
	mostAlike = 4096
)

// moreTimes and moreLike are in every mark. Text that has one was folded before, or talks of it: its
// lines are let be, so that nothing is folded twice.
const (
	moreTimes = protect.MoreTimes
	moreLike  = protect.MoreLike + protect.Omitted
)

// line is one line of a text.
type line struct {
	start, end int // without its end
	next       int
	hash       uint64
}

func lineAt(text string, at int) line {
	l := line{start: at, end: len(text), next: len(text)}
	if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
		l.end, l.next = at+i, at+i+1
		if i > 0 && text[l.end-1] == '\r' {
			l.end--
		}
	}
	return l
}

// folder writes a text line by line. As long as nothing changes, it writes nothing.
type folder struct {
	text   string
	blocks blocks
	omit   func(string) string
	// verbatim says that nothing may be lost but what a mark tells: lines that are the same.
	verbatim bool
	question question
	out      []byte
	done     int // what is written of text
	marks    lazyBool
	diffs    lazyBool
	// tried is up to where lines were found to be alike and let be all the same, so that they
	// are not looked at again from each of them on.
	tried int
}

// lazyBool is what was found out about a text, once somebody asked.
type lazyBool uint8

const (
	unknown lazyBool = iota
	no
	yes
)

func (a *lazyBool) get(ask func() bool) bool {
	if *a == unknown {
		if *a = no; ask() {
			*a = yes
		}
	}
	return *a == yes
}

// marked tells whether there are marks in the text: its lines are let be.
func (f *folder) marked() bool {
	return f.marks.get(func() bool { return strings.Contains(f.text, moreTimes) || strings.Contains(f.text, moreLike) })
}

// diff tells whether the text is one: its spaces are let be.
func (f *folder) diff() bool {
	return f.diffs.get(func() bool { return strings.Contains(f.text, "\n@@ ") || strings.HasPrefix(f.text, "@@ ") })
}

// foldLines folds the lines of a text until nothing is left to fold: lines may be the same once
// their spaces are off. What can't be told from the rest is noted as omitted from the text
// that they are of.
func foldLines(ctx context.Context, text string, of *prompt.Text) (string, error) {
	for {
		folded, err := foldOnce(ctx, text, of)
		if err != nil || folded == text {
			return text, err
		}
		text = folded
	}
}

func foldOnce(ctx context.Context, text string, of *prompt.Text) (string, error) {
	f := folder{text: text, blocks: blocks{text: text}, omit: of.Omit, verbatim: of.Verbatim, question: question{of: of}}
	var last [maxGroup]line // the lines before, the last one first
	known := 0
	for at, asked := 0, 0; at < len(text); {
		if at-asked > step {
			if asked = at; ctx.Err() != nil {
				return "", ctx.Err()
			}
		}
		l := lineAt(text, at)
		l.hash = hash(text[l.start:l.end])
		next := f.line(l, last[:known])
		if next != l.next {
			known = 0
		} else {
			copy(last[1:], last[:])
			last[0] = l
			known = min(known+1, maxGroup)
		}
		at = next
	}
	if f.out == nil {
		return text, nil
	}
	return string(append(f.out, text[f.done:]...)), nil
}

// line folds what begins at a line, and returns where to go on.
func (f *folder) line(l line, before []line) int {
	if f.isBlank(l) && !f.verbatim {
		return f.foldBlank(l)
	}
	for n := 1; n <= len(before) && l.start >= f.tried; n++ {
		if before[n-1].hash == l.hash {
			if next := f.foldGroup(before[n-1].start, l.start, n); next > 0 {
				return next
			}
		}
	}
	if f.verbatim {
		return l.next
	}
	if l.start >= f.tried {
		if next := f.foldSeries(l); next > 0 {
			return next
		}
	}
	f.trim(l)
	return l.next
}

// isBlank tells whether a line has nothing but spaces.
func (f *folder) isBlank(l line) bool {
	i := l.start
	for i < l.end && (f.text[i] == ' ' || f.text[i] == '\t') {
		i++
	}
	return i == l.end
}

func (f *folder) body(l line) string { return f.text[l.start:l.end] }

// trim takes the spaces off a line's end.
func (f *folder) trim(l line) {
	end := l.end
	for end > l.start && (f.text[end-1] == ' ' || f.text[end-1] == '\t') {
		end--
	}
	if l.end-end > 1 && !f.diff() && !f.blocks.stays(l.start, l.end) {
		f.replace(end, l.end, "")
	}
}

// replace writes something in place of a part of the text.
func (f *folder) replace(start, end int, with string) {
	f.out = append(f.out, f.text[f.done:start]...)
	f.out = append(f.out, with...)
	f.done = end
	if f.out == nil {
		f.out = []byte{}
	}
}

// foldBlank folds the blank lines from l on.
func (f *folder) foldBlank(l line) int {
	n, next := 1, l.next
	for next < len(f.text) {
		b := lineAt(f.text, next)
		if !f.isBlank(b) {
			break
		}
		n++
		next = b.next
	}
	if n >= leastBlank && !f.diff() && !f.blocks.stays(l.start, next) {
		f.replace(l.next, next, "")
	}
	return next
}

// foldGroup folds the lines from at on that are those from start to at again and again, n lines.
// It returns where to go on; 0 when there is nothing to fold.
func (f *folder) foldGroup(start, at, n int) int {
	unit := f.text[start:at]
	times, end := 0, at
	for strings.HasPrefix(f.text[end:], unit) {
		times++
		end += len(unit)
	}
	// The last one may have no line end.
	if rest := strings.TrimRight(unit, "\r\n"); f.text[end:] == rest {
		times++
		end += len(rest)
	}
	if times < 2 || end-at < leastSaved {
		return 0
	}
	if f.marked() || f.blocks.stays(start, end) {
		f.tried = end
		return 0
	}
	lineEnd := f.text[at-len(unit)+len(strings.TrimRight(unit, "\r\n")) : at]
	if f.text[end-1] != '\n' {
		lineEnd = ""
	}
	what := "line"
	if n > 1 {
		what = fmt.Sprintf("%d lines", n)
	}
	f.replace(at, end, fmt.Sprintf("[the %s above, %d%s%s", what, times, moreTimes, lineEnd))
	return end
}

// foldSeries folds the lines from l on that differ in nothing but times and counters.
func (f *folder) foldSeries(l line) int {
	n, last := 1, l
	if l.end-l.start > mostAlike {
		return 0
	}
	if next := lineAt(f.text, l.next); f.body(next) == f.body(l) {
		return 0 // the same line again is a group's
	}
	var e series
	for last.next < len(f.text) {
		next := lineAt(f.text, last.next)
		if !equalButNumbers(f.body(l), f.body(next)) || n == 1 && !e.start(f.body(l)) || !e.continues(f.body(next)) {
			break
		}
		n++
		last = next
	}
	if n < leastAlike || last.start-l.next < leastSaved {
		return 0
	}
	if !isLogLine(f.body(l)) || f.marked() || f.blocks.stays(l.start, last.end) || f.question.names(f.text[l.start:last.end]) {
		f.tried = last.next
		return 0
	}
	omitted := f.text[l.next:last.start]
	mark := fmt.Appendf(nil, "[%d%s%s], with ", n-2, moreLike, prompt.NameOf(omitted))
	mark = e.state(mark, bodies(omitted))
	if len(omitted)-len(mark) < leastSaved {
		f.tried = last.next
		return 0
	}
	f.omit(omitted)
	f.replace(l.next, last.start, string(append(mark, f.text[l.end:l.next]...)))
	return last.next
}

// bodies are the lines of a text, without their ends.
func bodies(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			if body, _ := cutLineEnd(line); !yield(body) {
				return
			}
		}
	}
}

func hash(s string) uint64 {
	h := uint64(14695981039346656037) // FNV-1a, eight bytes at a time
	for len(s) >= 8 {
		v := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		h = (h ^ v) * 1099511628211
		s = s[8:]
	}
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
