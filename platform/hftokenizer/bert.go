package hftokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// newBERT returns the normalizer of a BERT. One that lower-cases strips accents as well where
// the file says nothing of them.
func newBERT(p *part) normalizer {
	strip := p.Lowercase
	if p.StripAccents != nil {
		strip = *p.StripAccents
	}
	if p.CleanText && p.Chinese && strip && p.Lowercase {
		return Uncased
	}
	return func(s string) string {
		s = clean(s, p.CleanText, p.Chinese)
		if strip {
			s = stripAccents(s)
		}
		if p.Lowercase {
			s = lower(s)
		}
		return s
	}
}

// Uncased normalizes text as an uncased BERT does: no control characters, every white space
// a space, spaces around Chinese characters, no accents, lower case.
func Uncased(text string) string { return lower(stripAccents(clean(text, true, true))) }

func clean(s string, controls, chinese bool) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		switch {
		case controls && (r == 0 || r == utf8.RuneError || isControl(r)):
		case controls && unicode.IsSpace(r):
			b.WriteByte(' ')
		case chinese && isChinese(r):
			b.WriteByte(' ')
			b.WriteRune(r)
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// stripAccents takes characters apart and drops the marks on them.
func stripAccents(s string) string {
	parts := strings.Split(s, laterComposed)
	for i, part := range parts {
		parts[i] = norm.NFD.String(part)
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) && !unicode.Is(laterMarks, r) || r == formerMark {
			return -1
		}
		return r
	}, strings.Join(parts, laterComposed))
}

// lower changes one character after the other, as the library does: a final sigma is like
// any other.
func lower(s string) string {
	if strings.ContainsRune(s, 'İ') { // the only one that becomes two
		s = strings.ReplaceAll(s, "İ", "i\u0307")
	}
	return strings.Map(func(r rune) rune {
		if small := unicode.ToLower(r); small != r || r < laterCapitals[0].first {
			return small
		}
		for _, c := range laterCapitals {
			if c.first <= r && r <= c.last {
				return r + c.to
			}
		}
		return r
	}, s)
}

// isControl tells whether BERT's cleaning takes a character out.
func isControl(r rune) bool {
	switch r {
	case '\t', '\n', '\r':
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co) && !unicode.Is(laterControls, r)
}

// isChinese tells whether BERT makes a word of each such character: the blocks of unified
// ideographs that there were when it was trained.
func isChinese(r rune) bool {
	return r >= 0x4E00 && r <= 0x9FFF || r >= 0x3400 && r <= 0x4DBF || r >= 0x20000 && r <= 0x2A6DF ||
		r >= 0x2A700 && r <= 0x2B73F || r >= 0x2B740 && r <= 0x2B81F || r >= 0x2B920 && r <= 0x2CEAF ||
		r >= 0xF900 && r <= 0xFAFF || r >= 0x2F800 && r <= 0x2FA1F
}
