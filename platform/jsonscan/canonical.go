package jsonscan

import (
	"bytes"
	"io"
)

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

// WriteCanonical writes to w, a hash as a rule, what [AppendCanonical] would append: in one
// Write of raw itself, without an allocation, where there is nothing to remove. It returns w's error.
func WriteCanonical(w io.Writer, raw []byte) error {
	if compactRun(raw) < len(raw) {
		return writeSpaced(w, raw)
	}
	_, err := w.Write(raw)
	return err
}

// writeSpaced is WriteCanonical for bytes with white space to remove.
func writeSpaced(w io.Writer, raw []byte) error {
	// Short runs are gathered, so that an indented document is not one Write a token.
	var gathered [512]byte
	n := 0
	for len(raw) > 0 {
		run := raw[:compactRun(raw)]
		raw = raw[spaceEnd(raw, len(run)):]
		if n > 0 && n+len(run) > len(gathered) {
			if _, err := w.Write(gathered[:n]); err != nil {
				return err
			}
			n = 0
		}
		last := n == 0 && len(raw) == 0
		if n+len(run) <= len(gathered) && !last {
			n += copy(gathered[n:], run)
			continue
		}
		if len(run) > 0 {
			if _, err := w.Write(run); err != nil {
				return err
			}
		}
	}
	if n > 0 {
		_, err := w.Write(gathered[:n])
		return err
	}
	return nil
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
