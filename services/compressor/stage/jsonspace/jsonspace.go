// Package jsonspace takes the white space that means nothing out of tool results that
// are JSON.
package jsonspace

import (
	"context"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/compressor/prompt"
)

// Stage is the stage json_space. It changes a tool result that is exactly one JSON
// object or array (RFC 8259): white space outside strings goes, and every other byte stays,
// so that numbers keep their digits, strings their spelling, and members their order.
// Any other text stays as it is.
type Stage struct{}

// Name is json_space.
func (Stage) Name() string { return "json_space" }

// Apply is compressor.Stage's.
func (Stage) Apply(ctx context.Context, draft *prompt.Draft) error {
	for _, t := range draft.Texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if t.Kind != prompt.ToolResult {
			continue
		}
		raw := []byte(t.Current())
		v, err := jsonscan.Scan(raw)
		if err != nil || v.Kind != jsonscan.KindObject && v.Kind != jsonscan.KindArray {
			continue
		}
		if compact := jsonscan.AppendCanonical(make([]byte, 0, len(raw)), raw); len(compact) < len(raw) {
			t.Replace(string(compact))
		}
	}
	return nil
}
