// Package repeat replaces what stands in the prompt already by a reference to it.
//
// A tool result that is an earlier one's again becomes
//
//	[same as the result of call_abc above]
//
// or, without an id that is the earlier one's alone, [same as tool result 3 above]. A paragraph
// that says the same as an earlier one, in the same words but for spaces, punctuation and
// capital letters at the beginning of words, becomes
//
//	[as above: "The harbour was built between …"]
//
// with a name to fetch it by when it was spelled differently. Any other difference keeps a
// paragraph: a number, a word in capitals, a sign of arithmetic or currency, the order of
// words. So there is no threshold of likeness, and no negation can get lost. Paragraphs are
// parted by blank lines; those in or around code and JSON stay.
//
// A reference is to what the model can still read. Where later stages shorten texts by what
// they are asked, an earlier text may be shortened for another question, so it is referred to
// only when both have the same question, nothing is to be shortened, or it is JSON, which is
// not. Only texts that stand earlier are looked at, as any turn has them.
package repeat

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/protect"
	"tollgate.dev/services/compressor/stage/jsonspace"
)

const (
	// leastResult and leastPassage are the sizes from which a reference is worth it, in bytes.
	leastResult  = 160
	leastPassage = 200
	// quoted is how much of a passage its reference says, in bytes.
	quoted = 48
)

// Stage is the stage repeat.
type Stage struct{}

// Name is repeat.
func (Stage) Name() string { return "repeat" }

// Apply is compressor.Stage's.
func (Stage) Apply(ctx context.Context, draft *prompt.Draft) error {
	r := reader{draft: draft, passages: make(map[uint64]passage)}
	for _, t := range draft.Texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if t.Kind == prompt.ToolResult {
			r.results = append(r.results, t)
			if mark := r.result(t); mark != "" {
				t.Replace(mark)
				continue
			}
		}
		r.text(t)
	}
	return nil
}

// reader goes through a draft.
type reader struct {
	draft    *prompt.Draft
	results  []*prompt.Text
	passages map[uint64]passage
}

// passage is a paragraph as it stood when it was read.
type passage struct {
	in   *prompt.Text
	text string
}

// stands tells whether what an earlier text says can be read by who reads a later one.
func (r *reader) stands(earlier, later *prompt.Text) bool {
	return earlier == later || earlier.Question == later.Question && earlier.Rate == later.Rate ||
		r.draft.Rate == 1 && earlier.Rate == 0
}

// whole tells whether a text is JSON, all of it.
func whole(text string) bool {
	at, ok := jsonspace.Find(text)
	return ok && at == 0
}

// result returns the reference that stands for a result; nothing if it is the first of its
// kind.
func (r *reader) result(t *prompt.Text) string {
	if len(t.Original) < leastResult {
		return ""
	}
	for i, earlier := range r.results[:len(r.results)-1] {
		if earlier.Original != t.Original || !r.stands(earlier, t) && !whole(earlier.Original) {
			continue
		}
		if earlier.Call != "" && len(earlier.Call) <= quoted && r.alone(earlier) && plain(earlier.Call) {
			return protect.SameAs + "the result of " + earlier.Call + " above]"
		}
		return fmt.Sprintf("%stool result %d above]", protect.SameAs, i+1)
	}
	return ""
}

// alone tells whether a result is the only one of its call so far.
func (r *reader) alone(t *prompt.Text) bool {
	for _, other := range r.results {
		if other != t && other.Call == t.Call {
			return false
		}
	}
	return true
}

// plain tells whether an id can stand in a mark.
func plain(id string) bool {
	return strings.IndexFunc(id, func(c rune) bool { return c <= ' ' || c == ']' || c == '[' || c == utf8.RuneError }) < 0
}

// text reads a text's passages and replaces those that were there before.
func (r *reader) text(t *prompt.Text) {
	text := t.Current()
	if len(text) < leastPassage || text[0] == '{' && whole(text) || text[0] == '[' && whole(text) {
		return
	}
	var out []byte
	var blocks []protect.Span
	done, looked := 0, false
	for start := 0; start < len(text); {
		end, next := paragraph(text, start)
		body := text[start:end]
		at := start
		start = next
		if len(body) < leastPassage {
			continue
		}
		h := sketch(body)
		first, known := r.passages[h]
		if !known {
			r.passages[h] = passage{t, body}
			continue
		}
		if t.Locked || !r.stands(first.in, t) || first.text != body && normal(first.text) != normal(body) {
			continue
		}
		if !looked {
			blocks, looked = protect.Blocks(text), true
		}
		if protect.Touches(blocks, at, end) {
			continue
		}
		out = append(out, text[done:at]...)
		out = append(out, protect.AsAbove...)
		out = append(out, '"')
		out = append(out, opening(first.text)...)
		out = append(out, `…"`...)
		if first.text != body {
			out = append(out, protect.Omitted...)
			out = append(out, t.Omit(body)...)
		}
		out = append(out, ']')
		done = end
	}
	if out != nil {
		t.Replace(string(append(out, text[done:]...)))
	}
}

// paragraph returns where the paragraph at start ends, and where the next begins.
func paragraph(text string, start int) (end, next int) {
	for at := start; ; {
		i := strings.IndexByte(text[at:], '\n')
		if i < 0 {
			return max(start, len(strings.TrimRight(text, " \t\r\n"))), len(text)
		}
		at += i + 1
		k := at
		for k < len(text) && (text[k] == ' ' || text[k] == '\t' || text[k] == '\r') {
			k++
		}
		if k < len(text) && text[k] != '\n' {
			continue
		}
		end = at - 1
		for end > start && (text[end-1] == ' ' || text[end-1] == '\t' || text[end-1] == '\r') {
			end--
		}
		for k < len(text) && text[k] == '\n' { // and every blank line behind it
			at = k + 1
			for k = at; k < len(text) && (text[k] == ' ' || text[k] == '\t' || text[k] == '\r'); k++ {
			}
		}
		return end, at
	}
}

// opening is what a passage begins with: whole words on its first line, of no quotation
// marks.
func opening(text string) string {
	text = strings.TrimLeft(text, " \t")
	if i := strings.IndexAny(text, "\n\"“”"); i > 0 {
		text = text[:i]
	}
	if len(text) <= quoted {
		return text
	}
	n := quoted
	for n > quoted/2 && text[n] != ' ' {
		n--
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return strings.TrimRight(text[:n], " ")
}
