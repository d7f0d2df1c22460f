package prompt

import (
	"bytes"
	"strconv"

	"tollgate.dev/platform/jsonscan"
)

// A breakpoint is no part of what a prompt says: it tells a provider where its cache is to end,
// and most clients move it on with each turn. So one with other breakpoints is the same prompt.

// breakpointName is the member that makes a breakpoint of what it is in.
const breakpointName = "cache_control"

// span is a piece of a document.
type span struct{ start, end int }

// from is the span in a document that has the one of its own at a place.
func (s span) from(at int) span { return span{s.start + at, s.end + at} }

// hasBreakpoint tells whether a message has a cache breakpoint, however its name is written.
// Escapes within text may look like one too, which protects too much and nothing else.
func hasBreakpoint(message []byte) bool {
	name := []byte(`"` + breakpointName + `"`)
	if bytes.Contains(message, name) {
		return true
	}
	escape := []byte(`\u00`)
	if !bytes.Contains(message, escape) {
		return false
	}
	var plain []byte // what is before, without escapes, or its end
	for {
		at := bytes.Index(message, escape)
		if at < 0 || at+6 > len(message) {
			return bytes.Contains(append(plain, message[:min(len(message), len(name))]...), name)
		}
		if most := len(name); at > 2*most { // it has no name within
			if plain = append(plain, message[:most]...); bytes.Contains(plain, name) {
				return true
			}
			plain = append(plain[:0], message[at-most:at]...)
		} else {
			plain = append(plain, message[:at]...)
		}
		if c, err := strconv.ParseUint(string(message[at+4:at+6]), 16, 8); err == nil {
			plain = append(plain, byte(c))
		}
		message = message[at+6:]
	}
}

// breakpointOf finds an object's breakpoint, with one of the commas beside it.
func breakpointOf(object *jsonscan.Fields) (mark span, found bool) {
	before := 0 // the end of the member before
	for m := range object.All() {
		switch {
		case found: // it is the first member, and ends where the next one begins
			mark.end = m.KeyStart
			return mark, true
		case string(m.Key) != breakpointName:
			before = m.ValueEnd
		case before > 0:
			return span{before, m.ValueEnd}, true
		default:
			mark, found = span{m.KeyStart, m.ValueEnd}, true
		}
	}
	return mark, found
}

// breakpointsIn finds those of the objects in a list, and of the functions in these: of tools,
// and of what is called. In what else is in them, such as the names of a tool's parameters,
// there are none.
func breakpointsIn(list []byte) (marks []span) {
	// What is no list has none, and so has what cannot be read.
	_ = jsonscan.ScanArray(list, func(_ int, v jsonscan.Value) error {
		var object, function jsonscan.Fields
		if v.Kind != jsonscan.KindObject {
			return nil
		}
		if err := object.Scan(v.Raw(list)); err != nil {
			return err
		}
		own, _ := breakpointOf(&object)
		for m := range object.All() {
			switch {
			case string(m.Key) == breakpointName:
				marks = append(marks, own.from(v.Start))
			case string(m.Key) == "function" && m.Kind == jsonscan.KindObject:
				if err := function.Scan(m.Raw(object.Doc())); err != nil {
					return err
				}
				if mark, ok := breakpointOf(&function); ok {
					marks = append(marks, mark.from(v.Start+m.ValueStart))
				}
			}
		}
		return nil
	})
	return marks
}

// withoutBreakpoints is a list without them.
func withoutBreakpoints(list []byte) string {
	if !hasBreakpoint(list) {
		return string(list)
	}
	return string(without(list, breakpointsIn(list)))
}

// without is a document without spans of it, which are in order and apart.
func without(doc []byte, spans []span) []byte {
	if len(spans) == 0 {
		return doc
	}
	out, at := make([]byte, 0, len(doc)), 0
	for _, s := range spans {
		out = append(out, doc[at:s.start]...)
		at = s.end
	}
	return append(out, doc[at:]...)
}
