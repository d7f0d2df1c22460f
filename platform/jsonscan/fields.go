package jsonscan

import (
	"errors"
	"fmt"
	"iter"
)

// ErrDuplicateKey is returned by [Fields.Scan] for an object in which a key occurs twice.
// What such a document says depends on who reads it: a gateway could check one model
// and the provider serve another.
var ErrDuplicateKey = errors.New("a key occurs twice in the object")

const (
	inlineFields = 32
	// maxKeptFields is how many members beyond the inline ones Reset keeps room for.
	maxKeptFields = 256
)

// Fields are the members of one object, to be looked up by key. The zero Fields is empty
// and ready; used again and again, it allocates nothing for objects of up to 32 members
// without escapes in their keys. It refers to the scanned document until the next Scan or
// Reset. It is not for concurrent Scans; reading is safe from many goroutines.
type Fields struct {
	doc    []byte
	object Value
	n      int
	inline [inlineFields]Member
	more   []Member       // members from the 33rd on
	index  map[string]int // when there are more: the position of each key's last member

	// plain, unescaped and compact are false as long as nothing is known.
	plain, unescaped, compact bool
}

// MaxWord is the length of the longest string that a [WordFunc] is called for, in bytes.
const MaxWord = 32

// WordFunc is called for every string of a document that has at most MaxWord bytes and no
// escapes, at any depth, keys included. Member is the top-level member in whose value it
// lies; nil for the top-level keys themselves. Both lie in the document.
type WordFunc func(member, word []byte)

// Scan forgets what was there, then validates doc, which must be exactly one object, and
// collects its members.
//
// A *SyntaxError leaves f empty. An error that is [ErrDuplicateKey] comes for a valid
// document, whose members are all collected; Get then returns the last one of a key, as
// encoding/json does.
func (f *Fields) Scan(doc []byte) error { return f.ScanWords(doc, nil) }

// ScanWords is Scan, and calls visit on the way: names and other short words are found in
// the pass that validates the document. What visit is told counts only if ScanWords
// returns nil.
func (f *Fields) ScanWords(doc []byte, visit WordFunc) error {
	f.Reset()
	duplicate := -1
	m := Scanner{}.machine(doc)
	m.word = visit
	err := m.members(func(m Member) error {
		if f.add(m) && duplicate < 0 {
			duplicate = m.KeyStart
		}
		return nil
	})
	if err != nil {
		f.Reset()
		return err
	}
	f.doc, f.plain, f.unescaped, f.compact = doc, !m.nonASCII && !m.unicode, !m.unicode, !m.spaced
	start := spaceEnd(doc, 0)
	end := len(doc)
	for isSpace(doc[end-1]) {
		end--
	}
	f.object = Value{Start: start, End: end, Kind: KindObject}
	if duplicate >= 0 {
		return fmt.Errorf("%w, again at offset %d", ErrDuplicateKey, duplicate)
	}
	return nil
}

// Reset empties f and lets go of the document.
func (f *Fields) Reset() {
	clear(f.inline[:min(f.n, inlineFields)])
	if cap(f.more) > maxKeptFields {
		f.more, f.index = nil, nil
	}
	clear(f.more)
	f.more = f.more[:0]
	clear(f.index)
	f.doc, f.object, f.n = nil, Value{}, 0
	f.plain, f.unescaped, f.compact = false, false, false
}

// Plain reports whether all text of the document is ASCII, without escapes of the form
// \u0000. It is false after Restore, which does not look.
func (f *Fields) Plain() bool { return f.plain }

// UnicodeEscapes reports whether a string of the document has an escape of the form
// \u0000. It is true after Restore, which does not look.
func (f *Fields) UnicodeEscapes() bool { return !f.unescaped }

// Compact reports whether the document has no white space outside strings, so that each
// value is its own canonical form. It is false after Restore, which does not look.
func (f *Fields) Compact() bool { return f.compact }

// Len returns the number of members.
func (f *Fields) Len() int { return f.n }

// Doc returns the scanned document.
func (f *Fields) Doc() []byte { return f.doc }

// Get returns the member with that key, the last one if there are several.
func (f *Fields) Get(name string) (Member, bool) {
	i := f.find(name)
	if i < 0 {
		return Member{}, false
	}
	return *f.at(i), true
}

// Raw returns the bytes of the value that Get finds, or nil if there is none.
func (f *Fields) Raw(name string) []byte {
	i := f.find(name)
	if i < 0 {
		return nil
	}
	return f.at(i).Raw(f.doc)
}

// All returns the members in the order of the document.
func (f *Fields) All() iter.Seq[Member] {
	return func(yield func(Member) bool) {
		for i := range f.n {
			if !yield(*f.at(i)) {
				return
			}
		}
	}
}

func (f *Fields) at(i int) *Member {
	if i < inlineFields {
		return &f.inline[i]
	}
	return &f.more[i-inlineFields]
}

func (f *Fields) find(name string) int {
	if f.n > inlineFields {
		if i, ok := f.index[name]; ok {
			return i
		}
		return -1
	}
	for i := f.n - 1; i >= 0; i-- {
		if string(f.inline[i].Key) == name {
			return i
		}
	}
	return -1
}

// add appends m and reports whether its key was there before.
func (f *Fields) add(m Member) (duplicate bool) {
	if f.n < inlineFields {
		for i := range f.n {
			if string(f.inline[i].Key) == string(m.Key) {
				duplicate = true
				break
			}
		}
		f.inline[f.n] = m
		f.n++
		return duplicate
	}
	if f.n == inlineFields {
		if f.index == nil {
			f.index = make(map[string]int, 2*inlineFields)
		}
		for i := range f.inline {
			f.index[string(f.inline[i].Key)] = i
		}
	}
	_, duplicate = f.index[string(m.Key)]
	f.index[string(m.Key)] = f.n
	f.more = append(f.more, m)
	f.n++
	return duplicate
}
