package jsonscan

import "strconv"

// DefaultMaxDepth is how deep arrays and objects may nest: a document may have this many
// open at once.
const DefaultMaxDepth = 512

// Kind is the JSON type of a value.
type Kind uint8

// The kinds of a value. The zero Kind belongs to no value.
const (
	KindNull Kind = iota + 1
	KindFalse
	KindTrue
	KindNumber
	KindString
	KindArray
	KindObject
)

// String returns the kind's name in lower case, as error messages to a caller use it.
func (k Kind) String() string {
	switch k {
	case KindNull:
		return "null"
	case KindFalse:
		return "false"
	case KindTrue:
		return "true"
	case KindNumber:
		return "number"
	case KindString:
		return "string"
	case KindArray:
		return "array"
	case KindObject:
		return "object"
	default:
		return "no value"
	}
}

// Value is the span of one value in a document: doc[Start:End], without white space around it.
type Value struct {
	Start, End int // byte offsets
	Kind       Kind
}

// Raw returns the value's bytes in doc, which must be the document that was scanned.
func (v Value) Raw(doc []byte) []byte { return doc[v.Start:v.End:v.End] }

// Member is one member of an object.
type Member struct {
	// Key is the decoded key. It lies in the document, unless it had escapes.
	Key []byte
	// KeyStart is the offset of the key's opening quote.
	KeyStart int
	// ValueStart and ValueEnd bound the value's bytes.
	ValueStart, ValueEnd int
	// Kind is the value's type.
	Kind Kind
}

// Raw returns the bytes of the member's value in doc, which must be the document that was scanned.
func (m Member) Raw(doc []byte) []byte { return doc[m.ValueStart:m.ValueEnd:m.ValueEnd] }

// Value returns the span of the member's value.
func (m Member) Value() Value { return Value{Start: m.ValueStart, End: m.ValueEnd, Kind: m.Kind} }

// SyntaxError says where and why bytes are not the JSON that was asked for.
// It never quotes them.
type SyntaxError struct {
	// Offset is the byte offset of what was refused; the document's length when it ends too early.
	Offset int64
	// Msg is the reason, one of a fixed set of texts.
	Msg string
}

// Error returns the reason and the offset.
func (e *SyntaxError) Error() string {
	return "invalid JSON at offset " + strconv.FormatInt(e.Offset, 10) + ": " + e.Msg
}

// Scanner scans with a depth limit of its own. The zero Scanner is what the package's
// functions use. It holds no state and may be used by many goroutines.
type Scanner struct {
	// MaxDepth is how many arrays and objects may be open at once; 0 means DefaultMaxDepth.
	// The scan recurses this deep.
	MaxDepth int
}

func (c Scanner) machine(doc []byte) machine {
	depth := c.MaxDepth
	if depth <= 0 {
		depth = DefaultMaxDepth
	}
	return machine{doc: doc, maxDepth: depth}
}

// Scan validates doc, which must be exactly one value, and returns its span.
// The error is a *SyntaxError.
func Scan(doc []byte) (Value, error) { return Scanner{}.Scan(doc) }

// ScanObject validates doc, which must be exactly one object, and calls visit for each of
// its members in order.
//
// visit is called as members are found, when what follows is not yet validated: what it
// learns counts only if ScanObject returns nil. An error from visit ends the scan and is
// returned as it is; any other error is a *SyntaxError. Keys that occur twice are visited twice.
func ScanObject(doc []byte, visit func(m Member) error) error {
	return Scanner{}.ScanObject(doc, visit)
}

// ScanArray validates doc, which must be exactly one array, and calls visit with the index
// and span of each of its elements. The rules of [ScanObject] hold.
func ScanArray(doc []byte, visit func(i int, v Value) error) error {
	return Scanner{}.ScanArray(doc, visit)
}

// Scan is the function [Scan] with the scanner's limit.
func (c Scanner) Scan(doc []byte) (Value, error) {
	m := c.machine(doc)
	start := m.space(0)
	end := m.value(start, 0)
	if end < 0 || !m.finish(end) {
		return Value{}, m.err()
	}
	return Value{Start: start, End: end, Kind: kindOf(doc[start])}, nil
}

// ScanObject is the function [ScanObject] with the scanner's limit.
func (c Scanner) ScanObject(doc []byte, visit func(m Member) error) error {
	m := c.machine(doc)
	return m.members(visit)
}

// members scans the document, which must be one object.
func (m *machine) members(visit func(m Member) error) error {
	doc := m.doc
	i := m.space(0)
	if i >= len(doc) || doc[i] != '{' {
		return m.notA(i, msgNotObject)
	}
	i = m.space(i + 1)
	if i < len(doc) && doc[i] == '}' {
		return m.finishErr(i + 1)
	}
	for {
		var mem Member
		mem.KeyStart = i
		m.member = nil
		keyEnd := m.key(i)
		if keyEnd < 0 {
			return m.err()
		}
		mem.Key = doc[i+1 : keyEnd-1 : keyEnd-1]
		if m.escaped {
			mem.Key = appendUnescaped(nil, mem.Key)
		}
		if i = m.colon(keyEnd); i < 0 {
			return m.err()
		}
		mem.ValueStart = i
		m.member = mem.Key
		if i = m.value(i, 1); i < 0 {
			return m.err()
		}
		mem.ValueEnd = i
		mem.Kind = kindOf(doc[mem.ValueStart])
		if err := visit(mem); err != nil {
			return err
		}
		i = m.space(i)
		switch {
		case i < len(doc) && doc[i] == ',':
			i = m.space(i + 1)
		case i < len(doc) && doc[i] == '}':
			return m.finishErr(i + 1)
		default:
			m.fail(i, msgObjectNext)
			return m.err()
		}
	}
}

// ScanArray is the function [ScanArray] with the scanner's limit.
func (c Scanner) ScanArray(doc []byte, visit func(i int, v Value) error) error {
	m := c.machine(doc)
	i := m.space(0)
	if i >= len(doc) || doc[i] != '[' {
		return m.notA(i, msgNotArray)
	}
	i = m.space(i + 1)
	if i < len(doc) && doc[i] == ']' {
		return m.finishErr(i + 1)
	}
	for n := 0; ; n++ {
		start := i
		if i = m.value(i, 1); i < 0 {
			return m.err()
		}
		if err := visit(n, Value{Start: start, End: i, Kind: kindOf(doc[start])}); err != nil {
			return err
		}
		i = m.space(i)
		switch {
		case i < len(doc) && doc[i] == ',':
			i = m.space(i + 1)
		case i < len(doc) && doc[i] == ']':
			return m.finishErr(i + 1)
		default:
			m.fail(i, msgArrayNext)
			return m.err()
		}
	}
}

// StringEnd returns the offset after the string whose opening quote is at doc[at], and -1
// when there is no valid one.
func StringEnd(doc []byte, at int) int {
	if at < 0 || at >= len(doc) || doc[at] != '"' {
		return -1
	}
	m := machine{doc: doc}
	return m.str(at)
}

// Lookup finds the value under a path of object keys and decimal array indexes; no path
// is the root. It validates the whole document and scans each level on the way once, so
// it is for cold paths. Of members with the same key the last counts, as in encoding/json.
// It reports false when doc is invalid or has no such value.
func Lookup(doc []byte, path ...string) (Value, bool) {
	at, err := Scan(doc)
	if err != nil {
		return Value{}, false
	}
	for _, name := range path {
		var found bool
		if at, found = child(doc, at, name); !found {
			return Value{}, false
		}
	}
	return at, true
}

func child(doc []byte, in Value, name string) (out Value, found bool) {
	take := func(v Value) {
		out, found = Value{Start: in.Start + v.Start, End: in.Start + v.End, Kind: v.Kind}, true
	}
	var err error
	switch in.Kind {
	case KindObject:
		err = ScanObject(in.Raw(doc), func(m Member) error {
			if string(m.Key) == name {
				take(m.Value())
			}
			return nil
		})
	case KindArray:
		want, convErr := strconv.ParseUint(name, 10, 31)
		if convErr != nil {
			return Value{}, false
		}
		err = ScanArray(in.Raw(doc), func(i int, v Value) error {
			if uint64(i) == want { //nolint:gosec // an index is never negative
				take(v)
			}
			return nil
		})
	default:
	}
	return out, found && err == nil
}

func kindOf(first byte) Kind {
	switch first {
	case '"':
		return KindString
	case '{':
		return KindObject
	case '[':
		return KindArray
	case 't':
		return KindTrue
	case 'f':
		return KindFalse
	case 'n':
		return KindNull
	default:
		return KindNumber
	}
}
