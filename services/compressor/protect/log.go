package protect

import (
	"strings"

	"tollgate.dev/services/compressor/wordset"
)

// headBytes is how far from its begin a line of a log has its time or its level.
const headBytes = 80

// CutLogHead returns what a line of a log says behind its time, and its level in lower case, which
// is empty where it has none; not ok for a line that has neither a time with seconds nor a level, in
// whatever form: behind a name, an address or a bracket.
func CutLogHead(line string) (rest, level string, ok bool) {
	head := line[:min(len(line), headBytes)]
	rest = line
	for i := 0; i+8 <= len(head); i++ {
		if hasShape(head[i:], "00:00:00") && (i == 0 || traits[head[i-1]] != digit) {
			ok = true
			rest = strings.TrimLeft(line[i+8:], "0123456789.,Z+-]")
			break
		}
	}
	// In klog's form the level is a letter in front of the date.
	if ok && hasShape(head, "A0000 ") {
		switch head[0] {
		case 'W':
			return rest, "warning", true
		case 'E':
			return rest, "error", true
		case 'F':
			return rest, "fatal", true
		}
	}
	level = levelOf(head)
	return rest, level, ok || level != ""
}

// IsTroubled tells whether a level of [CutLogHead] is a warning's or worse.
func IsTroubled(level string) bool { return troubledLevels[level] }

// The words by which logs say how much a line matters: warnings and worse, and the others.
var (
	troubledLevels = wordset.Fields("warn warning err error severe crit critical alert fatal emerg panic")
	calmLevels     = wordset.Fields("trace debug dbg info inf notice")
)

// levelOf is the first level that a line has, in lower case: a word in capitals, or one in lower case in
// brackets or behind an equals sign; in other places the words are a sentence's.
func levelOf(s string) string {
	for i := 0; i < len(s); i++ {
		start := i
		for i < len(s) && s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z' {
			i++
		}
		if i-start < 3 || i-start > 8 {
			continue
		}
		word := s[start:i]
		lower := strings.ToLower(word)
		if !troubledLevels[lower] && !calmLevels[lower] {
			continue
		}
		before, after := byte(' '), byte(' ')
		if start > 0 {
			before = s[start-1]
		}
		if i < len(s) {
			after = s[i]
		}
		if word == strings.ToUpper(word) && strings.IndexByte(" \t[(|=\"<", before) >= 0 && strings.IndexByte(" \t])|:\">\r\n", after) >= 0 ||
			strings.IndexByte("[=\"", before) >= 0 && strings.IndexByte(" ]\",\r\n", after) >= 0 {
			return lower
		}
	}
	return ""
}
