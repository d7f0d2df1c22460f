package redis

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/services/cache"
)

// This file removes from Redis what a purge took, which is not found any more either way, page by page of the
// tenant's index: some of it before the purge answers, and the rest whenever [Store.Tidy] comes to it.

// cleanScript forgets those of the entries from ARGV 6 on, of the index in KEYS 1, that were put before
// the purge with the score in ARGV 2, and returns how many of them lived, which no earlier purge took. The other
// keys are by turns their values and questions. Without the purge's mark (3) nothing is forgotten: it was swept
// out by another, and the index may be a new one.
var cleanScript = redis.NewScript(earlierClock + purgedBefore + `
local lived, purge = 0, tonumber(ARGV[2])
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[3]) or '0') < purge then
  return 0
end
local alone = redis.call('ZCOUNT', KEYS[1], '` + strconv.Itoa(firstMark) + `', '+inf') <= 3
for i = 6, #ARGV do
  local name, value, question = ARGV[i], KEYS[2 * i - 10], KEYS[2 * i - 9]
  local after = putAfter(value)
  if after < purge then
    local ends = redis.call('ZSCORE', KEYS[1], name)
    if ends and tonumber(ends) > earlier and (alone or not purged(name, after, purge)) then
      lived = lived + 1
    end
    redis.call('ZREM', KEYS[1], name)
    redis.call('UNLINK', value, question)
  end
end
return lived`)

// sweptScript takes a mark (ARGV 1) of that score (2) out of an index (KEYS 1), and what is open when none is
// left from ARGV 3 on.
var sweptScript = redis.NewScript(`
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '0') == tonumber(ARGV[2]) then
  redis.call('ZREM', KEYS[1], ARGV[1])
end
if redis.call('ZCOUNT', KEYS[1], ARGV[3], '+inf') == 2 then
  redis.call('ZREM', KEYS[1], '!open')
end
return 0`)

// sweepSteps is how many pages of the index a purge goes through before it answers, if it has found
// something by then; what is left in more is swept out afterwards.
const sweepSteps = 32

// sweep removes what was purged at a score, in so many steps at most if it finds something by then, or in
// as many as it takes when most is 0. It goes on for as long as a lease holds, or without one. It returns how many
// of the entries lived.
func (s *Store) sweep(ctx context.Context, sel cache.Selector, at float64, most int, lease *sweepLease) (entries int64, done bool, err error) {
	wanted := newFilter(sel)
	for cursor, steps := uint64(0), 0; at > 0; {
		found, next, err := s.members(ctx, s.index(sel.Tenant), cursor, wanted.pattern())
		if err == nil {
			err = lease.renew(ctx)
		}
		if err != nil {
			return entries, false, err
		}
		found = slices.DeleteFunc(found, func(name string) bool { return isMark(name) || !wanted.matches(name) })
		if len(found) > 0 {
			n, err := s.clean(ctx, sel, at, found)
			if entries += n; err != nil {
				return entries, false, err
			}
		}
		if cursor = next; cursor == 0 {
			break
		}
		if steps++; most > 0 && steps >= most && entries > 0 {
			return entries, false, nil
		}
	}
	if sel.Entry == (cache.Fingerprint{}) {
		if err := s.forgetVectors(ctx, sel, lease); err != nil {
			return entries, false, err
		}
	}
	err = sweptScript.Run(ctx, s.client, []string{s.index(sel.Tenant)}, mark(sel), at, firstMark).Err()
	if err != nil {
		return entries, false, fmt.Errorf("redis: ending a purge: %w", err)
	}
	return entries, true, nil
}

// clean forgets those of a batch of entries that were put before a purge.
func (s *Store) clean(ctx context.Context, sel cache.Selector, at float64, names []string) (int64, error) {
	args := append(make([]any, 0, 5+len(names)), s.clock.Now().UnixMilli(), at, mark(sel), string(rune(version)), head)
	for _, name := range names {
		args = append(args, name)
	}
	if sel.Entry != (cache.Fingerprint{}) {
		if err := s.forgetVectorsOf(ctx, sel.Tenant, names); err != nil {
			return 0, err
		}
	}
	n, err := cleanScript.Run(ctx, s.client, s.keysOf(sel.Tenant, names), args...).Int64()
	if err != nil {
		return 0, fmt.Errorf("redis: forgetting cache entries: %w", err)
	}
	return n, nil
}
