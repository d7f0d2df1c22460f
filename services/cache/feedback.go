package cache

import (
	"context"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
)

// Feedback is what a caller thinks of an answer that was found.
type Feedback struct {
	// Namespace that it was found in. Its partition may be empty whatever it was.
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
// none where it is gone already. If it was found by likeness, its question is barred, on all
// replicas: until the entry would have ended, the exact tier alone has answers to it, and for it. In
// the semantic tier its namespace's threshold learns of it, once for an entry that was there. Praise teaches nothing: who reports is no sample of who was served. It fails as
// [Service.Invalidate] does, and then nothing was learned either.
func (s *Service) Feedback(ctx context.Context, f Feedback) (forgotten int64, err error) {
	s.opts.Observer.CacheFeedback(f.Wrong)
	if !f.Wrong {
		return 0, nil
	}
	sel := Selector{
		Tenant: f.Namespace.Tenant, Provider: f.Namespace.Provider, Model: f.Namespace.Model,
		Partition: f.Namespace.Partition, Entry: f.Entry,
	}
	if f.Kind != cachev1.HitKind_HIT_KIND_EXACT {
		s.bar(ctx, sel) // while the questions are still known
	}
	forgotten, err = s.Invalidate(ctx, sel, 0)
	if err != nil {
		return forgotten, err
	}
	if forgotten == 0 { // nobody was served it, or another report was first
		return 0, nil
	}
	switch f.Kind {
	case cachev1.HitKind_HIT_KIND_SEMANTIC, cachev1.HitKind_HIT_KIND_UNSPECIFIED:
		s.learners.reportWrong(f.Namespace, f.Score)
	case cachev1.HitKind_HIT_KIND_EXACT, cachev1.HitKind_HIT_KIND_NEAR: // no threshold let it pass
	}
	return forgotten, nil
}

// bar keeps questions from others, here and on the other replicas.
func (s *Service) bar(ctx context.Context, sel Selector) {
	s.similar.bar(sel)
	if s.opts.Feed == nil {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, s.opts.InvalidateTimeout)
	defer cancel()
	s.opts.Feed.CallWrong(bounded, sel)
}
