package veto

import (
	"tollgate.dev/services/cache/canon"
	"tollgate.dev/services/cache/reading"
)

// unread holds texts apart that could not be read as English prose: nothing is known of what
// differs in them, so nothing may.
func unread(p *pair) (string, string, bool) {
	if p.a.r.Manner == reading.Prose && p.b.r.Manner == reading.Prose {
		return "", "", false
	}
	if p.a.r.Manner == p.b.r.Manner && p.a.r.Manner != reading.Literal && canon.Of(p.a.r).Key() == canon.Of(p.b.r).Key() {
		return "", "", false
	}
	return p.a.r.Text, p.b.r.Text, true
}
