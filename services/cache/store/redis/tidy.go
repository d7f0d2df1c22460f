package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// This file comes to what purges left: it knows which tenants there is some of, and sweeps it out.

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

// Tidy is [cache.Tidier]'s. After a failure, of which the error tells, the next call comes to the tenant that
// it was at again. So it does to those for whom another process sweeps, once it has been at all others.
func (s *Store) Tidy(ctx context.Context) error {
	for others := map[string]bool{}; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case tenant := <-s.left:
			s.known.Delete(tenant) // what is left from now on may be missed by this round
			err := s.tidy(ctx, tenant)
			if err == nil {
				continue
			}
			s.leave(tenant)
			if !errors.Is(err, errSwept) || others[tenant] {
				return err
			}
			others[tenant] = true
		}
	}
}

// tidyPatience is how long one tenant's purges may take to be swept out in one go.
const tidyPatience = time.Minute

// tidy sweeps out what purges of a tenant left, unless nothing is left or another process does.
func (s *Store) tidy(ctx context.Context, tenant string) error {
	ctx, cancel := context.WithTimeout(ctx, tidyPatience)
	defer cancel()
	switch err := s.client.ZScore(ctx, s.index(tenant), openMark).Err(); {
	case errors.Is(err, redis.Nil):
		return nil
	case err != nil:
		return fmt.Errorf("redis: reading whether a purge left something: %w", err)
	}
	lease, err := s.lease(ctx, tenant)
	if err != nil {
		return err
	}
	defer lease.release(ctx)
	// Read now: what another process swept out before is none of them.
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
		if _, _, err := s.sweep(ctx, sel, m.Score, 0, lease); err != nil {
			return err
		}
	}
	return nil
}
