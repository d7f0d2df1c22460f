package storetest

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache"
)

// Shared gives a store in memory a feed, so that tests have several replicas over one store
// without a server.
type Shared struct {
	cache.Store
	clock clock.Clock

	mu      sync.Mutex
	changes []cache.Change
	more    chan struct{} // closed when changes grow
}

// NewShared returns a store with a feed over one without. All who share it use it alone.
func NewShared(store cache.Store, c clock.Clock) *Shared {
	return &Shared{Store: store, clock: c, more: make(chan struct{})}
}

// Put is [cache.Store]'s.
func (s *Shared) Put(ctx context.Context, key cache.Key, rec cache.Record) (bool, error) {
	kept := rec.Announce
	rec.Announce = nil
	ok, err := s.Store.Put(ctx, key, rec)
	if ok && err == nil && kept != nil {
		announced := *kept
		announced.Key, announced.Expires = key, rec.Expires
		s.add(cache.Change{Kept: &announced, At: s.clock.Now()})
	}
	return ok, err
}

// Invalidate is [cache.Store]'s.
func (s *Shared) Invalidate(ctx context.Context, sel cache.Selector, until time.Time) (int64, error) {
	if now := s.clock.Now(); !until.After(now) {
		s.add(cache.Change{Purged: sel, At: now})
	}
	return s.Store.Invalidate(ctx, sel, until)
}

// Bar is [cache.Feed]'s.
func (s *Shared) Bar(_ context.Context, b cache.Barred) error {
	s.add(cache.Change{Barred: &b, At: s.clock.Now()})
	return nil
}

// Question is [cache.Feed]'s.
func (s *Shared) Question(ctx context.Context, key cache.Key) (*cache.Kept, error) {
	if _, ok, err := s.Get(ctx, key); err != nil || !ok {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range slices.Backward(s.changes) {
		if c.Kept != nil && c.Kept.Key == key {
			kept := *c.Kept
			return &kept, nil
		}
	}
	return nil, nil
}

func (s *Shared) add(c cache.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.ID = strconv.Itoa(len(s.changes) + 1)
	s.changes = append(s.changes, c)
	close(s.more)
	s.more = make(chan struct{})
}

// Follow is [cache.Feed]'s.
func (s *Shared) Follow(ctx context.Context, after string, apply func(cache.Change), current func()) error {
	s.mu.Lock()
	next, err := strconv.Atoi(after)
	if err != nil || next > len(s.changes) {
		next = 0
	}
	s.mu.Unlock()
	for isCurrent := false; ; {
		s.mu.Lock()
		changes, more := s.changes[next:], s.more
		s.mu.Unlock()
		next += len(changes)
		for _, c := range changes {
			if err := s.hand(ctx, c, apply); err != nil {
				return err
			}
		}
		if !isCurrent {
			isCurrent = true
			current()
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// hand applies a change, unless its record is gone.
func (s *Shared) hand(ctx context.Context, c cache.Change, apply func(cache.Change)) error {
	if c.Kept != nil {
		if _, ok, err := s.Get(ctx, c.Kept.Key); err != nil || !ok {
			return err
		}
		kept := *c.Kept
		c.Kept = &kept
	}
	apply(c)
	return nil
}
