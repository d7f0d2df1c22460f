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

// markScript marks a purge (ARGV 1) in an index (KEYS 1) that is there, and returns as text its score and
// how many entries live, which end after ARGV 3 and before ARGV 4; the first score is above ARGV 2.
const markScript = `
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {'0', '0'}
end
local at = string.format('%.0f', math.max(tonumber(ARGV[2]), tonumber(redis.call('ZSCORE', KEYS[1], '!last')) or 0) + 1)
redis.call('ZADD', KEYS[1], at, '!last', at, '!open', at, ARGV[1])
return {at, tostring(redis.call('ZCOUNT', KEYS[1], '(' .. ARGV[3], '(' .. ARGV[4]))}`

// cleanScript forgets those of the entries from ARGV 7 on, of the index in KEYS 1, that were put before
// the purge with the score in ARGV 2, and returns how many of them lived (at 1, Unix ms). Keys
// begin as in ARGV 3, and values with a version (5) and a score, which take so many bytes (6). Without
// the purge's mark (4) nothing is forgotten: it was swept out by another, and the index may be a new one.
const cleanScript = `
local lived, purge, now, long = 0, tonumber(ARGV[2]), tonumber(ARGV[1]), tonumber(ARGV[6])
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[4]) or '0') < purge then
  return 0
end
for i = 7, #ARGV do
  local name = ARGV[i]
  local key = ARGV[3] .. name
  local head = redis.call('GETRANGE', key, 0, long - 1)
  if #head < long or string.sub(head, 1, 1) ~= ARGV[5] or struct.unpack('>d', head, 2) < purge then
    local ends = redis.call('ZSCORE', KEYS[1], name)
    if ends and tonumber(ends) > now then
      lived = lived + 1
    end
    redis.call('ZREM', KEYS[1], name)
    redis.call('UNLINK', key, key .. ':q')
  end
end
return lived`

// sweptScript takes a mark (ARGV 1) of that score (2) out of an index (KEYS 1), and what is open when none is
// left from ARGV 3 on.
const sweptScript = `
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '0') == tonumber(ARGV[2]) then
  redis.call('ZREM', KEYS[1], ARGV[1])
end
if redis.call('ZCOUNT', KEYS[1], ARGV[3], '+inf') == 2 then
  redis.call('ZREM', KEYS[1], '!open')
end
return 0`

// sweepSteps is how many pages of the index a purge goes through before it answers, if it has found
// something by then; what is left in more is swept out afterwards.
const sweepSteps = 32

// purge forgets what is selected: at once for whoever looks it up, and what is there of it in a
// bounded number of steps. Of more, it returns how many those took, and 1 where Redis failed before they
// took any, unless no entry of the tenant's is there.
func (s *Store) purge(ctx context.Context, sel cache.Selector) (entries int64, err error) {
	got, err := s.client.Eval(ctx, markScript, []string{s.index(sel.Tenant)}, mark(sel), firstMark,
		s.clock.Now().UnixMilli(), int64(lastEnd)).StringSlice()
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
		found = slices.DeleteFunc(found, func(n named) bool { return isMark(n.name) || !wanted.matches(n.name) })
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
	err = s.client.Eval(ctx, sweptScript, []string{s.index(sel.Tenant)}, mark(sel), at, firstMark).Err()
	if err != nil {
		return entries, false, fmt.Errorf("redis: ending a purge: %w", err)
	}
	return entries, true, nil
}

// clean forgets those of a batch of entries that were put before a purge.
func (s *Store) clean(ctx context.Context, sel cache.Selector, at float64, batch []named) (int64, error) {
	args := make([]any, 0, 6+len(batch))
	args = append(args, s.clock.Now().UnixMilli(), at, s.entry(sel.Tenant, ""), mark(sel), string(rune(version)), head)
	names := make([]string, len(batch))
	for i, n := range batch {
		names[i] = n.name
		args = append(args, n.name)
	}
	if sel.Entry != (cache.Fingerprint{}) {
		if err := s.forgetVectorsOf(ctx, sel.Tenant, names); err != nil {
			return 0, err
		}
	}
	n, err := s.client.Eval(ctx, cleanScript, []string{s.index(sel.Tenant)}, args...).Int64()
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
