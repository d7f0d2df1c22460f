package extract

import (
	"bytes"
	"unicode/utf8"
)

// language is what is known of a text's language: as much as stemming needs.
type language uint8

const (
	unknown language = iota
	english
	german
	other
	languages
)

// stem cuts a folded word to what its inflected forms have in common, and returns its
// length. It errs towards too short: two words taken for one cost a little precision, a
// form that is not recognised costs the answer.
func stem(w []byte, lang language) int {
	if len(w) == 0 || w[0] >= utf8.RuneSelf {
		return stemCyrillic(w)
	}
	switch lang {
	case english:
		return stemEnglish(w)
	case german:
		return stemGerman(w)
	default:
		return stemLatin(w)
	}
}

// stemEnglish takes off one plural or third person, then one suffix, then a final e: the
// frequent part of Porter, "An algorithm for suffix stripping" (1980), without its
// measure.
func stemEnglish(w []byte) int {
	n := len(w)
	switch {
	case n > 4 && bytes.HasSuffix(w[:n], []byte("ies")):
		w[n-3], n = 'y', n-2
	case n > 4 && bytes.HasSuffix(w[:n], []byte("sses")):
		n -= 2
	case n > 3 && w[n-1] == 's' && w[n-2] != 's' && w[n-2] != 'u' && w[n-2] != 'i':
		n--
	}
	for _, s := range englishSuffixes {
		if n >= len(s)+4 && string(w[n-len(s):n]) == s || n == len(s)+3 && len(s) == 3 && string(w[n-3:n]) == s && s == "ing" {
			n -= len(s)
			if n > 3 && w[n-1] == w[n-2] && w[n-1] != 'l' && w[n-1] != 's' {
				n--
			}
			break
		}
	}
	if n > 3 && w[n-1] == 'e' {
		n--
	}
	if n > 2 && w[n-1] == 'y' {
		w[n-1] = 'i'
	}
	return n
}

// englishSuffixes: the first that fits is taken off.
var englishSuffixes = []string{"ement", "ment", "ing", "ion", "ial", "ers", "ed", "er", "or", "ly", "al", "ic"}

// stemGerman is the loop of CISTEM (Weissweiler and Fraser, "Developing a stemmer for German
// based on a comparative analysis of publicly available stemmers", 2017), without its
// prefix ge.
func stemGerman(w []byte) int {
	n := len(w)
	for n > 4 {
		switch two := string(w[n-2 : n]); {
		case n > 5 && (two == "em" || two == "er" || two == "nd"):
			n -= 2
		case w[n-1] == 'e' || w[n-1] == 's' || w[n-1] == 'n' || w[n-1] == 't':
			n--
		default:
			return n
		}
	}
	return n
}

// stemLatin takes off a plural s and the vowels at the end, which is where the Romance
// languages inflect nouns and adjectives.
func stemLatin(w []byte) int {
	n := len(w)
	if n > 4 && w[n-1] == 's' {
		n--
	}
	for i := 0; i < 2 && n > 4; i++ {
		switch w[n-1] {
		case 'a', 'e', 'i', 'o', 'u':
			n--
		default:
			return n
		}
	}
	return n
}

// stemCyrillic takes off the vowels at the end, and one м, х, в or г with the vowel before
// it, while four letters are left: most endings of nouns and adjectives in the East Slavic
// languages. Other scripts stay as they are.
func stemCyrillic(w []byte) int {
	n := len(w)
	for n > 8 && (w[n-2] == 0xD0 || w[n-2] == 0xD1) {
		r, _ := utf8.DecodeRune(w[n-2 : n])
		switch r {
		case 'а', 'е', 'и', 'о', 'у', 'ы', 'э', 'ю', 'я', 'й', 'ь', 'і', 'ї':
			n -= 2
			continue
		case 'м', 'х', 'в', 'г':
			p, _ := utf8.DecodeRune(w[n-4 : n-2])
			switch p {
			case 'а', 'е', 'и', 'о', 'у', 'ы', 'ю', 'я':
				n -= 4
				continue
			}
		}
		return n
	}
	return n
}
