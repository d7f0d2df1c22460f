package cache

import (
	"context"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
)

// Feedback is what a caller thinks of an answer that was found.
type Feedback struct {
	// Namespace that it was found in.
	Namespace Namespace
	// Entry is the fingerprint of the request that was answered.
	Entry Fingerprint
	// Kind says how it was found; unspecified is not known, and counts as by likeness.
	Kind cachev1.HitKind
	// Score with which it was found, from 0 to 1. What is not known counts as 1.
	Score float64
	// Wrong says that the answer was wrong for the question.
	Wrong bool
}

// Feedback forgets an entry that a caller calls wrong, and returns how many entries that were:
// none where it is gone, and then nothing else is done. If it was found by likeness, its question
// is barred, on all replicas: until the entry would have ended, the exact tier alone has answers to
// it, and for it. In the semantic tier its namespace's threshold learns of it, once for an entry
// that was there. Praise teaches nothing: who reports is no sample of who was served. It fails as
// [Service.Invalidate] does, and then nothing was learned.
func (s *Service) Feedback(ctx context.Context, f Feedback) (forgotten int64, err error) {
	s.opts.Observer.CacheFeedback(f.Wrong)
	if !f.Wrong {
		return 0, nil
	}
	key := Key{Namespace: f.Namespace, Fingerprint: f.Entry}
	bounded, cancel := context.WithTimeout(ctx, s.opts.InvalidateTimeout)
	defer cancel()
	rec, there, err := s.records.store.Get(bounded, key)
	if err != nil {
		return 0, unanswered(ctx, err)
	}
	if !there || !s.opts.Clock.Now().Before(rec.Expires) {
		return 0, nil
	}
	if f.Kind != cachev1.HitKind_HIT_KIND_EXACT { // while the question is still known
		if err := s.bar(bounded, key, rec.Expires); err != nil {
			return 0, unanswered(ctx, err)
		}
	}
	if forgotten, err = s.shorten(bounded, key.Selector(), 0); err != nil {
		return forgotten, unanswered(ctx, err)
	}
	if forgotten == 0 { // another report was first
		return 0, nil
	}
	switch f.Kind {
	case cachev1.HitKind_HIT_KIND_SEMANTIC, cachev1.HitKind_HIT_KIND_UNSPECIFIED:
		s.learners.reportWrong(f.Namespace, f.Score)
	case cachev1.HitKind_HIT_KIND_EXACT, cachev1.HitKind_HIT_KIND_NEAR: // no threshold let it pass
	}
	return forgotten, nil
}

// bar keeps the question of an entry from others, here and on the other replicas. One that this
// process does not know is read; an entry without a question answers no other request.
func (s *Service) bar(ctx context.Context, key Key, until time.Time) error {
	var bars []Barred
	for _, a := range s.similar.questions.of(&key) {
		bars = append(bars, Barred{key.Namespace.Tenant, barredKeyOf(a.plain, read(a.text, a.bare)), until})
	}
	if len(bars) == 0 && s.opts.Feed != nil {
		kept, err := s.opts.Feed.Question(ctx, key)
		if err != nil {
			return err
		}
		if kept != nil {
			plain := plainGroup(key.Namespace, &kept.Question)
			bars = append(bars, Barred{key.Namespace.Tenant, barredKeyOf(plain, read(kept.Question.Text, kept.Question.Bare)), until})
		}
	}
	for i := range bars {
		s.similar.barred.add(&bars[i])
		if s.opts.Feed == nil {
			continue
		}
		if err := s.opts.Feed.Bar(ctx, bars[i]); err != nil {
			return err
		}
	}
	return nil
}
