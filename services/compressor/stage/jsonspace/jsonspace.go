// Package jsonspace takes the white space that means nothing out of tool results that
// are JSON.
package jsonspace

import (
	"context"
	"strings"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/compressor/prompt"
)

// Stage is the stage json_space. It changes a tool result that is one JSON object or array
// (RFC 8259), or ends in one that begins on a line of its own: white space outside its strings
// goes, and every other byte stays, so that numbers keep their digits, strings their spelling,
// and members their order. Any other text stays as it is, and so does what is needed to the letter.
type Stage struct{}

// Name is json_space.
func (Stage) Name() string { return "json_space" }

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
		at, ok := Find(text)
		if err := ctx.Err(); err != nil {
			return err // large JSON was read by now
		}
		if !ok {
			continue
		}
		raw := []byte(text[at:])
		if compact := jsonscan.AppendCanonical(make([]byte, 0, len(text)), raw); len(compact) < len(raw) {
			t.Replace(text[:at] + string(compact))
		}
	}
	return nil
}

// tries is how many lines are tried that JSON could begin on.
const tries = 4

// Find returns where the JSON object or array begins that a text ends in: at the text's begin
// or, behind white space, that of a later line. Each line that could begin one is tried, up to
// four, but none behind a line that is one by itself: those are JSON lines.
func Find(text string) (at int, ok bool) {
	for line, try := 0, 0; line < len(text) && try < tries; {
		rest := strings.TrimLeft(text[line:], " \t\r\n")
		if rest == "" {
			break
		}
		if rest[0] == '{' || rest[0] == '[' {
			if _, err := jsonscan.Scan([]byte(rest)); err == nil {
				if line == 0 {
					return 0, true
				}
				return len(text) - len(rest), true
			}
			try++
		}
		next := strings.IndexByte(rest, '\n')
		if next < 0 {
			break
		}
		if rest[0] == '{' || rest[0] == '[' {
			if _, err := jsonscan.Scan([]byte(rest[:next])); err == nil {
				break
			}
		}
		line = len(text) - len(rest) + next + 1
	}
	return 0, false
}
