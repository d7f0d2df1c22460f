package static

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate.dev/platform/hftokenizer"
)

// vocabulary splits text into tokens as an uncased BERT's tokenizer does, without special
// tokens. What platform/hftokenizer does for any tokenizer.json, this does for one kind in a
// tenth of the time; a test holds it to that package.
type vocabulary struct {
	firsts  map[string]int32 // tokens that begin a word
	rests   map[string]int32 // tokens that go on, without their mark
	longest int              // in bytes
	unknown int32
}

// restMark begins a token that goes on with a word.
const restMark = "##"

func newVocabulary(tokens []string, unknown int32) *vocabulary {
	v := &vocabulary{firsts: make(map[string]int32, len(tokens)), rests: make(map[string]int32, len(tokens)/4), unknown: unknown}
	for i, token := range tokens {
		// No word begins with the mark: each # is a word of its own.
		rest, goesOn := strings.CutPrefix(token, restMark)
		if goesOn {
			v.rests[rest] = int32(i)
		} else {
			v.firsts[token] = int32(i)
		}
		v.longest = max(v.longest, len(rest))
	}
	return v
}

// maxWord is the length in characters above which a word is unknown.
const maxWord = 100

// word is a word under way, in lower case.
type word struct {
	bytes [maxWord * utf8.UTFMax]byte
	size  int // in bytes
	chars int
}

// split appends the identifiers of a text's tokens.
func (v *vocabulary) split(to []int32, text string) []int32 {
	if !ascii(text) {
		text = hftokenizer.Uncased(text)
	}
	var w word
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			i++
			switch class := classes[c]; class {
			case drop:
			case space:
				to = v.end(to, &w)
			case mark:
				to = v.end(to, &w)
				to = v.alone(to, text[i-1:i])
			default:
				if w.chars++; w.chars <= maxWord {
					w.bytes[w.size] = class
					w.size++
				}
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		char := text[i : i+size]
		i += size
		switch {
		case unicode.IsSpace(r):
			to = v.end(to, &w)
		case hftokenizer.IsPunctuation(r):
			to = v.end(to, &w)
			to = v.alone(to, char)
		default:
			if w.chars++; w.chars <= maxWord {
				w.size += copy(w.bytes[w.size:], char)
			}
		}
	}
	return v.end(to, &w)
}

// alone appends the token of a word of one character.
func (v *vocabulary) alone(to []int32, char string) []int32 {
	if id, ok := v.firsts[char]; ok {
		return append(to, id)
	}
	return append(to, v.unknown)
}

// end appends the tokens of a word: the longest known beginning, and again of what is left.
func (v *vocabulary) end(to []int32, w *word) []int32 {
	if w.chars == 0 {
		return to
	}
	rest, long := w.bytes[:w.size], w.chars > maxWord
	w.size, w.chars = 0, 0
	if long {
		return append(to, v.unknown)
	}
	begin, from := len(to), v.firsts
	for len(rest) > 0 {
		size := min(len(rest), v.longest)
		for ; size > 0; size-- {
			// No token ends within a character.
			if id, ok := from[string(rest[:size])]; ok {
				to = append(to, id)
				break
			}
		}
		if size == 0 {
			return append(to[:begin], v.unknown)
		}
		rest, from = rest[size:], v.rests
	}
	return to
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// What an ASCII character is, where it is no part of a word.
const (
	drop  byte = 0
	space byte = ' '
	mark  byte = '!'
)

// classes holds a class or a character's small letter.
var classes = func() (t [utf8.RuneSelf]byte) {
	for c := range t {
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			t[c] = space
		case c < ' ' || c == 0x7f:
			t[c] = drop
		case hftokenizer.IsPunctuation(rune(c)):
			t[c] = mark
		case 'A' <= c && c <= 'Z':
			t[c] = byte(c) + 'a' - 'A'
		default:
			t[c] = byte(c)
		}
	}
	return t
}()
