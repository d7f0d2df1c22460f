// Package fold shortens what terminals and logs repeat.
//
// In tool results, escape sequences for colours and cursors go (ECMA-48, section 5.4), and of a
// line that was written again and again over itself, the last state stays, as a terminal shows
// it. In tool results and in what users give:
//
//   - two or more spaces or tabs at the end of a line go, and so do blank lines from the second
//     on where there are three or more;
//   - lines that are the same, or groups of up to eight that are, stay once, with a mark that
//     says how many more there were;
//   - of four lines or more that differ in nothing but times, percentages that grow and counters
//     that go on in even steps, the first and the last stay, and a mark in between says how
//     many there were. The lines between can be fetched by the mark's name.
//
// Spaces at the beginning of lines stay, since code, YAML and diffs mean something by them.
// Nothing changes within code fences and JSON, and in diffs no spaces do.
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

// Apply is compressor.Stage's.
func (Stage) Apply(ctx context.Context, draft *prompt.Draft) error {
	for _, t := range draft.Texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if t.Locked {
			continue
		}
		text := t.Current()
		if t.Kind == prompt.ToolResult {
			text = render(text)
		}
		t.Replace(lines(text, t.Omit))
	}
	return nil
}

// render is what a terminal shows of a text.
func render(text string) string {
	if strings.IndexByte(text, 0x1b) >= 0 {
		text = unescape(text)
	}
	if !overwritten(text) {
		return text
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		body, end := split(line)
		if i := strings.LastIndexByte(strings.TrimRight(body, "\r"), '\r'); i >= 0 {
			body = strings.TrimRight(body, "\r")[i+1:]
		}
		out.WriteString(body)
		out.WriteString(end)
	}
	return out.String()
}

// overwritten tells whether there is a carriage return that doesn't end a line.
func overwritten(text string) bool {
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

// split parts a line from its end.
func split(line string) (body, end string) {
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
		text = text[i+sequence(text[i:]):]
	}
}

// sequence returns the length of the escape sequence that text begins with: 1 when there is
// nothing but the escape.
func sequence(text string) int {
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
		if i := strings.IndexAny(text, "\a\n"); i > 0 && text[i] == '\a' {
			return i + 1
		}
		if i := strings.Index(text, "\x1b\\"); i > 0 && strings.IndexByte(text[:i], '\n') < 0 {
			return i + 2
		}
		return 1
	case b == '(' || b == ')': // a set of characters
		return min(3, len(text))
	case b >= '0' && b <= '~':
		return 2
	default:
		return 1
	}
}

// blocks are a text's code and JSON, found when they are first asked for.
type blocks struct {
	text  string
	spans []protect.Span
	found bool
}

// touches tells whether there is code or JSON between two places.
func (b *blocks) touches(start, end int) bool {
	if !b.found {
		b.found, b.spans = true, protect.Blocks(b.text)
	}
	return protect.Touches(b.spans, start, end)
}
