package compresscmd

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sergi/go-diff/diffmatchpatch"

	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/extract"
)

// report is what became of a file.
type report struct {
	options  options
	whole    bool   // the file is a request
	original []byte // the request
	result   compressor.Result
	tools    *compressor.Result // of a document as a tool's result; nil of a request
	price    *pricing.Price     // nil where none is known
	// minTokens is from how many tokens on the profile shortens prompts.
	minTokens int64
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

// text writes what goes out, to the byte; but no control to a terminal.
func (r *report) text(out *strings.Builder, texts []text) {
	sent := string(r.original)
	switch {
	case !r.whole:
		sent = texts[0].after
	case r.result.Body != nil:
		sent = string(r.result.Body)
	}
	if r.options.terminal {
		sent = visible(sent)
	}
	out.WriteString(sent)
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
		Model            string      `json:"model"`
		Profile          string      `json:"profile"`
		Engine           string      `json:"engine"`
		Stages           []string    `json:"stages"`
		OriginalTokens   int64       `json:"originalTokens"`
		CompressedTokens int64       `json:"compressedTokens"`
		Micros           int64       `json:"micros"`
		Saved            *money.Nano `json:"saved"` // null where the model has no price
		Texts            []changed   `json:"texts"`
		Omitted          []omitted   `json:"omitted"`
	}{
		Model: r.options.name(), Profile: r.options.profile, Engine: r.result.Engine, Stages: r.result.Stages,
		OriginalTokens: r.result.Original, CompressedTokens: r.result.Compressed, Micros: r.result.Took.Microseconds(),
	}
	if r.price != nil {
		saved := r.result.Saved(r.price)
		view.Saved = &saved
	}
	for _, t := range texts {
		view.Texts = append(view.Texts, changed{t.role, t.before, t.after})
	}
	for _, o := range r.result.Omitted {
		view.Omitted = append(view.Omitted, omitted{o.Name, o.Text})
	}
	var raw strings.Builder
	enc := json.NewEncoder(&raw)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(view); err != nil {
		return err
	}
	for _, c := range raw.String() { // the encoder leaves those above the first controls as they are
		if hidden(c) {
			fmt.Fprintf(out, `\u%04x`, c)
		} else {
			out.WriteRune(c)
		}
	}
	return nil
}

// diff shows what became of each text, and the figures below.
func (r *report) diff(out *strings.Builder, texts []text) {
	m := marksFor(texts, r.options.color)
	if changed := func(t text) bool { return t.before != t.after }; m.length > 1 && slices.ContainsFunc(texts, changed) {
		out.WriteString("marks   ")
		m.write(out, m.gone, "left out")
		out.WriteByte(' ')
		m.write(out, m.came, "in its place")
		out.WriteString(": the text itself has shorter ones\n\n")
	}
	rule := ruleFor(texts)
	for _, t := range texts {
		if r.whole {
			fmt.Fprintf(out, "%s %s\n", rule, t.role)
		}
		m.compare(out, t.before, t.after)
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
		why := "docs/11-Compression.md tells when"
		if result.Original < r.minTokens {
			why = fmt.Sprintf("the profile %s begins at %d tokens", r.options.profile, r.minTokens)
		}
		fmt.Fprintf(out, "tokens  %d; nothing was saved, and the original goes out to %s (%s)\n", result.Original, r.options.name(), why)
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
	if r.price != nil && r.price.Rate(pricing.Input, pricing.Standard, result.Original) > 0 {
		fmt.Fprintf(out, "saved   $%s a call of %s\n", r.result.Saved(r.price).Dollars(), r.options.name())
	}
	for _, o := range result.Omitted {
		fmt.Fprintf(out, "omitted %s: %d bytes\n", o.Name, len(o.Text))
	}
}

// tolerance is by how many tokens a request with tools may be longer for the list of them.
const tolerance = 8

// diffTime bounds the search for the smallest difference; what is found by then is shown.
const diffTime = 2 * time.Second

// compare writes a text with what changed in it, word by word.
func (m *marks) compare(out *strings.Builder, before, after string) {
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
	var gone, came strings.Builder
	flush := func() {
		m.write(out, m.gone, gone.String())
		m.write(out, m.came, came.String())
		gone.Reset()
		came.Reset()
	}
	parts := d.DiffMainRunes(was, is, false)
	if rewritten(parts, words) {
		m.write(out, m.gone, visible(before))
		m.write(out, m.came, visible(after))
		return
	}
	for i, part := range parts {
		var text strings.Builder
		for _, r := range part.Text {
			text.WriteString(visible(words[indexOf(r)]))
		}
		switch {
		case part.Type == diffmatchpatch.DiffDelete:
			gone.WriteString(text.String())
		case part.Type == diffmatchpatch.DiffInsert:
			came.WriteString(text.String())
		case i > 0 && i < len(parts)-1 && !strings.ContainsFunc(text.String(), readable):
			// A space or a full stop that both have between two changes tells nothing.
			gone.WriteString(text.String())
			came.WriteString(text.String())
		default:
			flush()
			out.WriteString(text.String())
		}
	}
	flush()
}

// rewritten tells whether a text became another, such as JSON a table: words came, and what the two
// share is a word here and there, which is chance and no help to a reader.
func rewritten(parts []diffmatchpatch.Diff, words []string) bool {
	const run = 3 // words that are left together where a text is shortened, at least, on an average
	came, runs, shared := 0, 0, 0
	for _, part := range parts {
		n := 0
		for _, r := range part.Text {
			if strings.ContainsFunc(words[indexOf(r)], readable) {
				n++
			}
		}
		switch {
		case n == 0:
		case part.Type == diffmatchpatch.DiffInsert:
			came += n
		case part.Type == diffmatchpatch.DiffEqual:
			runs++
			shared += n
		}
	}
	return came > 0 && shared < run*runs
}

// readable tells whether a character is more than space and punctuation.
func readable(r rune) bool { return unicode.In(r, unicode.L, unicode.N, unicode.S) }

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
	if strings.HasPrefix(text, extract.Mark) {
		return len(extract.Mark) // its brackets are none of the text's
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
