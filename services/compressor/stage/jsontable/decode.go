package jsontable

import (
	"errors"
	"strings"

	"tollgate.dev/platform/jsonscan"
)

// ErrForm is returned for text that is not in the short form. Its text quotes nothing.
var ErrForm = errors.New("not JSON in the short form")

// Decode returns a text as it was before it was written in the short form, with the JSON
// byte for byte as it was, after white space between its parts was taken out. The error is
// [ErrForm], also for a text that has no short form in it.
func Decode(text string) (string, error) {
	start := 0
	if !strings.HasPrefix(text, head) {
		if start = strings.Index(text, "\n"+head) + 1; start == 0 {
			return "", ErrForm
		}
	}
	head, body, _ := strings.Cut(text[start:], "\n")
	d := decoder{text: body, raw: []byte(body)}
	if strings.HasPrefix(head, headLines) {
		d.lines()
	} else {
		d.value(maxDepth)
		if _, err := jsonscan.Scan(d.out); err != nil {
			return "", ErrForm
		}
	}
	if d.failed || d.at != len(body) {
		return "", ErrForm
	}
	return text[:start] + string(d.out), nil
}

// maxDepth is how deep what is decoded may nest.
const maxDepth = jsonscan.DefaultMaxDepth

// decoder reads the short form and writes JSON. After a failure it reads on without harm.
type decoder struct {
	text   string
	raw    []byte // the same
	at     int
	out    []byte
	failed bool
}

func (d *decoder) peek() byte {
	if d.at < len(d.text) {
		return d.text[d.at]
	}
	return 0
}

// take goes over a byte if it stands here.
func (d *decoder) take(b byte) bool {
	if d.peek() != b {
		return false
	}
	d.at++
	return true
}

func (d *decoder) want(b byte) {
	if d.failed = d.failed || !d.take(b); d.failed {
		d.at = len(d.text) // ends every loop
	}
}

func (d *decoder) fail() { d.failed, d.at = true, len(d.text) }

func (d *decoder) value(depth int) {
	if depth == 0 {
		d.fail()
		return
	}
	switch d.peek() {
	case '"':
		d.quoted()
	case '[':
		d.array(depth)
	case '{':
		d.object(depth)
	default:
		text := d.until(",]}\n")
		d.out = appendBare(d.out, text)
	}
}

// appendBare appends what stands without quotes: a number, a word of JSON, or a string.
func appendBare(out []byte, text string) []byte {
	if text != "" && strings.IndexByte("-0123456789tfn", text[0]) >= 0 {
		v, err := jsonscan.Scan([]byte(text))
		if err == nil && v.Kind < jsonscan.KindString && v.End-v.Start == len(text) {
			return append(out, text...)
		}
	}
	out = append(out, '"')
	out = append(out, text...)
	return append(out, '"')
}

// until reads what is not empty, up to one of the marks.
func (d *decoder) until(marks string) string {
	n := 0
	for d.at+n < len(d.text) && strings.IndexByte(marks, d.text[d.at+n]) < 0 {
		n++
	}
	if n == 0 {
		d.fail()
		return ""
	}
	text := d.text[d.at : d.at+n]
	d.at += n
	return text
}

func (d *decoder) quoted() {
	end := jsonscan.StringEnd(d.raw, d.at)
	if end < 0 {
		d.fail()
		return
	}
	d.out = append(d.out, d.text[d.at:end]...)
	d.at = end
}

// key reads a key and returns it with quotes.
func (d *decoder) key() string {
	if d.peek() != '"' {
		return `"` + d.until(":,=(){}[]\n") + `"`
	}
	start, end := d.at, jsonscan.StringEnd(d.raw, d.at)
	if end < 0 {
		d.fail()
		return `""`
	}
	d.at = end
	return d.text[start:end]
}

func (d *decoder) array(depth int) {
	d.want('[')
	d.out = append(d.out, '[')
	defer func() { d.out = append(d.out, ']') }()
	if d.take(']') {
		return
	}
	if d.isHeader() {
		d.want('{')
		s := d.header('}', depth)
		for i := 0; d.take('\n'); i++ {
			d.comma(i)
			d.row(s, depth)
		}
		d.want(']')
		return
	}
	if d.take('|') {
		d.grid(depth)
		return
	}
	if d.take('=') {
		before, after, ok := strings.Cut(d.until(",]}\n"), "*")
		if !ok {
			d.fail()
		}
		for i := 0; d.take(','); i++ {
			d.comma(i)
			d.rest(affixes{before, after})
		}
		d.want(']')
		return
	}
	for i := 0; ; i++ {
		d.comma(i)
		d.value(depth - 1)
		if !d.take(',') {
			break
		}
	}
	d.want(']')
}

// grid reads the rest of a list of lists.
func (d *decoder) grid(depth int) {
	var fields []field
	for more := true; more && !d.failed; more = d.take(',') {
		var f field
		if !d.take('*') {
			d.want('=')
			d.constant(&f, depth)
		}
		fields = append(fields, f)
	}
	for i := 0; d.take('\n'); i++ {
		d.comma(i)
		d.out = append(d.out, '[')
		n := 0
		for j := range fields {
			d.comma(j)
			if fields[j].form == constant {
				d.out = append(d.out, fields[j].value...)
				continue
			}
			if n++; n > 1 {
				d.want(',')
			}
			d.cell(&fields[j], depth-1)
		}
		d.out = append(d.out, ']')
	}
	d.want(']')
}

// rest reads the rest of a string that begins and ends so.
func (d *decoder) rest(a affixes) {
	d.out = append(d.out, '"')
	d.out = append(d.out, a.before...)
	if d.peek() != '"' {
		d.out = append(d.out, d.until(",]}\n")...)
	} else {
		from := len(d.out)
		if d.quoted(); d.failed {
			return
		}
		d.out = append(d.out[:from], d.out[from+1:len(d.out)-1]...) // without its quotes
	}
	d.out = append(d.out, a.after...)
	d.out = append(d.out, '"')
}

func (d *decoder) comma(i int) {
	if i > 0 {
		d.out = append(d.out, ',')
	}
}

// isHeader tells whether a header stands here, and not an object: there is no colon behind
// its first key.
func (d *decoder) isHeader() bool {
	if d.peek() != '{' || d.failed {
		return false
	}
	ahead := decoder{text: d.text, raw: d.raw, at: d.at + 1}
	if b := ahead.peek(); b == '}' || b == '{' {
		return false
	}
	ahead.key()
	return !ahead.failed && ahead.peek() != ':'
}

func (d *decoder) object(depth int) {
	d.want('{')
	d.out = append(d.out, '{')
	defer func() { d.out = append(d.out, '}') }()
	if d.take('}') {
		return
	}
	if d.take('{') {
		s := d.header('}', depth)
		for i := 0; d.take('\n'); i++ {
			d.comma(i)
			d.out = append(d.out, d.key()...)
			d.want(':')
			d.out = append(d.out, ':')
			d.row(s, depth)
		}
		d.want('}')
		return
	}
	for i := 0; ; i++ {
		d.comma(i)
		d.out = append(d.out, d.key()...)
		d.want(':')
		d.out = append(d.out, ':')
		d.value(depth - 1)
		if !d.take(',') {
			break
		}
	}
	d.want('}')
}

// header reads a header up to its closing mark and over it.
func (d *decoder) header(closing byte, depth int) *schema {
	s := &schema{}
	if depth == 0 {
		d.fail()
	}
	for !d.failed {
		f := field{key: d.key()}
		switch d.peek() {
		case '=':
			d.at++
			d.constant(&f, depth)
		case '(':
			d.at++
			f.form, f.sub = inlined, d.header(')', depth-1)
		case '{':
			d.at++
			f.form, f.sub = nested, d.header('}', depth-1)
		case '[':
			d.at++
			d.want('{')
			f.form, f.sub = listed, d.header('}', depth-1)
			d.want(']')
		}
		s.fields = append(s.fields, f)
		if d.take(closing) {
			break
		}
		d.want(',')
	}
	return s
}

// constant reads what all rows have of a field.
func (d *decoder) constant(f *field, depth int) {
	start := len(d.out)
	switch d.peek() {
	case '"', '[', '{':
		d.value(depth - 1)
	default:
		text := d.until(",]})\n")
		if before, after, ok := strings.Cut(text, "*"); ok {
			f.form, f.affix = affixed, affixes{before, after}
			return
		}
		d.out = appendBare(d.out, text)
	}
	f.form, f.value = constant, string(d.out[start:])
	d.out = d.out[:start]
}

// row reads the cells of an object.
func (d *decoder) row(s *schema, depth int) {
	more := true
	d.cells(s, &more, depth)
}

// cells reads an object from cells of which there may be no more.
func (d *decoder) cells(s *schema, more *bool, depth int) {
	d.out = append(d.out, '{')
	n := 0
	for i := range s.fields {
		f := &s.fields[i]
		before := len(d.out)
		d.comma(n)
		d.out = append(d.out, f.key...)
		d.out = append(d.out, ':')
		if d.member(f, more, depth) {
			n++
		} else {
			d.out = d.out[:before]
		}
	}
	d.out = append(d.out, '}')
}

// member reads a field's value and tells whether the object has it.
func (d *decoder) member(f *field, more *bool, depth int) bool {
	switch f.form {
	case constant:
		d.out = append(d.out, f.value...)
		return true
	case inlined:
		d.cells(f.sub, more, depth-1)
		return true
	case plain, affixed, nested, listed:
	}
	if !*more || d.failed {
		return false
	}
	switch d.peek() {
	case ',':
		d.at++
		return false
	case '\n', ']', '}', 0:
		*more = false
		return false
	}
	d.cell(f, depth)
	*more = d.take(',')
	return true
}

func (d *decoder) cell(f *field, depth int) {
	switch {
	case f.form == affixed:
		d.rest(f.affix)
	case f.form == nested && d.peek() == '{':
		d.at++
		d.row(f.sub, depth-1)
		d.want('}')
	case f.form == listed && d.peek() == '[':
		d.at++
		d.out = append(d.out, '[')
		for i := 0; d.peek() != ']' && !d.failed; i++ {
			if d.comma(i); i > 0 {
				d.want(',')
			}
			d.want('{')
			d.row(f.sub, depth-1)
			d.want('}')
		}
		d.want(']')
		d.out = append(d.out, ']')
	default:
		d.value(depth - 1)
	}
}

// lines reads a table whose rows are JSON lines.
func (d *decoder) lines() {
	d.want('{')
	s := d.header('}', maxDepth)
	for i := 0; d.take('\n'); i++ {
		if i > 0 {
			d.out = append(d.out, '\n')
		}
		d.row(s, maxDepth)
	}
}
