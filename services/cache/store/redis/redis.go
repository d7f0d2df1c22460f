// Package redis keeps the cache in Redis 7 or later, shared by every replica.
//
// # Layout
//
// All keys of a tenant lie in one slot of Redis Cluster, by the hash tag:
//
//	<prefix>{tenant}:provider:model:partition:fingerprint   string  an entry, with a PX
//	<prefix>{tenant}:provider:model:partition:fingerprint:q string  what it answers, with a PX
//	<prefix>{tenant}:index                                  zset    the same names → end in Unix ms, and marks of purges
//	<prefix>{tenant}:namespaces                             zset    provider:model:partition: → last end in Unix ms, while not purged
//	<prefix>{tenant}:provider:model:partition:learned       hash    replica → time, token and state
//	<prefix>{tenant}:provider:model:partition:hash:vs       vector set  fingerprints, by context and embedder
//	<prefix>{tenant}:vectorsets                             zset    the names of the vector sets → last end in Unix ms
//	<prefix>{tenant}:vectorends                             zset    a vector set's name and a fingerprint → end in Unix ms
//	<prefix>{tenant}:purged                                 hash    what was purged → when, in Unix µs
//	<prefix>{tenant}:sweeper                                string  token of who removes what was purged, with a PX
//	<prefix>{tenant}:barred                                 zset    hashes of questions that are barred → end in Unix ms
//	<prefix>barred                                          zset    the tenants that have such → last end in Unix ms
//	<prefix>replicas                                        hash    replica → token, end in Unix ms and holder
//	<prefix>changes                                         stream  names that were put or purged, and what was barred
//
// Components are escaped ([cache.AppendEscaped]); a fingerprint is unpadded base64url. An
// entry is one version byte, the number of the last purge before it was put, and the protobuf encoding of
// tollgate.cache.v1.Entry.
//
// The index decides: an entry whose name is not in it is not there, and one lives until its score.
//
// A purge marks what it selects with its number, in the index as well, and what has a lower one is not
// found from then on, before it is removed in batches; when all of it is, the mark goes. A purge removes
// some of it itself; the rest removes one process at a time of those that know of it, for as long as it
// renews the lease that the sweeper is. Redis numbers the purges, so no clock decides. What was purged
// counts for nothing from then on, removed or not.
//
// The namespaces say where something was put since it was last purged: elsewhere nothing is looked for. A
// Redis that is full and evicts an index loses answers, but never finds purged ones again. Nor is an answer
// kept that was asked for before a purge, when Redis evicts either what was purged or the index, which both
// tell of it; after both are evicted within [cache.PurgeLife] it would be. A look-up is one round trip of
// two commands; of what was put before a purge whose mark is there it is two.
//
// # Vector sets
//
// Redis 8 has vector sets. In them are the vectors of the questions that a process had no room for,
// so that those are found as well. A vector has its entry's
// end for an attribute, by which a search passes over what has ended; with each vector that is put
// some leave that have ended, of all of the tenant's. What they name may be gone before: a search
// takes it out.
//
// # Changes
//
// The stream names what was put with a question and what was purged, of all tenants, and has hashes
// of questions that were barred; it is capped, and the oldest go. What is barred is kept by tenant as well,
// and who begins to follow reads it there first. The stream holds no prompt: who follows it
// reads the questions, which end with their entries and are purged with them. In a cluster it lies in a slot of its own: an
// entry is kept whether or not it could be announced.
//
// Two replicas' clocks may differ: an entry's life is counted by the clock of who asks,
// and besides by Redis's own. Whatever leaves because it has ended, has ended by both.
package redis

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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
const version = 2

// Options say where in Redis the entries are.
type Options struct {
	// Prefix begins every key; [DefaultPrefix] when empty. It must not hold a brace.
	Prefix string
	// Changes is how many changes Redis remembers for those who begin to follow, roughly;
	// [DefaultChanges] when not positive. Each takes about 100 bytes there.
	Changes int64
	// Clock is the system's when nil.
	Clock clock.Clock
	// Logger is told when changes can no longer be announced, and when they can again; nobody
	// when nil.
	Logger *slog.Logger

	// Less is enough for tests: [sweepSteps], [scanCount] and [sweepTerm] when 0.
	pages int
	page  int64
	term  time.Duration
}

// DefaultChanges is how many changes are remembered when nothing else is said.
const DefaultChanges = 250_000

// Store keeps records in Redis. It implements [cache.Store], [cache.Feed], [cache.Evidence] and
// [cache.Vectors].
type Store struct {
	client redis.UniversalClient
	prefix string
	length int64
	clock  clock.Clock
	log    *slog.Logger
	silent atomic.Bool // the last change could not be announced

	// askAgain is when, in milliseconds, the server is asked again for vector sets, which it did not have; 0 where it has.
	askAgain atomic.Int64

	left  chan string // tenants of whom something that was purged is there
	known sync.Map    // those that are in left

	pages int           // that a purge goes through before it answers
	page  int64         // how many names Redis looks at for one
	term  time.Duration // of a lease to sweep
}

var _ interface {
	cache.Store
	cache.Feed
	cache.Evidence
	cache.Vectors
	cache.Tidier
} = (*Store)(nil)

// New returns a store over a client, which stays its owner's to close. Nothing is asked
// of the server: it may be absent.
func New(client redis.UniversalClient, opts Options) (*Store, error) {
	s := &Store{
		client: client, prefix: opts.Prefix, length: opts.Changes, clock: opts.Clock, log: opts.Logger,
		left: make(chan string, maxLeft), pages: cmp.Or(opts.pages, sweepSteps), page: cmp.Or(opts.page, scanCount), term: cmp.Or(opts.term, sweepTerm),
	}
	if s.prefix == "" {
		s.prefix = DefaultPrefix
	}
	if strings.ContainsAny(s.prefix, "{}") {
		return nil, errors.New("cache: a brace in the prefix of Redis keys would spread a tenant over the cluster")
	}
	if s.length <= 0 {
		s.length = DefaultChanges
	}
	if s.clock == nil {
		s.clock = clock.Real()
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

// Get is [cache.Store]'s. While what a purge took is still swept out, it asks twice about what was put
// before that.
func (s *Store) Get(ctx context.Context, key cache.Key) (cache.Record, bool, error) {
	tenant, name := key.Namespace.Tenant, member(&key)
	pipe := s.client.Pipeline()
	// The index is asked first: what it names while no purge is open is not purged at that moment, nor is
	// what is put afterwards.
	scores := pipe.ZMScore(ctx, s.index(tenant), name, openMark)
	value := pipe.Get(ctx, s.entry(tenant, name))
	rec, purge, ok, err := s.found(ctx, pipe, scores, value)
	if err != nil || !ok || scores.Val()[1] <= purge {
		return rec, ok, err
	}
	all := key.Purges()
	members := append(make([]string, 0, 1+len(all)), name)
	for _, sel := range all {
		members = append(members, mark(sel))
	}
	// In one transaction: what is swept out and put anew between the two is another entry.
	pipe = s.client.TxPipeline()
	scores = pipe.ZMScore(ctx, s.index(tenant), members...)
	value = pipe.Get(ctx, s.entry(tenant, name))
	rec, purge, ok, err = s.found(ctx, pipe, scores, value)
	if err != nil || !ok || slices.ContainsFunc(scores.Val()[1:], func(at float64) bool { return at > purge }) {
		return cache.Record{}, false, err
	}
	return rec, true, nil
}

// found is what a look-up asked for, of which the first score is the entry's end, and the score of the last
// purge before it was put.
func (s *Store) found(ctx context.Context, pipe redis.Pipeliner, scores *redis.FloatSliceCmd, value *redis.StringCmd) (rec cache.Record, purge float64, ok bool, err error) {
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return rec, 0, false, fmt.Errorf("redis: cache look-up: %w", err)
	}
	raw, err := value.Bytes()
	if errors.Is(err, redis.Nil) {
		return rec, 0, false, nil
	}
	if err := cmp.Or(err, scores.Err()); err != nil {
		return rec, 0, false, fmt.Errorf("redis: cache look-up: %w", err)
	}
	// A name that is not there has the score 0.
	rec.Expires = time.UnixMilli(int64(scores.Val()[0]))
	if !rec.Expires.After(s.clock.Now()) {
		return cache.Record{}, 0, false, nil
	}
	if rec.Entry, purge = decode(raw); rec.Entry == nil {
		return cache.Record{}, 0, false, nil
	}
	return rec, purge, true, nil
}

// head is how many bytes stand before an entry's encoding: the version, and the score of the last purge
// before it was put.
const head = 1 + 8

// decode returns nil for what this release can't read.
func decode(raw []byte) (*cachev1.Entry, float64) {
	if len(raw) < head || raw[0] != version {
		return nil, 0
	}
	var entry cachev1.Entry
	if err := proto.Unmarshal(raw[head:], &entry); err != nil {
		return nil, 0
	}
	return &entry, math.Float64frombits(binary.BigEndian.Uint64(raw[1:head]))
}

// lengthen has a key live for as long as the longest of what it holds. A key without an end
// is to GT one that ends later than any, so NX goes first (redis.io/commands/pexpire, read
// November 2026).
func lengthen(ctx context.Context, pipe redis.Pipeliner, key string, life time.Duration) {
	pipe.Do(ctx, "PEXPIRE", key, life.Milliseconds(), "NX")
	pipe.Do(ctx, "PEXPIRE", key, life.Milliseconds(), "GT")
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
