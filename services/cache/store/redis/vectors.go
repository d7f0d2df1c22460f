package redis

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/index"
)

// vectorSet is a vector set's name in its tenant's set of them: all questions in it may answer
// one another. `provider:model:partition:` and a hash of context and embedder.
func vectorSet(s *cache.Scope) string {
	return string(within(&s.Namespace)) + likeness(s.Context, s.Embedder)
}

// likeness names what two questions of a namespace must have in common for their vectors to be compared.
func likeness(turns [sha256.Size]byte, embedder string) string {
	h := sha256.New()
	h.Write(turns[:])
	h.Write([]byte(embedder))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// vectors is the key of the vector set with that name.
func (s *Store) vectors(tenant, name string) string { return s.entry(tenant, name) + vectorsSuffix }

// vectorsSuffix is what the key of a vector set ends in, behind its name.
const vectorsSuffix = ":vs"

// vectorSets is the key of the names of a tenant's vector sets, by when the last of each ends.
func (s *Store) vectorSets(tenant string) string {
	return string(append(s.tag(tenant), ":vectorsets"...))
}

// vectorEnds is the key of all elements of a tenant's vector sets, by when they end: the set's name,
// a colon, and the element.
func (s *Store) vectorEnds(tenant string) string {
	return string(append(s.tag(tenant), ":vectorends"...))
}

// maxTrimmed bounds how many vectors that have ended leave when one comes. It is more than one,
// so that they become fewer; to take one out costs Redis as much as to put one in.
const maxTrimmed = 8

// keepScript puts a vector (ARGV 2) into a vector set (KEYS 1) as an element (3) with attributes (4), and
// notes the set's name (5) among the tenant's (KEYS 2) and the element among all (KEYS 3), by its end (6).
// The keys live for its life (7) in ms at least. Names of sets leave, a few at a time, of which all has ended
// by now (1).
// A server without vector sets does nothing at all.
var keepScript = redis.NewScript(earlierClock + leaving + `
redis.call('VADD', KEYS[1], 'FP32', ARGV[2], ARGV[3], 'SETATTR', ARGV[4])
redis.call('ZADD', KEYS[2], 'GT', ARGV[6], ARGV[5])
redis.call('ZADD', KEYS[3], ARGV[6], ARGV[5] .. ':' .. ARGV[3])
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, ARGV[7], 'NX')
  redis.call('PEXPIRE', key, ARGV[7], 'GT')
end
return leave(KEYS[2])`)

// trimScript takes those of the elements from ARGV 2 on, of KEYS 1, out of their vector sets, which are the other keys,
// that have ended by now (1).
var trimScript = redis.NewScript(earlierClock + `
for i = 2, #ARGV do
  local ends = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i]) or '')
  if ends and ends <= earlier then
    redis.call('VREM', KEYS[i], string.match(ARGV[i], '[^:]*$'))
    redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return 0`)

// Keep is [cache.Vectors]'s.
func (s *Store) Keep(ctx context.Context, keys []cache.Key) error {
	if s.noVectors() || len(keys) == 0 {
		return nil
	}
	pipe := s.client.Pipeline()
	questions := make([]*redis.StringCmd, len(keys))
	for i := range keys {
		questions[i] = pipe.Get(ctx, s.question(keys[i].Namespace.Tenant, member(&keys[i])))
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("redis: reading what leaves a process: %w", err)
	}
	now := s.clock.Now()
	for i, question := range questions {
		kept := decodeQuestion(question.Val())
		if kept == nil || len(kept.Vector) == 0 || kept.Expires.Sub(now) < time.Millisecond {
			continue
		}
		if err := s.keepVector(ctx, &keys[i], kept, now, kept.Expires); err != nil {
			return err
		}
	}
	return nil
}

// keepVector adds a record's vector to its vector set, if the server has such. Plain Redis 7
// has none: that is noted, and it is not asked again.
func (s *Store) keepVector(ctx context.Context, key *cache.Key, kept *cache.Kept, now, end time.Time) error {
	if s.noVectors() {
		return nil
	}
	tenant := key.Namespace.Tenant
	name := vectorSet(&cache.Scope{Namespace: key.Namespace, Context: kept.Question.Context, Embedder: kept.Embedder})
	err := keepScript.Run(ctx, s.client, []string{s.vectors(tenant, name), s.vectorSets(tenant), s.vectorEnds(tenant)}, now.UnixMilli(),
		floats(kept.Vector), element(&key.Fingerprint), `{"end":`+millis(end)+`}`, name, end.UnixMilli(), end.Sub(now).Milliseconds()).Err()
	if err == nil {
		err = s.trimVectors(ctx, tenant, now)
	}
	if err != nil && s.hasVectors(ctx, err) {
		return fmt.Errorf("redis: keeping a vector: %w", err)
	}
	return nil
}

// trimVectors takes out some of a tenant's vectors that have ended.
func (s *Store) trimVectors(ctx context.Context, tenant string, now time.Time) error {
	ended, err := s.client.ZRangeByScore(ctx, s.vectorEnds(tenant), &redis.ZRangeBy{Min: "-inf", Max: millis(now), Count: maxTrimmed}).Result()
	if err != nil || len(ended) == 0 {
		return err
	}
	keys, args := s.keysOfVectors(tenant, ended)
	return trimScript.Run(ctx, s.client, keys, append([]any{now.UnixMilli()}, args...)...).Err()
}

// keysOfVectors are the keys of what has the ends of a tenant's elements, and of the vector set of each of
// some; args are these.
func (s *Store) keysOfVectors(tenant string, elements []string) (keys []string, args []any) {
	keys = append(make([]string, 0, 1+len(elements)), s.vectorEnds(tenant))
	for _, name := range elements {
		keys = append(keys, s.vectors(tenant, name[:max(0, strings.LastIndexByte(name, ':'))]))
		args = append(args, name)
	}
	return keys, args
}

// element is what a vector set calls an entry.
func element(f *cache.Fingerprint) string { return base64.RawURLEncoding.EncodeToString(f[:]) }

// vectorsAskedAgain is how long a server is held to have no vector sets: another may take its place, such as in an
// upgrade from Redis 7 to 8.
const vectorsAskedAgain = 5 * time.Minute

// noVectors tells whether the server is held to have no vector sets.
func (s *Store) noVectors() bool { return s.clock.Now().UnixMilli() < s.askAgain.Load() }

// hasVectors notes, and logs once, that the server knows no vector sets.
func (s *Store) hasVectors(ctx context.Context, err error) bool {
	if err == nil {
		return true
	}
	text := strings.ToLower(err.Error())
	if !strings.Contains(text, "unknown command") && !strings.Contains(text, "unknown redis command") { // of a script
		return true
	}
	if s.askAgain.Swap(s.clock.Now().Add(vectorsAskedAgain).UnixMilli()) == 0 {
		s.log.InfoContext(ctx, "this Redis has no vector sets, which Redis 8 has; what a process has no room for is not found by likeness")
	}
	return false
}

// floats are a vector's numbers as Redis takes them: float32, little-endian.
func floats(vector []int8) []byte {
	b := make([]byte, 0, 4*len(vector))
	for _, c := range vector {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(c)))
	}
	return b
}

const (
	// nearRounds is how often a vector set is asked when what it names is gone.
	nearRounds = 3
	// nearEffort is how many elements a search goes through for such as have not ended. Redis's own
	// bound is a hundred for each that is asked for, and 0 none, by which a set full of ended ones
	// would be read as a whole (redis.io/docs, filtered search, read November 2026).
	nearEffort = 2_000
)

// Near is [cache.Vectors]'s. What has ended is no candidate; what a vector set names and is gone
// before its end, it takes out of it.
// VSIM's score is (1+cosine)/2, of vectors of 8 bits (redis.io/commands/vsim and /vadd, read
// November 2026): cosines are computed again of the vectors as they were kept.
func (s *Store) Near(ctx context.Context, scope cache.Scope, vector []int8, k int, floor float64) ([]*cache.Kept, error) {
	if s.noVectors() {
		return nil, nil
	}
	tenant, set := scope.Namespace.Tenant, vectorSet(&scope)
	query := &redis.VectorFP32{Val: floats(vector)}
	args := &redis.VSimArgs{Count: int64(k), Filter: ".end > " + millis(s.clock.Now()), FilterEF: nearEffort}
	for round := 1; ; round++ {
		names, err := s.client.VSimWithArgs(ctx, s.vectors(tenant, set), query, args).Result()
		if errors.Is(err, redis.Nil) || !s.hasVectors(ctx, err) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("redis: searching a vector set: %w", err)
		}
		found, gone, err := s.named(ctx, &scope, names)
		if err != nil {
			return nil, err
		}
		if len(gone) > 0 {
			pipe := s.client.Pipeline()
			for _, name := range gone {
				s.takeOut(ctx, pipe, tenant, set, name)
			}
			if _, err := pipe.Exec(ctx); err != nil {
				return nil, fmt.Errorf("redis: cleaning a vector set: %w", err)
			}
			if round < nearRounds {
				continue
			}
		}
		return nearest(found, vector, floor), nil
	}
}

// named reads the questions that a vector set names. gone are the names of those that are
// there no more, or are in another set by now.
func (s *Store) named(ctx context.Context, scope *cache.Scope, names []string) (found []*cache.Kept, gone []string, err error) {
	if len(names) == 0 {
		return nil, nil, nil
	}
	keys := make([]cache.Key, len(names))
	pipe := s.client.Pipeline()
	questions := make([]*redis.StringCmd, len(names))
	for i, name := range names {
		keys[i].Namespace = scope.Namespace
		raw, err := base64.RawURLEncoding.DecodeString(name)
		if err == nil && len(raw) == sha256.Size {
			copy(keys[i].Fingerprint[:], raw)
		}
		questions[i] = pipe.Get(ctx, s.question(scope.Namespace.Tenant, member(&keys[i])))
	}
	_, _ = pipe.Exec(ctx) // each command says what became of it
	now := s.clock.Now()
	for i, question := range questions {
		raw, err := question.Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, nil, fmt.Errorf("redis: reading what a vector set names: %w", err)
		}
		kept := decodeQuestion(raw)
		if kept != nil && !kept.Expires.After(now) {
			continue // by this process's clock: it leaves when it has ended by Redis's as well
		}
		if kept == nil || kept.Question.Context != scope.Context || kept.Embedder != scope.Embedder {
			gone = append(gone, names[i])
			continue
		}
		kept.Key = keys[i]
		found = append(found, kept)
	}
	return found, gone, nil
}

// nearest are those with at least that cosine, the best first.
func nearest(found []*cache.Kept, vector []int8, floor float64) []*cache.Kept {
	cosines := make(map[*cache.Kept]float64, len(found))
	found = slices.DeleteFunc(found, func(k *cache.Kept) bool {
		cosines[k] = index.Cosine(k.Vector, vector)
		return cosines[k] < floor
	})
	slices.SortStableFunc(found, func(a, b *cache.Kept) int { return cmp.Compare(cosines[b], cosines[a]) })
	return found
}

// forgetVectors removes the vector sets of whole namespaces that are purged. A vector that is put
// meanwhile may go as well: it is not found by likeness, no more. Nothing is asked of a server
// that has no vector sets. It goes on for as long as a lease holds, or without one.
func (s *Store) forgetVectors(ctx context.Context, sel cache.Selector, lease *sweepLease) error {
	if s.noVectors() {
		return nil
	}
	wanted := newFilter(sel)
	err := s.scan(ctx, s.vectorSets(sel.Tenant), wanted.pattern(), func(found []string) error {
		if err := lease.renew(ctx); err != nil {
			return err
		}
		pipe := s.client.Pipeline()
		for _, set := range found {
			if wanted.matches(set) {
				pipe.Unlink(ctx, s.vectors(sel.Tenant, set))
				pipe.ZRem(ctx, s.vectorSets(sel.Tenant), set)
			}
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err == nil {
		err = s.scan(ctx, s.vectorEnds(sel.Tenant), wanted.pattern()+":*", func(found []string) error {
			if err := lease.renew(ctx); err != nil || len(found) == 0 {
				return err
			}
			keys, args := s.keysOfVectors(sel.Tenant, found)
			return forgetEndsScript.Run(ctx, s.client, keys, args...).Err()
		})
	}
	if err != nil {
		return fmt.Errorf("redis: forgetting vector sets: %w", err)
	}
	return nil
}

// forgetEndsScript removes those of the elements in ARGV, of KEYS 1, whose vector set, which is among the other
// keys, is gone.
var forgetEndsScript = redis.NewScript(`
for i, element in ipairs(ARGV) do
  if redis.call('EXISTS', KEYS[i + 1]) == 0 then
    redis.call('ZREM', KEYS[1], element)
  end
end
return 0`)

// forgetVectorsOf removes the vectors of single entries, whose questions are still there.
func (s *Store) forgetVectorsOf(ctx context.Context, tenant string, names []string) error {
	if s.noVectors() || len(names) == 0 {
		return nil
	}
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = s.question(tenant, name)
	}
	questions, err := s.client.MGet(ctx, keys...).Result()
	if err != nil {
		return fmt.Errorf("redis: reading what is forgotten: %w", err)
	}
	pipe := s.client.Pipeline()
	for i, question := range questions {
		raw, _ := question.(string)
		kept := decodeQuestion(raw)
		if kept == nil || len(kept.Vector) == 0 {
			continue
		}
		cut := strings.LastIndexByte(names[i], ':') + 1
		s.takeOut(ctx, pipe, tenant, names[i][:cut]+likeness(kept.Question.Context, kept.Embedder), names[i][cut:])
	}
	if _, err := pipe.Exec(ctx); err != nil && s.hasVectors(ctx, err) {
		return fmt.Errorf("redis: forgetting vectors: %w", err)
	}
	return nil
}

// takeOut removes an element from a vector set.
func (s *Store) takeOut(ctx context.Context, pipe redis.Pipeliner, tenant, set, element string) {
	pipe.VRem(ctx, s.vectors(tenant, set), element)
	pipe.ZRem(ctx, s.vectorEnds(tenant), set+":"+element)
}
