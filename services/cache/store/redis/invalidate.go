package redis

import (
	"context"
	"fmt"
	"time"

	"tollgate.dev/services/cache"
)

// scanCount is how many names Redis looks at between two answers of a scan.
const scanCount = 1000

// Invalidate is [cache.Store]'s. What is purged is not found any more as soon as the purge is marked;
// most of it is gone when Invalidate returns, and what is left is for [Store.Tidy]. Where nothing was put in a
// selected namespace since the last purge, nothing is gone through; a single entry is looked for by its name in each
// selected namespace. All else goes through the tenant's index, some of it at a time. A scan returns every name
// that is there from its beginning to its end (redis.io/commands/scan, read November 2026); one that it returns
// twice counts once, because Redis counts.
//
// Lives are shortened by the time that Invalidate returns, or by the next call, where it fails before.
//
// A purge is announced before it begins, so that no record which is put meanwhile is
// announced before it; that of nothing is not. Shortened lives are not: who follows looks a record up anyway.
func (s *Store) Invalidate(ctx context.Context, sel cache.Selector, until time.Time) (entries int64, err error) {
	purge := !until.After(s.clock.Now())
	if purge {
		there, err := s.remember(ctx, sel, until)
		if err != nil {
			return 0, fmt.Errorf("redis: purging: %w", err)
		}
		if !there {
			return 0, nil
		}
	}
	var names, namespaces []string
	known := false
	if name, ok := newFilter(sel).name(); ok {
		names, known = []string{name}, true
	} else if sel != (cache.Selector{Tenant: sel.Tenant}) {
		if namespaces, known, err = s.selectedNamespaces(ctx, sel); err != nil {
			return 0, err
		}
		if known && len(namespaces) == 0 {
			return 0, nil
		}
		if sel.Entry != (cache.Fingerprint{}) {
			for _, namespace := range namespaces {
				names = append(names, namespace+element(&sel.Entry))
			}
			namespaces = nil // others are in them
		}
	}
	if purge {
		s.announcePurge(ctx, sel)
	}
	switch {
	case known && len(names) > 0:
		return s.end(ctx, sel.Tenant, names, until)
	case purge:
		return s.purge(ctx, sel, namespaces)
	}
	return s.shorten(ctx, sel, until)
}

// scan hands over the members that match a pattern, some at a time.
func (s *Store) scan(ctx context.Context, key, pattern string, each func([]string) error) error {
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
func (s *Store) page(ctx context.Context, key string, cursor uint64, pattern string) (members []string, next uint64, err error) {
	found, next, err := s.client.ZScan(ctx, key, cursor, pattern, scanCount).Result()
	if err != nil {
		return nil, 0, fmt.Errorf("redis: reading what of a tenant's is cached: %w", err)
	}
	for i := 0; i+1 < len(found); i += 2 { // the others are scores
		members = append(members, found[i])
	}
	return members, next, nil
}
