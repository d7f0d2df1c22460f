package cache

import (
	"context"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
)

const (
	// expireEvery is how often the index is rid of what has expired. It is not found anyway, and
	// goes first when room is needed.
	expireEvery = time.Minute
	// A feed that failed is followed again after a pause, which doubles up to the longest.
	feedPause        = 100 * time.Millisecond
	longestFeedPause = 5 * time.Second
)

// Run keeps what the service knows of questions in step with the store, and exchanges what
// thresholds are learned from, until ctx ends; then it writes what of that is not written, breaks
// off what a paid embedder is asked, which it is no more from then on, waits for all that, and
// returns nil. A service whose Run doesn't run finds what it has itself kept, and learns nothing
// where there is Evidence.
func (s *Service) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	parts.Go(func() { s.expire(ctx) })
	parts.Go(func() { s.exchange.run(ctx) })
	if s.similar.embeddings != nil {
		parts.Go(func() { s.similar.embeddings.run(ctx) })
	}
	if s.similar.beyond != nil {
		parts.Go(func() { s.similar.beyond.run(ctx) })
	}
	if s.opts.Feed != nil {
		parts.Go(func() { s.follow(ctx) })
	}
	if s.opts.Tidier != nil {
		parts.Go(func() { s.tidy(ctx) })
	}
	parts.Wait()
	return nil
}

func (s *Service) expire(ctx context.Context) {
	for clock.Sleep(ctx, s.opts.Clock, expireEvery) == nil {
		s.similar.questions.index.Expire()
		s.similar.barred.expire()
	}
}

// follow applies what the feed tells, and goes on where it was when that fails. A failure is logged once
// until the feed is followed again: it may be away for long. How old a change is when it comes is counted
// for those that come while the feed is followed: what it had to tell at the beginning says nothing of how
// fast it is.
func (s *Service) follow(ctx context.Context) {
	pause, failed, last := feedPause, false, ""
	current := false
	apply := func(c Change) {
		now := s.opts.Clock.Now()
		if current {
			s.opts.Observer.CacheFollowed(max(0, now.Sub(c.At)))
		}
		s.apply(c, now)
		last = c.ID
	}
	for ctx.Err() == nil {
		current = false
		err := s.opts.Feed.Follow(ctx, last, apply, func() {
			current = true
			s.opts.Observer.CacheFollows(true)
			if failed {
				s.opts.Logger.InfoContext(ctx, "other replicas' changes to the cache are followed again")
			}
			pause, failed = feedPause, false
		})
		if ctx.Err() != nil {
			return
		}
		s.opts.Observer.CacheFollows(false)
		if !failed {
			failed = true
			s.opts.Logger.WarnContext(ctx, "other replicas' changes to the cache can't be followed; what they keep is found for the same requests alone",
				"error", err)
		}
		if clock.Sleep(ctx, s.opts.Clock, pause) != nil {
			return
		}
		pause = min(2*pause, longestFeedPause)
	}
}

// tidy has the store remove what purges left. What it can't remove isn't found any more either, and
// ends with its life: nobody has to know.
func (s *Service) tidy(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.opts.Tidier.Tidy(ctx)
		if ctx.Err() != nil {
			return
		}
		s.opts.Logger.DebugContext(ctx, "what was purged from the cache is not removed yet", "error", err)
		if clock.Sleep(ctx, s.opts.Clock, longestFeedPause) != nil {
			return
		}
	}
}

// apply a change to what is known of questions.
func (s *Service) apply(c Change, now time.Time) {
	switch {
	case c.Barred != nil:
		s.similar.barred.add(c.Barred)
	case c.Kept == nil:
		s.similar.questions.purge(c.Purged, s.similar.embedder())
	case now.Before(c.Kept.Expires):
		s.similar.follow(c.Kept)
	}
}
