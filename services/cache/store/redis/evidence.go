package redis

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/services/cache"
)

// Before a state stand when it was kept, in Unix ms, and the lease's token, both big-endian.
const (
	stamp  = 8
	header = stamp + 8
)

// exchangeScript keeps a state, unless one is there with a larger token, and returns all. Where there
// is none to keep, the token is put in the place of a smaller one: so a holder who reads
// what an earlier one kept ends that one's keeping. Tokens are compared as numbers, which
// Lua holds exactly below 2^53: the order of strings is that of the server's locale.
//
// KEYS: evidence. ARGV: name, time, token, state, life in ms.
var exchangeScript = redis.NewScript(`
local had = redis.call('HGET', KEYS[1], ARGV[1])
local mine, token = struct.unpack('>I8', ARGV[3]), had and #had >= 16 and struct.unpack('>I8', had, 9) or 0
if token > mine then return redis.error_reply('` + lost + `') end
if #ARGV[4] > 0 then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ARGV[3] .. ARGV[4])
elseif token < mine then
  redis.call('HSET', KEYS[1], ARGV[1], (had and string.sub(had, 1, 8) or ARGV[2]) .. ARGV[3] .. (had and string.sub(had, 17) or ''))
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return redis.call('HGETALL', KEYS[1])`)

// claimScript leases a name. The time is Redis's own: terms are as long for all.
//
// KEYS: replicas. ARGV: holder, name or empty, term in ms, whether it is sole, life in ms, what
// begins names that nobody asked for.
var claimScript = redis.NewScript(`
local holder, want, term, sole, life, any = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), ARGV[6]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local last, own, free, freed, token = 0, nil, nil, -1, nil
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local name, n, ends, by = all[i], string.match(all[i + 1], '^(%d+):(%d+):(.*)$')
  n, ends = tonumber(n), tonumber(ends)
  if n > last then last = n end
  if ends + life < now then
    redis.call('HDEL', KEYS[1], name)
  elseif want == name or want == '' and string.sub(name, 1, 1) == any then
    if by == holder then own, token = name, n
    elseif ends > now and sole == '0' then
      if want ~= '' then free, freed = false, now end
    elseif free ~= false and ends > freed then free, freed = name, ends end
  end
end
if not own then
  if term == 0 then return {'', '0'} end
  if free == false then return redis.error_reply('` + taken + `') end
  token = math.max(last + 1, now)
  own = free or (want ~= '' and want or any .. string.format('%.0f', token))
end
redis.call('HSET', KEYS[1], own, string.format('%.0f:%.0f:%s', token, now + term, holder))
redis.call('PEXPIRE', KEYS[1], life)
return {own, string.format('%.0f', token)}`)

// What the scripts fail with, which is no failure of Redis.
const (
	lost  = "LOST another holder has the name"
	taken = "TAKEN another holder has the name"
)

// Claim is [cache.Evidence]'s, in one round trip. What Redis forgets of leases that it has granted, in
// a failover, has two holders of a name until one of them claims again.
func (s *Store) Claim(ctx context.Context, c cache.Claim) (cache.Lease, error) {
	sole := 0
	if c.Sole {
		sole = 1
	}
	got, err := claimScript.Run(ctx, s.client, []string{s.replicas()},
		c.Holder, c.Name, c.Term.Milliseconds(), sole, cache.EvidenceLife.Milliseconds(), cache.AnyName).StringSlice()
	switch {
	case redis.HasErrorPrefix(err, "TAKEN"):
		return cache.Lease{}, cache.ErrTaken
	case err != nil:
		return cache.Lease{}, fmt.Errorf("redis: claiming a replica's name: %w", err)
	case len(got) != 2:
		return cache.Lease{}, fmt.Errorf("redis: a replica's lease has %d parts", len(got))
	}
	token, err := strconv.ParseUint(got[1], 10, 64)
	if err != nil {
		return cache.Lease{}, fmt.Errorf("redis: the token of a replica's lease: %w", err)
	}
	return cache.Lease{Name: got[0], Token: token}, nil
}

// Exchange is [cache.Evidence]'s. It is one round trip, and a second when some are forgotten.
func (s *Store) Exchange(ctx context.Context, ns cache.Namespace, lease cache.Lease, state []byte) ([][]byte, error) {
	key, now := s.evidence(&ns), s.clock.Now().UnixMilli()
	all, err := exchangeScript.Run(ctx, s.client, []string{key}, lease.Name,
		binary.BigEndian.AppendUint64(nil, uint64(now)), binary.BigEndian.AppendUint64(nil, lease.Token),
		state, cache.EvidenceLife.Milliseconds()).StringSlice()
	switch {
	case redis.HasErrorPrefix(err, "LOST"):
		return nil, cache.ErrLost
	case err != nil:
		return nil, fmt.Errorf("redis: exchanging what was learned: %w", err)
	}
	type kept struct {
		replica string
		at      int64
		state   []byte
	}
	var found []kept
	for pair := range slices.Chunk(all, 2) {
		k, value := kept{replica: pair[0]}, pair[1]
		if len(value) >= header {
			k.at = int64(binary.BigEndian.Uint64([]byte(value[:stamp]))) //nolint:gosec // as it was written
			k.state = []byte(value[header:])
		}
		found = append(found, k)
	}
	slices.SortFunc(found, func(a, b kept) int { return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(a.replica, b.replica)) })
	var states [][]byte
	var forgotten []string
	for _, k := range found {
		switch {
		case now-k.at > cache.EvidenceLife.Milliseconds() || len(states) == cache.MaxEvidence:
			forgotten = append(forgotten, k.replica)
		case len(k.state) > 0: // else its holder has read, and kept nothing yet
			states = append(states, k.state)
		}
	}
	if len(forgotten) > 0 {
		// One that is kept again at this moment may go as well; its replica keeps the next.
		if err := s.client.HDel(ctx, key, forgotten...).Err(); err != nil {
			return nil, fmt.Errorf("redis: forgetting what was learned: %w", err)
		}
	}
	return states, nil
}
