package redis

import (
	"context"
	"fmt"
)

// This file goes through the members of a sorted set that Redis holds, a page at a time.

// scanCount is how many names Redis looks at between two answers of a scan.
const scanCount = 1000

// scan hands over the members that match a pattern, some at a time, and none where a page has none.
func (s *Store) scan(ctx context.Context, key, pattern string, each func([]string) error) error {
	for cursor := uint64(0); ; {
		members, next, err := s.members(ctx, key, cursor, pattern)
		if err != nil {
			return err
		}
		if err := each(members); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// members returns some of the members that match a pattern, and the cursor of the next; 0 is the end.
func (s *Store) members(ctx context.Context, key string, cursor uint64, pattern string) (members []string, next uint64, err error) {
	found, next, err := s.client.ZScan(ctx, key, cursor, pattern, s.page).Result()
	if err != nil {
		return nil, 0, fmt.Errorf("redis: reading what of a tenant's is cached: %w", err)
	}
	for i := 0; i+1 < len(found); i += 2 { // the others are scores
		members = append(members, found[i])
	}
	return members, next, nil
}
