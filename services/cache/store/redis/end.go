package redis

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/services/cache"
)

// This file ends the lives of entries that are named or selected, at once or at an instant to come. It
// marks nothing: until they are ended they are found.

// endBatch is how many entries a script ends at most: other calls wait that long, some milliseconds.
const endBatch = 256

// endScript ends entries (named from ARGV 6 on) of an index (KEYS 1), whose values and questions are by
// turns the other keys: at an instant (ARGV 2, in Unix ms), up to which a life (3) in ms is left, or at once
// where it is 0. It returns how many that lived it forgot or shortened. What was purged and is still to be
// swept out lives no more: it is neither counted nor shortened. Entries that have ended are forgotten.
var endScript = redis.NewScript(earlierClock + purgedBefore + `
local last, life, ended = tonumber(ARGV[2]), ARGV[3], 0
local open = redis.call('ZSCORE', KEYS[1], '!open')
local function lives(name, value) return not open or not purged(name, putAfter(value), math.huge) end
for i = 6, #ARGV do
  local name, value, question = ARGV[i], KEYS[2 * i - 10], KEYS[2 * i - 9]
  local ends = tonumber(redis.call('ZSCORE', KEYS[1], name) or '')
  if ends and (last == 0 or ends <= earlier) then
    if ends > earlier and lives(name, value) then ended = ended + 1 end
    redis.call('ZREM', KEYS[1], name)
    redis.call('UNLINK', value, question)
  elseif ends and ends > last and lives(name, value) then
    redis.call('ZADD', KEYS[1], ARGV[2], name)
    redis.call('PEXPIRE', value, life, 'LT')
    redis.call('PEXPIRE', question, life, 'LT')
    ended = ended + 1
  end
end
return ended`)

// end ends the lives of a tenant's entries by their names, and returns how many that lived it forgot or shortened.
func (s *Store) end(ctx context.Context, tenant string, names []string, until time.Time) (entries int64, err error) {
	now := s.clock.Now()
	// A life is 1 ms at least: the index ends it on time, and 0 would end it early.
	last, life := until.UnixMilli(), max(until.Sub(now).Milliseconds(), 1)
	if !until.After(now) {
		last = 0
	}
	for batch := range slices.Chunk(names, endBatch) {
		if last == 0 {
			if err := s.forgetVectorsOf(ctx, tenant, batch); err != nil {
				return entries, err
			}
		}
		args := append(make([]any, 0, 5+len(batch)), now.UnixMilli(), last, life, string(rune(version)), head)
		for _, name := range batch {
			args = append(args, name)
		}
		n, err := endScript.Run(ctx, s.client, s.keysOf(tenant, batch), args...).Int64()
		if err != nil {
			return entries, fmt.Errorf("redis: ending the lives of cache entries: %w", err)
		}
		entries += n
	}
	return entries, nil
}

// keysOf are the keys of a tenant's index, and of each entry's value and question.
func (s *Store) keysOf(tenant string, names []string) []string {
	keys := append(make([]string, 0, 1+2*len(names)), s.index(tenant))
	for _, name := range names {
		keys = append(keys, s.entry(tenant, name), s.question(tenant, name))
	}
	return keys
}

// shorten ends the selected entries at an instant that is to come, some at a time.
func (s *Store) shorten(ctx context.Context, sel cache.Selector, until time.Time) (entries int64, err error) {
	wanted := newFilter(sel)
	err = s.scan(ctx, s.index(sel.Tenant), wanted.pattern(), func(found []string) error {
		found = slices.DeleteFunc(found, func(name string) bool { return isMark(name) || !wanted.matches(name) })
		n, err := s.end(ctx, sel.Tenant, found, until)
		entries += n
		return err
	})
	return entries, err
}
