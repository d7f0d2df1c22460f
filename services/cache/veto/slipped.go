package veto

import (
	"unicode"

	"tollgate.dev/services/cache/reading"
)

// slipped reports whether two prompts are one but for two letters, or a letter and a space, that
// changed places, and one of them has an unknown word, or one less of grammar, for it.
func slipped(a, b *reading.Reading) bool {
	if a.Manner != reading.Prose || b.Manner != reading.Prose || a.Text == b.Text {
		return false
	}
	if d := len(a.Text) - len(b.Text); d < -1 || d > 1 {
		return false
	}
	x, y := squeeze(a.Text), squeeze(b.Text)
	return len(x) > 8 && (x == y || len(x) == len(y) && reading.Slip(x, y)) && (unknown(a) != unknown(b) || grammar(a) != grammar(b))
}

// squeeze is the letters and digits of a text, in lower case.
func squeeze(s string) string {
	out := make([]rune, 0, len(s))
	for _, c := range s {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			out = append(out, unicode.ToLower(c))
		}
	}
	return string(out)
}

// grammar counts the words of grammar, which a slip turns into something else: "si" for "is".
func grammar(r *reading.Reading) int {
	n := 0
	for i := range r.Words {
		if r.Words[i].Function {
			n++
		}
	}
	return n
}

func unknown(r *reading.Reading) int {
	n := 0
	for i := range r.Words {
		if !r.Words[i].Known() {
			n++
		}
	}
	return n
}
