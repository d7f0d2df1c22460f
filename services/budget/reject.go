package budget

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"google.golang.org/protobuf/proto"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
)

// Bounds of what a record says.
const (
	maxTokens = 1 << 50
	// maxMillis is the end of the year 9999: later times have no place in RFC 3339.
	maxMillis = 253_402_300_799_999
)

// sort parts the records that can be settled from those that cannot.
func (s *Service) sort(ctx context.Context, records []*eventv1.UsageRecord) (good []*eventv1.UsageRecord, bad []Rejection) {
	good = records // as a rule all of them, and no list is made
	for i, r := range records {
		reason := whyNot(r)
		if reason == "" {
			if bad != nil {
				good = append(good, r)
			}
			continue
		}
		if bad == nil {
			good = good[:i:i]
		}
		bad = append(bad, s.rejection(ctx, r, reason))
	}
	return good, bad
}

// whyNot says why a record cannot be settled; empty when it can.
func whyNot(r *eventv1.UsageRecord) string {
	if _, err := id.Parse(r.GetEventId()); err != nil {
		return "the event id is no UUID of version 7"
	}
	if c := money.Nano(r.GetCostNanos()); c < 0 || c > maxCost {
		return "the cost is below 0 or above " + maxCost.String()
	}
	if t := r.GetOccurredMillis(); t < 0 || t > maxMillis {
		return "the time is before 1970 or after 9999"
	}
	if len(r.GetDraws()) > maxDraws {
		return "too many draws"
	}
	for _, d := range r.GetDraws() {
		if n := money.Nano(d.GetNanos()); n < 0 || n > maxCost || !validText(d.GetLeaseId()) {
			return "a draw is below 0, too large or of no lease"
		}
	}
	if h := r.GetCacheHit(); !(h.GetScore() >= 0 && h.GetScore() <= 1) || h.GetAgeMillis() < 0 { // no number is not in between either
		return "a cache hit's score is not from 0 to 1, or its age is below 0"
	}
	u := pricing.UsageOf(r.GetUsage())
	for class := range pricing.NumClasses {
		if n := u.Of(class); n < 0 || n > maxTokens {
			return "a count of tokens is below 0 or absurd"
		}
	}
	return ""
}

// rejection is how a record is set aside: as it came, but for text that no message can hold.
func (s *Service) rejection(ctx context.Context, in *eventv1.UsageRecord, reason string) Rejection {
	r := proto.CloneOf(in)
	cleanRecord(r)
	r.EventId, r.Window = clean(r.EventId), nil
	for _, d := range r.Draws {
		d.LeaseId = clean(d.LeaseId)
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	if err != nil {
		// What remains unclean is in parts that a settled record does not keep either.
		s.opts.Logger.ErrorContext(ctx, "budget: a record that is set aside cannot be encoded", "error", err)
		raw = []byte(r.EventId)
	}
	sum := sha256.Sum256(raw)
	return Rejection{
		Digest: hex.EncodeToString(sum[:]), Reason: reason, TenantID: r.TenantId, RequestID: r.RequestId,
		Cost: money.Nano(r.CostNanos), At: s.opts.Clock.Now().UnixMilli(), Record: raw,
	}
}
