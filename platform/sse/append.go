package sse

import (
	"bytes"
	"strings"
)

// AppendEvent appends one event to dst, blank line included. An empty name is left out, which
// makes the event a "message". Each line of data becomes a data line of its own; a reader gets
// them back joined by LF, whichever of LF, CR LF and CR was between them. An event without
// data is framed as well, and dispatched with empty data. CR and LF are dropped from name,
// where they can't be expressed.
func AppendEvent(dst []byte, name string, data []byte) []byte {
	if name != "" {
		dst = append(dst, "event: "...)
		for {
			i := strings.IndexAny(name, "\r\n")
			if i < 0 {
				break
			}
			dst = append(dst, name[:i]...)
			name = name[i+1:]
		}
		dst = append(dst, name...)
		dst = append(dst, '\n')
	}
	dst = append(dst, "data: "...)
	dst = appendLines(dst, data, "data: ")
	return append(dst, '\n', '\n')
}

// appendLines appends text with LF and prefix in place of each of its line ends.
func appendLines(dst, text []byte, prefix string) []byte {
	if bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') < 0 {
		return append(dst, text...)
	}
	start := 0
	for i := 0; i < len(text); i++ {
		if text[i] != '\n' && text[i] != '\r' {
			continue
		}
		dst = append(dst, text[start:i]...)
		dst = append(dst, '\n')
		dst = append(dst, prefix...)
		if text[i] == '\r' && i+1 < len(text) && text[i+1] == '\n' {
			i++
		}
		start = i + 1
	}
	return append(dst, text[start:]...)
}
