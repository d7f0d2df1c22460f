package extract

import (
	"slices"
	"strings"
)

// tag is one of an element's two that stand around a document or a part of one, as in
// <doc id="3">…</doc>.
type tag struct {
	Span
	opens bool
	named Span // its name
	mate  int  // the other one; -1
}

// maxTag is the most bytes of a tag, and of an element on one line that is not cut.
const maxTag = 200

// markup are the names of HTML's elements that say how text looks; a page is full of them.
var markup = strings.Fields("html head body div span p a b i u em strong small font ul ol li dl dt dd table thead tbody tr td th h1 h2 h3 h4 h5 h6 " +
	"br hr img pre code section main nav header footer form input button label script style meta link svg path sup sub blockquote center")

// tags finds the elements of a text whose tags are to stay around what stays of them: those that
// begin a line or follow a tag, and have an attribute or take more lines than one. Others of one
// line it appends to spans, for they are not cut.
func (sc *scratch) findTags(text string, fixed []Span) {
	sc.tags = sc.tags[:0]
	if !strings.Contains(text, "</") {
		return
	}
	open := sc.open[:0]
	for at := strings.IndexByte(text, '<'); at >= 0; {
		if t, ok := tagAt(text, at); ok {
			switch {
			case t.opens && (startsLine(text, at) || at > 0 && text[at-1] == '>'):
				open = append(open, len(sc.tags))
				sc.tags = append(sc.tags, t)
			case !t.opens:
				// What was opened since, and is not closed, is no element.
				for i := len(open) - 1; i >= 0; i-- {
					if o := &sc.tags[open[i]]; text[o.named.Start:o.named.End] == text[t.named.Start:t.named.End] {
						t.mate, o.mate = open[i], len(sc.tags)
						sc.tags = append(sc.tags, t)
						open = open[:i]
						break
					}
				}
			}
			at = t.End - 1
		}
		next := strings.IndexByte(text[at+1:], '<')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	sc.open = open
	touched := func(s Span) bool {
		i, _ := slices.BinarySearchFunc(fixed, s.Start, func(f Span, start int) int { return f.End - start - 1 })
		for ; i < len(fixed) && fixed[i].Start < s.End; i++ {
			if fixed[i].Start < s.Start || fixed[i].End > s.End { // what is within a tag is not cut by it
				return true
			}
		}
		return false
	}
	for i := range sc.tags {
		t := &sc.tags[i]
		if !t.opens || t.mate < 0 {
			continue
		}
		end := &sc.tags[t.mate]
		switch {
		case touched(t.Span) || touched(end.Span):
		case strings.IndexByte(text[t.Start:t.End], '=') >= 0 || strings.IndexByte(text[t.End:end.Start], '\n') >= 0:
			continue
		case end.End-t.Start <= maxTag:
			sc.spans = append(sc.spans, Span{t.Start, end.End})
		}
		t.mate, end.mate = -1, -1
	}
	sc.tags = slices.DeleteFunc(sc.tags, func(t tag) bool { return t.mate < 0 })
}

// tagAt reads the tag at a place.
func tagAt(text string, at int) (t tag, ok bool) {
	end := strings.IndexAny(text[at:min(at+maxTag, len(text))], ">\n")
	if end < 2 || text[at+end] != '>' || text[at+end-1] == '/' {
		return t, false
	}
	t = tag{Span: Span{at, at + end + 1}, opens: text[at+1] != '/', mate: -1}
	from := at + 1
	if !t.opens {
		from++
	}
	to := from
	for to < at+end && (ascii[text[to]&0x7f] == letter || ascii[text[to]&0x7f] == digit || text[to] == '_' || text[to] == '-') {
		to++
	}
	if to == from || to < at+end && (text[to] != ' ' || !t.opens) || ascii[text[from]&0x7f] != letter {
		return t, false
	}
	t.named = Span{from, to}
	return t, !slices.Contains(markup, strings.ToLower(text[from:to]))
}

// startsLine tells whether a place is the first of its line that is no space.
func startsLine(text string, at int) bool {
	for at > 0 && (text[at-1] == ' ' || text[at-1] == '\t') {
		at--
	}
	return at == 0 || text[at-1] == '\n'
}

// The roles of segments that stay with what they are of.
const (
	opening = 1 + iota // a tag
	closing
	numbering // what numbers a document, up to the next one's
)

// label is what stays as soon as a segment of a document does: a tag or a number in front of it,
// and the tag that closes it.
type label struct {
	open, close int // segments; close is -1 where there is none
	parent      int // the label of what it is within; -1
	kept        int // segments that stay, of it and of what is within
}

// label finds the labels of the segments from some on, which are of one text.
func (sc *scratch) label(from int) {
	current := -1
	for i := from; i < len(sc.segments); i++ {
		g := &sc.segments[i]
		switch g.role {
		case opening, numbering:
			for g.role == numbering && current >= 0 && sc.segments[sc.labels[current].open].role == numbering {
				current = sc.labels[current].parent
			}
			sc.labels = append(sc.labels, label{open: i, close: -1, parent: current})
			current = len(sc.labels) - 1
		case closing:
			for current >= 0 && sc.segments[sc.labels[current].open].role == numbering {
				current = sc.labels[current].parent
			}
			if current >= 0 {
				sc.labels[current].close = i
				current = sc.labels[current].parent
			}
		}
		g.label = current
		if g.role != 0 && current >= 0 && sc.labels[current].open == i {
			g.label = sc.labels[current].parent // a label of its own never stays for itself
		}
	}
}

// keepSegment has a segment stay, and with it the labels of what it is in.
func (sc *scratch) keepSegment(i int) {
	sc.segments[i].kept = true
	for at := sc.segments[i].label; at >= 0; at = sc.labels[at].parent {
		l := &sc.labels[at]
		if l.kept++; l.kept == 1 {
			sc.setLabel(l, true)
		}
	}
}

// dropSegment leaves a segment out, and labels that nothing is left of.
func (sc *scratch) dropSegment(i int) {
	sc.segments[i].kept = false
	for at := sc.segments[i].label; at >= 0; at = sc.labels[at].parent {
		l := &sc.labels[at]
		if l.kept--; l.kept == 0 {
			sc.setLabel(l, false)
		}
	}
}

func (sc *scratch) setLabel(l *label, kept bool) {
	g := &sc.segments[l.open]
	g.kept = kept || g.keep
	if l.close >= 0 {
		g = &sc.segments[l.close]
		g.kept = kept || g.keep
	}
}

// labelCost is what the labels cost that a segment would be the first to keep, with the marks
// between them and it.
func (sc *scratch) labelCost(i int) (n int64) {
	for at := sc.segments[i].label; at >= 0 && sc.labels[at].kept == 0; at = sc.labels[at].parent {
		l := &sc.labels[at]
		n += int64(sc.segments[l.open].tokens)
		if l.open+1 != i {
			n += markTokens
		}
		if l.close >= 0 {
			n += int64(sc.segments[l.close].tokens)
			if l.close != i+1 {
				n += markTokens
			}
		}
	}
	return n
}
