package extract

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// In scripts without spaces a run of letters is as long as a clause. Where nobody wrote stops, as
// where speech was written down, it is as long as the text.
const (
	// longestRun is from how many characters on a run is cut: no clause has that many.
	longestRun = 120
	// leastPiece and mostPiece are how many characters a piece of one has, those of a sentence. It
	// has more only where a number or a word of a script with spaces would be cut.
	leastPiece, mostPiece = 24, 48
)

// cutRuns cuts what is long of the runs without spaces and stops up to end, and leaves what is
// behind the last cut.
func (s *splitter) cutRuns(end int) {
	from, n, spaceless := s.start, 0, 0 // the run at hand, its characters, those of scripts without spaces
	for i := s.start; i < end; {
		r, size := utf8.DecodeRuneInString(s.text[i:end])
		switch classOf(r) {
		case dense:
			spaceless++
			n++
		case letter, digit:
			n++
		case joiner:
		default:
			if n > longestRun && 5*spaceless > n {
				s.cutRun(from, i)
			}
			from, n, spaceless = i+size, 0, 0
		}
		i += size
	}
	if n > longestRun && 5*spaceless > n {
		s.cutRun(from, end)
	}
}

// cutRun cuts the run text[from:to] into pieces, each at the best place that its length allows: the
// last one of those that are as good.
func (s *splitter) cutRun(from, to int) {
	left := utf8.RuneCountInString(s.text[from:to])
	before, size := utf8.DecodeRuneInString(s.text[from:to])
	best, at, n, behind := 0, 0, 1, 0 // the best place's worth, where it is, characters up to here, up to it
	left--
	for i := from + size; i < to && left >= leastPiece; i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(s.text[i:to])
		if n >= leastPiece {
			if worth := seam(s.text[from:to], i-from, before, r); worth > 0 && worth >= best && !s.inSpan(i) {
				best, at, behind = worth, i, n
			}
		}
		n++
		left--
		if before = r; n > mostPiece && best > 0 {
			s.push(at)
			s.out[len(s.out)-1].joined = true
			n, best = n-behind, 0
		}
	}
}

// seam is how good a place of a run of letters is to cut it at, between two characters: 0 within a
// number, a word of a script with spaces or what is one character, 1 where nothing tells whether a
// word ends, and more the surer it is that one does.
func seam(run string, at int, before, after rune) int {
	was, is := scriptOf(before), scriptOf(after)
	switch {
	case classOf(after) == joiner || unicode.IsMark(after) || after == 'ー' || leadsVowel(before):
		return 0
	case was == spaced && is == spaced:
		return 0
	case endsClauseOf(run[:at]) && !continuesClause(run[at:]), opensClause(run[at:]):
		return 3
	case was != is && !(was == han && is == hiragana): // what follows Han is how the word ends
		return 2
	default:
		return 1
	}
}

// leadsVowel tells whether a character is a vowel of Thai or Lao that stands before its consonant.
func leadsVowel(r rune) bool { return r >= 0xE40 && r <= 0xE44 || r >= 0xEC0 && r <= 0xEC4 }

// script is what of a character's script matters to where words end.
type script uint8

const (
	spaced script = iota // one with spaces between words; a digit
	han
	hiragana
	katakana
	spaceless // another one without
)

func scriptOf(r rune) script {
	switch {
	case classOf(r) != dense:
		return spaced
	case r >= 0x3041 && r <= 0x3096:
		return hiragana
	case r >= 0x30A1 && r <= 0x30FC:
		return katakana
	case unicode.Is(unicode.Han, r):
		return han
	default:
		return spaceless
	}
}

// clauseEnds are what clauses of Japanese and Chinese end with, and clauseOpenings what they begin
// with; after clauseEnds some goes on with joinings.
var (
	clauseEnds     = strings.Fields("ました ません でした です ます でしょう ください 吗 呢 吧")
	joinings       = strings.Fields("か ね よ が の し け と から ので")
	clauseOpenings = strings.Fields("然后 但是 可是 不过 所以 因为 如果 虽然 而且 后来 于是 接着 因此 同时 另外 其中 我们 他们 她们 你们 那里 这里 " +
		"そして しかし それから それに また だから ところが けれども")
)

func endsClauseOf(text string) bool { return hasAny(text, clauseEnds, strings.HasSuffix) }

func continuesClause(text string) bool { return hasAny(text, joinings, strings.HasPrefix) }

func opensClause(text string) bool { return hasAny(text, clauseOpenings, strings.HasPrefix) }

func hasAny(text string, list []string, has func(s, part string) bool) bool {
	for _, part := range list {
		if has(text, part) {
			return true
		}
	}
	return false
}
