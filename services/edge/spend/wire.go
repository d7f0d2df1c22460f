package spend

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/services/edge/spend/journal"
)

// What the log's records are. All are protobuf messages UsageRecord, or begin one.
const (
	// kindReserved is what a call is charged that was never settled, and kindSettled a
	// call that was, whole. Releases before amendments wrote a call as one and then as the
	// other; what does not fit an amendment is still written so.
	kindReserved journal.Kind = 1
	kindSettled  journal.Kind = 2
	// kindCall is a call as it was reserved: who makes it, the leases, and the reservation
	// as its cost. Its amendment is what the settlement adds or changes: one encoding after
	// the other is that of both.
	kindCall journal.Kind = 3
)

// ReservationCharged is the error of a ledger entry whose call was in flight when its
// process died: what it cost is not known, and its reservation was charged.
const ReservationCharged = "reservation_charged"

// The numbers of UsageRecord's fields. Encoding by reflection takes 1.5 µs, which is more
// than all the rest of a call's reservation and settlement; a test holds this form to it.
const (
	fieldEventID        protowire.Number = 1
	fieldOccurred       protowire.Number = 2
	fieldTenant         protowire.Number = 3
	fieldPlatform       protowire.Number = 4
	fieldKey            protowire.Number = 5
	fieldUser           protowire.Number = 6
	fieldRequest        protowire.Number = 7
	fieldCorrelation    protowire.Number = 8
	fieldProvider       protowire.Number = 9
	fieldModel          protowire.Number = 10
	fieldUpstreamModel  protowire.Number = 11
	fieldDeployment     protowire.Number = 12
	fieldUsage          protowire.Number = 13
	fieldCost           protowire.Number = 14
	fieldSavedCache     protowire.Number = 15
	fieldSavedCompress  protowire.Number = 16
	fieldLatency        protowire.Number = 17
	fieldCache          protowire.Number = 18
	fieldError          protowire.Number = 19
	fieldSequence       protowire.Number = 20
	fieldCallType       protowire.Number = 21
	fieldStarted        protowire.Number = 22
	fieldFirstByte      protowire.Number = 23
	fieldDraws          protowire.Number = 24
	fieldUnpriced       protowire.Number = 25
	fieldSimulated      protowire.Number = 26
	fieldTags           protowire.Number = 27
	fieldWindow         protowire.Number = 28
	fieldCompression    protowire.Number = 30
	fieldCacheHit       protowire.Number = 31
	fieldUsageEstimated protowire.Number = 10
	fieldDrawLease      protowire.Number = 1
	fieldDrawNanos      protowire.Number = 2
)

// tagged begins a field.
func tagged(b []byte, field protowire.Number, kind protowire.Type) []byte {
	tag := uint32(field)<<3 | uint32(kind) //nolint:gosec // a constant below 32
	if tag < 0x80 {
		return append(b, byte(tag))
	}
	return append(b, byte(tag&0x7f)|0x80, byte(tag>>7)) //nolint:gosec // a constant below 256
}

func text(b []byte, field protowire.Number, s string) []byte {
	switch tag := uint32(field)<<3 | uint32(protowire.BytesType); { //nolint:gosec // a constant below 32
	case s == "":
		return b
	case len(s) >= 0x80:
		return protowire.AppendString(tagged(b, field, protowire.BytesType), s)
	case tag < 0x80: // all at once: most fields are such
		return append(append(b, byte(tag), byte(len(s))), s...) //nolint:gosec // both below 128
	default:
		return append(append(b, byte(tag&0x7f)|0x80, byte(tag>>7), byte(len(s))), s...) //nolint:gosec // a constant below 256, and a length below 128
	}
}

func bytesOf(b []byte, s string) []byte {
	if len(s) < 0x80 {
		return append(append(b, byte(len(s)&0x7f)), s...)
	}
	return protowire.AppendString(b, s)
}

func number(b []byte, field protowire.Number, n int64) []byte {
	if n == 0 {
		return b
	}
	b = tagged(b, field, protowire.VarintType)
	v := uint64(n) //nolint:gosec // protobuf's own form of an int64
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

func double(b []byte, field protowire.Number, v float64) []byte {
	bits := math.Float64bits(v)
	if bits == 0 { // protobuf writes a negative zero
		return b
	}
	return protowire.AppendFixed64(tagged(b, field, protowire.Fixed64Type), bits)
}

func flag(b []byte, field protowire.Number, set bool) []byte {
	if !set {
		return b
	}
	return append(tagged(b, field, protowire.VarintType), 1)
}

// begin starts a message within a message, and end closes it. Its length takes three bytes,
// whatever it is: a longer form than need be is as valid.
func begin(b []byte, field protowire.Number) (out []byte, at int) {
	b = append(tagged(b, field, protowire.BytesType), 0, 0, 0)
	return b, len(b)
}

func end(b []byte, at int) []byte {
	n := len(b) - at
	b[at-3], b[at-2], b[at-1] = byte(n&0x7f)|0x80, byte(n>>7&0x7f)|0x80, byte(n>>14&0x7f)
	return b
}

// appendCall encodes a call as it was reserved.
func appendCall(b []byte, r *Reservation) []byte {
	c := &r.call
	b = text(b, fieldEventID, r.event)
	b = text(b, fieldTenant, c.Scopes.Tenant)
	b = text(b, fieldPlatform, c.PlatformID)
	b = text(b, fieldKey, c.Scopes.Key)
	b = text(b, fieldUser, c.UserID)
	b = text(b, fieldRequest, c.RequestID)
	b = text(b, fieldCorrelation, c.CorrelationID)
	b = text(b, fieldModel, c.Model)
	b = number(b, fieldCost, int64(r.Amount))
	b = text(b, fieldCallType, c.CallType)
	b = number(b, fieldStarted, c.StartedMillis)
	for i := range r.n {
		var at int
		b, at = begin(b, fieldDraws)
		b = end(text(b, fieldDrawLease, r.pool(i).lease), at)
	}
	return b
}

// amends tells that a settled call has all that its reservation has: an encoding cannot take
// a field back.
func amends(c *Call, r *eventv1.UsageRecord) bool {
	kept := func(was, is string) bool { return was == "" || is != "" }
	return kept(c.Scopes.Tenant, r.TenantId) && kept(c.PlatformID, r.PlatformId) && kept(c.Scopes.Key, r.KeyId) &&
		kept(c.UserID, r.UserId) && kept(c.RequestID, r.RequestId) && kept(c.CorrelationID, r.CorrelationId) &&
		kept(c.Model, r.Model) && kept(c.CallType, r.CallType) && (c.StartedMillis == 0 || r.StartedMillis != 0)
}

// appendSettlement encodes what a settled call, without its draws, has beyond its reservation,
// and what it has otherwise. Its cost is there even when that is 0.
func appendSettlement(b []byte, c *Call, r *eventv1.UsageRecord) []byte {
	b = number(b, fieldOccurred, r.OccurredMillis)
	b = changed(b, fieldTenant, c.Scopes.Tenant, r.TenantId)
	b = changed(b, fieldPlatform, c.PlatformID, r.PlatformId)
	b = changed(b, fieldKey, c.Scopes.Key, r.KeyId)
	b = changed(b, fieldUser, c.UserID, r.UserId)
	b = changed(b, fieldRequest, c.RequestID, r.RequestId)
	b = changed(b, fieldCorrelation, c.CorrelationID, r.CorrelationId)
	b = text(b, fieldProvider, r.Provider)
	b = changed(b, fieldModel, c.Model, r.Model)
	b = text(b, fieldUpstreamModel, r.UpstreamModel)
	b = text(b, fieldDeployment, r.DeploymentId)
	b = appendOutcome(b, r)
	b = changed(b, fieldCallType, c.CallType, r.CallType)
	if r.StartedMillis != c.StartedMillis {
		b = number(b, fieldStarted, r.StartedMillis)
	}
	b = number(b, fieldFirstByte, r.FirstByteMillis)
	b = appendMarks(b, r)
	if r.CostNanos == 0 {
		b = append(tagged(b, fieldCost, protowire.VarintType), 0)
	}
	return b
}

func changed(b []byte, field protowire.Number, was, is string) []byte {
	if is == was {
		return b
	}
	return text(b, field, is)
}

// appendRecord encodes a settled call, as proto.Marshal would. It has no notice: those are
// the budget service's own.
func appendRecord(b []byte, r *eventv1.UsageRecord) []byte {
	b = text(b, fieldEventID, r.EventId)
	b = number(b, fieldOccurred, r.OccurredMillis)
	b = text(b, fieldTenant, r.TenantId)
	b = text(b, fieldPlatform, r.PlatformId)
	b = text(b, fieldKey, r.KeyId)
	b = text(b, fieldUser, r.UserId)
	b = text(b, fieldRequest, r.RequestId)
	b = text(b, fieldCorrelation, r.CorrelationId)
	b = text(b, fieldProvider, r.Provider)
	b = text(b, fieldModel, r.Model)
	b = text(b, fieldUpstreamModel, r.UpstreamModel)
	b = text(b, fieldDeployment, r.DeploymentId)
	b = appendOutcome(b, r)
	b = text(b, fieldCallType, r.CallType)
	b = number(b, fieldStarted, r.StartedMillis)
	b = number(b, fieldFirstByte, r.FirstByteMillis)
	for _, d := range r.Draws {
		var at int
		b, at = begin(b, fieldDraws)
		b = text(b, fieldDrawLease, d.LeaseId)
		b = number(b, fieldDrawNanos, d.Nanos)
		b = text(b, 3, d.BudgetId)
		b = number(b, 4, d.StartMillis)
		b = end(number(b, 5, d.CountedFromMillis), at)
	}
	b = appendMarks(b, r)
	if w := r.Window; w != nil {
		var at int
		b, at = begin(b, fieldWindow)
		b = text(b, 1, w.BudgetId)
		b = number(b, 2, w.StartMillis)
		b = number(b, 3, w.EndMillis)
		b = number(b, 4, w.LimitNanos)
		b = end(number(b, 5, w.SpentNanos), at)
	}
	return b
}

// appendOutcome and appendMarks encode what only a settlement knows.
func appendOutcome(b []byte, r *eventv1.UsageRecord) []byte {
	if r.Usage != nil {
		var at int
		b, at = begin(b, fieldUsage)
		b = end(appendUsage(b, r.Usage), at)
	}
	b = number(b, fieldCost, r.CostNanos)
	b = number(b, fieldSavedCache, r.SavedCacheNanos)
	b = number(b, fieldSavedCompress, r.SavedCompressionNanos)
	b = number(b, fieldLatency, r.LatencyMillis)
	b = text(b, fieldCache, r.Cache)
	b = text(b, fieldError, r.Error)
	return number(b, fieldSequence, r.Sequence)
}

func appendMarks(b []byte, r *eventv1.UsageRecord) []byte {
	b = flag(b, fieldUnpriced, r.Unpriced)
	b = flag(b, fieldSimulated, r.Simulated)
	if c := r.Compression; c != nil {
		var at int
		b, at = begin(b, fieldCompression)
		b = text(b, 1, c.Engine)
		b = text(b, 2, c.Profile)
		b = number(b, 3, c.OriginalTokens)
		b = number(b, 4, c.CompressedTokens)
		b = number(b, 5, c.Micros)
		b = end(text(b, 6, c.Skipped), at)
	}
	if h := r.CacheHit; h != nil {
		var at int
		b, at = begin(b, fieldCacheHit)
		b = text(b, 1, h.Tier)
		b = double(b, 2, h.Score)
		b = number(b, 3, h.AgeMillis)
		b = end(text(b, 4, h.EntryId), at)
	}
	for _, tag := range r.Tags {
		b = bytesOf(tagged(b, fieldTags, protowire.BytesType), tag)
	}
	return b
}

func appendUsage(b []byte, u *usagev1.Usage) []byte {
	b = number(b, 1, u.Input)
	b = number(b, 2, u.CachedInput)
	b = number(b, 3, u.CacheWrite)
	b = number(b, 4, u.CacheWrite_1H)
	b = number(b, 5, u.Output)
	b = number(b, 6, u.Reasoning)
	b = number(b, 7, u.AudioInput)
	b = number(b, 8, u.AudioOutput)
	b = number(b, 9, u.Images)
	b = flag(b, fieldUsageEstimated, u.Estimated)
	b = text(b, 11, u.ServiceTier)
	b = number(b, 12, u.CachedAudio)
	b = number(b, 13, u.ImageInput)
	b = number(b, 14, u.ImageOutput)
	b = number(b, 15, u.WebSearches)
	return text(b, 16, u.Region)
}

// decodeLogged reads a call from the log: as it was settled, or else what it is charged. The
// time of a charge is yet to be set.
func decodeLogged(l journal.Record) (r *eventv1.UsageRecord, settled bool, err error) {
	switch l.Kind {
	case kindReserved, kindSettled:
		r, err = decodeRecord(l.Body)
		return r, l.Kind == kindSettled, err
	case kindCall:
	default:
		return nil, false, fmt.Errorf("spend: a record of kind %d", l.Kind)
	}
	settled = len(l.Amendment) > 0
	if r, err = decodeRecord(slices.Concat(l.Body, l.Amendment)); err != nil {
		return nil, false, err
	}
	if !settled {
		r.Error, r.Cache, r.Usage = ReservationCharged, "miss", &usagev1.Usage{Estimated: true}
	}
	for _, d := range r.Draws {
		d.Nanos = r.CostNanos
	}
	return r, settled, nil
}

// decodeRecord reads what the functions above wrote. Text that is not UTF-8, which protobuf
// does not read, is made so: a call must not be lost to an odd character.
func decodeRecord(body []byte) (*eventv1.UsageRecord, error) {
	r := &eventv1.UsageRecord{}
	if err := proto.Unmarshal(body, r); err == nil {
		return r, nil
	}
	proto.Reset(r)
	return r, proto.Unmarshal(cleanText(body, r.ProtoReflect().Descriptor(), nil), r)
}

// cleanText copies a message's encoding with all text made UTF-8. What is no encoding is
// left as it is.
func cleanText(body []byte, message protoreflect.MessageDescriptor, out []byte) []byte {
	for len(body) > 0 {
		n, _, size := protowire.ConsumeField(body)
		if size < 0 {
			return append(out, body...)
		}
		raw := body[:size]
		body = body[size:]
		field := message.Fields().ByNumber(n)
		_, kind, tag := protowire.ConsumeTag(raw)
		if field == nil || kind != protowire.BytesType {
			out = append(out, raw...)
			continue
		}
		value, _ := protowire.ConsumeBytes(raw[tag:])
		switch {
		case field.Kind() == protoreflect.StringKind && !utf8.Valid(value):
			out = protowire.AppendString(append(out, raw[:tag]...), strings.ToValidUTF8(string(value), "\uFFFD"))
		case field.Kind() == protoreflect.MessageKind:
			out = protowire.AppendBytes(append(out, raw[:tag]...), cleanText(value, field.Message(), nil))
		default:
			out = append(out, raw...)
		}
	}
	return out
}
