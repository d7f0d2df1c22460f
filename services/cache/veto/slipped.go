package veto

import (
	"strings"
	"unicode"

	"tollgate.dev/services/cache/reading"
)

// slipped reports whether two prompts are one but for two letters, or a letter and a space, that
// changed places, and one of them has an unknown word, or one less of grammar, for it.
func slipped(a, b *reading.Reading) bool {
	if a.Manner != reading.Prose || b.Manner != reading.Prose || a.Text == b.Text {
		return false
	}
	if strings.EqualFold(a.Text, b.Text) {
		return false // nothing has changed its place
	}
	if d := len(a.Text) - len(b.Text); d < -1 || d > 1 {
		return false
	}
	x, y := squeeze(a.Text), squeeze(b.Text)
	if len(x) <= 8 || x != y && (len(x) != len(y) || !reading.Slip(x, y)) {
		return false
	}
	// A space that is missing is one only where it leaves an unknown word: everyday is one.
	return unknown(a) != unknown(b) || grammar(a) != grammar(b) && len(a.Text) == len(b.Text)
}

// squeeze is a text in lower case without spaces, and without the marks that end a sentence or a
// part of one: "we're" is not "were", nor is 1.5 the same as 15, or C++ as C.
func squeeze(s string) string {
	signs := []rune(s)
	out := make([]rune, 0, len(signs))
	for i, c := range signs {
		ends := strings.ContainsRune(".,;:?!", c) && (i+1 == len(signs) || unicode.IsSpace(signs[i+1]))
		if !unicode.IsSpace(c) && !ends {
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
