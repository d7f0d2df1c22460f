package jsonscan

import "errors"

// ErrIndex is returned by [Fields.Restore] for an index that does not fit its document.
var ErrIndex = errors.New("the index does not fit the document")

// AppendIndex appends where the members lie, three numbers each, so that another process
// need not scan the document again: the offset of the key's opening quote, of the value's
// first byte and of the byte after the value. It appends nothing when a key has escapes,
// or when the document is too large for the numbers.
func (f *Fields) AppendIndex(dst []uint32) []uint32 {
	if uint64(len(f.doc)) > 1<<32-1 {
		return dst
	}
	kept := len(dst)
	for i := range f.n {
		m := f.at(i)
		end := m.KeyStart + 1 + len(m.Key)
		if end >= len(f.doc) || f.doc[end] != '"' || string(f.doc[m.KeyStart+1:end]) != string(m.Key) {
			return dst[:kept]
		}
		dst = append(dst, uint32(m.KeyStart), uint32(m.ValueStart), uint32(m.ValueEnd)) //nolint:gosec // bounded above
	}
	return dst
}

// Restore is what Scan of the document gave, from the index that AppendIndex made. It
// trusts that the document is valid JSON, and checks that the index lies within it.
func (f *Fields) Restore(doc []byte, index []uint32) error {
	f.Reset()
	if len(index)%3 != 0 {
		return ErrIndex
	}
	start, end := spaceEnd(doc, 0), len(doc)
	for end > start && isSpace(doc[end-1]) {
		end--
	}
	if end-start < 2 || doc[start] != '{' || doc[end-1] != '}' {
		return ErrIndex
	}
	at := start
	for ; len(index) > 0; index = index[3:] {
		key, from, to := int(index[0]), int(index[1]), int(index[2])
		if key <= at || from <= key || to <= from || to >= end || doc[key] != '"' {
			f.Reset()
			return ErrIndex
		}
		name := key + 1
		for name < from && doc[name] != '"' {
			name++
		}
		if name >= from {
			f.Reset()
			return ErrIndex
		}
		f.add(Member{Key: doc[key+1 : name], KeyStart: key, ValueStart: from, ValueEnd: to, Kind: kindAt(doc[from])})
		at = to
	}
	f.doc, f.object = doc, Value{Start: start, End: end, Kind: KindObject}
	return nil
}

// kindAt is the kind of the valid value that begins with c.
func kindAt(c byte) Kind {
	switch c {
	case 'n':
		return KindNull
	case 'f':
		return KindFalse
	case 't':
		return KindTrue
	case '"':
		return KindString
	case '[':
		return KindArray
	case '{':
		return KindObject
	}
	return KindNumber
}
