package extract

import (
	"unicode"
	"unicode/utf8"
)

// class is what a character is to the splitter and the term scanner.
type class uint8

const (
	// space separates words; so do marks of punctuation.
	space class = iota
	punct
	// letter belongs to a word between spaces.
	letter
	digit
	// dense is of a script that is written without spaces between words, or in which a
	// syllable says much: Han, kana, Hangul, Thai, Lao, Burmese, Khmer.
	dense
	// joiner adds to the character before it: a combining mark.
	joiner
)

// ascii has the classes of the first 128 characters.
var ascii = func() (t [utf8.RuneSelf]class) {
	for c := range t {
		switch {
		case c <= ' ' || c == 0x7f:
			t[c] = space
		case c >= '0' && c <= '9':
			t[c] = digit
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			t[c] = letter
		default:
			t[c] = punct
		}
	}
	return t
}()

// classOf returns a character's class. The ranges in front are those of most text; Unicode's
// tables, which are searched, say the rest.
func classOf(r rune) class {
	switch {
	case r < utf8.RuneSelf:
		return ascii[r]
	case r == 0xD7, r == 0xF7:
		return punct
	case r >= 0xC0 && r <= 0x24F, r >= 0x400 && r <= 0x481, r >= 0x48A && r <= 0x52F, r >= 0x5D0 && r <= 0x5EA, r >= 0x620 && r <= 0x64A:
		return letter
	case r >= 0x3400 && r <= 0x9FFF, r >= 0xAC00 && r <= 0xD7A3, r >= 0x3041 && r <= 0x3096,
		r >= 0x30A1 && r <= 0x30FA, r == 0x30FC, r >= 0xF900 && r <= 0xFAFF, r >= 0x20000 && r <= 0x3FFFF:
		return dense
	case r >= 0xE00 && r <= 0xEFF, r >= 0x1000 && r <= 0x109F, r >= 0x1780 && r <= 0x17FF:
		switch {
		case unicode.IsDigit(r):
			return digit
		case unicode.IsLetter(r), unicode.IsMark(r):
			return dense
		}
		return punct
	case unicode.IsLetter(r):
		return letter
	case r >= 0x900 && r <= 0xDFF && unicode.IsMark(r):
		return letter // the vowels of the scripts of India
	case unicode.IsDigit(r):
		return digit
	case unicode.IsMark(r), r == 0x200C, r == 0x200D:
		return joiner
	case unicode.IsSpace(r), r == utf8.RuneError:
		return space
	default:
		return punct
	}
}

// base are the Latin letters U+00C0..U+017F without their diacritics; two letters where one
// stands for two.
var base = [...]string{
	"a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i",
	"d", "n", "o", "o", "o", "o", "o", "", "o", "u", "u", "u", "u", "y", "th", "ss",
	"a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i",
	"d", "n", "o", "o", "o", "o", "o", "", "o", "u", "u", "u", "u", "y", "th", "y",
	"a", "a", "a", "a", "a", "a", "c", "c", "c", "c", "c", "c", "c", "c", "d", "d",
	"d", "d", "e", "e", "e", "e", "e", "e", "e", "e", "e", "e", "g", "g", "g", "g",
	"g", "g", "g", "g", "h", "h", "h", "h", "i", "i", "i", "i", "i", "i", "i", "i",
	"i", "i", "ij", "ij", "j", "j", "k", "k", "k", "l", "l", "l", "l", "l", "l", "l",
	"l", "l", "l", "n", "n", "n", "n", "n", "n", "n", "n", "n", "o", "o", "o", "o",
	"o", "o", "oe", "oe", "r", "r", "r", "r", "r", "r", "s", "s", "s", "s", "s", "s",
	"s", "s", "t", "t", "t", "t", "t", "t", "u", "u", "u", "u", "u", "u", "u", "u",
	"u", "u", "u", "u", "w", "w", "y", "y", "y", "z", "z", "z", "z", "z", "z", "s",
}

// appendFolded appends a character as terms are compared: in lower case, Latin letters
// without diacritics, full-width forms as their narrow ones, ё as е.
func appendFolded(buf []byte, r rune) []byte {
	switch {
	case r < utf8.RuneSelf:
		if r >= 'A' && r <= 'Z' {
			r |= 0x20
		}
		return append(buf, byte(r)) //nolint:gosec // ASCII
	case r >= 0xC0 && r <= 0x17F:
		return append(buf, base[r-0xC0]...)
	case r >= 0xFF01 && r <= 0xFF5E:
		return appendFolded(buf, r-0xFEE0)
	case r >= 0x3400 && r <= 0x9FFF:
	default:
		r = plain(unicode.ToLower(r))
	}
	return utf8.AppendRune(buf, r)
}

// plain is a letter without what is often left out in writing: accents in Greek, forms of
// alif and the end of words in Arabic, the comma below in Romanian.
func plain(r rune) rune {
	switch r {
	case 'ё':
		return 'е'
	case 'ά':
		return 'α'
	case 'έ':
		return 'ε'
	case 'ή':
		return 'η'
	case 'ί', 'ϊ', 'ΐ':
		return 'ι'
	case 'ό':
		return 'ο'
	case 'ύ', 'ϋ', 'ΰ':
		return 'υ'
	case 'ώ':
		return 'ω'
	case 'ς':
		return 'σ'
	case 'أ', 'إ', 'آ':
		return 'ا'
	case 'ى':
		return 'ي'
	case 'ة':
		return 'ه'
	case 'ș':
		return 's'
	case 'ț':
		return 't'
	case 'ơ':
		return 'o'
	case 'ư':
		return 'u'
	default:
		return r
	}
}

// upper reports whether a word that starts with the character is written with a capital.
func upper(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'A' && r <= 'Z'
	}
	return unicode.IsUpper(r)
}

// appendLower appends a character in lower case.
func appendLower(buf []byte, r rune) []byte { return utf8.AppendRune(buf, unicode.ToLower(r)) }
