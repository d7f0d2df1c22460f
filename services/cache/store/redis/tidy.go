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
