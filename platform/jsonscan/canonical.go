package jsonscan

import "bytes"

// AppendCanonical appends raw without the white space that means nothing: all of it
// outside strings. Every other byte stays, so the order of keys, the digits of numbers and
// the spelling of escapes still tell documents apart.
//
// raw must have been validated. Of other bytes some part is appended, without a panic.
func AppendCanonical(dst, raw []byte) []byte {
	for len(raw) > 0 {
		n := compactRun(raw)
		dst = append(dst, raw[:n]...)
		raw = raw[spaceEnd(raw, n):]
	}
	return dst
}

// compactRun returns how many bytes of raw, which starts outside a string, come before the
// first white space outside strings.
func compactRun(raw []byte) int {
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '"':
			i = closingQuote(raw, i+1)
		case isSpace(c):
			return i
		default:
			i++
		}
	}
	return len(raw)
}

// closingQuote returns the offset after the quote that closes the string whose inside
// starts at i: the first one with an even number of backslashes before it.
func closingQuote(raw []byte, i int) int {
	for start := i; ; i++ {
		n := bytes.IndexByte(raw[i:], '"')
		if n < 0 {
			return len(raw)
		}
		i += n
		first := i
		for first > start && raw[first-1] == '\\' {
			first--
		}
		if (i-first)%2 == 0 {
			return i + 1
		}
	}
}
