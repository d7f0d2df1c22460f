// Package prompt takes a chat-completions request apart into what may be changed and what
// may not, and puts it together again with every other byte as it was.
//
// What becomes of a text depends on what stands before it in the conversation, and on
// nothing after it, so that it is the same bytes in every later turn and a provider finds
// its cached prefix again. That is why a user's message is taken apart in the same way
// whether it is the last one or not, and why each text has the question of its own time.
package prompt

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/tokens"
)

// ErrShape is returned for a body that is no chat-completions request, or one that can be
// read in two ways. Its text quotes nothing of the body.
var ErrShape = errors.New("not a chat-completions request of one meaning")

// Kind is what a text is.
type Kind uint8

const (
	// ToolResult is what a tool answered.
	ToolResult Kind = iota + 1
	// Context is what a user's message gives beside its question: documents, or what the
	// caller marked by tags.
	Context
)

// Text is a piece of the prompt that stages may change.
type Text struct {
	// Kind is what it is.
	Kind Kind
	// Original is how the caller sent it, unescaped.
	Original string
	// Question is what the text was given to answer: the user's words of its turn and, for a
	// tool result, what the tool was called with. Empty when nobody asked.
	Question string
	// Call is the id of the call that a tool result answers; may be empty.
	Call string
	// Message is which of the prompt's tool messages a tool result is in, from 1 on, those counted too
	// that have no text to change; 0 of another text. Part tells that the message has other parts.
	Message int
	Part    bool
	// HandedOn tells that a tool result may be for another call to have, with every byte: there are
	// tools, and the user's words of its turn ask that something be done.
	HandedOn bool
	// Turn counts the assistant's messages before it.
	Turn int
	// Rate is the share of its tokens that the caller's own tag asks to keep; 0 is none.
	Rate float64
	// Locked texts stay as they are. They are there to be referred to.
	Locked bool
	// Verbatim texts are needed to the letter, by what their turn or the system prompt asks: a
	// translation, a copy, what data says once it is decoded. Stages neither leave anything out of
	// them nor write them in another form. Their rate is 1.
	Verbatim bool
	// Size is how many tokens the original has, Tokens how many the text has as it stands.
	// Who runs the stages counts; a stage that knows the tokens of what it wrote says so by
	// [Text.Rewrite].
	Size, Tokens int64
	// Spread is how the tokens lie in the text as it was counted last; nil where nobody noted it.
	Spread *tokens.Spread

	current    string
	counted    bool // Tokens are those of current
	omitted    []Omission
	references []Reference // of current
}

// Reference is a part of a text that stands for a passage further up, and quotes how that begins.
type Reference struct {
	// Start and End are where it is, in the text as it stands.
	Start, End int
	// In is the text that has the passage, and Quoted what is quoted of it.
	In     *Text
	Quoted string
	// At is where the words stand in that text, in bytes, as the stage left it that refers to them; Was is
	// where they stood before, and do again if what the stage did to that text was taken back.
	At, Was int
}

// Omission is a part of the prompt that was left out.
type Omission struct {
	// Name is [NameOf] the text.
	Name string
	// Text is what was left out.
	Text string
}

// nameDigits is how much of a hash names a part: collisions within a tenant are out of
// reach of chance, and a mark has to be short.
const nameDigits = 16

// NameOf names a part of a prompt: the first 16 hexadecimal digits of its SHA-256.
func NameOf(part string) string {
	h := sha256.New()
	var buf [4 << 10]byte // so that the part is not copied whole
	for part != "" {
		n := copy(buf[:], part)
		_, _ = h.Write(buf[:n]) // it never fails
		part = part[n:]
	}
	return hex.EncodeToString(h.Sum(buf[:0])[:nameDigits/2])
}

// IsName tells whether a text is one that [NameOf] may return.
func IsName(text string) bool {
	if len(text) != nameDigits {
		return false
	}
	for _, c := range []byte(text) {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}

// Current is the text as the last change left it.
func (t *Text) Current() string { return t.current }

// Changed tells whether the text is another than the caller's.
func (t *Text) Changed() bool { return t.current != t.Original }

// Replace changes the text, unless it is locked. The new one must be UTF-8.
func (t *Text) Replace(text string) {
	if !t.Locked {
		t.current, t.counted, t.references = text, false, nil
	}
}

// Refer is Replace by a text that has references, in order and apart from each other.
func (t *Text) Refer(text string, references []Reference) {
	if t.Replace(text); !t.Locked {
		t.references = references
	}
}

// References are those of the last change.
func (t *Text) References() []Reference { return t.references }

// Rewrite is Replace by a text whose tokens, in the draft's encoding, are known.
func (t *Text) Rewrite(text string, size int64) {
	if !t.Locked {
		t.current, t.Tokens, t.counted, t.references = text, size, true, nil
	}
}

// Counted tells whether the last change said how many tokens the text has.
func (t *Text) Counted() bool { return t.counted }

// Omit notes a part that stands in the text no more, so that it can be fetched, and returns
// its name for the mark in its place.
func (t *Text) Omit(part string) string {
	o := Omission{Name: NameOf(part), Text: part}
	t.omitted = append(t.omitted, o)
	return o.Name
}

// Omitted are the parts noted so far.
func (t *Text) Omitted() []Omission { return t.omitted }

// Forget takes back what was noted since there were n parts.
func (t *Text) Forget(n int) { t.omitted = t.omitted[:min(n, len(t.omitted))] }

// verbatim says that a text of a content is needed to the letter. Stages that lose nothing may
// still shorten what a tool returned.
func (t *Text) verbatim(c *Content) {
	t.Locked = t.Locked || t.Kind == Context && !c.tagged
	t.Verbatim, t.Rate = true, 1
}

// Restore takes back everything.
func (t *Text) Restore() {
	t.current, t.omitted, t.references, t.Tokens = t.Original, nil, nil, t.Size
}

// Draft is what a stage works on.
type Draft struct {
	// Tenant is whose prompt it is; empty for those of nobody. What a stage remembers of it is
	// for no other, whom the time that it takes would tell of it.
	Tenant string
	// Texts are in the order of the body.
	Texts []*Text
	// Rate is the share of a text's tokens, in (0, 1], that stages aim to keep which lose
	// something. It is for texts of which [Draft.RateOf] knows no other.
	Rate float64
	// Rates stand in Rate's place by turn, but for those that are 0; may be shorter than the turns.
	Rates []float64
	// Encoding is the model's.
	Encoding tokens.Encoding
	// Floors are, by turn, the sizes in tokens that the prompt up to the end of the turn is
	// not to fall below: a shorter one would be dearer. 0 is none. Stages aim at [FloorStep]
	// above.
	Floors []int64
	// Kept is the shortest prompt that the provider keeps, so that it is cheaper when it comes
	// again; 0 where it keeps none.
	Kept int64
	// Prefixes are the sizes of the prompt up to the end of each turn, before any stage.
	Prefixes []int64
}

// RateOf is the share of a text's tokens that stages aim to keep: its own before its turn's.
func (d *Draft) RateOf(t *Text) float64 {
	switch {
	case t.Rate > 0:
		return t.Rate
	case t.Turn < len(d.Rates) && d.Rates[t.Turn] > 0:
		return d.Rates[t.Turn]
	}
	return d.Rate
}

// Leasts returns, by turn, how many tokens its texts should keep together, so that the prompt
// stays above its floor, as the texts stand by now. It may be more than they have.
func (d *Draft) Leasts() []int64 {
	leasts := make([]int64, len(d.Floors))
	saved, at := int64(0), 0
	for turn, floor := range d.Floors {
		own := int64(0)
		for ; at < len(d.Texts) && d.Texts[at].Turn <= turn; at++ {
			t := d.Texts[at]
			saved += t.Size - t.Tokens
			if !t.Locked {
				own += t.Tokens
			}
		}
		if floor > 0 {
			leasts[turn] = max(own-(d.Prefixes[turn]-saved-floor-FloorStep), 0)
		}
	}
	return leasts
}

// FloorStep is how much above a floor stages keep a prompt, in tokens: OpenAI counts what it
// has kept in steps of 128, and a stage may end a little below what it aims at.
const FloorStep = 128

// Hold takes back what brings the prompt below a floor, the last texts of a turn first, and
// in a prompt that a provider keeps what saves less than a step of what it counts: a step of
// its cache may be lost by it.
func (d *Draft) Hold() {
	var saved int64
	for start := 0; start < len(d.Texts); {
		turn, end := d.Texts[start].Turn, start
		for ; end < len(d.Texts) && d.Texts[end].Turn == turn; end++ {
			saved += d.Texts[end].Size - d.Texts[end].Tokens
		}
		for i := end - 1; i >= start && d.Prefixes[turn]-saved < d.Floors[turn]; i-- {
			if t := d.Texts[i]; t.Changed() {
				saved -= t.Size - t.Tokens
				t.Restore()
			}
		}
		for i := end - 1; i >= start && d.Kept > 0 && d.Prefixes[turn] >= d.Kept && saved < FloorStep; i-- {
			saved -= d.Texts[i].Size - d.Texts[i].Tokens
			d.Texts[i].Restore()
		}
		start = end
	}
}

// Turn is a part of the conversation from a message of the assistant, or the beginning, up to
// the next one, that one not included. So its end is where the request ended that it was the
// last turn of, and the prompt up to there has the same size in every later request.
type Turn struct {
	// Fixed are the texts that count as tokens and stay as they are.
	Fixed []string
	// Contents are the strings that have texts in them.
	Contents []*Content
	// Messages and Names are how many messages there are, and how many of them are named.
	Messages, Names int

	end int // of the last message, in the body
}

// Content is one string of the body.
type Content struct {
	// Original is the string as the caller sent it, unescaped.
	Original string
	// Texts are those in it, in order.
	Texts []*Text
	// Parts are what it becomes of, in order: what stays, too, and no tags.
	Parts []Part
	// Tokens is how many tokens the original has.
	Tokens int64

	start, end int  // of the string with its quotes, in the body
	kind       Kind // of its texts
	tagged     bool
	hasTags    bool // tagged, if no breakpoint were behind it
	marked     bool // a breakpoint is behind it
	exact      bool // its texts are needed to the letter
}

// Part is a part of a content: a text, or what stays.
type Part struct {
	// Text is nil where Stays is.
	Text  *Text
	Stays string
	// Size is how many tokens has what stays.
	Size int64
}

// Current is the part as it stands, with its tokens.
func (p *Part) Current() (text string, size int64) {
	if p.Text != nil {
		return p.Text.current, p.Text.Tokens
	}
	return p.Stays, p.Size
}

// Current is the content as its texts stand.
func (c *Content) Current() string {
	if !c.Changed() {
		return c.Original
	}
	if len(c.Parts) == 1 {
		text, _ := c.Parts[0].Current()
		return text
	}
	var out strings.Builder
	out.Grow(c.size())
	for i := range c.Parts {
		text, _ := c.Parts[i].Current()
		out.WriteString(text)
	}
	return out.String()
}

// size is the length of the changed content.
func (c *Content) size() (n int) {
	for i := range c.Parts {
		text, _ := c.Parts[i].Current()
		n += len(text)
	}
	return n
}

// Tagged tells whether tags of the caller's ask for compression in it.
func (c *Content) Tagged() bool { return c.tagged }

// Changed tells whether the content is another than the caller's. One whose tags ask for
// something is, at the least without the tags.
func (c *Content) Changed() bool {
	if c.tagged {
		return true
	}
	for _, t := range c.Texts {
		if t.Changed() {
			return true
		}
	}
	return false
}

// Freeze locks all that may be changed in a turn, tags with what is between them: the turn goes
// out as it came.
func (t *Turn) Freeze() {
	for _, c := range t.Contents {
		c.tagged = false
		for _, text := range c.Texts {
			text.Locked = true
		}
	}
}

// Prompt is a request's texts.
type Prompt struct {
	// Turns are the conversation's; there is one at least. What is outside the messages
	// belongs to the first.
	Turns []Turn
	// Texts are those of all contents, in the order of the body. Protected, and not among
	// them, are everything outside the messages, system and developer messages, the
	// assistant's turns with their tool calls, the users' questions, and within the others
	// all but the text. Every text up to the last cache breakpoint is locked.
	Texts []*Text
	// Tagged tells that the caller's own tags ask for compression.
	Tagged bool
	// Tools tells whether the model may call tools, so that the conversation goes on.
	Tools bool
	// Breakpoints tells that the caller says where the provider's cache is to end.
	Breakpoints bool

	question string // the last one
	ordered  bool   // a system or developer message takes every word
	body     []byte
	cuts     []span // of the body, in order: what says how the prompt is cached, and how that is written
	start    int    // of the list of messages, in the body
	outside  int    // how many of the first turn's fixed texts are from outside the messages
}

// IgnoreBreakpoints unlocks what is locked for no other reason than that it stands before a
// breakpoint. It is for who knows which turns a provider keeps in which form, and is called
// before anything else is locked or changed.
func (p *Prompt) IgnoreBreakpoints() { p.lock(false) }

// lock locks what a breakpoint protects, if they count, and what is needed to the letter.
func (p *Prompt) lock(breakpoints bool) {
	p.Tagged = false
	for i := range p.Turns {
		for _, c := range p.Turns[i].Contents {
			locked := breakpoints && c.marked
			c.tagged = c.hasTags && !locked
			p.Tagged = p.Tagged || c.tagged
			for _, t := range c.Texts {
				if t.Locked = locked; c.exact {
					t.verbatim(c)
				}
			}
		}
	}
}

// Refocus puts the last question before that of every earlier text, and has what a system or
// developer message says hold for what stands before it, too. It makes other bytes of
// the texts of earlier turns than their own turn did, and is for where nobody has kept those.
func (p *Prompt) Refocus() {
	for _, t := range p.Texts {
		if p.question != "" && !strings.HasPrefix(t.Question, p.question) {
			t.Question = p.question + "\n" + t.Question
		}
	}
	if !p.ordered {
		return
	}
	for i := range p.Turns {
		for _, c := range p.Turns[i].Contents {
			for _, t := range c.Texts {
				t.verbatim(c)
			}
		}
	}
}

// room is how much the body with the changed contents may take, if not many characters of
// theirs are escaped.
func (p *Prompt) room() int {
	n := len(p.body)
	for i := range p.Turns {
		for _, c := range p.Turns[i].Contents {
			if c.Changed() {
				size := c.size()
				n += size + size/16 - (c.end - c.start)
			}
		}
	}
	return n + 64
}

// Body is the request with the changed contents in place; nil when none changed.
func (p *Prompt) Body() []byte {
	var out []byte
	done := 0
	for i := range p.Turns {
		for _, c := range p.Turns[i].Contents {
			if !c.Changed() {
				continue
			}
			if out == nil {
				out = make([]byte, 0, p.room())
			}
			out = append(out, p.body[done:c.start]...)
			out = jsonscan.AppendQuoted(out, c.Current())
			done = c.end
		}
	}
	if out == nil {
		return nil
	}
	return append(out, p.body[done:]...)
}
