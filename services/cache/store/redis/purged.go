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

// This file remembers purges, in two places. What was purged and when has a key of its own, by which
// an answer is refused that was asked for before.
//
// And a purge takes effect by a mark in the tenant's index: what was put before it is no longer found,
// and is swept out later. Marks are members of the index itself, so that a Redis which evicts it
// forgets no purge of what is left. Their scores count the purges from firstMark on, far
// behind any end, and their names begin with a byte that no escaped name holds. Beside them the member !last
// has the score of the last purge, as long as the index lives, and !at its time in Unix µs, which lies between ends and
// scores of purges.

// maxPurges bounds how many of a tenant's purges are remembered by what they selected.
const maxPurges = 256

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
  redis.call('UNLINK', KEYS[2])
  redis.call('ZADD', KEYS[2], 'inf', '!')
  redis.call('PEXPIRE', KEYS[2], math.max(1, redis.call('PTTL', KEYS[1])))
elseif ARGV[5] then
  redis.call('ZREM', KEYS[2], unpack(ARGV, 5))
end
return {at, tostring(redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%.0f', earlier), '(' .. ARGV[4]))}`)

// maxForgotten bounds the namespaces that a purge forgets: of more, the rest is looked for in vain by the next.
const maxForgotten = 1000

// markPurge marks a purge, and forgets those of the tenant's namespaces in which all is purged then. It returns
// the mark's score, 0 where the tenant has no index, and whether an entry of the tenant lived.
func (s *Store) markPurge(ctx context.Context, sel cache.Selector, namespaces []string) (at float64, living bool, err error) {
	args := []any{s.clock.Now().UnixMilli(), mark(sel), firstMark, int64(lastEnd)}
	if sel == (cache.Selector{Tenant: sel.Tenant}) {
		args = append(args, "*")
	}
	for _, name := range namespaces[:min(len(namespaces), maxForgotten)] {
		args = append(args, name)
	}
	got, err := markScript.Run(ctx, s.client, []string{s.index(sel.Tenant), s.namespaces(sel.Tenant)}, args...).StringSlice()
	if err != nil {
		return 0, false, fmt.Errorf("redis: marking a purge: %w", err)
	}
	if len(got) != 2 {
		return 0, false, fmt.Errorf("redis: the mark of a purge has %d parts", len(got))
	}
	at, err = strconv.ParseFloat(got[0], 64)
	if err != nil {
		return 0, false, fmt.Errorf("redis: the mark of a purge: %w", err)
	}
	return at, got[1] != "0", nil
}

// purgedBefore is the part of a script that tells of an entry of KEYS 1 which purges there are that took it. putAfter
// is the number of the last purge before its value, which begins with a version (ARGV 4) and that, of so many
// bytes (5); it is 0 of a value that can't be read. purged tells whether a purge after that one, and before another one, took it.
const purgedBefore = `
local long = tonumber(ARGV[5])
local function putAfter(value)
  local head = redis.call('GETRANGE', value, 0, long - 1)
  if #head < long or string.sub(head, 1, 1) ~= ARGV[4] then return 0 end
  return (struct.unpack('>d', head, 2))
end
local function purged(name, after, before)
  local marks, p, m, c, f = {}, string.match(name, '^([^:]*):([^:]*):([^:]*):([^:]*)$')
  if c == '' then c = '=' end
  for _, provider in ipairs({'', p}) do
    for _, model in ipairs({'', m}) do
      for _, partition in ipairs({'', c}) do
        for _, entry in ipairs({'', f}) do
          marks[#marks + 1] = '!' .. provider .. ':' .. model .. ':' .. partition .. ':' .. entry
        end
      end
    end
  end
  for _, at in ipairs(redis.call('ZMSCORE', KEYS[1], unpack(marks))) do
    if at and tonumber(at) > after and tonumber(at) < before then return true end
  end
  return false
end
`
