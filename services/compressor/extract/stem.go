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
	turkish
	other
	languages
)

// stem cuts a folded word to what its inflected forms have in common, and returns its
// length. It errs towards too short: two words taken for one cost a little precision, a
// form that is not recognised costs the answer.
func stem(w []byte, lang language) int {
	if len(w) < 2 {
		return len(w)
	}
	switch w[0] {
	case 0xD0, 0xD1:
		return stemCyrillic(w)
	case 0xCE, 0xCF:
		return stemGreek(w)
	case 0xD8, 0xD9:
		return stemArabic(w)
	}
	switch lang {
	case english:
		return stemEnglish(w)
	case german:
		return stemGerman(w)
	case turkish:
		return first(w, 5)
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
	for _, s := range englishSuffixes[w[n-1]] {
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

// englishSuffixes by their last letter: the first that fits is taken off.
var englishSuffixes = func() (t [256][]string) {
	for _, s := range []string{"ement", "ment", "ing", "ion", "ial", "ers", "ed", "er", "or", "ly", "al", "ic"} {
		t[s[len(s)-1]] = append(t[s[len(s)-1]], s)
	}
	return t
}()

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
// languages.
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

// first is the length of the first characters of a word. Five of them are as good as a
// stemmer for Turkish (Can et al., "Information retrieval on Turkish texts", 2008).
func first(w []byte, runes int) int {
	n := 0
	for range runes {
		if n >= len(w) {
			break
		}
		_, size := utf8.DecodeRune(w[n:])
		n += size
	}
	return n
}

// stemGreek takes off vowels, σ and ν at the end while four letters are left.
func stemGreek(w []byte) int {
	n := len(w)
	for n > 8 {
		switch r, size := utf8.DecodeLastRune(w[:n]); r {
		case 'α', 'ε', 'η', 'ι', 'ο', 'υ', 'ω', 'σ', 'ν':
			n -= size
		default:
			return n
		}
	}
	return n
}

// stemArabic takes off the article with what is joined to it, and one ending, as the light
// stemmer of Larkey, Ballesteros and Connell, "Improving stemming for Arabic information
// retrieval" (2002). The word is moved to its front.
func stemArabic(w []byte) int {
	n := len(w)
	for _, p := range arabicPrefixes {
		if len(p)+4 <= n && string(w[:len(p)]) == p {
			n = copy(w, w[len(p):n])
			break
		}
	}
	for _, s := range arabicSuffixes {
		if len(s)+4 <= n && string(w[n-len(s):n]) == s {
			n -= len(s)
			break
		}
	}
	return n
}

var (
	arabicPrefixes = []string{"وال", "بال", "كال", "فال", "ال", "لل", "و"}
	arabicSuffixes = []string{"ها", "ان", "ات", "ون", "ين", "يه", "ه", "ي"}
)
