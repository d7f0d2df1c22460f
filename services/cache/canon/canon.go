// Package canon brings a prompt into a form that is the same for prompts which ask the same
// thing in nearly the same words: case, spacing, punctuation, contractions, spelling, polite
// phrases and the frames of questions don't count, the order of words does. The tables in
// tables.go say what is held to be equal.
package canon

import (
	"encoding/binary"
	"hash/fnv"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate.dev/services/cache/lexicon"
	"tollgate.dev/services/cache/reading"
)

// Version changes whenever a form does; keys of different versions must not meet.
const Version = 22

// Key finds equal forms: 128 bits of a hash that is no secret and no defence, so that keys
// belong into a namespace that the caller keeps apart. The forms of equal keys are compared
// by [Same].
type Key [16]byte

// Form is the canonical form of a prompt.
type Form struct {
	// text holds the pieces, parted by spaces.
	text   string
	pieces []piece
	// bare forms are of what the bare model is asked, and meet no others.
	bare bool
}

// piece is a word of the form.
type piece struct {
	end   int // in text
	slip  slip
	alone bool   // it may be a name by where it stands
	typed string // the word as it was typed
	form  reading.Form
	entry lexicon.Word
}

// slip says which part a word may take in a typing error.
type slip uint8

const (
	never   slip = iota
	word         // a word of the lexicon
	broken       // no word that is known, and no name
	strange      // no word that is known, and capitalised
)

// String is the form, for people to read. It holds the prompt's words.
func (f *Form) String() string { return f.text }

// Key is the key of the whole form.
func (f *Form) Key() Key { return key(f.mark(), f.text) }

// mark keeps the keys of bare forms apart.
func (f *Form) mark() string {
	if f.bare {
		return "bare\x00"
	}
	return ""
}

func key(mark, s string, more ...string) Key {
	h := fnv.New128a()
	_, _ = h.Write([]byte(mark))
	_, _ = h.Write([]byte(s))
	for _, m := range more {
		_, _ = h.Write([]byte(m))
	}
	var k Key
	h.Sum(k[:0])
	return k
}

// Near yields the keys by which forms are found that [Same] may hold to be the same although
// they aren't equal: for each word that could be mistyped that of the form without the word.
// Two such forms share one of them. An index stores them all beside the form's own key, and
// looks all of them up.
func (f *Form) Near() iter.Seq[Key] {
	return func(yield func(Key) bool) {
		from := 0
		var n [4]byte
		for i, p := range f.pieces {
			if p.slip != never {
				binary.BigEndian.PutUint32(n[:], uint32(i))
				if !yield(key(f.mark()+"near"+string(n[:]), f.text[:from], "\x00", f.text[p.end:])) {
					return
				}
			}
			from = p.end + 1
		}
	}
}

// Addressed reports whether the question asks what who answers does, and no everyday doing of anybody's:
// how do you collect data. Whether something can be done is often asked of nobody.
func (f *Form) Addressed() bool {
	if len(f.pieces) == 0 {
		return false
	}
	switch f.piece(0) {
	case "can", "could", "would", "will", "may", "might":
		return false
	}
	return f.has("YOU") || f.piece(0) == "OPINION"
}

// Anybody reports whether the question begins as one that asks what anybody does, can or should do.
func (f *Form) Anybody() bool {
	if len(f.pieces) == 0 {
		return false
	}
	switch f.piece(0) {
	case "HOW", "CAN", "SHOULD", "NEED", "WHERE":
		return true
	}
	return f.has("ANYONE")
}

func (f *Form) has(frame string) bool {
	for i := range f.pieces {
		if f.piece(i) == frame {
			return true
		}
	}
	return false
}

// How says in what way two forms are the same.
type How struct {
	// Slip is set when one of them was mistyped; A and B are then the word that differs.
	Slip bool
	// Synonym is set when one word stands for another of the same meaning.
	Synonym bool
	A, B    string
}

// Same reports whether two forms are equal, but for at most one slip of the keyboard or one
// synonym. Roles and the like are the veto's to look at.
func Same(a, b *Form) (How, bool) {
	if a.bare != b.bare {
		return How{}, false
	}
	if a.text == b.text {
		return How{}, true
	}
	if len(a.pieces) != len(b.pieces) {
		return How{}, false
	}
	var how How
	fa, fb := 0, 0
	for i := range a.pieces {
		x, y := a.text[fa:a.pieces[i].end], b.text[fb:b.pieces[i].end]
		if x != y {
			p, q := &a.pieces[i], &b.pieces[i]
			if how.A != "" {
				return How{}, false
			}
			how = How{A: p.typed, B: q.typed}
			switch {
			case mistyped(p, q):
				how.Slip = true
			case len(a.pieces) > 3 && p.form == q.form && p.entry != 0 && q.entry != 0 && p.entry != q.entry && lexicon.SameAlways(p.entry, q.entry):
				how.Synonym = true
			default:
				return How{}, false
			}
		}
		fa, fb = a.pieces[i].end+1, b.pieces[i].end+1
	}
	return how, how.A != ""
}

// Gap returns the words in which two forms differ: what is left of each without their common
// beginning and end.
func Gap(a, b *Form) (x, y []string) {
	m, n := len(a.pieces), len(b.pieces)
	from := 0
	for from < m && from < n && a.piece(from) == b.piece(from) {
		from++
	}
	for m > from && n > from && a.piece(m-1) == b.piece(n-1) {
		m--
		n--
	}
	for i := from; i < m; i++ {
		x = append(x, a.piece(i))
	}
	for i := from; i < n; i++ {
		y = append(y, b.piece(i))
	}
	return x, y
}

func (f *Form) piece(i int) string {
	from := 0
	if i > 0 {
		from = f.pieces[i-1].end + 1
	}
	return f.text[from:f.pieces[i].end]
}

// Of returns the form of a reading. Of a text that isn't prose only spacing and the case of the
// first letter are taken off: nothing says which of the other capitals mean something, as those of
// names and code do, and the German Sie. Of one of which every sign counts it is nothing but the
// spaces around it.
func Of(r *reading.Reading) *Form {
	f := formOf(r)
	f.bare = r.Bare
	return f
}

func formOf(r *reading.Reading) *Form {
	switch r.Manner {
	case reading.Prose:
	case reading.Literal:
		return &Form{text: "literal " + r.Text}
	case reading.Long, reading.Foreign:
		return &Form{text: "text " + spaced(r.Text)}
	}
	if len(r.Words) == 0 {
		return &Form{text: "text " + spaced(r.Text)}
	}
	if f := compose(r); len(f.pieces) > 0 && !idle(r.Words) {
		return f
	}
	return &Form{text: "text " + spaced(r.Text)} // what says nothing is like nothing else
}

// idle reports whether no word says anything but courtesies.
func idle(words []reading.Word) bool {
	for i := range words {
		if !words[i].Kept && !words[i].Courtesy() {
			return false
		}
	}
	return true
}

// spaced folds the runs of spaces within a line, and the case of the first letter.
func spaced(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for line := range strings.Lines(s) {
		for i, f := range strings.Fields(line) {
			switch {
			case i > 0:
				b.WriteByte(' ')
			case b.Len() == 0:
				first, size := utf8.DecodeRuneInString(f)
				b.WriteRune(unicode.ToLower(first))
				f = f[size:]
			}
			b.WriteString(f)
		}
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n")
}
