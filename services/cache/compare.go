package cache

import (
	"context"

	"tollgate.dev/platform/errs"
	"tollgate.dev/services/cache/agree"
	"tollgate.dev/services/cache/threshold"
)

// comparisonVersion is the first byte of a comparison, which is one of another build where it
// differs. It is followed by the fingerprint of the request whose answer was held back, and the
// decision.
const comparisonVersion = 1

// comparisonOf is nil for a decision that no learner made.
func comparisonOf(entry Fingerprint, d threshold.Decision) []byte {
	b := append(make([]byte, 0, 96), comparisonVersion)
	b, err := d.AppendBinary(append(b, entry[:]...))
	if err != nil {
		return nil
	}
	return b
}

func parseComparison(b []byte) (entry Fingerprint, d threshold.Decision, err error) {
	broken := errs.New(errs.InvalidRequest, "comparison is none that a look-up gave").WithParam("comparison")
	if len(b) < 1+len(entry) || b[0] != comparisonVersion {
		return entry, d, broken
	}
	rest := b[1+copy(entry[:], b[1:]):]
	if d, err = threshold.ParseDecision(rest); err != nil {
		return entry, d, broken.WithCause(err)
	}
	return entry, d, nil
}

// Compare learns from what a provider answered where a look-up asked for it: whether the answer
// that was held back would have been right. body is the provider's answer, a chat.completion
// object; empty where there is none for a reason that may lie in the question, which counts as
// wrong. So does it where the answer that was held back is gone: somebody may have purged it for
// what it said. While the store is away nothing is learned, whatever was asked. The namespace is
// the look-up's. Its errors are [errs.InvalidRequest].
func (s *Service) Compare(ctx context.Context, ns Namespace, comparison, body []byte) error {
	entry, d, err := parseComparison(comparison)
	if err != nil {
		return err
	}
	same, reason := false, agree.Reason(noAnswer)
	if len(body) > 0 {
		held, state := s.records.get(ctx, Key{Namespace: ns, Fingerprint: entry}, AnyAge)
		switch state {
		case away:
			s.opts.Observer.CacheCompared(unknown, storeAway)
			return nil
		case present:
			same, reason = agree.Answers(held.GetBody(), body)
		default:
			reason = lost
		}
	}
	outcome := wrong
	if same {
		outcome = right
	}
	s.opts.Observer.CacheCompared(outcome, string(reason))
	s.learners.observe(ns, d, !same)
	return nil
}
