package protect

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// referralPrefixes are what a citation begins with that says where to look.
var referralPrefixes = []string{
	"see ", "See ", "cf. ", "Cf. ", "e.g., ", "e.g. ", "Sec. ", "sec. ", "Fig. ", "fig. ", "Tab. ", "Eq. ", "eq. ", "Ch. ", "ch. ",
	"p. ", "pp. ", "ref. ", "siehe ", "Siehe ", "s. ", "vgl. ", "Vgl. ", "Abb. ", "Kap. ", "voir ", "véase ", "vid. ", "см. ", "ср. ",
	"参见", "參見", "见", "見", "参照", "出典", "引自", "来源", "來源", "详见", "詳見",
}

// referralLength returns the length of the referral that a text begins with, or 0.
func referralLength(text string) int {
	for _, r := range referralPrefixes {
		if strings.HasPrefix(text, r) {
			return len(r)
		}
	}
	return 0
}

// isSourceReference tells whether text between brackets says where something is from: it begins with a
// referral and has a number, or it has an author and a year, and behind that nothing but
// where in the source: Smith et al., 2019, p. 3.
func isSourceReference(text string) bool {
	if n := referralLength(text); n > 0 && strings.ContainsAny(text[n:], "0123456789") {
		return true
	}
	for at := 0; ; {
		k := strings.IndexAny(text[at:], "12")
		if k < 0 {
			return false
		}
		at += k
		end := at
		for end < len(text) && traits[text[end]] == digit {
			end++
		}
		if end-at == 4 && endsInAuthor(text[:at]) && isLocator(text[end:]) {
			return true
		}
		at = max(end, at+1)
	}
}

// endsInAuthor tells whether what stands before a year is, or may be, an author's name.
func endsInAuthor(before string) bool {
	r, size := utf8.DecodeLastRuneInString(before)
	switch r {
	case ' ', '(', '，', '、', '（', ',':
		name := strings.TrimRight(before[:len(before)-size], " ")
		last, _ := utf8.DecodeLastRuneInString(name)
		return len(name) > 0 && (unicode.IsLetter(last) || strings.ContainsRune(".,;:)'’，、；）", last))
	default:
		return r >= 0x2E80 && unicode.Is(unicode.Han, r) && !strings.HasSuffix(before, "于") && !strings.HasSuffix(before, "於")
	}
}

// locators are the words that may follow a year and a comma, beside numbers and names.
var locators = []string{
	"p.", "pp.", "page", "ch.", "chap", "sec.", "sect", "fig.", "tab.", "eq.", "no.", "vol.", "para", "note", "n.", "ff.", "f.", "at ",
	"see ", "cf.", "emphasis", "in ", "und ", "and ", "et ", "cit", "transl", "trans.",
}

// isLocator tells whether what follows a year belongs to a citation: nothing, a letter that
// tells works of one year apart, and a place in the work or another source.
func isLocator(after string) bool {
	if after != "" && traits[after[0]] == lower && (len(after) == 1 || traits[after[1]]&core == 0) {
		after = after[1:]
	}
	if after == "" {
		return true
	}
	r, size := utf8.DecodeRuneInString(after)
	if !strings.ContainsRune(",;:.)，；：、。）", r) {
		return false
	}
	rest := strings.TrimLeft(after[size:], " .,;:)，；：、。）")
	if rest == "" {
		return true
	}
	first, _ := utf8.DecodeRuneInString(rest)
	if unicode.IsUpper(first) || unicode.IsDigit(first) || first == '§' || first >= 0x2E80 {
		return true
	}
	for _, l := range locators {
		if strings.HasPrefix(rest, l) {
			return true
		}
	}
	return false
}
