// Package jsontable writes JSON tool results in a short form that says each name once.
//
// The short form is JSON with less around it. Strings and keys have no quotes where they
// can't be taken for anything else. A list of objects with nearly the same members is a
// header and rows:
//
//	[{id,title,state=open,user(login,id),labels[{name,color}],closed{by,at}}
//	1,A title,ann,7,[{bug,red},{ui,blue}],{bob,2026-01-02}
//	2,"Another, longer one",bob,9,[],null
//	3,Third,ann,7,[],{ann,2026-01-05}]
//
// In the header, key=value is a member that all rows have, and key=x*y strings that begin with
// x and end with y, of which the cells have the rest. key(a,b) is an object that all rows have,
// and its members are cells; key{a,b} is one whose members are in braces, or that is null or
// missing, and key[{a,b}] a list of such objects. An empty cell is a member that the object
// doesn't have, and empty cells at the end of a row are left out.
//
// An object whose values are alike is {{a,b} and rows of key:cells. JSON lines are {a,b} and
// rows. A list of lists of the same length is [| with what a header has behind its keys, or *
// for nothing, and rows; a list of strings that begin and end alike is [=x*y and the rest of
// each. All else is as in JSON.
//
// A line of its own at the head says so, in as many words as the text needs. Nothing is lost:
// [Decode] gives back the JSON byte for byte, but for white space outside strings, and what
// doesn't stand this test for itself is not changed.
//
// The form owes its rows to CSV and its headers to TOON (Token-Oriented Object Notation,
// github.com/toon-format/spec), which has no objects in cells, no constants and no missing
// members.
package jsontable

import (
	"context"
	"strings"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/protect"
	"tollgate.dev/services/compressor/stage/jsonspace"
)

// head is what a text in the short form begins with.
const head = protect.ShortJSON

// headLines is what JSON lines begin with in the short form.
const headLines = head + " of lines"

// worth is the share of the JSON without white space, in percent of its bytes, that the short
// form may have at most: a form that is read less well has to pay.
const worth = 96

// Stage is the stage json_table. It changes a tool result that is JSON or JSON lines, or ends
// in JSON that begins on a line of its own. What is needed to the letter stays.
type Stage struct{}

// Name is json_table.
func (Stage) Name() string { return "json_table" }

// Loses tells that nothing is lost.
func (Stage) Loses() bool { return false }

// Apply is compressor.Stage's.
func (Stage) Apply(ctx context.Context, draft *prompt.Draft) error {
	for _, t := range draft.Texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if t.Kind != prompt.ToolResult || t.Locked || t.Verbatim {
			continue
		}
		text := t.Current()
		if at, ok := jsonspace.Find(text); ok {
			if short, ok := Encode(ctx, text[at:]); ok {
				t.Replace(text[:at] + short)
			}
		} else if short, ok := encodeLines(ctx, text); ok {
			t.Replace(short)
		}
	}
	return ctx.Err()
}

// Encode returns the short form of a JSON object or array. It is not ok when that is not
// worth it, the text is no such JSON, or the context ends: it is asked between reading,
// writing and testing.
func Encode(ctx context.Context, text string) (short string, ok bool) {
	raw := []byte(text)
	v, err := jsonscan.Scan(raw)
	if err != nil || ctx.Err() != nil || v.Kind != jsonscan.KindObject && v.Kind != jsonscan.KindArray {
		return "", false
	}
	doc := string(jsonscan.AppendCanonical(make([]byte, 0, len(raw)), raw))
	root := tree(doc)
	if root.depth() > maxNesting || ctx.Err() != nil {
		return "", false
	}
	var e encoder
	e.value(&root)
	return e.finish(ctx, doc, head)
}

// step is how much of JSON lines is read until it is asked again whether there is time, in
// bytes.
const step = 64 << 10

// maxNesting is how deep JSON may nest: what nests deeper is not for readers.
const maxNesting = 64

// finish puts the head before what was written of a document, if it is worth it and stands
// for nothing else.
func (e *encoder) finish(ctx context.Context, doc, head string) (short string, ok bool) {
	short = e.text(head)
	if ctx.Err() != nil || len(short)*100 > len(doc)*worth {
		return "", false
	}
	back, err := Decode(short)
	return short, err == nil && back == doc
}

// text is what was written, behind a head that says how to read it.
func (e *encoder) text(head string) string {
	for _, part := range [...]struct {
		used bool
		says string
	}{
		{e.tables, "; [{a,b} heads rows of a,b"},
		{e.grids, "; [| begins rows"},
		{e.maps, "; {{a,b} heads rows key:a,b"},
		{e.constants, "; a=x: x in all rows"},
		{e.affixes, "; a=x*y: x and y go around the cell"},
		{e.absent, "; empty cell: no such member"},
	} {
		if part.used {
			head += part.says
		}
	}
	return head + "\n" + e.out.String()
}

// encodeLines is Encode for JSON lines: two objects or more, each on a line.
func encodeLines(ctx context.Context, text string) (short string, ok bool) {
	if !strings.HasPrefix(text, "{") {
		return "", false
	}
	var doc []byte
	var rows []node
	asked := 0 // the size of doc when it was
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		if len(doc)-asked > step {
			if asked = len(doc); ctx.Err() != nil {
				return "", false
			}
		}
		raw := []byte(line)
		if v, err := jsonscan.Scan(raw); err != nil || v.Kind != jsonscan.KindObject {
			return "", false
		}
		if len(rows) > 0 {
			doc = append(doc, '\n')
		}
		start := len(doc)
		doc = jsonscan.AppendCanonical(doc, raw)
		row := tree(string(doc[start:]))
		if row.depth() > maxNesting {
			return "", false
		}
		rows = append(rows, row)
	}
	s := common(&node{kids: rows})
	if s == nil || ctx.Err() != nil {
		return "", false
	}
	var e encoder
	e.out.WriteByte('{')
	e.table(s, rows, false)
	return e.finish(ctx, string(doc), headLines+": {a,b} heads rows of a,b")
}
