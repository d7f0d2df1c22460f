package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/services/cache"
)

// maxPurges bounds how many of a tenant's purges are remembered by what they selected.
const maxPurges = 256

// purgedSince is what [putScript] returns where there was a purge after the entry was asked for.
const purgedSince = -1

// purgeOpen is what it returns where something that was purged may still be there.
const purgeOpen = 1

// putScript keeps a value under KEYS 3 for a life (ARGV 4) in ms, and its name (2) with its end (3) in the
// index, unless one of the selectors from ARGV 9 on was purged after the time in ARGV 7, which is empty
// where it is not known: then all stays as it is. The value is its version (5), the score of the last purge
// before it, and the rest (6). Its namespace is noted among the tenant's (KEYS 4), of which, where Redis evicted
// them, nobody knows in which are those that the index names before ARGV 8. Index and namespaces live as long
// at least. It returns whether something that was purged may still be there.
//
// Names whose end is past by now (1) leave.
//
// Where what was purged (KEYS 2) was evicted, all that was is taken to be purged when the last was, which the
// index says.
var putScript = redis.NewScript(earlierClock + `
if ARGV[7] ~= '' then
  local asked = tonumber(ARGV[7])
  for _, at in ipairs(redis.call('HMGET', KEYS[2], unpack(ARGV, 9))) do
    if at and tonumber(at) > asked then
      return -1
    end
  end
  local at = redis.call('ZSCORE', KEYS[1], '!at')
  if at and tonumber(at) > asked and redis.call('EXISTS', KEYS[2]) == 0 then
    return -1
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', earlier))
if redis.call('EXISTS', KEYS[4]) == 0 then
  redis.call('ZADD', KEYS[4], 'inf', '!')
  local latest = redis.call('ZREVRANGEBYSCORE', KEYS[1], '(' .. ARGV[8], '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if latest[2] then redis.call('ZADD', KEYS[4], latest[2], '*') end
end
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', string.format('%.0f', earlier))
redis.call('ZADD', KEYS[4], 'GT', ARGV[3], string.match(ARGV[2], '^(.*:)'))
local last = tonumber(redis.call('ZSCORE', KEYS[1], '!last') or '0')
redis.call('SET', KEYS[3], ARGV[5] .. struct.pack('>d', last) .. ARGV[6], 'PX', ARGV[4])
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[2])
for _, key in ipairs({KEYS[1], KEYS[4]}) do
  redis.call('PEXPIRE', key, ARGV[4], 'NX')
  redis.call('PEXPIRE', key, ARGV[4], 'GT')
end
return redis.call('ZSCORE', KEYS[1], '!open') and 1 or 0`)

// forgetScript forgets the question (KEYS 2) of an entry that has no name (ARGV 1) in the index.
var forgetScript = redis.NewScript(`
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return 0
end
return redis.call('UNLINK', KEYS[2])`)

// purgeScript remembers a purge of ARGV 1 at a time (2) for a life (3) in ms, and in the index (KEYS 2)
// when the last one was. Where there is no room (4) in KEYS 1, or Redis evicted it, all of the tenant's entries (5)
// count as purged when the last was: what is asked for just now is not kept, which is no harm. It returns
// whether the index names an entry, none of which ends at 6 or later; without there is nothing to purge.
var purgeScript = redis.NewScript(`
local what, at = ARGV[1], tonumber(ARGV[2])
local last = tonumber(redis.call('ZSCORE', KEYS[2], '!at') or '0')
if redis.call('EXISTS', KEYS[1]) == 0 and last > 0 then
  redis.call('HSET', KEYS[1], ARGV[5], string.format('%.0f', last))
end
if redis.call('HEXISTS', KEYS[1], what) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then
  redis.call('DEL', KEYS[1])
  what, at = ARGV[5], math.max(at, last)
end
if tonumber(redis.call('HGET', KEYS[1], what) or '0') < at then
  redis.call('HSET', KEYS[1], what, string.format('%.0f', at))
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local there = redis.call('ZCOUNT', KEYS[2], '-inf', '(' .. ARGV[6])
redis.call('ZADD', KEYS[2], 'GT', ARGV[2], '!at')
redis.call('PEXPIRE', KEYS[2], ARGV[3], 'NX')
redis.call('PEXPIRE', KEYS[2], ARGV[3], 'GT')
return there > 0 and 1 or 0`)

// purged is the key of what of a tenant's was purged, and when.
func (s *Store) purged(tenant string) string { return string(append(s.tag(tenant), ":purged"...)) }

// selected is a selector's name among what was purged.
func selected(sel cache.Selector) string {
	f := newFilter(sel)
	return strings.Join(f[:], ":")
}

// put keeps an entry's value and its name in the index, by which it is there.
func (s *Store) put(ctx context.Context, pipe redis.Pipeliner, key *cache.Key, name string, rec *cache.Record, value []byte, now time.Time) *redis.Cmd {
	tenant, asked := key.Namespace.Tenant, ""
	if !rec.Asked.IsZero() {
		asked = strconv.FormatInt(rec.Asked.UnixMicro(), 10)
	}
	args := append(make([]any, 0, 24), now.UnixMilli(), name, rec.Expires.UnixMilli(), rec.Expires.Sub(now).Milliseconds(),
		string(rune(version)), value, asked, int64(lastEnd))
	if asked != "" {
		for _, sel := range key.Purges() {
			args = append(args, selected(sel))
		}
	}
	return putScript.EvalSha(ctx, pipe, []string{s.index(tenant), s.purged(tenant), s.entry(tenant, name), s.namespaces(tenant)}, args...)
}

// remember a purge, before it begins: what is named later sees it, and what was before is found. It
// tells whether the tenant has anything.
func (s *Store) remember(ctx context.Context, sel cache.Selector, at time.Time) (there bool, err error) {
	there, err = purgeScript.Run(ctx, s.client, []string{s.purged(sel.Tenant), s.index(sel.Tenant)},
		selected(sel), at.UnixMicro(), cache.PurgeLife.Milliseconds(), maxPurges, selected(cache.Selector{Tenant: sel.Tenant}), int64(lastEnd)).Bool()
	if err != nil {
		return false, fmt.Errorf("redis: remembering a purge: %w", err)
	}
	return there, nil
}
