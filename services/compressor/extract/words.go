package extract

import "unicode/utf8"

// term is a word, or a pair of characters of a dense script, by its hashes.
type term struct {
	folded uint64 // of the word as it stands, folded
	stem   uint64 // of what inflected forms have in common
	prefix uint64 // of the first prefixRunes characters; 0 for shorter words and for pairs
	entry  entry  // what the lexicon knows of the word
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
	word [64]byte
	term term

	last rune // of the run of dense characters at hand; 0 outside
	at   int  // where last stands
	pair bool // last has been part of a pair
}

// FNV-1a, with a finishing step where a hash indexes a table.
const (
	hashStart = 14695981039346656037
	hashPrime = 1099511628211
)

func hash(b []byte) uint64 {
	h := uint64(hashStart)
	for _, c := range b {
		h = (h ^ uint64(c)) * hashPrime
	}
	return h
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
	b := utf8.AppendRune(s.word[:0], last)
	s.emit(b, 1, s.at, s.at+len(b))
	return true
}

func (s *wordScanner) emit(w []byte, runes, start, end int) {
	h := hash(w)
	s.term = term{folded: h, stem: h, runes: runes, start: start, end: end, dense: true}
	s.term.entry, _ = s.lex.find(h)
}

func (s *wordScanner) emitPair(a, b rune, start int) {
	w := utf8.AppendRune(s.word[:0], a)
	w = utf8.AppendRune(w, b)
	s.emit(w, 2, start, s.pos)
}

// scanWord reads the word of letters and digits at pos. What goes beyond the buffer does
// not tell words apart.
func (s *wordScanner) scanWord() {
	t := term{start: s.pos}
	w := s.word[:0]
	first := s.text[s.pos]
	t.number = first >= '0' && first <= '9'
	t.upper = first >= 'A' && first <= 'Z'
	h := uint64(hashStart)
scan:
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		if c < utf8.RuneSelf {
			switch ascii[c] {
			case letter:
				c |= 0x20
			case digit:
			default:
				if t.number && (c == '.' || c == ',') && s.pos+1 < len(s.text) && digits(s.text[s.pos+1:s.pos+2]) {
					s.pos++ // a number keeps together, and means the same without its points
					continue
				}
				break scan
			}
			if len(w) < cap(w)-utf8.UTFMax {
				w = append(w, c)
				h = (h ^ uint64(c)) * hashPrime
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
			if len(w) < cap(w)-utf8.UTFMax {
				w = appendFolded(w, r)
				h = hash(w)
			}
			s.pos += size
		}
		if t.runes++; t.runes == prefixRunes {
			t.prefix = h
		}
	}
	t.end = s.pos
	t.folded = h
	if t.number {
		t.prefix = 0
	}
	switch m := s.met.at(h); {
	case m == nil:
		t.stem, t.entry = s.look(w, h, t.number)
	case m.folded == h && m.number == t.number:
		t.stem, t.entry = m.stem, m.entry
	default:
		t.stem, t.entry = s.look(w, h, t.number)
		*m = met{folded: h, number: t.number, stem: t.stem, entry: t.entry}
	}
	s.term = t
}

// look finds what is known of a folded word, and the hash of its stem.
func (s *wordScanner) look(w []byte, h uint64, number bool) (stemmed uint64, known entry) {
	stemmed = h
	known, _ = s.lex.find(h)
	if !number && len(w) > 0 {
		last := w[len(w)-1]
		if n := stem(w, s.lang); n < len(w) || w[n-1] != last {
			stemmed = hash(w[:n])
		}
	}
	if s.lang == english {
		if e, ok := s.lex.find(stemmed); ok && e.head != 0 {
			stemmed = e.head
		}
	}
	return stemmed, known
}

// met is a word that was looked up a while ago, in the language of its vocabulary.
type met struct {
	folded, stem uint64
	entry        entry
	number       bool
}

// metWords are the words of a language that were met last, by their hashes: the most of a
// text are few. nil has none.
type metWords struct {
	lang  language
	words [1 << 10]met
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
