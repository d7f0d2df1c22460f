package redis

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/services/cache"
)

// barred is the key of what of a tenant's is barred. Like the index's it has one colon after the hash tag.
func (s *Store) barred(tenant string) string { return string(append(s.tag(tenant), ":barred"...)) }

// barredTenants is the key of whose questions are barred. It has no hash tag: it belongs to all tenants.
func (s *Store) barredTenants() string { return s.prefix + "barred" }

// Bar is [cache.Feed]'s. It is kept for those who come later, before it is told to those who follow:
// who has read what is kept is told of the rest. The stream is all tenants', and what one does there
// pushes out what others did.
func (s *Store) Bar(ctx context.Context, b cache.Barred) error {
	question := base64.RawURLEncoding.EncodeToString(b.Question[:])
	pipe := s.client.Pipeline()
	s.keepBar(ctx, pipe, s.barred(b.Tenant), question, b.Until, cache.MaxBarredOfTenant)
	s.keepBar(ctx, pipe, s.barredTenants(), escape(b.Tenant), b.Until, cache.MaxBarred)
	if err := s.pipelined(ctx, pipe, barScript); err != nil {
		return fmt.Errorf("redis: keeping a barred question: %w", err)
	}
	pipe = s.client.Pipeline()
	pipe.XAdd(ctx, s.message(fieldBarred, strings.Join([]string{escape(b.Tenant), question, millis(b.Until)}, ":")))
	lengthen(ctx, pipe, s.changes(), b.Until.Sub(s.clock.Now()))
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("redis: announcing a barred question: %w", err)
	}
	return nil
}

// barScript puts a member (ARGV 2) with its end (3) into a set (KEYS 1) of at most so many (4), in which those
// stay that end last, and those leave that have ended by now (1). The set lives for a life (5) in ms at least.
var barScript = redis.NewScript(earlierClock + `
redis.call('ZADD', KEYS[1], 'GT', ARGV[3], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', earlier))
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -tonumber(ARGV[4]) - 1)
redis.call('PEXPIRE', KEYS[1], ARGV[5], 'NX')
return redis.call('PEXPIRE', KEYS[1], ARGV[5], 'GT')`)

// keepBar puts a member with its end into a sorted set of at most so many.
func (s *Store) keepBar(ctx context.Context, pipe redis.Pipeliner, key, member string, until time.Time, most int64) {
	now := s.clock.Now()
	barScript.EvalSha(ctx, pipe, []string{key}, now.UnixMilli(), member, until.UnixMilli(), most, max(until.Sub(now).Milliseconds(), 1))
}

// barsBatch is of how many tenants the bars are read at a time: with the most that each may have
// they take 2 MB.
const barsBatch = 16

// bars hands over what is barred, as changes with an id.
func (s *Store) bars(ctx context.Context, own redis.UniversalClient, id string, apply func(cache.Change)) error {
	lasting := &redis.ZRangeBy{Min: "(" + millis(s.clock.Now()), Max: "+inf"}
	bounded, cancel := context.WithTimeout(ctx, followPatience)
	defer cancel()
	// All at once: between two pages a tenant could come to one that was read.
	tenants, err := own.ZRangeByScore(bounded, s.barredTenants(), lasting).Result()
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(tenants, barsBatch) {
		if err := s.barsOf(ctx, own, batch, lasting, id, apply); err != nil {
			return err
		}
	}
	return nil
}

// barsOf hands over what is barred of some tenants.
func (s *Store) barsOf(ctx context.Context, own redis.UniversalClient, tenants []string, lasting *redis.ZRangeBy, id string, apply func(cache.Change)) error {
	ctx, cancel := context.WithTimeout(ctx, followPatience)
	defer cancel()
	pipe := own.Pipeline()
	bars := make(map[string]*redis.ZSliceCmd, len(tenants))
	for _, name := range tenants {
		if tenant, ok := unescape(name); ok {
			bars[name] = pipe.ZRangeByScoreWithScores(ctx, s.barred(tenant), lasting)
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	now := s.clock.Now()
	for name, found := range bars {
		for _, one := range found.Val() {
			question, text := one.Member.(string)
			b, ok := parseBarred([]string{name, question, strconv.FormatInt(int64(one.Score), 10)})
			if text && ok {
				apply(cache.Change{ID: id, Barred: b, At: now})
			}
		}
	}
	return nil
}
