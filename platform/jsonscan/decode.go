package jsonscan

import (
	"bytes"
	"math"
	"unicode/utf16"
	"unicode/utf8"
)

// String returns the text of raw, which must be exactly one string with its quotes. An
// escape of half a surrogate pair becomes U+FFFD. The error is a *SyntaxError.
func String(raw []byte) (string, error) {
	body, escaped, err := stringBody(raw)
	if err != nil {
		return "", err
	}
	if !escaped {
		return string(body), nil
	}
	return string(appendUnescaped(make([]byte, 0, len(body)), body)), nil
}

// AppendString appends the text of raw, as [String] gives it, to dst. With an error, which is
// a *SyntaxError, nothing is appended.
func AppendString(dst, raw []byte) ([]byte, error) {
	body, escaped, err := stringBody(raw)
	switch {
	case err != nil:
		return dst, err
	case !escaped:
		return append(dst, body...), nil
	}
	return appendUnescaped(dst, body), nil
}

// EqualString reports whether raw is a string whose text, as [String] gives it, is s.
// It allocates nothing.
func EqualString(raw []byte, s string) bool {
	m := machine{doc: raw}
	if len(raw) < 2 || raw[0] != '"' || m.str(0) != len(raw) {
		return false
	}
	body := raw[1 : len(raw)-1]
	if !m.escaped {
		return string(body) == s
	}
	var char [utf8.UTFMax]byte
	for len(body) > 0 {
		if body[0] != '\\' {
			n := bytes.IndexByte(body, '\\')
			if n < 0 {
				return string(body) == s
			}
			if len(s) < n || string(body[:n]) != s[:n] {
				return false
			}
			body, s = body[n:], s[n:]
			continue
		}
		r, n := unescape(body)
		size := utf8.EncodeRune(char[:], r)
		if len(s) < size || string(char[:size]) != s[:size] {
			return false
		}
		body, s = body[n:], s[size:]
	}
	return s == ""
}

// Bool returns the value of raw, which must be exactly true or false; ok is false otherwise.
func Bool(raw []byte) (value, ok bool) {
	switch string(raw) {
	case "true":
		return true, true
	case "false":
		return false, true
	default:
		return false, false
	}
}

// Int64 returns the value of raw, which must be exactly one number whose value is an
// integer of 64 bits, however it is written: clients send 16 as 16.0 too, and 1e3 and
// 1.5e1 count as well. A number with a fraction, or out of range, is never rounded: ok is false.
func Int64(raw []byte) (value int64, ok bool) {
	m := machine{doc: raw}
	if len(raw) == 0 || (raw[0] != '-' && !isDigit(raw[0])) || m.number(0) != len(raw) {
		return 0, false
	}
	negative := raw[0] == '-'
	mantissa, exp := splitNumber(raw)

	// The value is the mantissa's digits, read as an integer, times ten to the exp. Zeros
	// move from the digits to the exponent, so that what is left of the digits has no factor of ten.
	digits, exp := trimZeros(mantissa, exp)
	if digits == 0 {
		return 0, true
	}
	if exp < 0 {
		return 0, false
	}
	var abs uint64
	for _, c := range mantissa {
		if c == '.' || c == '-' {
			continue
		}
		if digits == 0 {
			break
		}
		digits--
		if abs > (math.MaxInt64+1)/10 {
			return 0, false
		}
		if abs = abs*10 + uint64(c-'0'); abs > math.MaxInt64+1 {
			return 0, false
		}
	}
	for ; exp > 0; exp-- {
		if abs > (math.MaxInt64+1)/10 {
			return 0, false
		}
		abs *= 10
	}
	switch {
	case negative:
		return -int64(abs), true
	case abs > math.MaxInt64:
		return 0, false
	default:
		return int64(abs), true
	}
}

// splitNumber returns the part of a valid number before its exponent, and the exponent less
// the number of digits after the point. An exponent beyond what a document's length can make
// up for is clamped.
func splitNumber(raw []byte) (mantissa []byte, exp int) {
	mantissa = raw
	if e := bytes.IndexAny(raw, "eE"); e >= 0 {
		mantissa = raw[:e]
		digits, sign := raw[e+1:], 1
		if digits[0] == '+' || digits[0] == '-' {
			if digits[0] == '-' {
				sign = -1
			}
			digits = digits[1:]
		}
		for _, c := range digits {
			exp = min(exp*10+int(c-'0'), math.MaxInt32)
		}
		exp *= sign
	}
	if point := bytes.IndexByte(mantissa, '.'); point >= 0 {
		exp -= len(mantissa) - point - 1
	}
	return mantissa, exp
}

// trimZeros returns how many digits of the mantissa are left without the zeros at its end,
// and the exponent raised by the zeros dropped. No digits are left of zero.
func trimZeros(mantissa []byte, exp int) (digits, newExp int) {
	zeros, significant := 0, false
	for _, c := range mantissa {
		switch c {
		case '-', '.':
			continue
		case '0':
			zeros++
		default:
			zeros, significant = 0, true
		}
		digits++
	}
	if !significant {
		return 0, exp
	}
	return digits - zeros, exp + zeros
}

// stringBody validates raw as one string and returns what lies between its quotes.
func stringBody(raw []byte) (body []byte, escaped bool, err error) {
	m := machine{doc: raw}
	if len(raw) == 0 || raw[0] != '"' {
		m.fail(0, msgNotString)
		return nil, false, m.err()
	}
	end := m.str(0)
	if end < 0 {
		return nil, false, m.err()
	}
	if end != len(raw) {
		m.fail(end, msgTrailing)
		return nil, false, m.err()
	}
	return raw[1 : end-1], m.escaped, nil
}

// appendUnescaped appends the text of body, the inside of a valid string.
func appendUnescaped(dst, body []byte) []byte {
	for len(body) > 0 {
		n := bytes.IndexByte(body, '\\')
		if n < 0 {
			return append(dst, body...)
		}
		dst = append(dst, body[:n]...)
		r, size := unescape(body[n:])
		dst = utf8.AppendRune(dst, r)
		body = body[n+size:]
	}
	return dst
}

// unescape decodes the valid escape at the start of s, two of them if they are a surrogate pair.
func unescape(s []byte) (r rune, size int) {
	switch s[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r, _ = hex4(s[2:])
		if !utf16.IsSurrogate(r) {
			return r, 6
		}
		if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
			low, _ := hex4(s[8:])
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, 12
			}
		}
		return utf8.RuneError, 6
	default:
		return rune(s[1]), 2
	}
}
