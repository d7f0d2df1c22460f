package cache

import (
	"context"
	"encoding/binary"
	"time"

	"tollgate.dev/platform/errs"
	"tollgate.dev/services/cache/agree"
	"tollgate.dev/services/cache/threshold"
)

// comparisonVersion is the first byte of a comparison, which is one of another build where it
// differs. It is followed by the fingerprint of the request whose answer was held back, when that
// ends and when the look-up was, both as big-endian Unix ms, and the decision.
const comparisonVersion = 2

// comparison is what a look-up asks for.
type comparison struct {
	entry    Fingerprint
	ends     time.Time // the entry
	asked    time.Time
	decision threshold.Decision
}

// comparisonOf is nil for a decision that no learner made.
func comparisonOf(entry Fingerprint, ends, asked time.Time, d threshold.Decision) []byte {
	b := append(append(make([]byte, 0, 96), comparisonVersion), entry[:]...)
	b = appendMillis(appendMillis(b, ends), asked)
	b, err := d.AppendBinary(b)
	if err != nil {
		return nil
	}
	return b
}

func appendMillis(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t.UnixMilli()))
}

func millis(b []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b))) //nolint:gosec // as it was written
}

func parseComparison(b []byte) (c comparison, err error) {
	broken := errs.New(errs.InvalidRequest, "comparison is none that a look-up gave").WithParam("comparison")
	const header = 1 + len(c.entry) + 8 + 8
	if len(b) < header || b[0] != comparisonVersion {
		return c, broken
	}
	times := b[1+copy(c.entry[:], b[1:]):]
	c.ends, c.asked = millis(times), millis(times[8:])
	if c.decision, err = threshold.ParseDecision(b[header:]); err != nil {
		return c, broken.WithCause(err)
	}
	return c, nil
}

// Compare learns from what a provider answered where a look-up asked for it: whether the answer
// that was held back would have been right. body is the provider's answer, a chat.completion
// object; empty where there is none for a reason that may lie in the question, which counts as
// wrong. So does it where the answer that was held back is gone before its end: somebody may have
// purged it for what it said. Its end says nothing of it: what comes at that time or later is left out,
// and so is all while the store is away. The namespace is the look-up's. Its errors are
// [errs.InvalidRequest].
func (s *Service) Compare(ctx context.Context, ns Namespace, token, body []byte) error {
	c, err := parseComparison(token)
	if err != nil {
		return err
	}
	outcome, reason := wrong, string(noAnswer)
	if len(body) > 0 {
		outcome, reason = s.compare(ctx, ns, &c, body)
	}
	s.opts.Observer.CacheCompared(outcome, reason)
	if outcome != unknown {
		s.learners.observe(ns, c.decision, outcome == wrong)
	}
	return nil
}

// compare the answer that was held back with the provider's.
func (s *Service) compare(ctx context.Context, ns Namespace, c *comparison, body []byte) (outcome, reason string) {
	held, state := s.records.get(ctx, s.records.wait(), Key{Namespace: ns, Fingerprint: c.entry}, AnyAge)
	now := s.opts.Clock.Now()
	switch {
	case !now.Before(c.ends): // what is there by now is another answer
		return unknown, ended
	case state == away:
		return unknown, storeAway
	case state != present:
		return wrong, lost
	}
	// Where would-be hits come evenly over an entry's life, those are left out to whose time, as it was
	// here, the end was nearer. If they come sooner, they are fewer.
	if life := c.ends.Sub(time.UnixMilli(held.Entry.GetCreatedMillis())); life > 0 {
		c.decision.Missed = float64(now.Sub(c.asked)) / float64(life)
	}
	same, why := agree.Answers(held.Entry.GetBody(), body)
	if same {
		return right, string(why)
	}
	return wrong, string(why)
}
