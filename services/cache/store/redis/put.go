package redis

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"

	"tollgate.dev/services/cache"
)

// This file puts entries. One script keeps the value, names it in the index and its namespace among the tenant's, or
// refuses all of it where it was purged after it was asked for.

// Put is [cache.Store]'s.
func (s *Store) Put(ctx context.Context, key cache.Key, rec cache.Record) (bool, error) {
	now := s.clock.Now()
	life := rec.Expires.Sub(now)
	if life < time.Millisecond {
		return false, nil
	}
	value, err := proto.Marshal(rec.Entry)
	if err != nil {
		return false, fmt.Errorf("redis: encoding a cache entry: %w", err)
	}
	name, index := member(&key), s.index(key.Namespace.Tenant)
	pipe := s.client.Pipeline()
	named := s.put(ctx, pipe, &key, name, &rec, value, now)
	if rec.Announce != nil {
		s.announce(ctx, pipe, &key, name, &rec, life)
	}
	failed := s.pipelined(ctx, pipe, putScript)
	n, err := named.Int64()
	if err != nil {
		return false, fmt.Errorf("redis: storing a cache entry: %w", err)
	}
	if n == purgeOpen {
		s.leave(key.Namespace.Tenant)
	}
	if n == purgedSince {
		// A later call's answer may be there, whose question this is, too.
		if err := forgetScript.Run(ctx, s.client, []string{index, s.question(key.Namespace.Tenant, name)}, name).Err(); err != nil {
			return false, fmt.Errorf("redis: forgetting a question: %w", err)
		}
		return false, nil
	}
	if rec.Announce != nil {
		s.announced(ctx, failed)
	}
	return true, nil
}

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
// Names and namespaces whose end is past by now (1) leave, a few at a time.
//
// Where what was purged (KEYS 2) was evicted, all that was is taken to be purged when the last was, which the
// index says.
var putScript = redis.NewScript(earlierClock + leaving + `
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
leave(KEYS[1])
if redis.call('EXISTS', KEYS[4]) == 0 then
  redis.call('ZADD', KEYS[4], 'inf', '!')
  local latest = redis.call('ZREVRANGEBYSCORE', KEYS[1], '(' .. ARGV[8], '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if latest[2] then redis.call('ZADD', KEYS[4], latest[2], '*') end
end
leave(KEYS[4])
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
