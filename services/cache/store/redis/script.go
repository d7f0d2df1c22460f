package redis

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"
)

// Scripts are sent by the hash of their text. One alone goes by [redis.Script.Run], which sends the text
// where the server does not have it; in a pipeline it goes by pipelined.
//
// A script names each key that it touches in KEYS, and all of those are one tenant's, or one that belongs
// to all tenants.

// pipelined runs a pipeline in which scripts are. Where the server does not have one, it is given them, and
// those that it missed run then, after the rest. Each command says what became of it, and the error is that
// of the first that failed.
func (s *Store) pipelined(ctx context.Context, pipe redis.Pipeliner, scripts ...*redis.Script) error {
	done, err := pipe.Exec(ctx)
	missing := slices.DeleteFunc(slices.Clone(done), func(cmd redis.Cmder) bool { return !redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") })
	if len(missing) == 0 {
		return err
	}
	for _, script := range scripts {
		if err := script.Load(ctx, s.client).Err(); err != nil {
			return err
		}
	}
	for _, cmd := range missing {
		_ = s.client.Process(ctx, cmd) // it says what became of it
	}
	for _, cmd := range done {
		if cmd.Err() != nil {
			return cmd.Err()
		}
	}
	return nil
}

// earlierClock is the part of a script that has the time of the process (ARGV 1, in Unix ms) or Redis's own,
// whichever is earlier: a process whose clock is fast takes nothing that lives.
const earlierClock = `
local t = redis.call('TIME')
local earlier = math.min(tonumber(ARGV[1]), t[1] * 1000 + math.floor(t[2] / 1000))
`

// leaving is the part of a script, behind [earlierClock], by which members of a sorted set leave that have
// ended: the first of them, more than one call puts there, so that they become fewer and no call holds up
// the server, however many have ended.
const leaving = `
local function leave(key)
  local ended = redis.call('ZRANGEBYSCORE', key, '-inf', string.format('%.0f', earlier), 'LIMIT', 0, 64)
  if #ended > 0 then redis.call('ZREM', key, unpack(ended)) end
  return #ended
end
`
