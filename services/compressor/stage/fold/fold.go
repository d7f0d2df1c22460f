// Package fold shortens what terminals and logs repeat in tool results.
//
//   - Escape sequences for colours and cursors go (ECMA-48, section 5.4).
//   - Of a line that a terminal's progress was written over again and again, the last state
//     stays, and a mark says how many there were before it;
//   - two or more spaces or tabs at the end of a line go, and so do blank lines from the second
//     on where there are three or more;
//   - lines that are the same, or groups of up to eight that are, stay once, with a mark that
//     says how many more there were;
//   - of four lines or more of a log that differ in nothing but times, and counters that go on in
//     even steps, the first and the last stay, and a mark in between says how many there were,
//     with the times of each, or the counters' begin, end and step. A log's lines begin with a
//     time or have a level. Where the question has a word or a number of theirs they stay.
//
// States and lines that a mark stands for can be fetched by its name. Spaces at the beginning
// of lines stay, since code, YAML and diffs mean something by them. Nothing changes within JSON and
// code, with a fence or by the look of its lines, and in diffs no spaces do.
//
// Of a text that is needed to the letter nothing but lines that are the same are folded.
//
// What users give stays: they may mean the spaces at a line's end, as Markdown does, and lines
// that come again, as verses do.
package fold

import (
	"context"
	"strings"

	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/protect"
)

// Stage is the stage fold.
type Stage struct{}

// Name is fold.
func (Stage) Name() string { return "fold" }

// Loses tells that escape sequences and states are gone.
func (Stage) Loses() bool { return true }

// Apply is compressor.Stage's.
func (Stage) Apply(ctx context.Context, draft *prompt.Draft) error {
	for _, t := range draft.Texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if t.Locked || t.Kind != prompt.ToolResult {
			continue
		}
		text := t.Current()
		if !t.Verbatim {
			rendered, err := renderTerminal(ctx, text, t.Omit)
			if err != nil {
				return err
			}
			text = rendered
		}
		text, err := foldLines(ctx, text, t)
		if err != nil {
			return err
		}
		t.Replace(text)
	}
	return nil
}

// step is how much of a text is gone over until it is asked again whether there is time, in
// bytes.
const step = 64 << 10

// renderTerminal takes the escape sequences out of lines, and the states that were written over.
func renderTerminal(ctx context.Context, text string, omit func(string) string) (string, error) {
	// A text whose lines end in carriage returns is no terminal's.
	written := hasOverwrites(text) && strings.IndexByte(text, '\n') >= 0 && !strings.Contains(text, states)
	if !written && strings.IndexByte(text, 0x1b) < 0 {
		return text, nil
	}
	code := blocks{text: text}
	var out strings.Builder
	out.Grow(len(text))
	at, asked := 0, 0
	for line := range strings.Lines(text) {
		if at-asked > step {
			if asked = at; ctx.Err() != nil {
				return "", ctx.Err()
			}
		}
		start := at
		at += len(line)
		body, end := cutLineEnd(line)
		if strings.ContainsAny(body, "\r\x1b") && !code.touches(start, at) {
			body = unescape(body)
			if written {
				body = lastStates(body, omit)
			}
		}
		out.WriteString(body)
		out.WriteString(end)
	}
	return out.String(), nil
}

// hasOverwrites tells whether there is a carriage return that doesn't end a line.
func hasOverwrites(text string) bool {
	for {
		i := strings.IndexByte(text, '\r')
		if i < 0 || i == len(text)-1 {
			return false
		}
		if text[i+1] != '\n' {
			return true
		}
		text = text[i+1:]
	}
}

// cutLineEnd parts a line from its end.
func cutLineEnd(line string) (body, end string) {
	n := len(line)
	if n > 0 && line[n-1] == '\n' {
		if n--; n > 0 && line[n-1] == '\r' {
			n--
		}
	}
	return line[:n], line[n:]
}

// unescape takes the escape sequences out.
func unescape(text string) string {
	var out strings.Builder
	out.Grow(len(text))
	for {
		i := strings.IndexByte(text, 0x1b)
		if i < 0 {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:i])
		text = text[i+escapeLength(text[i:]):]
	}
}

// escapeLength returns the length of the escape sequence that text begins with: 1 when there is
// nothing but the escape.
func escapeLength(text string) int {
	if len(text) < 2 {
		return len(text)
	}
	switch b := text[1]; {
	case b == '[': // to a final byte, behind parameters and intermediates
		i := 2
		for i < len(text) && text[i] >= 0x20 && text[i] < 0x40 {
			i++
		}
		if i < len(text) && text[i] >= 0x40 && text[i] < 0x7f {
			return i + 1
		}
		return 1
	case b == ']' || b == 'P' || b == '_' || b == '^': // a string to its terminator
		switch i := strings.IndexAny(text[2:], "\a\x1b\n") + 2; { // one that another escape ends has no end of its own
		case i < 2:
			return 1
		case text[i] == '\a':
			return i + 1
		case strings.HasPrefix(text[i:], "\x1b\\"):
			return i + 2
		default:
			return 1
		}
	case (b == '(' || b == ')') && len(text) > 2 && text[2] >= '0' && text[2] <= '~': // a set of characters
		return 3
	case b >= '0' && b <= '~':
		return 2
	default:
		return 1
	}
}

// blocks are a text's code and JSON, found when they are first asked for.
type blocks struct {
	text    string
	spans   []protect.Span
	sources []protect.Span
	found   bool
	looked  bool
}

// touches tells whether there is fenced code or JSON between two places.
func (b *blocks) touches(start, end int) bool {
	if !b.found {
		b.found, b.spans = true, protect.Blocks(b.text)
	}
	return protect.Touches(b.spans, start, end)
}

// stays tells whether there is code between two places, with a fence or without, or JSON.
func (b *blocks) stays(start, end int) bool {
	if b.touches(start, end) {
		return true
	}
	if !b.looked {
		b.looked, b.sources = true, protect.Sources(b.text)
	}
	return protect.Touches(b.sources, start, end)
}
