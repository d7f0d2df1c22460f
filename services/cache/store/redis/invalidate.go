package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/services/cache"
)

// scanCount is how many names Redis looks at between two answers of a scan.
const scanCount = 1000

// Invalidate is [cache.Store]'s. What is purged is not found any more as soon as the purge is marked;
// most of it is gone when Invalidate returns, and what is left is for [Store.Tidy]. It goes through the tenant's index and
// nothing else, or asks it for a single entry of which the selector has the whole name. A scan returns every name that is there
// from its beginning to its end (redis.io/commands/scan, read November 2026); one that it returns twice counts once,
// because Redis counts.
//
// A purge is announced before it begins, so that no record which is put meanwhile is
// announced before it; that of nothing is not. Shortened lives are not: who follows looks a record up anyway.
func (s *Store) Invalidate(ctx context.Context, sel cache.Selector, until time.Time) (entries int64, err error) {
	wanted := newFilter(sel)
	purge := !until.After(s.clock.Now())
	if purge {
		there, err := s.remember(ctx, sel, until)
		if err != nil {
			return 0, fmt.Errorf("redis: purging: %w", err)
		}
		if there {
			s.announcePurge(ctx, sel)
		}
	}
	if name, ok := wanted.name(); ok {
		return s.endNamed(ctx, sel, name, until)
	}
	if purge {
		return s.purge(ctx, sel)
	}
	err = s.scan(ctx, s.index(sel.Tenant), wanted.pattern(), func(found []named) error {
		found = slices.DeleteFunc(found, func(n named) bool { return isMark(n.name) || !wanted.matches(n.name) })
		n, err := s.end(ctx, sel, found, until)
		entries += n
		return err
	})
	return entries, err
}

// named is a member of a sorted set with its score, which is its end in Unix ms.
type named struct {
	name  string
	score float64
}

// scan hands over the members that match a pattern, some at a time.
func (s *Store) scan(ctx context.Context, key, pattern string, each func([]named) error) error {
	for cursor := uint64(0); ; {
		members, next, err := s.page(ctx, key, cursor, pattern)
		if err != nil {
			return err
		}
		if len(members) > 0 {
			if err := each(members); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// page returns some of the members that match a pattern, and the cursor of the next; 0 is the end.
func (s *Store) page(ctx context.Context, key string, cursor uint64, pattern string) (members []named, next uint64, err error) {
	found, next, err := s.client.ZScan(ctx, key, cursor, pattern, scanCount).Result()
	if err != nil {
		return nil, 0, fmt.Errorf("redis: reading what of a tenant's is cached: %w", err)
	}
	for i := 0; i+1 < len(found); i += 2 {
		score, err := strconv.ParseFloat(found[i+1], 64)
		if err != nil {
			return nil, 0, fmt.Errorf("redis: a score of %s: %w", key, err)
		}
		members = append(members, named{found[i], score})
	}
	return members, next, nil
}

// endNamed ends the life of one entry. A single entry has no vector set to itself.
func (s *Store) endNamed(ctx context.Context, sel cache.Selector, name string, until time.Time) (int64, error) {
	score, err := s.client.ZScore(ctx, s.index(sel.Tenant), name).Result()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("redis: reading a tenant's cache index: %w", err)
	}
	return s.end(ctx, sel, []named{{name, score}}, until)
}

// end ends the lives of entries that were selected.
func (s *Store) end(ctx context.Context, sel cache.Selector, entries []named, until time.Time) (int64, error) {
	tenant, now := sel.Tenant, s.clock.Now()
	var living, expired []string
	for _, e := range entries {
		if e.score > float64(now.UnixMilli()) {
			living = append(living, e.name)
		} else {
			expired = append(expired, e.name)
		}
	}
	if _, err := s.forget(ctx, tenant, expired); err != nil {
		return 0, err
	}
	if !until.After(now) {
		if err := s.forgetVectorsOf(ctx, tenant, living); err != nil {
			return 0, err
		}
		return s.forget(ctx, tenant, living)
	}
	return s.shorten(ctx, tenant, living, until, until.Sub(now))
}

// forget removes the names, which ends the entries, and then their values.
func (s *Store) forget(ctx context.Context, tenant string, names []string) (int64, error) {
	if len(names) == 0 {
		return 0, nil
	}
	members, keys := make([]any, len(names)), make([]string, 0, 2*len(names))
	for i, name := range names {
		members[i] = name
		keys = append(keys, s.entry(tenant, name), s.question(tenant, name))
	}
	pipe := s.client.Pipeline()
	removed := pipe.ZRem(ctx, s.index(tenant), members...)
	pipe.Unlink(ctx, keys...)
	if _, err := pipe.Exec(ctx); err != nil {
		return removed.Val(), fmt.Errorf("redis: forgetting cache entries: %w", err)
	}
	return removed.Val(), nil
}

// shorten lowers scores, never raises one, and lets Redis drop the values then as well.
func (s *Store) shorten(ctx context.Context, tenant string, names []string, until time.Time, life time.Duration) (int64, error) {
	if len(names) == 0 {
		return 0, nil
	}
	members := make([]redis.Z, len(names))
	for i, name := range names {
		members[i] = redis.Z{Score: float64(until.UnixMilli()), Member: name}
	}
	pipe := s.client.Pipeline()
	changed := pipe.ZAddArgs(ctx, s.index(tenant), redis.ZAddArgs{XX: true, LT: true, Ch: true, Members: members})
	for _, name := range names {
		// At least 1 ms: the index ends it on time, and 0 would end it early.
		for _, key := range [...]string{s.entry(tenant, name), s.question(tenant, name)} {
			pipe.Do(ctx, "PEXPIRE", key, max(life.Milliseconds(), 1), "LT")
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return changed.Val(), fmt.Errorf("redis: shortening the lives of cache entries: %w", err)
	}
	return changed.Val(), nil
}
