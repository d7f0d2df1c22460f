package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/services/cache"
)

// A purge takes effect by a mark in the tenant's index: what was put before it is no longer found,
// and is swept out later. Marks are members of the index itself, so that a Redis which evicts it
// forgets no purge of what is left. Their scores count the purges from firstMark on, far
// behind any end, and their names begin with a byte that no escaped name holds. Beside them the member !last
// has the score of the last purge, as long as the index lives, and !at its time in Unix µs, which lies between ends and
// scores of purges.
const (
	// firstMark is 2^52: a score is exact up to twice as much.
	firstMark = 1 << 52
	// lastEnd is before the time of any purge in Unix µs, and after all ends in Unix ms: in the year 37648.
	lastEnd = 1 << 50
	// openMark is the member that has the last purge's score while what was purged may still be there.
	openMark = "!open"
)

// mark is the member that says when the selected entries were purged.
func mark(sel cache.Selector) string { return "!" + selected(sel) }

// isMark tells marks from entries' names.
func isMark(member string) bool { return strings.HasPrefix(member, "!") }

// marked is what a mark's member says was purged; ok is false for one of no selector.
func marked(tenant, member string) (sel cache.Selector, ok bool) {
	what, ok := strings.CutPrefix(member, "!")
	if !ok {
		return sel, false
	}
	return parseSelector(append([]string{escape(tenant)}, strings.Split(what, ":")...))
}

// markScript marks a purge (ARGV 2) in an index (KEYS 1) that is there, and returns as text its score and
// how many entries live, which end after now (1) and before ARGV 4; the first score is above ARGV 3. Nothing that is
// found is in the namespaces from ARGV 5 on from then on; they are forgotten (KEYS 2). An asterisk is all.
var markScript = redis.NewScript(earlierClock + `
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {'0', '0'}
end
local at = string.format('%.0f', math.max(tonumber(ARGV[3]), tonumber(redis.call('ZSCORE', KEYS[1], '!last')) or 0) + 1)
redis.call('ZADD', KEYS[1], at, '!last', at, '!open', at, ARGV[2])
if ARGV[5] == '*' then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(inf')
elseif ARGV[5] then
  redis.call('ZREM', KEYS[2], unpack(ARGV, 5))
end
return {at, tostring(redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%.0f', earlier), '(' .. ARGV[4]))}`)

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

// maxForgotten bounds the namespaces that a purge forgets: of more, the rest is looked for in vain by the next.
const maxForgotten = 1000

// purge forgets what is selected: at once for whoever looks it up, and what is there of it in a
// bounded number of steps. It is in those namespaces alone, or anywhere where there are none. Of more, it returns how many those took, and 1 where Redis failed before they
// took any, unless no entry of the tenant's is there.
func (s *Store) purge(ctx context.Context, sel cache.Selector, namespaces []string) (entries int64, err error) {
	args := []any{s.clock.Now().UnixMilli(), mark(sel), firstMark, int64(lastEnd)}
	if sel == (cache.Selector{Tenant: sel.Tenant}) {
		args = append(args, "*")
	}
	for _, name := range namespaces[:min(len(namespaces), maxForgotten)] {
		args = append(args, name)
	}
	got, err := markScript.Run(ctx, s.client, []string{s.index(sel.Tenant), s.namespaces(sel.Tenant)}, args...).StringSlice()
	if err != nil {
		return 0, fmt.Errorf("redis: marking a purge: %w", err)
	}
	if len(got) != 2 {
		return 0, fmt.Errorf("redis: the mark of a purge has %d parts", len(got))
	}
	at, err := strconv.ParseFloat(got[0], 64)
	if err != nil {
		return 0, fmt.Errorf("redis: the mark of a purge: %w", err)
	}
	entries, done, err := s.sweep(ctx, sel, at, sweepSteps)
	// It is purged all the same.
	if err != nil {
		s.log.WarnContext(ctx, "what was purged is found no more, but is still in Redis; it is removed later", "tenant", sel.Tenant, "error", err)
		if entries == 0 && got[1] != "0" {
			entries = 1
		}
	}
	if err != nil || !done {
		s.leave(sel.Tenant)
	}
	return entries, nil
}

// sweep removes what was purged at a score, in so many steps at most if it finds something by then, or in
// as many as it takes when most is 0. It returns how many of the entries lived.
func (s *Store) sweep(ctx context.Context, sel cache.Selector, at float64, most int) (entries int64, done bool, err error) {
	wanted := newFilter(sel)
	for cursor, steps := uint64(0), 0; at > 0; {
		found, next, err := s.page(ctx, s.index(sel.Tenant), cursor, wanted.pattern())
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
		if err := s.forgetVectors(ctx, sel); err != nil {
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

// maxLeft bounds the tenants of which a process knows that something was left to sweep out. Each
// entry that is put for a tenant tells of it again.
const maxLeft = 1024

// leave has [Store.Tidy] sweep out what purges of a tenant left.
func (s *Store) leave(tenant string) {
	if _, known := s.known.LoadOrStore(tenant, struct{}{}); known {
		return
	}
	select {
	case s.left <- tenant:
	default:
		s.known.Delete(tenant)
	}
}

// Tidy is [cache.Tidier]'s. After a failure, of which the error tells, the next call goes on with the
// tenant that it was at.
func (s *Store) Tidy(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case tenant := <-s.left:
			s.known.Delete(tenant) // what is left from now on may be missed by this round
			if err := s.tidy(ctx, tenant); err != nil {
				s.leave(tenant)
				return err
			}
		}
	}
}

// tidyPatience is how long one tenant's purges may take to be swept out in one go.
const tidyPatience = time.Minute

func (s *Store) tidy(ctx context.Context, tenant string) error {
	ctx, cancel := context.WithTimeout(ctx, tidyPatience)
	defer cancel()
	marks, err := s.client.ZRangeByScoreWithScores(ctx, s.index(tenant), &redis.ZRangeBy{Min: strconv.Itoa(firstMark), Max: "+inf"}).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("redis: reading the marks of purges: %w", err)
	}
	for _, m := range marks {
		member, text := m.Member.(string)
		sel, ok := marked(tenant, member)
		if !text || !ok { // what says of all purges how they stand
			continue
		}
		if _, _, err := s.sweep(ctx, sel, m.Score, 0); err != nil {
			return err
		}
	}
	return nil
}
