// Package redis keeps what was left out of prompts, and how prompts began, in Redis 7 or
// later, shared by every replica.
//
// A part, and a note, is one string, with a PX:
//
//	<prefix>{tenant}:name   the text
//
// Tenants and names are escaped as in a URL's query, so that nothing in them ends the hash
// tag: all keys of a tenant lie in one slot of Redis Cluster, and no two tenants share a
// key. Redis forgets by itself, by its own clock.
package redis

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/prompt"
)

// DefaultPrefix begins every key.
const DefaultPrefix = "tollgate:omitted:"

// Options say where in Redis the parts are.
type Options struct {
	// Prefix begins every key; [DefaultPrefix] when empty. It must not hold a brace.
	Prefix string
	// Clock tells how long a part has to live; the system's when nil.
	Clock clock.Clock
}

// Store keeps parts in Redis. It implements [compressor.Store]. Its errors quote no text.
type Store struct {
	client redis.UniversalClient
	prefix string
	clock  clock.Clock
}

var _ compressor.Store = (*Store)(nil)

// New returns a store over a client, which stays its owner's to close. Nothing is asked
// of the server: it may be absent.
func New(client redis.UniversalClient, opts Options) (*Store, error) {
	s := &Store{client: client, prefix: opts.Prefix, clock: opts.Clock}
	if s.prefix == "" {
		s.prefix = DefaultPrefix
	}
	if strings.ContainsAny(s.prefix, "{}") {
		return nil, errors.New("compressor: a brace in the prefix of Redis keys would spread a tenant over the cluster")
	}
	if s.clock == nil {
		s.clock = clock.Real()
	}
	return s, nil
}

func (s *Store) key(tenant, name string) string {
	return s.prefix + "{" + url.QueryEscape(tenant) + "}:" + url.QueryEscape(name)
}

// Get is [compressor.Store]'s.
func (s *Store) Get(ctx context.Context, tenant, name string) (string, bool, error) {
	text, err := s.client.Get(ctx, s.key(tenant, name)).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("redis: fetching a part: %w", quiet(err))
	}
	return text, true, nil
}

// Put is [compressor.Store]'s.
func (s *Store) Put(ctx context.Context, tenant string, parts []prompt.Omission, until time.Time) (int, error) {
	life := until.Sub(s.clock.Now())
	if life < time.Millisecond {
		return 0, nil
	}
	kept, fresh, err := s.extend(ctx, tenant, parts, life)
	if err != nil || len(fresh) == 0 {
		return kept, err
	}
	pipe := s.client.Pipeline()
	for _, o := range fresh {
		pipe.Set(ctx, s.key(tenant, o.Name), o.Text, life)
	}
	set, err := pipe.Exec(ctx)
	for _, cmd := range set {
		if cmd.Err() == nil {
			kept++
		}
	}
	if err != nil {
		return kept, fmt.Errorf("redis: keeping parts: %w", quiet(err))
	}
	return kept, nil
}

// extend lets parts that are there live on, and returns the others that may be kept. A
// conversation leaves the same parts out at each turn: most need not be sent again.
func (s *Store) extend(ctx context.Context, tenant string, parts []prompt.Omission, life time.Duration) (kept int, fresh []prompt.Omission, err error) {
	pipe := s.client.Pipeline()
	var there []*redis.BoolCmd
	var small []prompt.Omission
	for _, o := range parts {
		if len(o.Text) <= compressor.MaxPartBytes {
			small = append(small, o)
			there = append(there, pipe.PExpire(ctx, s.key(tenant, o.Name), life))
		}
	}
	if len(small) == 0 {
		return 0, nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return 0, nil, fmt.Errorf("redis: looking for parts: %w", quiet(err))
	}
	for i, o := range small {
		if there[i].Val() {
			kept++
		} else {
			fresh = append(fresh, o)
		}
	}
	return kept, fresh, nil
}

// quiet leaves of an error that the server answers its code alone: the words behind it may
// quote a command's arguments (`ERR unknown command … with args beginning with: …`).
func quiet(err error) error {
	var answer redis.Error
	if !errors.As(err, &answer) {
		return err
	}
	code, _, _ := strings.Cut(answer.Error(), " ")
	return fmt.Errorf("the server answers %s", code)
}
