package veto

import (
	"strings"

	"tollgate.dev/services/cache/reading"
)

// unread holds texts apart that could not be read as English prose: nothing is known of what
// differs in them, so nothing may.
func unread(p *pair) (string, string, bool) {
	if p.a.r.Manner == reading.Prose && p.b.r.Manner == reading.Prose {
		return "", "", false
	}
	if p.a.r.Manner == p.b.r.Manner && p.a.r.Manner != reading.Literal && fold(p.a.r.Text) == fold(p.b.r.Text) {
		return "", "", false
	}
	return p.a.r.Text, p.b.r.Text, true
}

func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }
