// Package lexicon knows English words: their parts of speech, which of them mean the same, the
// opposite, or are of one family. Its table is derived from WordNet by the program in generate;
// LICENSE.wordnet holds for it.
package lexicon

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the table
	"hash/maphash"
	"io"
	"strconv"
	"strings"
	"sync"
)

//go:embed words.tsv.gz
var packed []byte

// Word is a word of the table; the zero Word is none.
type Word uint32

// Part is a set of parts of speech and kinds.
type Part uint8

// Parts of speech, and what else is known of a word. A word without a part is known to be one,
// and nothing more.
const (
	Noun Part = 1 << iota
	Verb
	Adjective
	Adverb
	Name  // of a place, a person, a thing
	Place // its first sense is a place
	// Common words are met in everyday texts. It is known of those with a part only.
	Common
)

type table struct {
	text  string
	entry []entry // entry[0] is none's
	slots []Word  // open addressing, a power of two
	lists []uint32
	seed  maphash.Seed
}

type entry struct {
	start, end uint32 // of its text
	parts      Part
	first      Part
	// Where its lists end in lists: each begins where the one before it ends.
	from, senses, kinds, opposites, kin uint32
}

var words = sync.OnceValue(load)

// load panics when the embedded table is broken: it is a part of the program, and the tests
// read it.
func load() *table {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic("lexicon: " + err.Error())
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		panic("lexicon: " + err.Error())
	}
	n := bytes.Count(raw, []byte("\n"))
	t := &table{entry: make([]entry, 1, n+1), slots: make([]Word, 1<<18), seed: maphash.MakeSeed()}
	var text strings.Builder
	lists := make([]uint32, 0, len(raw)/6)
	for rest := string(raw); rest != ""; {
		var line, field string
		line, rest, _ = strings.Cut(rest, "\n")
		field, line, _ = strings.Cut(line, "\t")
		e := entry{start: uint32(text.Len()), from: uint32(len(lists))} //nolint:gosec // a few megabytes
		text.WriteString(field)
		e.end = uint32(text.Len()) //nolint:gosec // as above
		at := maphash.String(t.seed, field)
		field, line, _ = strings.Cut(line, "\t")
		for i := range len(field) {
			p := part(field[i] | 0x20)
			e.parts |= p
			if field[i] < 'a' {
				e.first = p
			}
		}
		for i, end := range [...]*uint32{&e.senses, &e.kinds, &e.opposites, &e.kin} {
			field, line, _ = strings.Cut(line, "\t")
			for field != "" {
				var id string
				id, field, _ = strings.Cut(field, ",")
				v, err := strconv.ParseUint(id, 36, 32)
				if err != nil {
					panic("lexicon: " + err.Error())
				}
				if i > 1 { // lines count from 0, words from 1
					v++
				}
				lists = append(lists, uint32(v)) //nolint:gosec // it was parsed as 32 bits
			}
			*end = uint32(len(lists)) //nolint:gosec // a few megabytes
		}
		w := Word(len(t.entry)) //nolint:gosec // as above
		t.entry = append(t.entry, e)
		for t.slots[at%uint64(len(t.slots))] != 0 {
			at++
		}
		t.slots[at%uint64(len(t.slots))] = w
	}
	t.lists = lists
	t.text = text.String()
	return t
}

// part is what a flag of the table stands for.
func part(flag byte) Part {
	switch flag {
	case 'n':
		return Noun
	case 'v':
		return Verb
	case 'a':
		return Adjective
	case 'r':
		return Adverb
	case 'i':
		return Name
	case 'p':
		return Place
	case 'c':
		return Common
	}
	return 0
}

// Load reads the table, which takes some tens of milliseconds and 6 MB. Otherwise the first use
// does, and whoever it is for waits.
func Load() { words() }

// Find returns the word that is spelled so, in lower case, or 0.
func Find[T string | []byte](spelled T) Word {
	t := words()
	at := maphash.String(t.seed, string(spelled))
	for {
		w := t.slots[at%uint64(len(t.slots))]
		if w == 0 {
			return 0
		}
		if e := &t.entry[w]; t.text[e.start:e.end] == string(spelled) {
			return w
		}
		at++
	}
}

// String is the word's spelling.
func (w Word) String() string {
	t := words()
	return t.text[t.entry[w].start:t.entry[w].end]
}

// Is reports whether the word can be one of the parts.
func (w Word) Is(p Part) bool { return words().entry[w].parts&p != 0 }

// First is the word's most frequent part of speech, or 0.
func (w Word) First() Part { return words().entry[w].first }

// Lemma reports whether the word stands in a dictionary by itself.
func (w Word) Lemma() bool { return words().entry[w].parts&(Noun|Verb|Adjective|Adverb) != 0 }

func share(a, b []uint32) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y && x != 0 {
				return true
			}
		}
	}
	return false
}

// Synonyms reports whether the two mean the same in one of their frequent senses.
func Synonyms(a, b Word) bool {
	t := words()
	x, y := &t.entry[a], &t.entry[b]
	return share(t.lists[x.from:x.senses], t.lists[y.from:y.senses])
}

// SameFirst reports whether the two mean the same in the most frequent sense of each.
func SameFirst(a, b Word) bool {
	t := words()
	x, y := &t.entry[a], &t.entry[b]
	return x.from < x.senses && y.from < y.senses && t.lists[x.from] != 0 && t.lists[x.from] == t.lists[y.from]
}

// SameAlways reports whether the two mean the same in the most frequent sense of each, and neither is a
// noun of which another sense is frequent too: a pupil is a student, and a part of an eye.
func SameAlways(a, b Word) bool { return SameFirst(a, b) && a.settled() && b.settled() }

// settled reports whether the word is no noun with several senses.
func (w Word) settled() bool {
	e := &words().entry[w]
	return e.first != Noun || e.senses-e.from == 1
}

// KindOf reports whether one is a kind of the other, as a car is a vehicle; for adjectives,
// whether one is close to the other.
func KindOf(a, b Word) bool {
	t := words()
	x, y := &t.entry[a], &t.entry[b]
	return share(t.lists[x.from:x.senses], t.lists[y.senses:y.kinds]) ||
		share(t.lists[y.from:y.senses], t.lists[x.senses:x.kinds])
}

// Opposites reports whether the two are antonyms.
func Opposites(a, b Word) bool {
	t := words()
	x := &t.entry[a]
	return has(t.lists[x.kinds:x.opposites], b)
}

// Kin reports whether one is derived from the other, as speech from speak and Australian from
// Australia.
func Kin(a, b Word) bool {
	t := words()
	x := &t.entry[a]
	return has(t.lists[x.opposites:x.kin], b)
}

// OfPlace reports whether the word is derived from the name of a place, as Australian is.
func (w Word) OfPlace() bool {
	t := words()
	x := &t.entry[w]
	for _, k := range t.lists[x.opposites:x.kin] {
		if t.entry[k].parts&Place != 0 {
			return true
		}
	}
	return false
}

func has(list []uint32, w Word) bool {
	for _, x := range list {
		if x == uint32(w) {
			return true
		}
	}
	return false
}
