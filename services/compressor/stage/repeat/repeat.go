// Package repeat replaces what stands in the prompt already by a reference to it.
//
// A tool result that is an earlier one's again becomes
//
//	[same as the result of call_abc above]
//
// or, without an id that is the earlier one's alone, [same as tool result 3 above]. A paragraph
// that says the same as an earlier one, character by character but for the width of spaces and
// the ends of lines that are not indented, becomes
//
//	[as above: "The harbour was built between …"]
//
// with a name to fetch it by when it was spaced differently. Any other difference keeps a
// paragraph: there is no threshold of likeness, and no negation can get lost. Paragraphs are
// parted by blank lines; those in or around JSON and code stay, with a fence or without.
//
// A reference is to what the model can still read. Where later stages shorten texts by what
// they are asked, an earlier text may be shortened for another question, so it is referred to
// only when both have the same question, nothing is to be shortened, or it is JSON, which is
// not. A text that is needed to the letter is only referred to one that has it so. Only texts that stand earlier are looked at, as any turn has them.
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

// Loses tells that what is the same but for spaces comes back with those of the first.
func (Stage) Loses() bool { return true }

// Apply is compressor.Stage's.
func (Stage) Apply(ctx context.Context, draft *prompt.Draft) error {
	r := reader{draft: draft, results: make(map[string]*results), calls: make(map[string]int), passages: make(map[uint64]*passage)}
	for _, t := range referring(draft.Texts) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if t.Kind == prompt.ToolResult {
			if mark := r.result(t); mark != "" {
				t.Replace(mark)
				continue
			}
		}
		if err := r.text(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// referring are the texts up to the last one that may change: nothing refers to those behind it,
// which may be megabytes beyond the bound of what is compressed.
func referring(texts []*prompt.Text) []*prompt.Text {
	end := len(texts)
	for end > 0 && texts[end-1].Locked {
		end--
	}
	return texts[:end]
}

// reader goes through a draft.
type reader struct {
	draft    *prompt.Draft
	message  int                 // the tool message that was read last
	count    int                 // of the tool messages that were read
	results  map[string]*results // by what they say
	calls    map[string]int      // how many messages answer a call
	passages map[uint64]*passage
}

// results are the first ones of those that say the same.
type results struct {
	first  *prompt.Text // of all
	untold *prompt.Text // of those that nothing shortens
	asked  map[asked]*prompt.Text
	// whole tells whether they are JSON, once somebody looked.
	whole, looked bool
}

// asked is what a result was shortened by.
type asked struct {
	question string
	rate     float64
	verbatim bool
}

// passage is a paragraph as it stood when it was read.
type passage struct {
	in      *prompt.Text
	text    string
	normal  string // once somebody asked
	at, was int    // where it stands in what its text becomes, and where it stood
}

// stands tells whether what an earlier text says can be read by who reads a later one.
func (r *reader) stands(earlier, later *prompt.Text) bool {
	return earlier == later || complete(earlier, later) && (earlier.Question == later.Question && r.draft.RateOf(earlier) == r.draft.RateOf(later) ||
		r.unshortened(earlier))
}

// unshortened tells that no stage shortens a text, whatever its question.
func (r *reader) unshortened(t *prompt.Text) bool { return t.Rate == 0 && r.draft.RateOf(t) == 1 }

// complete tells whether an earlier text has all that a later one needs: to the letter, if
// that is what it is needed for.
func complete(earlier, later *prompt.Text) bool {
	return !later.Verbatim || earlier.Verbatim || !earlier.Changed()
}

// whole tells whether a text is JSON, all of it.
func whole(text string) bool {
	at, ok := jsonspace.Find(text)
	return ok && at == 0
}

// result returns the reference that stands for a result; nothing if it is the first of its
// kind. Only what is all of a message is referred to: nothing says which part of one is meant.
func (r *reader) result(t *prompt.Text) string {
	if t.Message != r.message {
		r.message = t.Message
		r.count++
		r.calls[t.Call]++
	}
	if len(t.Original) < leastResult {
		return ""
	}
	key := asked{t.Question, r.draft.RateOf(t), t.Verbatim}
	same := r.results[t.Original]
	var earlier *prompt.Text
	if same != nil {
		earlier = same.standing(key, t)
	}
	if !t.Part && t.Message > 0 {
		if same == nil {
			same = &results{first: t, asked: make(map[asked]*prompt.Text)}
			r.results[t.Original] = same
		}
		if same.untold == nil && r.unshortened(t) {
			same.untold = t
		}
		if same.asked[key] == nil {
			same.asked[key] = t
		}
	}
	if earlier == nil {
		return ""
	}
	if r.owns(earlier) {
		return protect.SameAs + "the result of " + earlier.Call + " above]"
	}
	return fmt.Sprintf("%stool result %d above]", protect.SameAs, earlier.Message)
}

// owns tells whether the id of a result's call is its message's alone, as far as was read, and can
// stand in a mark. A message without a text is not read, and may have any id.
func (r *reader) owns(t *prompt.Text) bool {
	return t.Call != "" && len(t.Call) <= quoted && r.calls[t.Call] == 1 && r.count == r.message && plain(t.Call)
}

// standing returns the first result that can be read by who reads t: that stands, by the
// rules of [reader.stands], or is JSON; nil where none is.
func (s *results) standing(key asked, t *prompt.Text) *prompt.Text {
	if !s.looked {
		s.whole, s.looked = whole(t.Original), true
	}
	if s.whole && complete(s.first, t) {
		return s.first
	}
	first := s.asked[key]
	if u := s.untold; u != nil && complete(u, t) && (first == nil || u.Message < first.Message) {
		return u
	}
	return first
}

// plain tells whether an id can stand in a mark.
func plain(id string) bool {
	return strings.IndexFunc(id, func(c rune) bool { return c <= ' ' || c == ']' || c == '[' || c == utf8.RuneError }) < 0
}

// step is how much of a text is read until it is asked again whether there is time, in bytes.
const step = 64 << 10

// text reads a text's passages and replaces those that were there before.
func (r *reader) text(ctx context.Context, t *prompt.Text) error {
	text := t.Current()
	if len(text) < leastPassage || text[0] == '{' && whole(text) || text[0] == '[' && whole(text) {
		return nil
	}
	var out []byte
	var references []prompt.Reference
	var blocks, sources []protect.Span
	done, looked := 0, false
	for start, checked := 0, 0; start < len(text); {
		if start-checked > step {
			if checked = start; ctx.Err() != nil {
				return ctx.Err()
			}
		}
		end, next := paragraph(text, start)
		body := text[start:end]
		at := start
		start = next
		if len(body) < leastPassage {
			continue
		}
		h := sketch(body)
		first := r.passages[h]
		if first == nil {
			r.passages[h] = &passage{in: t, text: body, at: len(out) + at - done, was: at}
			continue
		}
		if t.Locked || !r.stands(first.in, t) || !first.says(body) || t.Verbatim && first.text != body {
			continue
		}
		if !looked {
			blocks, sources, looked = protect.Blocks(text), protect.Sources(text), true
		}
		if protect.Touches(blocks, at, end) || protect.Touches(sources, at, end) {
			continue
		}
		if out == nil {
			out = make([]byte, 0, len(text))
		}
		out = append(out, text[done:at]...)
		reference := first.reference(len(out))
		out = append(out, protect.AsAbove...)
		out = append(out, '"')
		out = append(out, reference.Quoted...)
		out = append(out, `…"`...)
		if first.text != body {
			out = append(out, protect.Omitted...)
			out = append(out, t.Omit(body)...)
		}
		out = append(out, ']')
		reference.End = len(out)
		references = append(references, reference)
		done = end
	}
	if out != nil {
		t.Refer(string(append(out, text[done:]...)), references)
	}
	return nil
}

// reference is one to the passage that begins at a place of another text.
func (p *passage) reference(start int) prompt.Reference {
	indent := len(p.text) - len(strings.TrimLeft(p.text, " \t"))
	return prompt.Reference{Start: start, In: p.in, Quoted: opening(p.text[indent:]), At: p.at + indent, Was: p.was + indent}
}

// says tells whether another passage says the same.
func (p *passage) says(other string) bool {
	if p.text == other {
		return true
	}
	if p.normal == "" {
		p.normal = normal(p.text)
	}
	return normal(other) == p.normal
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

// opening is what a passage without its indentation begins with: whole words on its first line, of
// no quotation marks.
func opening(text string) string {
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
