package jsontable

import (
	"strings"

	"tollgate.dev/platform/jsonscan"
)

// encoder writes the short form.
type encoder struct {
	out strings.Builder
	// What was used, for the head.
	tables, grids, maps, constants, affixes, absent bool
}

func (e *encoder) value(n *node) {
	switch n.kind {
	case jsonscan.KindString:
		e.str(n.raw)
	case jsonscan.KindArray:
		if s := common(n); s != nil {
			e.tables = true
			e.out.WriteString("[{")
			e.table(s, n.kids, false)
			e.out.WriteByte(']')
			return
		}
		if s := grid(n); s != nil {
			e.grid(s, n.kids)
			return
		}
		if a, ok := e.list(n); ok {
			e.out.WriteByte('[')
			e.affix(a)
			for i := range n.kids {
				e.out.WriteByte(',')
				e.rest(n.kids[i].raw, a)
			}
			e.out.WriteByte(']')
			return
		}
		e.out.WriteByte('[')
		for i := range n.kids {
			e.comma(i)
			e.value(&n.kids[i])
		}
		e.out.WriteByte(']')
	case jsonscan.KindObject:
		if len(n.kids) > 2 {
			if s := common(n); s != nil {
				e.maps = true
				e.out.WriteString("{{")
				e.table(s, n.kids, true)
				e.out.WriteByte('}')
				return
			}
		}
		e.out.WriteByte('{')
		for i := range n.kids {
			e.comma(i)
			e.key(n.kids[i].key)
			e.out.WriteByte(':')
			e.value(&n.kids[i])
		}
		e.out.WriteByte('}')
	default:
		e.out.WriteString(n.raw)
	}
}

// grid writes a list of lists: a header without keys, and rows.
func (e *encoder) grid(s *schema, rows []node) {
	e.grids = true
	e.out.WriteString("[|")
	for i := range s.fields {
		e.comma(i)
		if s.fields[i].form == plain {
			e.out.WriteByte('*')
		}
		e.given(&s.fields[i])
	}
	for i := range rows {
		e.out.WriteByte('\n')
		n := 0
		for j := range s.fields {
			if f := &s.fields[j]; f.form != constant {
				e.comma(n)
				e.cell(f, &rows[i].kids[j])
				n++
			}
		}
	}
	e.out.WriteByte(']')
}

// list returns what the strings of a list begin and end with, if it is one of strings.
func (*encoder) list(n *node) (a affixes, ok bool) {
	values := make([]*node, len(n.kids))
	for i := range n.kids {
		if values[i] = &n.kids[i]; values[i].kind != jsonscan.KindString {
			return a, false
		}
	}
	return affix(values)
}

func (e *encoder) affix(a affixes) {
	e.affixes = true
	e.out.WriteByte('=')
	e.out.WriteString(a.before)
	e.out.WriteByte('*')
	e.out.WriteString(a.after)
}

// rest writes what is left of a string without its beginning and end.
func (e *encoder) rest(raw string, a affixes) {
	text := raw[1+len(a.before) : len(raw)-1-len(a.after)]
	if clean(text) {
		e.out.WriteString(text)
		return
	}
	e.out.WriteByte('"')
	e.out.WriteString(text)
	e.out.WriteByte('"')
}

// maxRow is the size of objects, in bytes, from which they are no rows of a table to a reader.
const maxRow = 2000

// common is the schema of a container's values when all are objects.
func common(n *node) *schema {
	if len(n.kids) < 2 || len(n.raw) > maxRow*len(n.kids) {
		return nil
	}
	objects := make([]*node, len(n.kids))
	for i := range n.kids {
		if n.kids[i].kind != jsonscan.KindObject {
			return nil
		}
		objects[i] = &n.kids[i]
	}
	return infer(objects)
}

func (e *encoder) comma(i int) {
	if i > 0 {
		e.out.WriteByte(',')
	}
}

func (e *encoder) str(raw string) {
	if text, ok := bare(raw); ok {
		raw = text
	}
	e.out.WriteString(raw)
}

func (e *encoder) key(raw string) {
	if text, ok := bareKey(raw); ok {
		raw = text
	}
	e.out.WriteString(raw)
}

// table writes the rest of a header and the rows.
func (e *encoder) table(s *schema, rows []node, keyed bool) {
	e.header(s)
	e.out.WriteByte('}')
	for i := range rows {
		e.out.WriteByte('\n')
		if keyed {
			e.key(rows[i].key)
			e.out.WriteByte(':')
		}
		e.row(s, &rows[i])
	}
}

func (e *encoder) header(s *schema) {
	for i := range s.fields {
		f := &s.fields[i]
		e.comma(i)
		e.key(f.key)
		e.given(f)
		switch f.form {
		case plain, constant, affixed:
		case inlined:
			e.out.WriteByte('(')
			e.header(f.sub)
			e.out.WriteByte(')')
		case nested:
			e.out.WriteByte('{')
			e.header(f.sub)
			e.out.WriteByte('}')
		case listed:
			e.out.WriteString("[{")
			e.header(f.sub)
			e.out.WriteString("}]")
		}
	}
}

// given writes what the header gives of a member's value.
func (e *encoder) given(f *field) {
	switch f.form {
	case constant:
		e.constants = true
		e.out.WriteByte('=')
		e.constant(f.value)
	case affixed:
		e.affix(f.affix)
	case plain, inlined, nested, listed:
	}
}

// constant writes a value that stands in a header. What could be taken for a mark of the
// header is within quotes.
func (e *encoder) constant(raw string) {
	n := tree(raw)
	if n.kind == jsonscan.KindString && strings.ContainsAny(raw, "()*") {
		e.out.WriteString(raw)
		return
	}
	e.value(&n)
}

// cells is a row at work: commas are written when another cell follows, so that the empty
// ones at the end of a row cost nothing.
type cells struct {
	commas int
	begun  bool
}

func (e *encoder) row(s *schema, object *node) {
	var c cells
	e.cells(s, object, &c)
}

func (e *encoder) cells(s *schema, object *node, c *cells) {
	next := 0
	for i := range s.fields {
		f := &s.fields[i]
		var v *node
		if next < len(object.kids) && object.kids[next].key == f.key {
			v = &object.kids[next]
			next++
		}
		switch {
		case f.form == constant:
			continue
		case f.form == inlined:
			e.cells(f.sub, v, c)
			continue
		}
		if c.begun {
			c.commas++
		}
		c.begun = true
		if v == nil {
			e.absent = true
			continue
		}
		for ; c.commas > 0; c.commas-- {
			e.out.WriteByte(',')
		}
		e.cell(f, v)
	}
}

func (e *encoder) cell(f *field, v *node) {
	switch {
	case f.form == affixed:
		e.rest(v.raw, f.affix)
	case f.form == nested && v.kind == jsonscan.KindObject:
		e.out.WriteByte('{')
		e.row(f.sub, v)
		e.out.WriteByte('}')
	case f.form == listed && v.kind == jsonscan.KindArray:
		e.out.WriteByte('[')
		for i := range v.kids {
			e.comma(i)
			e.out.WriteByte('{')
			e.row(f.sub, &v.kids[i])
			e.out.WriteByte('}')
		}
		e.out.WriteByte(']')
	default:
		e.value(v)
	}
}
