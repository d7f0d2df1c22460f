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
)

// DefaultVectorsFrom is from how many entries of a tenant on vector sets are used when
// nothing else is said: about what 64 MB of a process's memory hold.
const DefaultVectorsFrom = 100_000

// vectorSet is a vector set's name in its tenant's set of them: all questions in it may answer
// one another. `provider:model:partition:` and a hash of context and embedder.
func vectorSet(s *cache.Scope) string {
	h := sha256.New()
	h.Write(s.Context[:])
	h.Write([]byte(s.Embedder))
	return string(base64.RawURLEncoding.AppendEncode(within(&s.Namespace), h.Sum(nil)))
}

// vectors is the key of the vector set with that name.
func (s *Store) vectors(tenant, name string) string { return s.entry(tenant, name) + ":v" }

// vectorSets is the key of the names of a tenant's vector sets.
func (s *Store) vectorSets(tenant string) string { return string(append(s.tag(tenant), ":vectors"...)) }

// keepVector adds a record's vector to its vector set, if the server has such. Plain Redis 7
// has none: that is noted, and it is not asked again.
func (s *Store) keepVector(ctx context.Context, key *cache.Key, kept *cache.Kept, life time.Duration) {
	if s.noVectors.Load() {
		return
	}
	tenant := key.Namespace.Tenant
	name := vectorSet(&cache.Scope{Namespace: key.Namespace, Context: kept.Question.Context, Embedder: kept.Embedder})
	set, element := s.vectors(tenant, name), base64.RawURLEncoding.EncodeToString(key.Fingerprint[:])
	pipe := s.client.Pipeline()
	added := pipe.VAdd(ctx, set, element, &redis.VectorFP32{Val: floats(kept.Vector)})
	lengthen(ctx, pipe, set, life)
	pipe.SAdd(ctx, s.vectorSets(tenant), name)
	lengthen(ctx, pipe, s.vectorSets(tenant), life)
	// What is not there is not found by likeness, and nothing else follows.
	_, _ = pipe.Exec(ctx)
	s.hasVectors(ctx, added.Err())
}

// hasVectors notes, and logs once, that the server knows no vector sets.
func (s *Store) hasVectors(ctx context.Context, err error) bool {
	if err == nil || !strings.Contains(strings.ToLower(err.Error()), "unknown command") {
		return true
	}
	if !s.noVectors.Swap(true) {
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

// nearRounds is how often a vector set is asked when what it names is gone.
const nearRounds = 3

// Near is [cache.Vectors]'s. What a vector set names and is gone, it takes out of it.
// VSIM's score is (1+cosine)/2, of vectors of 8 bits (redis.io/commands/vsim and /vadd, read
// November 2026): cosines are computed again of the vectors as they were kept.
func (s *Store) Near(ctx context.Context, scope cache.Scope, vector []int8, k int, floor float64) ([]*cache.Kept, error) {
	if s.noVectors.Load() {
		return nil, nil
	}
	set := s.vectors(scope.Namespace.Tenant, vectorSet(&scope))
	query := &redis.VectorFP32{Val: floats(vector)}
	for round := 1; ; round++ {
		names, err := s.client.VSimWithArgs(ctx, set, query, &redis.VSimArgs{Count: int64(k)}).Result()
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
				pipe.VRem(ctx, set, name)
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
		if kept == nil || !kept.Expires.After(now) || kept.Question.Context != scope.Context || kept.Embedder != scope.Embedder {
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
		cosines[k] = cosine(k.Vector, vector)
		return cosines[k] < floor
	})
	slices.SortStableFunc(found, func(a, b *cache.Kept) int { return cmp.Compare(cosines[b], cosines[a]) })
	return found
}

// cosine is -1 for vectors that can't be compared.
func cosine(a, b []int8) float64 {
	if len(a) != len(b) {
		return -1
	}
	var ab, aa, bb int64
	for i := range a {
		x, y := int64(a[i]), int64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return -1
	}
	return float64(ab) / math.Sqrt(float64(aa)*float64(bb))
}

// forgetVectors removes the vector sets of whole namespaces that are purged. Of single
// entries, and of a set that is filled meanwhile, a search cleans up.
func (s *Store) forgetVectors(ctx context.Context, sel cache.Selector) error {
	if sel.Entry != (cache.Fingerprint{}) {
		return nil
	}
	names, err := s.client.SMembers(ctx, s.vectorSets(sel.Tenant)).Result()
	if err != nil {
		return fmt.Errorf("redis: reading the names of vector sets: %w", err)
	}
	wanted := newFilter(sel)
	keys, members := []string(nil), []any(nil)
	for _, name := range names {
		if wanted.matches(name) {
			keys, members = append(keys, s.vectors(sel.Tenant, name)), append(members, name)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	pipe := s.client.Pipeline()
	pipe.Unlink(ctx, keys...)
	pipe.SRem(ctx, s.vectorSets(sel.Tenant), members...)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("redis: forgetting vector sets: %w", err)
	}
	return nil
}
