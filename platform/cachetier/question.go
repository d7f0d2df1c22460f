package cachetier

import (
	"bytes"
	"unicode/utf8"
)

// Why a text is no question.
const (
	Empty   = "empty"
	Long    = "long" // more than [MaxQuestionBytes]
	Garbled = "garbled"
)

// Unasked tells why a text is no question that an answer to another one may serve; it is empty for one.
// U+FFFD stands in texts that were garbled on their way, and for what a string of JSON can spell and UTF-8
// cannot.
func Unasked(text []byte) (why string) {
	switch {
	case len(text) == 0:
		return Empty
	case len(text) > MaxQuestionBytes:
		return Long
	case bytes.Contains(text, garbled):
		return Garbled
	}
	return ""
}

var garbled = []byte(string(utf8.RuneError))
