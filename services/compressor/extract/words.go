package extract

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// term is a word, or a pair of characters of a dense script, by its hashes.
type term struct {
	stem   uint64 // of what inflected forms have in common
	prefix uint64 // of the first prefixRunes characters; 0 for shorter words and for pairs
	entry  gist   // what the lexicon knows of the word
	runes  int    // how long the word is
	start  int    // where it stands
	end    int
	number bool // it begins with a digit
	upper  bool // it is written with a capital
	dense  bool
}

// prefixRunes is how much of their beginning two words have in common that are taken to be
// related.
const prefixRunes = 5

// wordScanner goes through the terms of a text.
type wordScanner struct {
	text string
	lex  *lexicon
	pos  int
	lang language
	met  *metWords // may be nil
	bare bool      // stems are not asked for
	word [64]byte
	term term

	last rune // of the run of dense characters at hand; 0 outside
	at   int  // where last stands
	pair bool // last has been part of a pair
}

// What a hash multiplies by: the golden ratio, and a number without a pattern.
const (
	hashLength = 0xD6E8FEB86659FD93
	hashWord   = 0x9E3779B97F4A7C15
)

// hash is of a word's bytes, eight at a time, the last ones filled up with zeros.
func hash(b []byte) uint64 {
	h := uint64(len(b)) * hashLength
	for ; len(b) > 8; b = b[8:] {
		h = fold(h ^ binary.LittleEndian.Uint64(b))
	}
	var last uint64
	for i := len(b) - 1; i >= 0; i-- {
		last = last<<8 | uint64(b[i])
	}
	return fold(h ^ last)
}

// hashShort is hash for n bytes, at most eight, that are one word of the machine.
func hashShort(bytes uint64, n int) uint64 { return fold(uint64(n)*hashLength ^ bytes) } //nolint:gosec // a length

func fold(x uint64) uint64 {
	hi, lo := bits.Mul64(x, hashWord)
	return hi ^ lo
}

// mix spreads a hash's high bits into its low ones.
func mix(h uint64) uint64 { return h ^ h>>29 }

// next finds the next term.
func (s *wordScanner) next() bool {
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		if c < utf8.RuneSelf {
			switch ascii[c] {
			case letter, digit:
				if s.flush() {
					return true
				}
				s.scanWord()
				return true
			default:
				s.pos++
				if s.flush() {
					return true
				}
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(s.text[s.pos:])
		switch classOf(r) {
		case letter, digit:
			if s.flush() {
				return true
			}
			s.scanWord()
			return true
		case dense:
			prev, at := s.last, s.at
			s.last, s.at = r, s.pos
			s.pos += size
			if prev != 0 {
				s.pair = true
				s.emitPair(prev, r, at)
				return true
			}
		case joiner:
			s.pos += size
		default:
			s.pos += size
			if s.flush() {
				return true
			}
		}
	}
	return s.flush()
}

// flush ends a run of dense characters. One that stood alone is a term.
func (s *wordScanner) flush() bool {
	last, alone := s.last, !s.pair
	s.last, s.pair = 0, false
	if last == 0 || !alone {
		return false
	}
	n := utf8.EncodeRune(s.word[:], last)
	s.emit(n, 1, s.at, s.at+n)
	return true
}

// emit hands out the first n bytes of word, one or two characters.
func (s *wordScanner) emit(n, runes, start, end int) {
	h := hashShort(binary.LittleEndian.Uint64(s.word[:])&(1<<(8*n)-1), n)
	s.term = term{stem: h, runes: runes, start: start, end: end, dense: true}
	s.term.entry = s.lex.gist(h)
}

func (s *wordScanner) emitPair(a, b rune, start int) {
	n := utf8.EncodeRune(s.word[:], a)
	n += utf8.EncodeRune(s.word[n:], b)
	s.emit(n, 2, start, s.pos)
}

// Eight characters at a time: a byte's highest bit says what it is.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// alnum has the highest bit of each byte that is a letter or a digit of ASCII.
func alnum(x uint64) uint64 {
	low := x &^ highs
	small := low | 0x20*ones
	letters := (small + (0x80-'a')*ones) &^ (small + (0x7f-'z')*ones)
	numbers := (low + (0x80-'0')*ones) &^ (low + (0x7f-'9')*ones)
	return (letters | numbers) &^ x & highs
}

// eight are the eight bytes of a text from at, with zeros behind its end.
func eight(text string, at int) uint64 {
	if at+8 <= len(text) {
		return word64(text[at:])
	}
	if len(text) >= 8 {
		return word64(text[len(text)-8:]) >> (8 * (at + 8 - len(text)))
	}
	var x uint64
	for i := len(text) - 1; i >= at; i-- {
		x = x<<8 | uint64(text[i])
	}
	return x
}

func word64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// maxWord is how many bytes of a folded word tell it apart.
const maxWord = 64 - utf8.UTFMax

// simple reads the word at pos if it is of ASCII alone, is not too long, and no number that
// goes on after a point. Otherwise it is left to be read character by character.
func (s *wordScanner) simple() (n int, h, prefix uint64, ok bool) {
	x := eight(s.text, s.pos)
	at := 0
	for {
		in := bits.TrailingZeros64(^alnum(x)&highs) / 8
		x |= 0x20 * ones // folds letters, and leaves digits
		if in < 8 {
			x &= 1<<(8*in) - 1
		}
		binary.LittleEndian.PutUint64(s.word[at:], x)
		if n += in; in < 8 {
			break
		}
		if at += 8; at+8 > maxWord {
			return 0, 0, 0, false
		}
		x = eight(s.text, s.pos+at)
	}
	if end := s.pos + n; end < len(s.text) {
		switch c := s.text[end]; {
		case c >= utf8.RuneSelf:
			return 0, 0, 0, false
		case (c == '.' || c == ',') && isNumber(s.text[s.pos:s.pos+1]):
			return 0, 0, 0, false
		}
	}
	if n <= 8 {
		h = hashShort(binary.LittleEndian.Uint64(s.word[:]), n)
	} else {
		h = hash(s.word[:n])
	}
	if n >= prefixRunes {
		prefix = hashShort(binary.LittleEndian.Uint64(s.word[:])&(1<<(8*prefixRunes)-1), prefixRunes)
	}
	return n, h, prefix, true
}

// scanWord reads the word of letters and digits at pos.
func (s *wordScanner) scanWord() {
	t := &s.term
	start := s.pos
	first := s.text[start]
	*t = term{start: start, number: first >= '0' && first <= '9', upper: first >= 'A' && first <= 'Z'}
	n, h, prefix, ok := s.simple()
	if ok {
		t.runes, t.prefix = n, prefix
		s.pos += n
	} else {
		n, h = s.spell(t)
	}
	t.end = s.pos
	if t.number {
		t.prefix = 0
	}
	if s.bare {
		t.stem, t.entry = h, s.lex.gist(h)
		return
	}
	switch m := s.met.at(h); {
	case m == nil:
		t.stem, t.entry = s.look(s.word[:n], h, t.number)
	case m.folded == h && m.number == t.number:
		t.stem, t.entry = m.stem, m.entry
	default:
		t.stem, t.entry = s.look(s.word[:n], h, t.number)
		*m = met{folded: h, number: t.number, stem: t.stem, entry: t.entry}
	}
}

// spell reads the word at pos character by character, folds it, and returns how many bytes
// that are, and their hash. What goes beyond maxWord does not tell words apart.
func (s *wordScanner) spell(t *term) (n int, h uint64) {
	w := s.word[:0]
scan:
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		if c < utf8.RuneSelf {
			switch ascii[c] {
			case letter:
				c |= 0x20
			case digit:
			default:
				if t.number && (c == '.' || c == ',') && s.pos+1 < len(s.text) && isNumber(s.text[s.pos+1:s.pos+2]) {
					s.pos++ // a number keeps together, and means the same without its points
					continue
				}
				break scan
			}
			if len(w) < maxWord {
				w = append(w, c)
			}
			s.pos++
		} else {
			r, size := utf8.DecodeRuneInString(s.text[s.pos:])
			switch classOf(r) {
			case letter, digit:
			case joiner:
				s.pos += size
				continue
			default:
				break scan
			}
			if t.runes == 0 {
				t.upper = upper(r)
			}
			if len(w) < maxWord {
				w = appendFolded(w, r)
			}
			s.pos += size
		}
		if t.runes++; t.runes == prefixRunes {
			t.prefix = hash(w)
		}
	}
	return len(w), hash(w)
}

// look finds what is known of a folded word, and the hash of its stem.
func (s *wordScanner) look(w []byte, h uint64, number bool) (stemmed uint64, known gist) {
	stemmed, known = h, s.lex.gist(h)
	if !number && len(w) > 0 {
		last := w[len(w)-1]
		if n := stem(w, s.lang); n < len(w) || w[n-1] != last {
			stemmed = hash(w[:n])
		}
	}
	if s.lang == english {
		if e := s.lex.find(stemmed); e != nil && e.head != 0 {
			stemmed = e.head
		}
	}
	return stemmed, known
}

// met is a word that was looked up a while ago, in the language of its vocabulary.
type met struct {
	folded, stem uint64
	entry        gist
	number       bool
}

// metWords are the words of a language that were met last, by their hashes: the most of a
// text are few. nil has none.
type metWords struct {
	lang  language
	words [1 << 13]met
}

// at is where a word may be; nil where nothing is kept.
func (m *metWords) at(h uint64) *met {
	if m == nil {
		return nil
	}
	return &m.words[mix(h)%uint64(len(m.words))]
}

// in returns the words of a language, of which there are none when it was another.
func (m *metWords) in(lang language) *metWords {
	if m.lang != lang {
		*m = metWords{lang: lang}
	}
	return m
}
