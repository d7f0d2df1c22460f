package redis

import (
	"context"
	"fmt"
	"time"

	"tollgate.dev/services/cache"
)

// This file decides how what is selected ends: by names, by a purge of all that is selected, or by shortened
// lives, each of which has a file of its own.

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

// purge forgets what is selected: at once for whoever looks it up, and what is there of it in a
// bounded number of steps. It is in those namespaces alone, or anywhere where there are none. Of more, it
// returns how many those took, and 1 where Redis failed before they took any, unless no entry of the tenant's
// is there.
func (s *Store) purge(ctx context.Context, sel cache.Selector, namespaces []string) (entries int64, err error) {
	at, living, err := s.markPurge(ctx, sel, namespaces)
	if err != nil {
		return 0, err
	}
	entries, done, err := s.sweep(ctx, sel, at, s.pages, nil)
	// It is purged all the same.
	if err != nil {
		s.log.WarnContext(ctx, "what was purged is found no more, but is still in Redis; it is removed later", "tenant", sel.Tenant, "error", err)
		if entries == 0 && living {
			entries = 1
		}
	}
	if err != nil || !done {
		s.leave(sel.Tenant)
	}
	return entries, nil
}
