package tokens

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

// Every character has one kind, that of the Unicode tables.
func TestEveryCharactersClass(t *testing.T) {
	table := newClasses()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		want := symbol
		switch {
		case r == '\r' || r == '\n':
			want = newline
		case unicode.IsSpace(r):
			want = space
		case unicode.In(r, unicode.Lu, unicode.Lt):
			want = upper
		case unicode.Is(unicode.Ll, r):
			want = lower
		case unicode.In(r, unicode.Lm, unicode.Lo):
			want = other
		case unicode.Is(unicode.M, r):
			want = mark
		case unicode.Is(unicode.N, r):
			want = number
		}
		text := "a" + string(r) + "b"
		if got, size := table.at(text, 1); got != want || size != utf8.RuneLen(r) {
			t.Errorf("%U has kind %b and %d bytes, want %b", r, got, size, want)
		}
	}
	// A byte that is not UTF-8 is a character, and no part of one.
	if got, size := table.at("\xe6\xbcx", 0); got != symbol || size != 1 {
		t.Errorf("half a character has kind %b and %d bytes", got, size)
	}
}
