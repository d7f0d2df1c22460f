package jsonscan

import (
	"bytes"
	"io"
	"slices"
)

// Sorter writes documents in a form in which neither white space nor the order of members
// tells them apart: no space outside strings, and the members of each object in the order of
// their names' bytes. Numbers and escapes stay as they are, so `1` and `1.0` are still two
// values. Members of one name, which nobody should send, keep their order. The zero Sorter is
// ready; used again and again, it allocates nothing for documents of one size.
type Sorter struct {
	raw []byte
	out io.Writer
	err error
	// open are the parts of the values that are open, the outermost first; closed are those
	// of the values that are read, each value's side by side.
	open, closed []part
	root         part
	omit         *part
	// gathered are short pieces, so that not each of them is one Write.
	gathered [1 << 10]byte
	n        int
}

// part is an element of a list, or a member with its name: where it is in the document, and
// for a list or an object where its own parts are among those that are closed.
type part struct {
	key, keyEnd int
	start, end  int
	from, to    int
	kind        byte // '[', '{' or 0
}

// maxKeptParts is how many parts there is room left for from one document to the next.
const maxKeptParts = 8 << 10

// maxSorted is how deep members are sorted; what is deeper keeps its order.
const maxSorted = 128

// Write writes raw, which must have been validated, to w, a hash as a rule, and returns w's
// error. Of other bytes it writes something, without a panic.
func (s *Sorter) Write(w io.Writer, raw []byte) error {
	defer s.Reset()
	return s.Read(raw).Write(w, Element{})
}

// Read reads raw, which must have been validated, for [Sorted.Write]: what is written may
// depend on what was read. That holds until the next Read, Write or Reset.
func (s *Sorter) Read(raw []byte) Sorted {
	s.Reset()
	s.raw = raw
	if i := spaceEnd(raw, 0); i < len(raw) {
		s.root = s.read(i, 0)
	}
	return Sorted{s}
}

// Reset lets go of the document.
func (s *Sorter) Reset() {
	s.raw, s.root, s.open, s.closed = nil, part{}, s.open[:0], s.closed[:0]
	if cap(s.open)+cap(s.closed) > maxKeptParts {
		s.open, s.closed = nil, nil
	}
}

// Sorted is a document that a [Sorter] has read.
type Sorted struct{ s *Sorter }

// Root is the document itself; none of an empty one.
func (d Sorted) Root() Element {
	if d.s.root.end == 0 {
		return Element{}
	}
	return Element{d.s, &d.s.root}
}

// Omitted is what [Sorted.Write] writes in the place of a value that it leaves out. No
// document that is valid has this byte outside or inside of strings.
const Omitted = 0x01

// Write writes the document to w, but for one value, in whose place it writes [Omitted]; the
// zero Element leaves out nothing. It returns w's error.
func (d Sorted) Write(w io.Writer, omit Element) error {
	s := d.s
	s.out, s.err, s.n, s.omit = w, nil, 0, omit.p
	if s.root.end > 0 {
		s.write(&s.root)
	}
	s.flush()
	s.out, s.omit = nil, nil
	return s.err
}

// Element is a value of a document that a [Sorter] has read. The zero Element is none, and so
// is what is asked for where it is not.
type Element struct {
	s *Sorter
	p *part
}

// Raw are the value's bytes in the document; nil of the zero Element.
func (e Element) Raw() []byte {
	if e.p == nil {
		return nil
	}
	return e.s.raw[e.p.start:e.p.end:e.p.end]
}

// Kind is the value's type; the zero Kind of the zero Element.
func (e Element) Kind() Kind {
	if e.p == nil {
		return 0
	}
	return kindOf(e.s.raw[e.p.start])
}

// Len is how many elements or members the value has; 0 of one that is too deep to be looked into.
func (e Element) Len() int {
	if e.p == nil {
		return 0
	}
	return e.p.to - e.p.from
}

// Last is the last element of a list.
func (e Element) Last() Element {
	if e.p == nil || e.p.kind != '[' || e.p.from == e.p.to {
		return Element{}
	}
	return Element{e.s, &e.s.closed[e.p.to-1]}
}

// Member is the member of an object by its name, which must have no escapes. Where the object
// may have several of that name, as it has one twice or spells one with an escape, there is none.
func (e Element) Member(name string) (found Element) {
	if e.p == nil || e.p.kind != '{' {
		return Element{}
	}
	for i := e.p.from; i < e.p.to; i++ {
		p := &e.s.closed[i]
		key := e.s.raw[p.key:p.keyEnd]
		if bytes.IndexByte(key, '\\') >= 0 {
			return Element{}
		}
		if len(key) == len(name)+2 && string(key[1:len(key)-1]) == name {
			if found.p != nil {
				return Element{}
			}
			found = Element{e.s, p}
		}
	}
	return found
}

// read reads the value at i, which is within the document.
func (s *Sorter) read(i, depth int) part {
	p := part{start: i}
	if depth == maxSorted || s.raw[i] != '{' && s.raw[i] != '[' {
		p.end = s.skip(i)
		return p
	}
	p.kind = s.raw[i]
	base, sorted := len(s.open), true
	for i = spaceEnd(s.raw, i+1); i < len(s.raw) && s.raw[i] != '}' && s.raw[i] != ']'; {
		before := i
		var key, keyEnd int
		if p.kind == '{' {
			key, keyEnd = i, i+1
			if s.raw[i] == '"' {
				keyEnd = closingQuote(s.raw, i+1)
			}
			if i = spaceEnd(s.raw, keyEnd); i < len(s.raw) { // the colon
				i = spaceEnd(s.raw, i+1)
			}
			if i == len(s.raw) {
				break
			}
		}
		v := s.read(i, depth+1)
		v.key, v.keyEnd = key, keyEnd
		if n := len(s.open); p.kind == '{' && n > base && s.compare(s.open[n-1], v) > 0 {
			sorted = false
		}
		s.open = append(s.open, v)
		if i = spaceEnd(s.raw, v.end); i < len(s.raw) && s.raw[i] == ',' {
			i = spaceEnd(s.raw, i+1)
		}
		if i = max(i, before+1); i > len(s.raw) {
			break
		}
	}
	p.end = min(i+1, len(s.raw))
	p.from = len(s.closed)
	s.closed = append(s.closed, s.open[base:]...)
	p.to = len(s.closed)
	s.open = s.open[:base]
	if !sorted {
		slices.SortStableFunc(s.closed[p.from:p.to], s.compare)
	}
	return p
}

func (s *Sorter) compare(a, b part) int {
	return bytes.Compare(s.raw[a.key:a.keyEnd], s.raw[b.key:b.keyEnd])
}

// write writes a value that was read.
func (s *Sorter) write(p *part) {
	if p == s.omit {
		s.byte(Omitted)
		return
	}
	switch p.kind {
	case '{':
		s.byte('{')
	case '[':
		s.byte('[')
	default:
		s.compact(s.raw[p.start:p.end])
		return
	}
	for n := p.from; n < p.to; n++ {
		v := &s.closed[n]
		if n > p.from {
			s.byte(',')
		}
		if p.kind == '{' {
			s.emit(s.raw[v.key:v.keyEnd])
			s.byte(':')
		}
		s.write(v)
	}
	s.byte(p.kind + 2) // the closing brackets of ASCII stand two behind the opening ones
}

// compact writes a value without the spaces in it, of which only one that is too deep to be
// looked into has any.
func (s *Sorter) compact(value []byte) {
	if len(value) > 0 && value[0] != '{' && value[0] != '[' {
		s.emit(value)
		return
	}
	for len(value) > 0 {
		n := compactRun(value)
		s.emit(value[:n])
		value = value[spaceEnd(value, n):]
	}
}

// skip returns the end of the value at i.
func (s *Sorter) skip(i int) int {
	for depth := 0; i < len(s.raw); {
		switch s.raw[i] {
		case '"':
			i = closingQuote(s.raw, i+1)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
			i++
		case ',', ' ', '\t', '\n', '\r', ':':
			if depth == 0 {
				return i
			}
			i++
			continue
		default: // a number or a name goes on
			i++
			continue
		}
		if depth == 0 {
			return i
		}
	}
	return len(s.raw)
}

func (s *Sorter) byte(c byte) {
	if s.n == len(s.gathered) {
		s.flush()
	}
	s.gathered[s.n] = c
	s.n++
}

// emit gathers a piece, or writes it.
func (s *Sorter) emit(piece []byte) {
	if s.n+len(piece) > len(s.gathered) {
		s.flush()
	}
	if len(piece) > len(s.gathered) {
		if s.err == nil {
			_, s.err = s.out.Write(piece)
		}
		return
	}
	s.n += copy(s.gathered[s.n:], piece)
}

func (s *Sorter) flush() {
	if s.n > 0 && s.err == nil {
		_, s.err = s.out.Write(s.gathered[:s.n])
	}
	s.n = 0
}
