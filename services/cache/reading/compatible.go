package reading

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// compatible is NFKC with one kind of apostrophe, quote and dash. What NFKC would make another value of
// stays as it is: 2³ isn't 23, nor 1½ 11⁄2.
func compatible(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return s
	}
	s = accents.Replace(s)
	var b strings.Builder
	b.Grow(len(s))
	from := 0
	for i, c := range s {
		if c < utf8.RuneSelf || !valued(c) || unit(s[:i], c, s[i+utf8.RuneLen(c):]) {
			continue
		}
		b.WriteString(norm.NFKC.String(s[from:i]))
		b.WriteRune(c)
		from = i + utf8.RuneLen(c)
	}
	b.WriteString(norm.NFKC.String(s[from:]))
	return signs.Replace(b.String())
}

// valued reports whether NFKC makes plain signs of a character whose place or shape is its value: raised
// and lowered ones, fractions, numerals, and numbers in circles.
func valued(c rune) bool {
	const first, last = '\u2070', '\u209c' // with their signs and letters
	switch {
	case c >= first && c <= last:
		return true
	case unicode.Is(unicode.Lm, c):
		return c >= 'ʰ' && c <= 'ˤ' || c >= 'ᴬ' && c <= 'ᶿ'
	}
	return unicode.In(c, unicode.No, unicode.Nl)
}

// unit reports whether a raised or lowered digit, or a numeral, may as well be written as a plain one where
// it stands: behind a unit of length, as in m², behind the sign of an element, as in CO₂, and by itself, as
// in Henry Ⅷ.
func unit(before string, c rune, after string) bool {
	next, _ := utf8.DecodeRuneInString(after)
	if after != "" && (unicode.IsDigit(next) || unicode.In(next, unicode.No, unicode.Nl) || strings.ContainsRune("⁺⁻₊₋", next)) {
		return false
	}
	word := func() string {
		return before[strings.LastIndexFunc(before, func(c rune) bool { return !unicode.IsLetter(c) })+1:]
	}
	switch { // by signs that are no letters, so that no word is gone over twice
	case c == '²' || c == '³':
		switch strings.ToLower(word()) {
		case "m", "mm", "cm", "km", "ft", "yd", "mi":
			return !unicode.IsLetter(next)
		}
		return false
	case c >= '₀' && c <= '₉':
		first, _ := utf8.DecodeRuneInString(word())
		return unicode.IsUpper(first)
	case c >= 'Ⅰ' && c <= 'ⅿ':
		return word() == "" && !unicode.IsLetter(next) && strings.HasSuffix(before, " ") && (after == "" || !unicode.IsNumber(next))
	}
	return false
}

// accents stand for an apostrophe, and would become a space.
var accents = strings.NewReplacer("´", "'")

// bare takes the accents off Latin letters, which many leave out.
func bare(s string) string {
	d := norm.NFD.String(s)
	b := make([]byte, 0, len(d))
	for _, c := range d {
		if !unicode.Is(unicode.Mn, c) {
			b = utf8.AppendRune(b, c)
		}
	}
	return string(b)
}

// Unaccented is a word without the accents of its Latin letters.
func Unaccented(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return bare(s)
		}
	}
	return s
}

var signs = strings.NewReplacer(
	"’", "'", "‘", "'", "ʼ", "'",
	"“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`,
	" – ", " – ", "–", "-", "—", " — ", "−", "-", "‐", "-", "‑", "-",
	"\u200b", "", "\u200c", "", "\u200d", "", "\ufeff", "", "\u00ad", "",
)

// accented reports whether a text has Latin letters that English doesn't have.
func accented(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return c >= utf8.RuneSelf && unicode.Is(unicode.Latin, c) })
}
