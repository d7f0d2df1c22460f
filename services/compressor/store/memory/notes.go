package memory

import (
	"context"
	"strings"

	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/prompt"
)

// Notes keep what is known of how prompts began, bounded and shared out among tenants as the
// parts of a [Store] are. Their lives differ: one that is over may hold its place until older
// ones go. They implement [compressor.Notes] and never fail.
type Notes struct{ store *Store }

var _ compressor.Notes = (*Notes)(nil)

// NewNotes returns notes of which there are none yet.
func NewNotes(opts Options) *Notes { return &Notes{store: New(opts)} }

// Read is [compressor.Notes]'.
func (n *Notes) Read(_ context.Context, tenant string, notes []compressor.Note) ([]string, error) {
	s := n.store
	now := s.clock.Now()
	texts := make([]string, len(notes))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reap(now)
	for i, note := range notes {
		if p := s.find(tenant, note.Name); p != nil && p.until.After(now) {
			texts[i] = p.text
			s.touch(tenant, note.Name, now.Add(note.Life))
		}
	}
	return texts, nil
}

// Write is [compressor.Notes]'.
func (n *Notes) Write(_ context.Context, tenant string, notes []compressor.Note) error {
	s := n.store
	now := s.clock.Now()
	tenant = strings.Clone(tenant)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reap(now)
	for _, note := range notes {
		if p := s.find(tenant, note.Name); p != nil {
			s.remove(p.all)
		}
		s.insert(tenant, prompt.Omission{Name: note.Name, Text: note.Text}, now.Add(note.Life))
	}
	for s.used > s.max {
		s.remove(s.largest.First().byAge.Front())
	}
	return nil
}
