package compresscmd

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/sergi/go-diff/diffmatchpatch"

	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/services/compressor"
)

// report is what became of a file.
type report struct {
	options  options
	whole    bool   // the file is a request
	original []byte // the request
	result   compressor.Result
	tools    *compressor.Result // of a document as a tool's result; nil of a request
	price    *pricing.Price
}

// text is one string of a request before and after.
type text struct{ role, before, after string }

// write writes the report in its form.
func (r *report) write(to io.Writer) error {
	texts, err := r.texts()
	if err != nil {
		return err
	}
	var out strings.Builder
	switch r.options.format {
	case "json":
		err = r.json(&out, texts)
	case "text":
		r.text(&out, texts)
	default:
		r.diff(&out, texts)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(to, out.String())
	return err
}

// texts pairs the strings of the request that went in with those that came out. A document
// is the last of them.
func (r *report) texts() ([]text, error) {
	after := r.result.Body
	if after == nil {
		after = r.original
	}
	was, err := contents(r.original)
	if err != nil {
		return nil, err
	}
	is, err := contents(after)
	if err != nil {
		return nil, err
	}
	for i := range was {
		was[i].after = is[i].before
	}
	if !r.whole {
		was = was[len(was)-1:]
	}
	return was, nil
}

// contents are the texts of a request's messages, in order.
func contents(body []byte) (texts []text, err error) {
	var request struct {
		Messages []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	for _, m := range request.Messages {
		var whole string
		var parts []struct {
			Text string `json:"text"`
		}
		switch {
		case json.Unmarshal(m.Content, &whole) == nil:
			texts = append(texts, text{role: m.Role, before: whole})
		case json.Unmarshal(m.Content, &parts) == nil:
			for _, p := range parts {
				texts = append(texts, text{role: m.Role, before: p.Text})
			}
		}
	}
	return texts, nil
}

func (r *report) text(out *strings.Builder, texts []text) {
	switch {
	case !r.whole:
		out.WriteString(texts[0].after)
	case r.result.Body != nil:
		out.Write(r.result.Body)
	default:
		out.Write(r.original)
	}
}

// json writes everything as one object. Amounts are dollars.
func (r *report) json(out *strings.Builder, texts []text) error {
	type changed struct {
		Role       string `json:"role"`
		Original   string `json:"original"`
		Compressed string `json:"compressed"`
	}
	type omitted struct {
		Name string `json:"name"`
		Text string `json:"text"`
	}
	view := struct {
		Model            string     `json:"model"`
		Profile          string     `json:"profile"`
		Engine           string     `json:"engine"`
		Stages           []string   `json:"stages"`
		OriginalTokens   int64      `json:"originalTokens"`
		CompressedTokens int64      `json:"compressedTokens"`
		Micros           int64      `json:"micros"`
		Saved            money.Nano `json:"saved"`
		Texts            []changed  `json:"texts"`
		Omitted          []omitted  `json:"omitted"`
	}{
		Model: r.options.name(), Profile: r.options.profile, Engine: r.result.Engine, Stages: r.result.Stages,
		OriginalTokens: r.result.Original, CompressedTokens: r.result.Compressed, Micros: r.result.Took.Microseconds(), Saved: r.result.Saved(r.price),
	}
	for _, t := range texts {
		view.Texts = append(view.Texts, changed{t.role, t.before, t.after})
	}
	for _, o := range r.result.Omitted {
		view.Omitted = append(view.Omitted, omitted{o.Name, o.Text})
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(view)
}

// diff shows what became of each text, and the figures below.
func (r *report) diff(out *strings.Builder, texts []text) {
	style := plain
	if r.options.color {
		style = coloured
	}
	for _, t := range texts {
		if r.whole {
			fmt.Fprintf(out, "--- %s\n", t.role)
		}
		marked(out, t.before, t.after, style)
		if !strings.HasSuffix(out.String(), "\n") {
			out.WriteByte('\n')
		}
	}
	result := &r.result
	out.WriteByte('\n')
	switch {
	case r.options.profile == profileOff:
		out.WriteString("the profile off compresses nothing\n")
		return
	case result.Body == nil:
		fmt.Fprintf(out, "tokens  %d; nothing was saved, and the original goes out (docs/11-Compression.md tells when)\n", result.Original)
		return
	}
	fmt.Fprintf(out, "tokens  %d to %d: %.1f %% are left\n", result.Original, result.Compressed, 100*float64(result.Compressed)/float64(result.Original))
	switch t := r.tools; {
	case t == nil:
	case t.Body == nil:
		out.WriteString("tools   as the result of a tool it stays as it is: a conversation with tools is not made shorter than its provider keeps\n")
	case t.Compressed > result.Compressed+tolerance:
		fmt.Fprintf(out, "tools   %d as the result of a tool: a conversation with tools is not made shorter than its provider keeps\n", t.Compressed)
	}
	fmt.Fprintf(out, "engine  %s (%s)\n", result.Engine, strings.Join(result.Stages, ", "))
	fmt.Fprintf(out, "time    %s\n", result.Took.Round(time.Microsecond))
	if rate := r.price.Rate(pricing.Input, pricing.Standard, result.Original); rate > 0 {
		fmt.Fprintf(out, "saved   $%s a call of %s\n", r.result.Saved(r.price).Dollars(), r.options.name())
	}
	for _, o := range result.Omitted {
		fmt.Fprintf(out, "omitted %s: %d bytes\n", o.Name, len(o.Text))
	}
}

// tolerance is by how many tokens a request with tools may be longer for the list of them.
const tolerance = 8

// style is how words are marked that went, and that came.
type style struct{ gone, goneEnd, came, cameEnd string }

var (
	plain    = style{"[-", "-]", "{+", "+}"}
	coloured = style{"\x1b[9;31m", "\x1b[0m", "\x1b[32m", "\x1b[0m"}
)

// diffTime bounds the search for the smallest difference; what is found by then is shown.
const diffTime = 2 * time.Second

// marked writes a text with what changed in it, word by word.
func marked(out *strings.Builder, before, after string, s style) {
	ids := map[string]rune{}
	var words []string
	encode := func(text string) (runes []rune) {
		for text != "" {
			n := word(text)
			if len(words) == maxWords {
				n = len(text)
			}
			id, ok := ids[text[:n]]
			if !ok {
				id = runeOf(len(words))
				ids[text[:n]] = id
				words = append(words, text[:n])
			}
			runes = append(runes, id)
			text = text[n:]
		}
		return runes
	}
	was, is := encode(before), encode(after)
	d := diffmatchpatch.New()
	d.DiffTimeout = diffTime
	for _, part := range d.DiffMainRunes(was, is, false) {
		var text strings.Builder
		for _, r := range part.Text {
			text.WriteString(visible(words[indexOf(r)]))
		}
		switch part.Type {
		case diffmatchpatch.DiffDelete:
			out.WriteString(s.gone + text.String() + s.goneEnd)
		case diffmatchpatch.DiffInsert:
			out.WriteString(s.came + text.String() + s.cameEnd)
		case diffmatchpatch.DiffEqual:
			out.WriteString(text.String())
		}
	}
}

// visible shows the controls of a text, but for tabs and line ends, by their pictures in Unicode
// or their numbers: what a document has of them is not to steer the terminal, and is seen where it
// was left out.
func visible(text string) string {
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		switch {
		case !hidden(r):
			out.WriteRune(r)
		case r < ' ':
			out.WriteRune('\u2400' + r)
		case r == '\x7f':
			out.WriteRune('\u2421')
		default:
			fmt.Fprintf(&out, "<U+%04X>", r)
		}
	}
	return out.String()
}

// hidden tells whether a character steers a terminal, or the order of a line.
func hidden(r rune) bool {
	return r != '\t' && r != '\n' && unicode.In(r, unicode.Cc, unicode.Bidi_Control)
}

// maxWords is how many different words are told apart; what follows is one.
const maxWords = 1<<20 - 3

// runeOf gives words characters by which they are compared: the planes above the first, in
// which there are no halves of pairs.
func runeOf(index int) rune { return rune(0x10000 + index) } //nolint:gosec // at most maxWords

func indexOf(r rune) int { return int(r) - 0x10000 }

// word is the length of the first word of a text, or of the space or the mark before it.
func word(text string) int {
	class := func(r rune) int {
		switch {
		case unicode.Is(unicode.Han, r) || unicode.Is(unicode.Hiragana, r) || unicode.Is(unicode.Katakana, r):
			return 0 // each is a word
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			return 1
		case unicode.IsSpace(r):
			return 2
		}
		return 0
	}
	first := -1
	for i, r := range text {
		switch c := class(r); {
		case first < 0:
			first = c
		case c != first || first == 0:
			return i
		}
	}
	return len(text)
}
