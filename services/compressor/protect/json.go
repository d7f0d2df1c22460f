package protect

import "strings"

// maxDepth is how deep JSON may nest to be found, as deep as Go reads it.
const maxDepth = 10_000

// minArray is the size of an array of numbers, in bytes, from which it is JSON and not a list
// of sources.
const minArray = 48

// json goes on from an opening brace.
func (s *scanner) json(i int) int {
	if end := s.jsonEnd(i); end > i+2 {
		return s.add(i, end, JSON)
	}
	return i + 1
}

// sizable tells whether an array is JSON to a reader: [12] and [1, 2] are citations.
func (s *scanner) sizable(i, end int) bool {
	return end-i >= minArray || end-i > 2 && strings.ContainsAny(s.text[i+1:end], "\"{[")
}

// jsonEnd returns the end of the valid object or array (RFC 8259) that begins at i; 0 when
// there is none.
func (s *scanner) jsonEnd(i int) int {
	k := s.space(i + 1)
	switch b := s.byteAt(k); {
	case b == '"', b == s.text[i]+2: // the bracket that closes it
	case s.text[i] == '{':
		return 0
	case b != '{' && b != '[' && b != '-' && traits[b] != digit && b != 't' && b != 'f' && b != 'n':
		return 0
	}
	if s.attempts <= 0 {
		return 0
	}
	end, at := s.value(i, maxDepth)
	s.attempts -= at - i
	if end > 0 {
		s.attempts += at - i // what is found is not looked at again
	}
	return end
}

func (s *scanner) space(i int) int {
	for i < len(s.text) && (s.text[i] == ' ' || s.text[i] == '\n' || s.text[i] == '\t' || s.text[i] == '\r') {
		i++
	}
	return i
}

// value returns the end of the value at i, 0 for none, and how far it looked.
func (s *scanner) value(i, depth int) (end, at int) {
	switch b := s.byteAt(i); {
	case b == '{', b == '[':
		return s.nested(i, depth)
	case b == '"':
		return s.str(i)
	case b == '-', traits[b] == digit:
		return s.jsonNumber(i)
	default:
		for _, word := range [...]string{"true", "false", "null"} {
			if k := s.after(i, word); k > 0 {
				return k, k
			}
		}
		return 0, i
	}
}

// nested is value for an object or an array.
func (s *scanner) nested(i, depth int) (end, at int) {
	if depth == 0 {
		return 0, i
	}
	object, closing := s.text[i] == '{', s.text[i]+2
	k := s.space(i + 1)
	if s.byteAt(k) == closing {
		return k + 1, k + 1
	}
	for {
		if object {
			if end, at = s.str(k); end == 0 {
				return 0, at
			}
			if k = s.space(end); s.byteAt(k) != ':' {
				return 0, k
			}
			k = s.space(k + 1)
		}
		if end, at = s.value(k, depth-1); end == 0 {
			return 0, at
		}
		switch k = s.space(end); s.byteAt(k) {
		case closing:
			return k + 1, k + 1
		case ',':
			k = s.space(k + 1)
		default:
			return 0, k
		}
	}
}

// str is value for a string. Escapes are taken as they come.
func (s *scanner) str(i int) (end, at int) {
	if s.byteAt(i) != '"' {
		return 0, i
	}
	for k := i + 1; k < len(s.text); k++ {
		switch b := s.text[k]; {
		case b == '"':
			return k + 1, k + 1
		case b == '\\':
			k++
		case b < ' ':
			return 0, k
		}
	}
	return 0, len(s.text)
}

// jsonNumber is value for a number; what is not quite one ends where no value can.
func (s *scanner) jsonNumber(i int) (end, at int) {
	k := i + 1
	for s.is(k, digit|dot) || s.byteAt(k)|0x20 == 'e' || s.byteAt(k) == '-' || s.byteAt(k) == '+' {
		k++
	}
	if !s.is(k-1, digit) {
		return 0, k
	}
	return k, k
}
