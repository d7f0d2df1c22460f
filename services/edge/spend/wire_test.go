package spend

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/services/edge/spend/journal"
)

// fill gives every field of a message a value of its own, two to a list.
func fill(m protoreflect.Message, next *int64) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Name() == "notice" {
			continue // no call has one
		}
		value := func() protoreflect.Value {
			*next++
			switch f.Kind() {
			case protoreflect.BoolKind:
				return protoreflect.ValueOfBool(true)
			case protoreflect.Int64Kind:
				return protoreflect.ValueOfInt64(*next << (*next % 50))
			case protoreflect.DoubleKind:
				return protoreflect.ValueOfFloat64(1 / float64(*next))
			case protoreflect.StringKind:
				return protoreflect.ValueOfString(string(bytes.Repeat([]byte("x"), int(*next*3))))
			default:
				panic("a kind of field that the log does not know: " + f.Kind().String())
			}
		}
		switch {
		case f.IsList():
			list := m.Mutable(f).List()
			for range 2 {
				if f.Kind() == protoreflect.MessageKind {
					fill(list.AppendMutable().Message(), next)
				} else {
					list.Append(value())
				}
			}
		case f.Kind() == protoreflect.MessageKind:
			fill(m.Mutable(f).Message(), next)
		default:
			m.Set(f, value())
		}
	}
}

// Every field of a record survives the log, those too that are yet to be added.
func TestRecordsAreEncodedWhole(t *testing.T) {
	full := &eventv1.UsageRecord{}
	var n int64
	fill(full.ProtoReflect(), &n)
	negative := &eventv1.UsageRecord{EventId: "e", CostNanos: -5, Tags: []string{"", "a"}, Draws: []*eventv1.LeaseDraw{{}}}
	odd := &eventv1.UsageRecord{CacheHit: &eventv1.CacheHit{Score: math.Copysign(0, -1)}}
	for _, r := range []*eventv1.UsageRecord{full, negative, odd, {CacheHit: &eventv1.CacheHit{}}, {}} {
		got, err := decodeRecord(appendRecord(nil, r))
		if err != nil || !proto.Equal(got, r) {
			t.Errorf("%v came back as %v, %v", r, got, err)
		}
	}
	m := full.ProtoReflect()
	for i := range m.Descriptor().Fields().Len() {
		m.Clear(m.Descriptor().Fields().Get(i)) // one after the other, so that no field hides another
		got, err := decodeRecord(appendRecord(nil, full))
		if err != nil || !proto.Equal(got, full) {
			t.Errorf("%v came back as %v, %v", full, got, err)
		}
	}
}

// A reservation with its settlement's amendment is the settled call, whatever fields it has,
// those too that are yet to be added; what would need a field taken back is no amendment.
func TestAmendedCallsAreWhole(t *testing.T) {
	full := &eventv1.UsageRecord{}
	var n int64
	fill(full.ProtoReflect(), &n)
	full.Window = nil // the budget service's own
	full.Draws = []*eventv1.LeaseDraw{{LeaseId: "one", Nanos: full.CostNanos}, {LeaseId: "two", Nanos: full.CostNanos}}
	calls := map[string]Call{
		"as it was settled": {
			Scopes: Scopes{Tenant: full.TenantId, Key: full.KeyId}, PlatformID: full.PlatformId, UserID: full.UserId,
			RequestID: full.RequestId, CorrelationID: full.CorrelationId, Model: full.Model, CallType: full.CallType, StartedMillis: full.StartedMillis,
		},
		"nothing known": {},
		"all different": {
			Scopes: Scopes{Tenant: "t", Key: "k"}, PlatformID: "p", UserID: "u",
			RequestID: "r", CorrelationID: "c", Model: "m", CallType: "ct", StartedMillis: 5,
		},
	}
	for name, c := range calls {
		res := Reservation{Amount: 1 << 40, call: c, event: full.EventId}
		res.add(&pool{lease: "one"})
		res.add(&pool{lease: "two"})
		base := appendCall(nil, &res)
		charge, settled, err := decodeLogged(journal.Record{Kind: kindCall, Body: base})
		if err != nil || settled || charge.GetCostNanos() != 1<<40 || charge.GetError() != ReservationCharged || !charge.GetUsage().GetEstimated() ||
			charge.GetEventId() != full.EventId || charge.GetModel() != c.Model || charge.GetDraws()[1].GetNanos() != 1<<40 {
			t.Errorf("%s: in flight it is %v, %v, %v", name, charge, settled, err)
		}
		check := func(r *eventv1.UsageRecord) bool {
			t.Helper()
			for _, d := range r.Draws {
				d.Nanos = r.CostNanos
			}
			whole, encoded := proto.CloneOf(r), proto.CloneOf(r)
			encoded.Draws = nil // Settle gets it so
			got, settled, err := decodeLogged(journal.Record{Kind: kindCall, Body: base, Amendment: appendSettlement(nil, &c, encoded)})
			same := err == nil && settled && proto.Equal(got, whole)
			if same != amends(&c, r) {
				t.Errorf("%s: %v came back as %v, %v, %v", name, whole, got, settled, err)
			}
			return same
		}
		check(full)
		fields, taken := full.ProtoReflect().Descriptor().Fields(), 0
		for i := range fields.Len() {
			switch f := fields.Get(i); f.Number() {
			case fieldEventID, fieldDraws: // the reservation's
			default:
				less := proto.CloneOf(full)
				less.ProtoReflect().Clear(f)
				if !check(less) {
					taken++
				}
			}
		}
		if want := map[bool]int{true: 0, false: 9}[c.Model == ""]; taken != want {
			t.Errorf("%s: %d fields cannot be taken back, want %d", name, taken, want)
		}
	}
}

// TestRecordsBeforeCacheHits reads what the release wrote that knew of no tiers: a call whole,
// and one as a reservation with its amendment. What has no cache hit is still written so.
func TestRecordsBeforeCacheHits(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	hit := &eventv1.UsageRecord{
		EventId: "e", OccurredMillis: 1795435200123, TenantId: "acme", KeyId: "k", RequestId: "r", Provider: "openai", Model: "m",
		Usage: &usagev1.Usage{Input: 12, Output: 3}, SavedCacheNanos: 450, LatencyMillis: 2, Cache: "hit", CallType: "chat.completions",
	}
	settled := proto.CloneOf(hit)
	settled.Cache, settled.SavedCacheNanos, settled.CostNanos = "miss", 0, 450
	settled.Draws = []*eventv1.LeaseDraw{{LeaseId: "one", Nanos: 450}}
	call := Call{Scopes: Scopes{Tenant: "acme", Key: "k"}, RequestID: "r", Model: "m", CallType: "chat.completions"}
	res := Reservation{Amount: 1000, call: call, event: "e"}
	res.add(&pool{lease: "one"})
	amendment := proto.CloneOf(settled)
	amendment.Draws = nil
	const whole = "0a016510fbfc9bc2a0341a0461636d652a016b3a01724a066f70656e616952016d6a848000080c280378c203880102920103686974aa0110636861742e636f6d706c6574696f6e73"
	const base = "0a01651a0461636d652a016b3a017252016d70e807aa0110636861742e636f6d706c6574696f6e73c2018580000a036f6e65"
	const added = "10fbfc9bc2a0344a066f70656e61696a848000080c280370c2038801029201046d697373"
	for name, c := range map[string]struct {
		logged journal.Record
		now    []byte
		want   *eventv1.UsageRecord
	}{
		"whole":   {journal.Record{Kind: kindSettled, Body: unhex(whole)}, appendRecord(nil, hit), hit},
		"amended": {journal.Record{Kind: kindCall, Body: unhex(base), Amendment: unhex(added)}, slices.Concat(appendCall(nil, &res), appendSettlement(nil, &call, amendment)), settled},
	} {
		got, done, err := decodeLogged(c.logged)
		if err != nil || !done || !proto.Equal(got, c.want) || got.GetCacheHit() != nil {
			t.Errorf("%s: %v, %v, %v", name, got, done, err)
		}
		if was := slices.Concat(c.logged.Body, c.logged.Amendment); !bytes.Equal(c.now, was) {
			t.Errorf("%s: now it is\n%x\nwas\n%x", name, c.now, was)
		}
	}
}

func TestOddTextIsMadeUTF8(t *testing.T) {
	r := &eventv1.UsageRecord{Model: "a\xffb", Tags: []string{"ok", "\xfe"}, CostNanos: 7, Draws: []*eventv1.LeaseDraw{{LeaseId: "\xfd", Nanos: 3}}}
	got, err := decodeRecord(appendRecord(nil, r))
	if err != nil || got.GetModel() != "a\uFFFDb" || got.GetTags()[1] != "\uFFFD" || got.GetCostNanos() != 7 || got.GetDraws()[0].GetNanos() != 3 {
		t.Errorf("got %v, %v", got, err)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	full := &eventv1.UsageRecord{}
	var n int64
	fill(full.ProtoReflect(), &n)
	f.Add(appendRecord(nil, full))
	f.Add(appendRecord(nil, &eventv1.UsageRecord{Model: "\xff", Tags: []string{"\xfe"}}))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := decodeRecord(body)
		if err != nil {
			return
		}
		again, err := decodeRecord(appendRecord(nil, r))
		if err != nil {
			t.Fatal(err)
		}
		r.Notice = nil
		r.ProtoReflect().SetUnknown(nil)
		if !proto.Equal(again, withoutUnknown(r)) {
			t.Fatalf("%v came back as %v", r, again)
		}
	})
}

func withoutUnknown(r *eventv1.UsageRecord) *eventv1.UsageRecord {
	for _, m := range []protoreflect.Message{
		r.GetUsage().ProtoReflect(), r.GetWindow().ProtoReflect(), r.GetCompression().ProtoReflect(), r.GetCacheHit().ProtoReflect(),
	} {
		if m.IsValid() {
			m.SetUnknown(nil)
		}
	}
	for _, d := range r.GetDraws() {
		d.ProtoReflect().SetUnknown(nil)
	}
	return r
}

// Whatever a log holds, reading a call from it ends, and what is read can be written.
func FuzzDecodeLogged(f *testing.F) {
	res := Reservation{Amount: 7, call: Call{Model: "m", Scopes: Scopes{Tenant: "t"}}, event: "e"}
	res.add(&pool{lease: "l"})
	rec := &eventv1.UsageRecord{TenantId: "t", Model: "n", Tags: []string{"\xff"}}
	f.Add(uint8(kindCall), appendCall(nil, &res), appendSettlement(nil, &res.call, rec))
	f.Add(uint8(kindCall), appendCall(nil, &res), []byte(nil))
	f.Add(uint8(kindSettled), appendRecord(nil, rec), []byte("x"))
	f.Fuzz(func(t *testing.T, kind uint8, body, amendment []byte) {
		r, settled, err := decodeLogged(journal.Record{Kind: journal.Kind(kind), Body: body, Amendment: amendment})
		if err != nil {
			return
		}
		if settled != (journal.Kind(kind) == kindSettled || journal.Kind(kind) == kindCall && len(amendment) > 0) {
			t.Fatalf("kind %d with %d bytes: settled is %v", kind, len(amendment), settled)
		}
		if _, err := proto.Marshal(r); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkAppendRecord(b *testing.B) {
	full := &eventv1.UsageRecord{}
	var n int64
	fill(full.ProtoReflect(), &n)
	buf := make([]byte, 0, 16<<10)
	b.ReportAllocs()
	for b.Loop() {
		buf = appendRecord(buf[:0], full)
	}
}
