package jsontable

import (
	"strings"

	"tollgate.dev/platform/jsonscan"
)

// schema is what several objects have in common: their members in order.
type schema struct {
	fields []field
}

// form is how a member is written.
type form uint8

const (
	plain    form = iota // its value in a cell
	constant             // once, in the header: key=value
	affixed              // its beginning and end in the header, the rest in a cell: key=beginning*end
	inlined              // an object that every row has, its members as cells: key(a,b)
	nested               // an object, its members in braces in a cell: key{a,b}
	listed               // a list of objects, in brackets and braces in a cell: key[{a,b}]
)

// field is one member of the objects.
type field struct {
	key   string // with its quotes
	form  form
	value string  // of a constant
	affix affixes // without quotes
	sub   *schema
}

// maxFields is how many members the objects of a schema may have together: lists of more are
// no tables to a reader.
const maxFields = 200

// infer finds what objects have in common. There is no schema when members come in different
// orders, a key occurs twice, or more than half of the cells would be empty.
func infer(objects []*node) *schema {
	members := 0
	for _, o := range objects {
		members += len(o.kids)
	}
	keys := union(objects, 2*members)
	if len(keys) == 0 || members*2 < len(keys)*len(objects) {
		return nil
	}
	columns := make([]*node, len(keys)*len(objects)) // one after the other
	for i, o := range objects {
		k := 0
		for j := range o.kids {
			for k < len(keys) && keys[k] != o.kids[j].key {
				k++
			}
			if k == len(keys) {
				return nil
			}
			columns[k*len(objects)+i] = &o.kids[j]
			k++
		}
	}
	s := &schema{fields: make([]field, len(keys))}
	for k, key := range keys {
		s.fields[k] = column(key, columns[k*len(objects):(k+1)*len(objects)])
	}
	return s
}

// union merges the objects' keys: one that is new comes behind the key before it. There are
// none when it goes over more than so many cells that stay empty.
func union(objects []*node, most int) []string {
	var keys []string
	known := make(map[string]bool)
	for _, o := range objects {
		at := 0
		for j := range o.kids {
			key := o.kids[j].key
			if at < len(keys) && keys[at] == key {
				at++
				continue
			}
			if !known[key] {
				if len(keys) == maxFields {
					return nil
				}
				known[key] = true
				keys = append(keys, "")
				copy(keys[at+1:], keys[at:])
				keys[at] = key
				at++
				continue
			}
			for at < len(keys) && keys[at] != key {
				at++
				most--
			}
			at++
			if most < 0 || at > len(keys) { // it comes before one that came before it
				return nil
			}
		}
	}
	return keys
}

// column decides how to write a member with these values; nil is for objects without it.
func column(key string, values []*node) field {
	var kinds [jsonscan.KindObject + 1]int
	same := true
	for _, v := range values {
		if v == nil {
			kinds[0]++
			continue
		}
		kinds[v.kind]++
		same = same && values[0] != nil && v.raw == values[0].raw
	}
	objects, lists := kinds[jsonscan.KindObject], kinds[jsonscan.KindArray]
	missing := kinds[0] + kinds[jsonscan.KindNull]
	switch {
	case same && kinds[0] == 0 && len(values) > 1:
		return field{key: key, form: constant, value: values[0].raw}
	case objects == len(values):
		if s := infer(values); s != nil {
			return field{key: key, form: inlined, sub: s}
		}
	case objects > 1 && objects+missing == len(values):
		if s := infer(pick(values, jsonscan.KindObject)); s != nil {
			return field{key: key, form: nested, sub: s}
		}
	case lists > 0 && lists+missing == len(values):
		var all []*node
		for _, list := range pick(values, jsonscan.KindArray) {
			for i := range list.kids {
				all = append(all, &list.kids[i])
			}
		}
		if len(all) > 1 && len(pick(all, jsonscan.KindObject)) == len(all) {
			if s := infer(all); s != nil {
				return field{key: key, form: listed, sub: s}
			}
		}
	case kinds[jsonscan.KindString]+kinds[0] == len(values):
		if a, ok := affix(pick(values, jsonscan.KindString)); ok {
			return field{key: key, form: affixed, affix: a}
		}
	}
	return field{key: key}
}

func pick(values []*node, kind jsonscan.Kind) []*node {
	picked := make([]*node, 0, len(values))
	for _, v := range values {
		if v != nil && v.kind == kind {
			picked = append(picked, v)
		}
	}
	return picked
}

// leastAffix is the least that is taken out of strings that begin and end alike, in bytes:
// less makes them harder to read and saves little.
const leastAffix = 8

// leastStrings is how many strings it is taken out of at least.
const leastStrings = 3

// parts are the marks that part one piece of an address, a path or a time from the next.
const parts = "/:.-_ =?&#T@+"

// affixes are what strings begin and end with.
type affixes struct{ before, after string }

// affix returns what all strings begin and end with, up to a mark that parts. Both may be
// empty when that spares digits their quotes; it is not ok when it isn't worth it.
func affix(values []*node) (a affixes, ok bool) {
	if len(values) < leastStrings {
		return affixes{}, false
	}
	digits, least := 0, len(values[0].raw)
	first := values[0].raw[1 : len(values[0].raw)-1]
	a = affixes{first, first}
	for _, v := range values {
		if strings.IndexByte(v.raw, '\\') >= 0 {
			return affixes{}, false
		}
		text := v.raw[1 : len(v.raw)-1]
		if numeric(text) && text != "" {
			digits++
		}
		least = min(least, len(text))
		n := 0
		for n < len(a.before) && n < len(text) && a.before[n] == text[n] {
			n++
		}
		a.before = a.before[:n]
		n = 0
		for n < len(a.after) && n < len(text) && a.after[len(a.after)-1-n] == text[len(text)-1-n] {
			n++
		}
		a.after = a.after[len(a.after)-n:]
	}
	a.before = a.before[:strings.LastIndexAny(a.before, parts)+1]
	if n := least - len(a.before); len(a.after) > n { // they must not overlap
		a.after = a.after[len(a.after)-n:]
	}
	a.after = a.after[max(strings.IndexAny(a.after, parts), 0):]
	if a.after != "" && strings.IndexByte(parts, a.after[0]) < 0 {
		a.after = ""
	}
	const marks = ",[]{}()\"*"
	if len(a.before)+len(a.after) < leastAffix || strings.ContainsAny(a.before, marks) || strings.ContainsAny(a.after, marks) ||
		strings.HasPrefix(a.before, " ") || strings.HasSuffix(a.after, " ") {
		return affixes{}, digits >= leastStrings
	}
	return a, true
}

// leastGrid is how many rows a list of lists has at least that is written in rows.
const leastGrid = 4

// grid returns the columns of a list of lists of the same length, which have no keys. Lists
// of numbers, such as coordinates, are short enough as they are.
func grid(n *node) *schema {
	if len(n.kids) < leastGrid {
		return nil
	}
	width, text := len(n.kids[0].kids), false
	if width < 2 || width > maxFields {
		return nil
	}
	for i := range n.kids {
		row := &n.kids[i]
		if row.kind != jsonscan.KindArray || len(row.kids) != width {
			return nil
		}
		for j := range row.kids {
			if row.kids[j].kind >= jsonscan.KindArray {
				return nil
			}
			text = text || row.kids[j].kind == jsonscan.KindString
		}
	}
	if !text {
		return nil
	}
	s := &schema{fields: make([]field, width)}
	values := make([]*node, len(n.kids))
	for j := range width {
		for i := range n.kids {
			values[i] = &n.kids[i].kids[j]
		}
		s.fields[j] = column("", values)
	}
	return s
}
