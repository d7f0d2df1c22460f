package jsontable

import (
	"slices"
	"strings"

	"tollgate.dev/platform/jsonscan"
)

// node is a value of a document.
type node struct {
	kind jsonscan.Kind
	key  string // of an object's member, with its quotes; as everything here, it is a part of the document
	raw  string
	kids []node
}

// depth is how deep a value nests: 1 when it has no others in it.
func (n *node) depth() int {
	most := 0
	for i := range n.kids {
		most = max(most, n.kids[i].depth())
	}
	return most + 1
}

// tree reads a document that is valid and has no white space outside strings.
func tree(doc string) node {
	r := treeReader{doc: doc}
	return r.value()
}

type treeReader struct {
	doc  string
	at   int
	open []node // of the containers that are being read
}

func (r *treeReader) value() node {
	start := r.at
	switch r.doc[r.at] {
	case '"':
		r.skipString()
		return node{kind: jsonscan.KindString, raw: r.doc[start:r.at]}
	case '{', '[':
		return r.container(r.doc[r.at])
	}
	for r.at < len(r.doc) && r.doc[r.at] != ',' && r.doc[r.at] != ']' && r.doc[r.at] != '}' {
		r.at++
	}
	kind := jsonscan.KindNumber
	switch r.doc[start] {
	case 't':
		kind = jsonscan.KindTrue
	case 'f':
		kind = jsonscan.KindFalse
	case 'n':
		kind = jsonscan.KindNull
	}
	return node{kind: kind, raw: r.doc[start:r.at]}
}

func (r *treeReader) container(opening byte) node {
	start, base := r.at, len(r.open)
	n := node{kind: jsonscan.KindArray}
	if opening == '{' {
		n.kind = jsonscan.KindObject
	}
	for r.at++; r.doc[r.at] != opening+2; { // ']' is '[' plus 2, and '}' is '{' plus 2
		if r.doc[r.at] == ',' {
			r.at++
		}
		key := ""
		if n.kind == jsonscan.KindObject {
			from := r.at
			r.skipString()
			key = r.doc[from:r.at]
			r.at++
		}
		kid := r.value()
		kid.key = key
		r.open = append(r.open, kid)
	}
	r.at++
	n.kids = slices.Clone(r.open[base:])
	r.open = r.open[:base]
	n.raw = r.doc[start:r.at]
	return n
}

func (r *treeReader) skipString() {
	rest := r.doc[r.at+1:]
	if i := strings.IndexByte(rest, '"'); strings.IndexByte(rest[:i], '\\') < 0 { // most often
		r.at += i + 2
		return
	}
	for r.at++; ; r.at++ {
		switch r.doc[r.at] {
		case '"':
			r.at++
			return
		case '\\':
			r.at++
		}
	}
}

// bare returns a string's text when it can stand without quotes: it has none of the marks of
// the short form, and reads as nothing but a string.
func bare(raw string) (text string, ok bool) {
	text = raw[1 : len(raw)-1]
	if !clean(text) || text[0] == '=' || text[0] == '|' || numeric(text) {
		return "", false
	}
	switch text {
	case "true", "false", "null":
		return "", false
	}
	return text, true
}

// clean tells whether a text can stand without quotes where a string is expected.
func clean(text string) bool {
	return text != "" && text[0] != ' ' && text[len(text)-1] != ' ' && !strings.ContainsAny(text, ",[]{}\"\\")
}

// numeric tells whether a text looks like one number to a reader, if not to a parser: 007 and
// 1.5 do, 2026-11-28 and 10.0.0.1 don't.
func numeric(text string) bool {
	dots := 0
	for i := range len(text) {
		switch b := text[i]; {
		case b >= '0' && b <= '9':
		case b == '.' && dots == 0:
			dots++
		case (b == '+' || b == '-') && (i == 0 || text[i-1]|0x20 == 'e'):
		case b|0x20 == 'e' && i > 0:
		default:
			return false
		}
	}
	return true
}

// bareKey is bare for a key.
func bareKey(raw string) (text string, ok bool) {
	text = raw[1 : len(raw)-1]
	if text == "" || text[0] == ' ' || text[len(text)-1] == ' ' || strings.ContainsAny(text, ",[]{}\"\\:=()*") {
		return "", false
	}
	return text, true
}
