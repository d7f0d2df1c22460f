package llmlingua2

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sergi/go-diff/diffmatchpatch"
	"golang.org/x/text/unicode/norm"
)

// The classes of characters.
const (
	spaces = iota
	letters
	marks
)

func class(r rune) int {
	switch {
	case unicode.IsSpace(r):
		return spaces
	case unicode.IsLetter(r), unicode.IsNumber(r), unicode.IsMark(r), r == '_':
		return letters
	default:
		return marks
	}
}

// apart tells whether a character is of a script that sets no spaces between its words.
func apart(r rune) bool {
	return r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// goesOn tells whether a character belongs to the one before it: an accent, a selector, a
// joiner, a tone of skin.
func goesOn(r rune) bool {
	return unicode.IsMark(r) || r == 0x200D || r == 0x200C || r >= 0x1F3FB && r <= 0x1F3FF
}

// word is the length of the first word of a text, which begins with no space: letters, with
// an apostrophe or a hyphen between them, or one mark, or one character of a script without
// spaces.
func word(text string) int {
	first, end := utf8.DecodeRuneInString(text)
	run := class(first) == letters && !apart(first)
	joiner := first == 0x200D
	for end < len(text) {
		r, size := utf8.DecodeRuneInString(text[end:])
		next := end + size
		switch {
		case goesOn(r) || joiner && class(r) == marks:
		case run && class(r) == letters && !apart(r):
		case run && (r == '\'' || r == '’' || r == '-') && next < len(text):
			after, _ := utf8.DecodeRuneInString(text[next:])
			if class(after) != letters || apart(after) || goesOn(after) {
				return end
			}
		default:
			return end
		}
		joiner = r == 0x200D
		end = next
	}
	return end
}

// units are what a text is compared by: its runs of letters and digits, its characters of
// scripts without spaces, its marks, all of them as a tokenizer may have spelt them: in
// lower case, without accents and in their plain forms.
func units(text string) (out []string) {
	begin := -1
	flat := strings.ToLower(norm.NFKD.String(text))
	flat = strings.Map(func(r rune) rune {
		if unicode.IsMark(r) || unicode.Is(unicode.C, r) && !unicode.IsSpace(r) {
			return -1
		}
		return r
	}, flat)
	for i, r := range flat {
		c := class(r)
		if c == letters && !apart(r) {
			if begin < 0 {
				begin = i
			}
			continue
		}
		if begin >= 0 {
			out = append(out, flat[begin:i])
			begin = -1
		}
		if c != spaces {
			out = append(out, string(r))
		}
	}
	if begin >= 0 {
		out = append(out, flat[begin:])
	}
	return out
}

// kept tells which atoms of a piece came back in what the model left of it. One that has
// words came back if one of those did.
func (s *source) kept(p piece, left string) []bool {
	atoms := s.atoms[p.from:p.to]
	out := make([]bool, len(atoms))
	ids := map[string]rune{}
	id := func(unit string) rune {
		r, ok := ids[unit]
		if !ok {
			r = rune(0x10000 + len(ids)) //nolint:gosec // above the surrogates, as far as pieces go
			ids[unit] = r
		}
		return r
	}
	var was, is []rune
	var owner []int
	var words []bool // whether a unit is a word
	for i, a := range atoms {
		out[i] = a.number
		for _, u := range units(s.text[a.start:a.end]) {
			r, _ := utf8.DecodeRuneInString(u)
			was, owner, words = append(was, id(u)), append(owner, i), append(words, class(r) == letters)
		}
	}
	for _, u := range units(left) {
		is = append(is, id(u))
	}
	is = is[:min(len(is), len(was))] // what came back is a part of it, or takes long to compare
	hasWords := make([]bool, len(atoms))
	for i, o := range owner {
		hasWords[o] = hasWords[o] || words[i]
	}
	d := diffmatchpatch.New()
	d.DiffTimeout = 0 // the same result every time
	at := 0
	for _, part := range d.DiffMainRunes(was, is, false) {
		if part.Type == diffmatchpatch.DiffInsert {
			continue
		}
		for range part.Text {
			if part.Type == diffmatchpatch.DiffEqual && (words[at] || !hasWords[owner[at]]) {
				out[owner[at]] = true
			}
			at++
		}
	}
	return out
}
