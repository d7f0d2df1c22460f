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

// Characters are as long as UTF-8 says, whatever three bytes come together.
func TestLengths(t *testing.T) {
	table := newClasses()
	for lead := 0x80; lead <= 0xff; lead++ {
		for second := 0; second <= 0xff; second++ {
			for _, third := range []byte{0, 0x41, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc0, 0xff} {
				whole := string([]byte{byte(lead), byte(second), third, 0x80})
				for n := 1; n <= len(whole); n++ {
					r, want := utf8.DecodeRuneInString(whole[:n])
					class, size := table.at(whole[:n], 0)
					if size != want || int(r) < len(table) && class != table[r] {
						t.Fatalf("% x is of kind %b and %d bytes long, want %U of %d", whole[:n], class, size, r, want)
					}
				}
			}
		}
	}
}
