package jsonscan

import "slices"

// Patch writes a scanned object again with some of its members replaced, removed or added,
// in one copy. Every other byte, white space included, stays as it is: a removed member
// takes with it one comma and the white space on that comma's side, an added one follows the
// last member without white space.
//
// The last call for a name counts, and the order of calls for different names decides
// nothing but the order of added members. The zero Patch is ready after Reset and may be
// used again; it is not for concurrent use.
type Patch struct {
	fields *Fields
	edits  []edit
	added  []addition
}

type edit struct {
	index   int // of the member
	replace bool
	raw     []byte
}

type addition struct {
	name string
	raw  []byte
}

// Reset forgets all changes and makes f's object the one to be changed. f must not be
// scanned again or reset before the last Apply.
func (p *Patch) Reset(f *Fields) {
	clear(p.edits)
	clear(p.added)
	p.fields, p.edits, p.added = f, p.edits[:0], p.added[:0]
}

// Set gives the member of that name the value raw, in its place, or adds the member at the
// end of the object. Of members with the same key one is left. raw must be valid JSON: it is
// not looked at. It is kept until the last Apply.
func (p *Patch) Set(name string, raw []byte) {
	last := p.fields.find(name)
	if last >= 0 {
		p.deleteBut(last, name)
		p.put(edit{index: last, replace: true, raw: raw})
		return
	}
	for i := range p.added {
		if p.added[i].name == name {
			p.added[i].raw = raw
			return
		}
	}
	p.added = append(p.added, addition{name: name, raw: raw})
}

// Delete removes the members of that name, and reports whether the object would have had any.
func (p *Patch) Delete(name string) bool {
	before := len(p.added)
	p.added = slices.DeleteFunc(p.added, func(a addition) bool { return a.name == name })
	last := p.fields.find(name)
	if last < 0 {
		return len(p.added) < before
	}
	p.deleteBut(last, name)
	found := !slices.ContainsFunc(p.edits, func(e edit) bool { return e.index == last && !e.replace })
	p.put(edit{index: last})
	return found
}

// deleteBut removes the members of that name before the last one.
func (p *Patch) deleteBut(last int, name string) {
	for i := range last {
		if string(p.fields.at(i).Key) == name {
			p.put(edit{index: i})
		}
	}
}

// put adds e in the order of members, in place of an earlier edit of the same one.
func (p *Patch) put(e edit) {
	at, found := slices.BinarySearchFunc(p.edits, e.index, func(e edit, index int) int { return e.index - index })
	if found {
		p.edits[at] = e
		return
	}
	p.edits = slices.Insert(p.edits, at, e)
}

// Size returns how many bytes Apply appends at most.
func (p *Patch) Size() int {
	n := len(p.fields.doc)
	for _, e := range p.edits {
		n += len(e.raw)
	}
	for _, a := range p.added {
		n += len(`,"":`) + 6*len(a.name) + len(a.raw)
	}
	return n
}

// Apply appends the changed document to dst, which must not overlap the document. It
// appends nothing if the Fields hold no object, as after a failed Scan.
func (p *Patch) Apply(dst []byte) []byte {
	f := p.fields
	doc := f.doc
	if f.object.End == 0 {
		return dst
	}
	dst = slices.Grow(dst, p.Size())
	copied := 0  // doc[:copied] is dealt with
	removed := 0 // members removed so far
	for _, e := range p.edits {
		m := f.at(e.index)
		switch {
		case e.replace:
			dst = append(dst, doc[copied:m.ValueStart]...)
			dst = append(dst, e.raw...)
			copied = m.ValueEnd
			continue
		case removed < e.index:
			// A member before this one stays: the comma between them goes.
			dst = append(dst, doc[copied:f.at(e.index-1).ValueEnd]...)
			copied = m.ValueEnd
		default:
			// The first of those that are left: the comma after it goes.
			dst = append(dst, doc[copied:m.KeyStart]...)
			copied = m.ValueEnd
			if e.index+1 < f.n {
				copied = f.at(e.index + 1).KeyStart
			}
		}
		removed++
	}
	if len(p.added) > 0 {
		end := f.object.End - 1
		if f.n > 0 {
			end = f.at(f.n - 1).ValueEnd
		}
		dst = append(dst, doc[copied:end]...)
		copied = end
		for i, a := range p.added {
			if i > 0 || removed < f.n {
				dst = append(dst, ',')
			}
			dst = AppendQuoted(dst, a.name)
			dst = append(dst, ':')
			dst = append(dst, a.raw...)
		}
	}
	return append(dst, doc[copied:]...)
}
