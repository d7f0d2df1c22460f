// Package redis keeps the cache in Redis 7 or later, shared by every replica.
//
// # Layout
//
// All keys of a tenant lie in one slot of Redis Cluster, by the hash tag:
//
//	<prefix>{tenant}:provider:model:partition:fingerprint   string  an entry, with a PX
//	<prefix>{tenant}:index                                  zset    the same names → end in Unix ms
//
// Components are escaped ([cache.AppendEscaped]); a fingerprint is unpadded base64url. An
// entry is one version byte, then the protobuf encoding of tollgate.cache.v1.Entry.
//
// The index decides: an entry whose name is not in it is not there, and one lives until
// its score. So a purge is done when the names are gone, before the values are; a Redis
// that is full and evicts an index loses answers, but never finds purged ones again. A
// look-up is one round trip of two commands.
//
// Two replicas' clocks may differ: an entry's life is counted by the clock of who asks,
// and besides by Redis's own.
package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache"
)

// DefaultPrefix begins every key.
const DefaultPrefix = "tollgate:cache:"

// version is the first byte of an entry in the encoding that this package writes. Another
// one's is a miss, so that replicas of two releases can share a Redis.
const version = 1

// Options say where in Redis the entries are.
type Options struct {
	// Prefix begins every key; [DefaultPrefix] when empty. It must not hold a brace.
	Prefix string
	// Clock is the system's when nil.
	Clock clock.Clock
}

// Store keeps records in Redis. It implements [cache.Store].
type Store struct {
	client redis.UniversalClient
	prefix string
	clock  clock.Clock
}

var _ cache.Store = (*Store)(nil)

// New returns a store over a client, which stays its owner's to close. Nothing is asked
// of the server: it may be absent.
func New(client redis.UniversalClient, opts Options) (*Store, error) {
	s := &Store{client: client, prefix: opts.Prefix, clock: opts.Clock}
	if s.prefix == "" {
		s.prefix = DefaultPrefix
	}
	if strings.ContainsAny(s.prefix, "{}") {
		return nil, errors.New("cache: a brace in the prefix of Redis keys would spread a tenant over the cluster")
	}
	if s.clock == nil {
		s.clock = clock.Real()
	}
	return s, nil
}

// Get is [cache.Store]'s.
func (s *Store) Get(ctx context.Context, key cache.Key) (cache.Record, bool, error) {
	name := member(&key)
	pipe := s.client.Pipeline()
	value := pipe.Get(ctx, s.entry(key.Namespace.Tenant, name))
	// The index is asked last: a name that a purge took while the value was on its way is gone.
	score := pipe.ZScore(ctx, s.index(key.Namespace.Tenant), name)
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return cache.Record{}, false, fmt.Errorf("redis: cache look-up: %w", err)
	}
	raw, err := value.Bytes()
	if err != nil {
		return miss(err)
	}
	end, err := score.Result()
	if err != nil {
		return miss(err)
	}
	expires := time.UnixMilli(int64(end))
	if !expires.After(s.clock.Now()) {
		return cache.Record{}, false, nil
	}
	entry := decode(raw)
	return cache.Record{Entry: entry, Expires: expires}, entry != nil, nil
}

// miss tells an absent key from a command that failed.
func miss(err error) (cache.Record, bool, error) {
	if errors.Is(err, redis.Nil) {
		return cache.Record{}, false, nil
	}
	return cache.Record{}, false, fmt.Errorf("redis: cache look-up: %w", err)
}

// decode returns nil for what this release can't read.
func decode(raw []byte) *cachev1.Entry {
	if len(raw) == 0 || raw[0] != version {
		return nil
	}
	var entry cachev1.Entry
	if err := proto.Unmarshal(raw[1:], &entry); err != nil {
		return nil
	}
	return &entry
}

// Put is [cache.Store]'s.
func (s *Store) Put(ctx context.Context, key cache.Key, rec cache.Record) (bool, error) {
	now := s.clock.Now()
	life := rec.Expires.Sub(now)
	if life < time.Millisecond {
		return false, nil
	}
	value, err := proto.MarshalOptions{}.MarshalAppend(append(make([]byte, 0, 1+proto.Size(rec.Entry)), version), rec.Entry)
	if err != nil {
		return false, fmt.Errorf("redis: encoding a cache entry: %w", err)
	}
	name, index := member(&key), s.index(key.Namespace.Tenant)
	// Cut off anywhere, this leaves a value without a name or a name without a value, and
	// both are a miss.
	pipe := s.client.Pipeline()
	pipe.Set(ctx, s.entry(key.Namespace.Tenant, name), value, life)
	pipe.ZAdd(ctx, index, redis.Z{Score: float64(rec.Expires.UnixMilli()), Member: name})
	pipe.ZRemRangeByScore(ctx, index, "-inf", millis(now))
	// An index lives as long as its longest entry. A key without an end is to GT one that
	// ends later than any, so NX goes first (redis.io/commands/pexpire, read November 2026).
	pipe.Do(ctx, "PEXPIRE", index, life.Milliseconds(), "NX")
	pipe.Do(ctx, "PEXPIRE", index, life.Milliseconds(), "GT")
	if _, err := pipe.Exec(ctx); err != nil {
		return false, fmt.Errorf("redis: storing a cache entry: %w", err)
	}
	return true, nil
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
