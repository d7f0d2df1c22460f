package spend

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
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
	for _, r := range []*eventv1.UsageRecord{full, negative, {}} {
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
	for _, m := range []protoreflect.Message{r.GetUsage().ProtoReflect(), r.GetWindow().ProtoReflect()} {
		if m.IsValid() {
			m.SetUnknown(nil)
		}
	}
	for _, d := range r.GetDraws() {
		d.ProtoReflect().SetUnknown(nil)
	}
	return r
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
