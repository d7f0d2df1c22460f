package llmlingua2

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/protect"
)

// atom is what stays or goes as a whole: a word, a mark, a character of a script without
// spaces, a protected span.
type atom struct {
	start, end int
	block      bool // it stays, and no model sees it: no words, or more than it reads at once
	number     bool // it stays
	ends       int  // how well a piece may end behind it
	weight     int
}

// piece is a run of atoms that the model is asked about at once.
type piece struct{ from, to int }

// source is a text, taken apart.
type source struct {
	text   string
	atoms  []atom
	pieces []piece
}

// read takes a text of a kind apart.
func read(text string, kind prompt.Kind) *source {
	s := &source{text: text}
	spans := protect.Append(nil, text)
	if kind == prompt.ToolResult {
		spans = join(append(spans, protect.Handles(text)...))
	}
	for i := 0; i < len(text); {
		if len(spans) > 0 && spans[0].Start <= i {
			span := spans[0]
			spans = spans[1:]
			if span.End > i {
				s.add(i, span.End, span.Kind&protect.Block != 0)
				i = span.End
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if unicode.IsSpace(r) {
			i += size
			continue
		}
		stop := len(text)
		if len(spans) > 0 {
			stop = spans[0].Start
		}
		end := i + word(text[i:stop])
		s.add(i, end, false)
		i = end
	}
	s.cut()
	return s
}

// join puts spans in order, and those that overlap together.
func join(spans []protect.Span) []protect.Span {
	slices.SortFunc(spans, func(a, b protect.Span) int { return a.Start - b.Start })
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && s.Start < out[n-1].End {
			out[n-1].End = max(out[n-1].End, s.End)
			out[n-1].Kind |= s.Kind
			continue
		}
		out = append(out, s)
	}
	return out
}

// How well a piece ends behind an atom.
const (
	endsAnywhere = iota
	endsSentence
	endsLine
)

func (s *source) add(start, end int, block bool) {
	text, rest := s.text[start:end], s.text[end:]
	a := atom{start: start, end: end, number: strings.ContainsFunc(text, unicode.IsNumber)}
	a.weight = weight(text)
	a.block = block || a.weight > pieceMost
	switch {
	case strings.Contains(rest[:len(rest)-len(strings.TrimLeftFunc(rest, unicode.IsSpace))], "\n"):
		a.ends = endsLine
	case strings.ContainsAny(text, ".!?。！？؟।"):
		a.ends = endsSentence
	}
	s.atoms = append(s.atoms, a)
}

// The sizes of pieces, in quarters of tokens as they are guessed at: the model reads 510 at
// once, and of a few words it knows too little.
const (
	pieceMost  = 4 * 440
	pieceLeast = 4 * 10
)

// weight guesses at how many tokens of the model's a text has, in quarters.
func weight(text string) (n int) {
	for _, r := range text {
		switch {
		case r < utf8.RuneSelf && (r|0x20 >= 'a' && r|0x20 <= 'z'):
			n++
		case unicode.IsLetter(r) && !apart(r):
			n += 2
		default:
			n += 4
		}
	}
	return n
}

// cut makes pieces of what is between blocks, each up to the last good end in its second half.
func (s *source) cut() {
	from, size := 0, 0
	flush := func(to, size int) {
		if size >= pieceLeast {
			s.pieces = append(s.pieces, piece{from, to})
		}
		from = to
	}
	for i := 0; i < len(s.atoms); i++ {
		a := s.atoms[i]
		if a.block {
			flush(i, size)
			from, size = i+1, 0
			continue
		}
		if size+a.weight > pieceMost && i > from {
			to := s.end(from, i)
			flush(to, pieceMost)
			size = 0
			for _, b := range s.atoms[to:i] {
				size += b.weight
			}
		}
		size += a.weight
	}
	flush(len(s.atoms), size)
}

// end is where a piece ends that may have the atoms from one up to another.
func (s *source) end(from, to int) int {
	best, at := endsAnywhere, to
	for i := to; i > from+(to-from)/2; i-- {
		if ends := s.atoms[i-1].ends; ends > best {
			best, at = ends, i
		}
	}
	return at
}

// blocks is what no model sees, as one text.
func (s *source) blocks() string {
	var out strings.Builder
	for _, a := range s.atoms {
		if a.block {
			out.WriteString(s.text[a.start:a.end])
		}
	}
	return out.String()
}

// contexts are the texts of the pieces.
func (s *source) contexts() []string {
	out := make([]string, len(s.pieces))
	for i, p := range s.pieces {
		out[i] = s.text[s.atoms[p.from].start:s.atoms[p.to-1].end]
	}
	return out
}

// write is the text with what is left of its pieces. Its bytes are the source's, in their
// order. There are pieces.
func (s *source) write(left []string) string {
	var out strings.Builder
	last := -1 // the last atom that was written
	put := func(i int) {
		a := s.atoms[i]
		switch {
		case last >= 0 && last == i-1:
			out.WriteString(s.text[s.atoms[last].end:a.start])
		case last >= 0:
			out.WriteString(s.joint(s.atoms[last].end, a.start))
		default:
			out.WriteString(s.text[:s.atoms[0].start])
		}
		out.WriteString(s.text[a.start:a.end])
		last = i
	}
	at := 0
	for n, p := range s.pieces {
		for ; at < p.from; at++ {
			put(at)
		}
		for i, kept := range s.kept(p, left[n]) {
			if kept {
				put(p.from + i)
			}
		}
		at = p.to
	}
	for ; at < len(s.atoms); at++ {
		put(at)
	}
	out.WriteString(s.text[s.atoms[len(s.atoms)-1].end:])
	return out.String()
}

// joint is what stands between two atoms in place of all that stood between them: its white
// space with the most line breaks; none before a mark that had none but a line break. Where
// it has no white space, and two words would become one, it is the first mark.
func (s *source) joint(start, end int) string {
	gap := s.text[start:end]
	best, lines := "", -1
	for i := 0; i < len(gap); {
		r, size := utf8.DecodeRuneInString(gap[i:])
		if !unicode.IsSpace(r) {
			i += size
			continue
		}
		stop := len(gap) - len(strings.TrimLeftFunc(gap[i:], unicode.IsSpace))
		if n := strings.Count(gap[i:stop], "\n"); n > lines {
			best, lines = gap[i:stop], n
		}
		i = stop
	}
	before, _ := utf8.DecodeLastRuneInString(s.text[:start])
	after, _ := utf8.DecodeRuneInString(s.text[end:])
	last, _ := utf8.DecodeLastRuneInString(gap)
	switch {
	case lines > 0, lines == 0 && (class(after) != marks || unicode.IsSpace(last)):
		return best
	case lines < 0 && joins(before) && joins(after):
		_, size := utf8.DecodeRuneInString(gap)
		return gap[:size]
	default:
		return ""
	}
}

// joins tells whether a character would become one word with another such.
func joins(r rune) bool { return class(r) == letters && !apart(r) }
