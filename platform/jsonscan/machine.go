package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Every reason that a SyntaxError gives.
const (
	msgNoValue    = "a value is missing"
	msgBadValue   = "not the start of a value"
	msgBadLiteral = "not null, true or false"
	msgBadNumber  = "malformed number"
	msgNoQuote    = "a string is not closed"
	msgControl    = "control character in a string"
	msgBadEscape  = "malformed escape in a string"
	msgBadUTF8    = "a string is not valid UTF-8"
	msgNotString  = "not a string"
	msgNotObject  = "not an object"
	msgNotArray   = "not an array"
	msgKey        = "a member's name must be a string"
	msgColon      = "a colon must follow a member's name"
	msgObjectNext = "a comma or a closing brace is missing"
	msgArrayNext  = "a comma or a closing bracket is missing"
	msgTooDeep    = "nested too deeply"
	msgTrailing   = "more bytes after the value"
	wordOnes      = 0x0101010101010101
	wordHighs     = 0x8080808080808080
	wordSpaces    = 0x20 * wordOnes
	wordQuotes    = '"' * wordOnes
	wordSlashes   = '\\' * wordOnes
)

// machine is one pass over a document. Its methods take the offset at which something
// starts and return the offset after it, or -1 when they have recorded a failure.
type machine struct {
	doc      []byte
	maxDepth int
	escaped  bool // the last string had an escape
	failAt   int
	failMsg  string

	// nonASCII and unicode say that a string so far had a byte above 127, or an escape
	// of the form \u0000.
	nonASCII, unicode bool
	// spaced says that there was white space outside strings so far.
	spaced bool
	// word is called for short strings; member is the key that it is told.
	word   WordFunc
	member []byte
}

func (m *machine) fail(at int, msg string) int {
	m.failAt, m.failMsg = at, msg
	return -1
}

func (m *machine) err() error {
	return &SyntaxError{Offset: int64(m.failAt), Msg: m.failMsg}
}

// notA is the error for a document whose root, at i, is not of the wanted kind. It is the
// syntax error if the document is not JSON at all.
func (m *machine) notA(i int, msg string) error {
	if end := m.value(i, 0); end >= 0 && m.finish(end) {
		m.fail(i, msg)
	}
	return m.err()
}

// finish reports whether nothing but white space follows.
func (m *machine) finish(i int) bool {
	if i = m.space(i); i != len(m.doc) {
		m.fail(i, msgTrailing)
		return false
	}
	return true
}

func (m *machine) finishErr(i int) error {
	if !m.finish(i) {
		return m.err()
	}
	return nil
}

func (m *machine) space(i int) int {
	if i < len(m.doc) && m.doc[i] > ' ' {
		return i
	}
	end := spaceEnd(m.doc, i)
	m.spaced = m.spaced || end > i
	return end
}

func spaceEnd(doc []byte, i int) int {
	for i < len(doc) && isSpace(doc[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func isDigit(c byte) bool { return c-'0' <= 9 }

// value passes over a value inside depth open arrays and objects.
func (m *machine) value(i, depth int) int {
	if i >= len(m.doc) {
		return m.fail(len(m.doc), msgNoValue)
	}
	switch c := m.doc[i]; c {
	case '"':
		return m.str(i)
	case '{':
		return m.object(i, depth+1)
	case '[':
		return m.array(i, depth+1)
	case 't':
		return m.literal(i, "true")
	case 'f':
		return m.literal(i, "false")
	case 'n':
		return m.literal(i, "null")
	default:
		if c == '-' || isDigit(c) {
			return m.number(i)
		}
		return m.fail(i, msgBadValue)
	}
}

func (m *machine) object(i, depth int) int {
	if depth > m.maxDepth {
		return m.fail(i, msgTooDeep)
	}
	i = m.space(i + 1)
	if i < len(m.doc) && m.doc[i] == '}' {
		return i + 1
	}
	for {
		if i = m.key(i); i < 0 {
			return -1
		}
		if i = m.colon(i); i < 0 {
			return -1
		}
		if i = m.value(i, depth); i < 0 {
			return -1
		}
		i = m.space(i)
		if i >= len(m.doc) {
			return m.fail(i, msgObjectNext)
		}
		switch m.doc[i] {
		case ',':
			i = m.space(i + 1)
		case '}':
			return i + 1
		default:
			return m.fail(i, msgObjectNext)
		}
	}
}

func (m *machine) array(i, depth int) int {
	if depth > m.maxDepth {
		return m.fail(i, msgTooDeep)
	}
	i = m.space(i + 1)
	if i < len(m.doc) && m.doc[i] == ']' {
		return i + 1
	}
	for {
		if i = m.value(i, depth); i < 0 {
			return -1
		}
		i = m.space(i)
		if i >= len(m.doc) {
			return m.fail(i, msgArrayNext)
		}
		switch m.doc[i] {
		case ',':
			i = m.space(i + 1)
		case ']':
			return i + 1
		default:
			return m.fail(i, msgArrayNext)
		}
	}
}

// key passes over a member's name.
func (m *machine) key(i int) int {
	if i >= len(m.doc) || m.doc[i] != '"' {
		return m.fail(i, msgKey)
	}
	return m.str(i)
}

// colon passes over the colon, and the white space around it.
func (m *machine) colon(i int) int {
	i = m.space(i)
	if i >= len(m.doc) || m.doc[i] != ':' {
		return m.fail(i, msgColon)
	}
	return m.space(i + 1)
}

func (m *machine) literal(i int, want string) int {
	if end := i + len(want); end <= len(m.doc) && string(m.doc[i:end]) == want {
		return end
	}
	return m.fail(i, msgBadLiteral)
}

// number passes over a number, RFC 8259 §6. What may follow one is the caller's to check.
func (m *machine) number(i int) int {
	doc, start := m.doc, i
	if doc[i] == '-' {
		i++
	}
	switch {
	case i < len(doc) && doc[i] == '0':
		i++
	case i < len(doc) && isDigit(doc[i]):
		i = digitsEnd(doc, i)
	default:
		return m.fail(start, msgBadNumber)
	}
	if i < len(doc) && doc[i] == '.' {
		frac := i + 1
		if i = digitsEnd(doc, frac); i == frac {
			return m.fail(start, msgBadNumber)
		}
	}
	if i < len(doc) && doc[i]|0x20 == 'e' {
		i++
		if i < len(doc) && (doc[i] == '+' || doc[i] == '-') {
			i++
		}
		exp := i
		if i = digitsEnd(doc, exp); i == exp {
			return m.fail(start, msgBadNumber)
		}
	}
	return i
}

func digitsEnd(doc []byte, i int) int {
	for i < len(doc) && isDigit(doc[i]) {
		i++
	}
	return i
}

// simpleEscape holds what may follow a backslash, other than a u.
var simpleEscape = [256]bool{'"': true, '\\': true, '/': true, 'b': true, 'f': true, 'n': true, 'r': true, 't': true}

// str passes over the string whose opening quote is at i, and sets escaped.
func (m *machine) str(i int) int {
	doc := m.doc
	i++
	start := i
	escaped := false
	var seen uint64 // all bytes so far, or-ed: a high bit tells of non-ASCII
	for {
		for len(doc)-i >= 8 {
			x := binary.LittleEndian.Uint64(doc[i:])
			s := special(x)
			if s == 0 {
				seen |= x
				i += 8
				continue
			}
			bit := bits.TrailingZeros64(s) & 56
			seen |= x & (1<<bit - 1)
			i += bit >> 3
			if byte(x>>bit&0xff) != '\\' || len(doc)-i < 2 || !simpleEscape[doc[i+1]] {
				break
			}
			escaped = true
			i += 2
		}
		for i < len(doc) && doc[i] >= ' ' && doc[i] != '"' && doc[i] != '\\' {
			seen |= uint64(doc[i])
			i++
		}
		if i >= len(doc) {
			return m.fail(len(doc), msgNoQuote)
		}
		switch doc[i] {
		case '"':
			if seen&wordHighs != 0 {
				m.nonASCII = true
				if !utf8.Valid(doc[start:i]) {
					return m.fail(start+invalidUTF8(doc[start:i]), msgBadUTF8)
				}
			}
			m.escaped = escaped
			if m.word != nil && !escaped && i-start <= MaxWord {
				m.word(m.member, doc[start:i])
			}
			return i + 1
		case '\\':
			escaped = true
			n := escapeLen(doc[i:])
			if n == 0 {
				return m.fail(i, msgBadEscape)
			}
			m.unicode = m.unicode || n > 2
			i += n
		default:
			return m.fail(i, msgControl)
		}
	}
}

// special marks the quotes, backslashes and control characters of a word by the high bit
// of their byte. Borrows can mark bytes falsely, but only above one that is marked truly,
// so the lowest mark is exact.
func special(x uint64) uint64 {
	return ((x - wordSpaces) | ((x ^ wordQuotes) - wordOnes) | ((x ^ wordSlashes) - wordOnes)) &^ x & wordHighs
}

// escapeLen returns the length of the escape at the start of s, a backslash, or 0 if it is malformed.
func escapeLen(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	if simpleEscape[s[1]] {
		return 2
	}
	if s[1] == 'u' {
		if _, ok := hex4(s[2:]); ok {
			return 6
		}
	}
	return 0
}

// hex4 reads the four hexadecimal digits at the start of s.
func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for _, c := range s[:4] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// invalidUTF8 returns the offset of the first byte of s that is not part of valid UTF-8.
func invalidUTF8(s []byte) int {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(s)
}
