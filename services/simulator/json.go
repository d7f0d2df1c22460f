package simulator

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// The request reader. It keeps the request as one flat list of nodes over the
// source bytes: nothing is copied or reflected on, member order survives, and
// a validator can name the path of what it refuses. It accepts exactly what
// RFC 8259 calls JSON (and encoding/json.Valid accepts), down to maxDepth.

type kind uint8

const (
	kindMissing kind = iota
	kindNull
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

// maxDepth bounds the nesting of a request, because the reader recurses.
const maxDepth = 512

var errDepth = errors.New("nested too deeply")

// node is one value. Spans of strings and keys exclude the quotes.
type node struct {
	kind             kind
	escaped          bool
	keyEscaped       bool
	start, end       int32
	keyStart, keyEnd int32
	first, next      int32
	count            int32
}

// doc is a parsed request; it is reused between requests.
type doc struct {
	src   []byte
	nodes []node
	pos   int
}

// val refers to one value of a doc; the zero val is a missing value.
type val struct {
	d *doc
	i int32
}

// parse reads src, which must stay unchanged as long as the doc is used.
func (d *doc) parse(src []byte) error {
	d.src, d.pos, d.nodes = src, 0, d.nodes[:0]
	d.space()
	if _, err := d.value(0); err != nil {
		return err
	}
	d.space()
	if d.pos != len(src) {
		return d.bad()
	}
	return nil
}

func (d *doc) root() val { return val{d, 0} }

func (d *doc) bad() error { return fmt.Errorf("invalid JSON at byte %d", d.pos) }

func (d *doc) space() {
	for d.pos < len(d.src) {
		switch d.src[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

func (d *doc) add(k kind, start int) int32 {
	d.nodes = append(d.nodes, node{kind: k, start: int32(start), first: -1, next: -1}) //nolint:gosec // bodies are far below 2 GiB
	return int32(len(d.nodes) - 1)                                                     //nolint:gosec // as above
}

func (d *doc) value(depth int) (int32, error) {
	if depth > maxDepth {
		return -1, errDepth
	}
	if d.pos >= len(d.src) {
		return -1, d.bad()
	}
	switch c := d.src[d.pos]; {
	case c == '{':
		return d.container(kindObject, '}', depth)
	case c == '[':
		return d.container(kindArray, ']', depth)
	case c == '"':
		i := d.add(kindString, d.pos+1)
		esc, err := d.str()
		d.nodes[i].escaped, d.nodes[i].end = esc, int32(d.pos-1) //nolint:gosec // as above
		return i, err
	case c == 't':
		return d.word("true", kindBool)
	case c == 'f':
		return d.word("false", kindBool)
	case c == 'n':
		return d.word("null", kindNull)
	case c == '-' || c >= '0' && c <= '9':
		return d.number()
	}
	return -1, d.bad()
}

func (d *doc) word(w string, k kind) (int32, error) {
	if !bytes.HasPrefix(d.src[d.pos:], []byte(w)) {
		return -1, d.bad()
	}
	i := d.add(k, d.pos)
	d.pos += len(w)
	d.nodes[i].end = int32(d.pos) //nolint:gosec // as above
	return i, nil
}

func (d *doc) container(k kind, end byte, depth int) (int32, error) {
	self := d.add(k, d.pos)
	d.pos++
	last := int32(-1)
	d.space()
	if d.pos < len(d.src) && d.src[d.pos] == end {
		d.pos++
		d.nodes[self].end = int32(d.pos) //nolint:gosec // as above
		return self, nil
	}
	for {
		var ks, ke int
		var kesc bool
		d.space()
		if k == kindObject {
			if d.pos >= len(d.src) || d.src[d.pos] != '"' {
				return -1, d.bad()
			}
			ks = d.pos + 1
			esc, err := d.str()
			if err != nil {
				return -1, err
			}
			ke, kesc = d.pos-1, esc
			d.space()
			if d.pos >= len(d.src) || d.src[d.pos] != ':' {
				return -1, d.bad()
			}
			d.pos++
			d.space()
		}
		i, err := d.value(depth + 1)
		if err != nil {
			return -1, err
		}
		n := &d.nodes[i]
		n.keyStart, n.keyEnd, n.keyEscaped = int32(ks), int32(ke), kesc
		if last < 0 {
			d.nodes[self].first = i
		} else {
			d.nodes[last].next = i
		}
		last = i
		d.nodes[self].count++
		d.space()
		if d.pos >= len(d.src) {
			return -1, d.bad()
		}
		switch d.src[d.pos] {
		case ',':
			d.pos++
		case end:
			d.pos++
			d.nodes[self].end = int32(d.pos) //nolint:gosec // as above
			return self, nil
		default:
			return -1, d.bad()
		}
	}
}

// str moves over a string, whose opening quote is at pos.
func (d *doc) str() (escaped bool, err error) {
	d.pos++
	for d.pos < len(d.src) {
		switch c := d.src[d.pos]; {
		case c == '"':
			d.pos++
			return escaped, nil
		case c < 0x20:
			return escaped, d.bad()
		case c == '\\':
			escaped = true
			d.pos++
			if d.pos >= len(d.src) {
				return escaped, d.bad()
			}
			switch d.src[d.pos] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				d.pos++
			case 'u':
				if d.pos+4 >= len(d.src) {
					return escaped, d.bad()
				}
				for _, h := range d.src[d.pos+1 : d.pos+5] {
					if !isHex(h) {
						return escaped, d.bad()
					}
				}
				d.pos += 5
			default:
				return escaped, d.bad()
			}
		default:
			d.pos++
		}
	}
	return escaped, d.bad()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func (d *doc) number() (int32, error) {
	i := d.add(kindNumber, d.pos)
	at := func() byte {
		if d.pos < len(d.src) {
			return d.src[d.pos]
		}
		return 0
	}
	digits := func() bool {
		from := d.pos
		for c := at(); c >= '0' && c <= '9'; c = at() {
			d.pos++
		}
		return d.pos > from
	}
	if at() == '-' {
		d.pos++
	}
	if at() == '0' {
		d.pos++
	} else if !digits() {
		return -1, d.bad()
	}
	if at() == '.' {
		d.pos++
		if !digits() {
			return -1, d.bad()
		}
	}
	if c := at(); c == 'e' || c == 'E' {
		d.pos++
		if c := at(); c == '+' || c == '-' {
			d.pos++
		}
		if !digits() {
			return -1, d.bad()
		}
	}
	d.nodes[i].end = int32(d.pos) //nolint:gosec // as above
	return i, nil
}

func (v val) node() *node { return &v.d.nodes[v.i] }

func (v val) kind() kind {
	if v.d == nil {
		return kindMissing
	}
	return v.node().kind
}

// set tells whether the value is there and not null.
func (v val) set() bool { k := v.kind(); return k != kindMissing && k != kindNull }

func (v val) isTrue() bool { return v.kind() == kindBool && v.d.src[v.node().start] == 't' }

// raw is the value's source text, quotes included.
func (v val) raw() []byte {
	switch v.kind() {
	case kindMissing:
		return nil
	case kindString:
		return v.d.src[v.node().start-1 : v.node().end+1]
	default:
		return v.d.src[v.node().start:v.node().end]
	}
}

// get finds a member; of equal names the last counts.
func (v val) get(name string) val {
	if v.kind() != kindObject {
		return val{}
	}
	found := val{}
	for i := v.node().first; i >= 0; i = v.d.nodes[i].next {
		n := &v.d.nodes[i]
		if n.keyEscaped {
			if unescape(v.d.src[n.keyStart:n.keyEnd]) == name {
				found = val{v.d, i}
			}
		} else if string(v.d.src[n.keyStart:n.keyEnd]) == name {
			found = val{v.d, i}
		}
	}
	return found
}

// members yields an object's members in source order.
func (v val) members() iter.Seq2[string, val] {
	return func(yield func(string, val) bool) {
		if v.kind() != kindObject {
			return
		}
		for i := v.node().first; i >= 0; i = v.d.nodes[i].next {
			n := &v.d.nodes[i]
			var key string
			if n.keyEscaped {
				key = unescape(v.d.src[n.keyStart:n.keyEnd])
			} else {
				key = string(v.d.src[n.keyStart:n.keyEnd])
			}
			if !yield(key, val{v.d, i}) {
				return
			}
		}
	}
}

// items yields an array's elements.
func (v val) items() iter.Seq2[int, val] {
	return func(yield func(int, val) bool) {
		if v.kind() != kindArray {
			return
		}
		at := 0
		for i := v.node().first; i >= 0; i = v.d.nodes[i].next {
			if !yield(at, val{v.d, i}) {
				return
			}
			at++
		}
	}
}

// size is the number of elements or members.
func (v val) size() int {
	if v.d == nil {
		return 0
	}
	return int(v.node().count)
}

// str is a string's text, or "" for anything else.
func (v val) str() string {
	if v.kind() != kindString {
		return ""
	}
	n := v.node()
	if n.escaped {
		return unescape(v.d.src[n.start:n.end])
	}
	return string(v.d.src[n.start:n.end])
}

// is compares a string without copying it.
func (v val) is(s string) bool {
	if v.kind() != kindString {
		return false
	}
	if n := v.node(); !n.escaped {
		return string(v.d.src[n.start:n.end]) == s
	}
	return v.str() == s
}

// strLen is about the byte length of a string's text, which is what tokens are
// counted from: exact without escapes, the source length with them.
func (v val) strLen() int {
	if v.kind() != kindString {
		return 0
	}
	return int(v.node().end - v.node().start)
}

// integer reads an integral number, such as 5 or 5.0.
func (v val) integer() (int64, bool) {
	f, ok := v.float()
	if !ok || f != float64(int64(f)) {
		return 0, false
	}
	if n, err := strconv.ParseInt(string(v.raw()), 10, 64); err == nil {
		return n, true
	}
	return int64(f), true
}

func (v val) float() (float64, bool) {
	if v.kind() != kindNumber {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(v.raw()), 64)
	return f, err == nil
}

// unescape decodes the inside of a valid JSON string.
func unescape(in []byte) string {
	out := make([]byte, 0, len(in))
	for i := 0; i < len(in); i++ {
		if in[i] != '\\' {
			out = append(out, in[i])
			continue
		}
		i++
		switch in[i] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := hex4(in[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				pair := rune(utf8.RuneError)
				if i+6 < len(in) && in[i+1] == '\\' && in[i+2] == 'u' {
					pair = utf16.DecodeRune(r, hex4(in[i+3:]))
				}
				if pair != utf8.RuneError {
					i += 6
				}
				r = pair
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, in[i])
		}
	}
	return string(out)
}

func hex4(in []byte) rune {
	n, _ := strconv.ParseUint(string(in[:4]), 16, 32) // four hex digits, checked by the reader
	return rune(n)                                    //nolint:gosec // below 0x10000
}
