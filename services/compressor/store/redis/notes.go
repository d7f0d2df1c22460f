package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/services/compressor"
)

// DefaultNotesPrefix begins the keys of notes.
const DefaultNotesPrefix = "tollgate:beginnings:"

// Notes keep what is known of how prompts began, under keys like those of a [Store]: each a
// string with a PX, which reading begins anew. They implement [compressor.Notes].
type Notes struct{ store *Store }

var _ compressor.Notes = (*Notes)(nil)

// NewNotes returns notes over a client, as [New] does; their prefix is [DefaultNotesPrefix]
// when empty. Their clock is Redis's.
func NewNotes(client redis.UniversalClient, opts Options) (*Notes, error) {
	if opts.Prefix == "" {
		opts.Prefix = DefaultNotesPrefix
	}
	s, err := New(client, opts)
	if err != nil {
		return nil, err
	}
	return &Notes{store: s}, nil
}

// Read is [compressor.Notes]'. It takes one round trip.
func (n *Notes) Read(ctx context.Context, tenant string, notes []compressor.Note) ([]string, error) {
	pipe := n.store.client.Pipeline()
	found := make([]*redis.StringCmd, len(notes))
	for i, note := range notes {
		found[i] = pipe.GetEx(ctx, n.store.key(tenant, note.Name), note.Life)
	}
	_, _ = pipe.Exec(ctx) // each command tells
	texts := make([]string, len(notes))
	for i, cmd := range found {
		text, err := cmd.Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, fmt.Errorf("redis: reading notes: %w", quiet(err))
		}
		texts[i] = text
	}
	return texts, nil
}

// Write is [compressor.Notes]'. It takes one round trip.
func (n *Notes) Write(ctx context.Context, tenant string, notes []compressor.Note) error {
	pipe := n.store.client.Pipeline()
	for _, note := range notes {
		pipe.Set(ctx, n.store.key(tenant, note.Name), note.Text, note.Life)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("redis: keeping notes: %w", quiet(err))
	}
	return nil
}
